"""A plan: what is going to be done to the engine, in which order, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from pydantic import TypeAdapter, ValidationError

from trimtab.deploy.holder.holding import HolderPlan
from trimtab.deploy.names import Slot
from trimtab.deploy.observed import Instance
from trimtab.errors import StateError
from trimtab.fleet.plain import items


class Strategy(StrEnum):
    """How a container is put in its place."""

    FIRST = "first"
    """There is none before it."""
    SWAP = "swap"
    """The one before is stopped, the new one takes its ports and its name, and starts: away for both."""
    SWITCH = "switch"
    """Both run; the holder sends what is new to the new one, and the one before ends when it has nothing left to do."""
    HOLD = "hold"
    """The holder keeps what comes waiting while the one before is stopped and the new one starts."""
    SHARE = "share"
    """Both listen on the same ports for a moment, in one network: tried by itself, then beside the one before, which ends."""
    EXCHANGE = "exchange"
    """It goes behind the holder or leaves it, together with others: away once, while the old ones end and the lane starts."""
    ROLLING = "rolling"
    """A swarm replaces its tasks, a few at a time, and watches each."""
    JOB = "job"
    """It runs to its end, and has to end well."""
    START = "start"
    """What is there already is started."""


BOTH_RUN = frozenset({Strategy.SWITCH, Strategy.SHARE})
"""The new container runs beside the one before it for a while."""

SAYS = {
    Strategy.FIRST: "there is none before it",
    Strategy.SWAP: "stop the old, start the new: away while one ends and the other boots",
    Strategy.SWITCH: "both run, the holder switches: nobody is kept waiting",
    Strategy.HOLD: "the holder keeps what comes waiting while one ends and the other starts",
    Strategy.SHARE: "it is tried by itself, then shares the old one's ports, and the old one ends: nobody is kept waiting",
    Strategy.EXCHANGE: "all of these change over together: away once, while the old ones end",
    Strategy.ROLLING: "the swarm replaces its tasks, a few at a time",
    Strategy.JOB: "runs to its end",
    Strategy.START: "what is there is started",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One place, and the container that is to have it."""

    slot: Slot
    strategy: Strategy
    cause: str
    image: str
    """The reference of its image."""
    image_id: str
    before: Instance | None = None
    source: int | None = None
    """The kept revision that it is made from; None where it is made from the project's files."""
    needs: tuple[str, ...] = ()
    """Services of this plan that have to be ready before."""
    after: tuple[str, ...] = ()
    """Services of this plan that have to be started before."""
    joins: Mapping[str, str] = field(default_factory=dict[str, str])
    """Keys of its configuration that stand for another service's container."""
    grace: int | None = None
    why: str = ""
    """Why this strategy and no better one."""
    letter: str = ""
    """The slot that it gets in its lane of the holder; empty for a service that is not behind it."""
    lane: int = 0
    early: bool = False
    """Whether it may run before the one before is stopped."""
    shared: bool = False
    """Whether it is in the network of its lane's anchor, and has its ports in common with the one before."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a plan as people see it."""

    kind: str
    subject: str
    cause: str
    needs: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.kind} {self.subject}"


