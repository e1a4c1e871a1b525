"""What the engine shows of a deployment that has stopped midway, for when its journal is lost. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.deploy import names
from trimtab.deploy.observed import Instance, Observed
from trimtab.deploy.plan import Move, Strategy, moves_data


@dataclass(frozen=True, slots=True)
class Traces:
    """A deployment by its traces."""

    revision: int
    phase: str
    """`rolling` when a container was made for a place: the one before may have been stopped already. Else `preparing`."""
    plan: Mapping[str, object]
    """The moves that are not at their end; which networks were there before is not known."""


def traces(now: Observed) -> Traces | None:
    """The newest deployment of which containers with names for its length, or models, are there; None when none are.

    What it had committed before it stopped is not told from what was always so, and stays.
    """
    seen = [(each, mark) for each in now.instances if (mark := names.passing(each.container.name))]
    models = [found for each in now.templates if (found := names.template_of(each.labels.get(names.COMPOSE_SERVICE, "")))]
    revision = max([*(mark[2] for _, mark in seen), *(number for _, number in models)], default=0)
    if not revision:
        return None
    places = {(each.service, each.number, mark[0]) for each, mark in seen if mark[2] == revision}
    moves = [_move(now, names.Slot(now.project, service, number, name), revision) for service, number, name in sorted(places)]
    prepared = {slot.service for slot in (move.slot for move in moves)}
    moves += [
        Move(names.slot_of(now.project, service, 1, None), Strategy.SWAP, "", "")
        for service, number in sorted(models)
        if number == revision and service not in prepared
    ]
    return Traces(revision, "rolling" if places else "preparing", {"moves": moves_data(moves), "removals": []})


def _move(now: Observed, slot: names.Slot, revision: int) -> Move:
    mine = [each for each in now.of(slot.service) if each.number == slot.number]
    new = next((each for each in mine if each.revision == revision), None)
    before = next((each for each in mine if each.container.name == slot.before(revision)), None) or _in_use(
        mine, slot, revision
    )
    strategy = Strategy(new.container.labels.get(names.STRATEGY) or Strategy.SWAP) if new else Strategy.SWAP
    container = before.container if before else None
    return Move(
        slot, strategy, "", new.container.image if new else "", container.id if container else None,
        slot.name if container else None, container.image if container else "", before_ran=container is not None,
        source=new.source if new else None,
    )  # fmt: skip


def _in_use(mine: list[Instance], slot: names.Slot, revision: int) -> Instance | None:
    return next((each for each in mine if each.container.name == slot.name and each.revision != revision), None)