@dataclass(frozen=True)
class Plan:
    """Everything that a deployment will do. Without changes and removals there is nothing to do."""

    project: str
    revision: int
    kind: str
    """`deploy` or `rollback`."""
    changes: tuple[Change, ...] = ()
    """In an order in which each comes after what it needs."""
    pulls: tuple[str, ...] = ()
    """References of images that the engine does not have yet."""
    removals: tuple[Instance, ...] = ()
    stays: Mapping[str, str] = field(default_factory=dict[str, str])
    """Services that are left alone, and why."""
    holder: HolderPlan = field(default_factory=HolderPlan)

    @property
    def empty(self) -> bool:
        return not self.changes and not self.removals and self.holder.empty

    @property
    def services(self) -> tuple[str, ...]:
        """The services that change, in order."""
        return tuple(dict.fromkeys(change.slot.service for change in self.changes))

    def of(self, service: str) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.slot.service == service)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The graph, each operation after all that it needs."""
        made = [change for change in self.changes if change.strategy is not Strategy.START]
        found = [Operation("pull", image, "the engine does not have it") for image in self.pulls]
        for change in made:
            pulled = (f"pull {change.image}",) if change.image in self.pulls else ()
            cause = change.cause if change.source is None else f"{change.cause}, as in revision {change.source}"
            found.append(Operation("create", change.slot.title, cause, pulled))
        lanes = [Operation("create", f"lane {number}", "the holder's") for number in self.holder.new]
        found += lanes
        created = (*(f"create {change.slot.title}" for change in made), *(each.id for each in lanes))
        fitted = "its HAProxy gets another configuration"
        found += [Operation("refit", f"lane {number}", fitted, created) for number in self.holder.refit]
        ready: dict[str, tuple[str, ...]] = {}
        begun: dict[str, tuple[str, ...]] = {}
        for change in self.changes:
            waits = tuple(each for name in change.needs for each in ready.get(name, ()))
            waits += tuple(each for name in change.after for each in begun.get(name, ()))
            ready[change.slot.service] = (*ready.get(change.slot.service, ()), f"validate {change.slot.title}")
            does = Operation(change.strategy, change.slot.title, self._says(change), (*created, *waits))
            begun[change.slot.service] = (*begun.get(change.slot.service, ()), does.id)
            found.append(does)
            if change.strategy is not Strategy.JOB:
                found.append(Operation("validate", change.slot.title, "as its checks say", (does.id,)))
            else:
                ready[change.slot.service] = (does.id,)
        last = tuple(each for names in ready.values() for each in names)
        found += [Operation("remove", each.container.name, "no file names it any more", last) for each in self.removals]
        found += [Operation("remove", name, "it is no part of the holder any more", last) for name in self.holder.ends]
        return (*found, Operation("commit", f"revision {self.revision}", "what was there before is removed", last))

    def _says(self, change: Change) -> str:
        said = change.cause if change.strategy is Strategy.START else SAYS[change.strategy]
        return f"{said} ({change.why})" if change.why else said

    def told(self) -> str:
        """The plan as people read it, and as tests hold it."""
        changed = len(self.services)
        head = f"{self.kind} {self.project}, revision {self.revision}: {changed} of {changed + len(self.stays)} services"
        lines = [head]
        if not self.empty:
            first = len([each for each in self.operations if each.kind in {"pull", "create"}])
            for number, operation in enumerate(self.operations, 1):
                lines.append(f"{number:4} {operation.kind:8} {operation.subject:24} {operation.cause}".rstrip())
                if operation.needs and operation.kind not in {"commit", "remove", "validate"}:
                    others = [need for need in operation.needs if not need.startswith("create ")]
                    lines += [f"     {'':8} after {', '.join(others)}"] if others and operation.kind != "create" else []
                if number == first:
                    lines.append("     -- up to here nothing that runs is touched --")
        lines += [f"     stays    {name:24} {why}".rstrip() for name, why in self.stays.items()]
        return "\n".join(lines) + "\n"

    def data(self) -> dict[str, object]:
        """The plan for the journal and for programs; it holds no environment."""
        return {
            "schema": "trimtab.plan-of-deployment/1",
            "project": self.project,
            "revision": self.revision,
            "kind": self.kind,
            "operations": [
                {"kind": each.kind, "subject": each.subject, "cause": each.cause, "needs": list(each.needs)}
                for each in self.operations
            ],
            "moves": moves_data(move_of(change) for change in self.changes),
            "removals": [each.container.name for each in self.removals],
            "holder": self.holder.data(),
            "stays": dict(self.stays),
        }


@dataclass(frozen=True, slots=True)
class Move:
    """What carrying out a change needs to know, as the journal keeps it: whoever reads it can go on with it, or undo it."""

    slot: Slot
    strategy: Strategy
    image: str
    image_id: str
    before: str | None = None
    """The id of the container before."""
    before_name: str | None = None
    before_image: str = ""
    before_ran: bool = False
    source: int | None = None
    joins: Mapping[str, str] = field(default_factory=dict[str, str])
    grace: int | None = None
    cause: str = ""
    letter: str = ""
    lane: int = 0
    early: bool = False
    shared: bool = False
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


_MOVE = TypeAdapter(Move)
_SHARED = [each.name for each in fields(Move) if each.name in {one.name for one in fields(Change)} - {"before"}]
"""What a move has as its change has it."""


def move_of(change: Change) -> Move:
    """A change as it is carried out."""
    before = change.before.container if change.before else None
    move = Move(**{name: getattr(change, name) for name in _SHARED})
    if before is None:
        return move
    return replace(move, before=before.id, before_name=before.name, before_image=before.image, before_ran=before.running)


def read_moves(data: Mapping[str, object]) -> tuple[Move, ...]:
    """The moves of a plan that the journal has kept.

    Raises:
        StateError: they cannot be read.
    """
    try:
        return tuple(_MOVE.validate_python(each) for each in items(data.get("moves")))
    except ValidationError as error:
        raise StateError(f"The journal's plan cannot be read: {error.errors()[0]['msg']}.") from error


def moves_data(moves: Iterable[Move]) -> list[object]:
    """Moves as the journal keeps them."""
    return [_MOVE.dump_python(move, mode="json") for move in moves]
