"""What is going to be done to a swarm, in which order, and why. Pure."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from trimtab.deploy.desired import Desired, Wanted
from trimtab.deploy.targets.swarm.cluster import Seen, Service
from trimtab.deploy.targets.swarm.export import Stack
from trimtab.deploy.targets.swarm.files import files_of
from trimtab.fleet.plain import items, mapping, text, whole

CREATE, UPDATE, REMOVE = "create", "update", "remove"
_AS_BEFORE = "nothing of it has changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One service that is to change."""

    service: str
    kind: str
    """`create`, `update` or `remove`."""
    cause: str
    image: str
    image_before: str = ""
    how: str = ""
    """In people's words: the order in which tasks are replaced."""
    wave: int = 0
    """Services of a wave change together, after those of the waves before it are good."""
    job: bool = False
    source: int | None = None
    """The kept revision that it is made from; None where it is made from the project's files."""
    before: int | None = None
    """The revision that it is of now; None for one that is not there."""
    number: int = 0
    """The service's version that the plan was made from."""


@dataclass(frozen=True)
class SwarmPlan:
    """Everything that a deployment to a swarm will do."""

    project: str
    revision: int
    kind: str
    """`deploy` or `rollback`."""
    nodes: str
    """In people's words: how many nodes there are."""
    changes: tuple[Change, ...] = ()
    """In the order of their waves."""
    stays: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def empty(self) -> bool:
        return not self.changes

    @property
    def waves(self) -> tuple[tuple[Change, ...], ...]:
        numbers = sorted({change.wave for change in self.changes})
        return tuple(tuple(change for change in self.changes if change.wave == number) for number in numbers)

    def told(self) -> str:
        """The plan as people read it."""
        total = len(self.changes) + len(self.stays)
        lines = [
            f"{self.kind} {self.project}, revision {self.revision}, on {self.nodes}: {len(self.changes)} of {total} services"
        ]
        for number, wave in enumerate(self.waves):
            lines += ["     -- when all of these are good --"] if number else []
            lines += [_line(change) for change in wave]
        lines += [f"     stays    {name:24} {why}".rstrip() for name, why in self.stays.items()]
        return "\n".join(lines) + "\n"

    def data(self) -> dict[str, object]:
        """The plan for the journal and for programs; it holds no environment."""
        return {
            "schema": "trimtab.plan-of-deployment/1",
            "target": "swarm",
            "project": self.project,
            "revision": self.revision,
            "kind": self.kind,
            "moves": [
                {
                    "service": each.service, "kind": each.kind, "cause": each.cause, "image": each.image,
                    "image_before": each.image_before, "wave": each.wave, "job": each.job, "source": each.source,
                    "before": each.before, "number": each.number,
                }
                for each in self.changes
            ],
            "stays": dict(self.stays),
        }  # fmt: skip


def unchanged(stays: Mapping[str, str]) -> tuple[str, ...]:
    """Those that stay as they are because they are what they are to be, which does not say that they run."""
    return tuple(name for name, why in stays.items() if why == _AS_BEFORE)


def _line(change: Change) -> str:
    cause = change.cause if change.source is None else f"{change.cause}, as in revision {change.source}"
    said = f"{cause}; {change.how}" if change.how else cause
    return f"     {change.kind:8} {change.service:24} {said}"


def read_changes(data: Mapping[str, object]) -> tuple[Change, ...]:
    """The changes of a plan that the journal has kept."""
    found: list[Change] = []
    for each in map(mapping, items(data.get("moves"))):
        found.append(
            Change(
                str(each.get("service")), str(each.get("kind")), text(each.get("cause")) or "", text(each.get("image")) or "",
                text(each.get("image_before")) or "", wave=whole(each.get("wave")) or 0, job=each.get("job") is True,
                source=whole(each.get("source")), before=whole(each.get("before")), number=whole(each.get("number")) or 0,
            )
        )  # fmt: skip
    return tuple(found)


@dataclass(frozen=True)
class Asked:
    """What the user asks for beside the files."""

    services: frozenset[str] = frozenset()
    """Only these, with what they need where that is not there; none means all."""

    def meant(self, desired: Desired, seen: Seen) -> frozenset[str]:
        """The services that are asked for."""
        return desired.with_needs(self.services or desired.services, seen.services.get)

    remove_orphans: bool = False


def plan_swarm(
    desired: Desired, stack: Stack, seen: Seen, kept: Mapping[tuple[str, int], object], revision: int, asked: Asked
) -> SwarmPlan:  # fmt: skip
    """The plan that makes a project on a swarm what its files say.

    Args:
        desired: The project as compose reads it.
        stack: The same in a swarm's words, with its images by digest.
        seen: The project as it is there.
        kept: What services were under earlier revisions, as the engine described them then.
        revision: The number of this deployment.
        asked: What is asked for beside.
    """
    meant = asked.meant(desired, seen)
    changes: list[Change] = []
    stays: dict[str, str] = {}
    for name in desired.order:
        service, body = seen.services.get(name), stack.services.get(name, {})
        cause = _cause(service, config_of(desired.services[name], stack), text(body.get("image")) or "", kept)
        if name not in meant or not cause:
            stays[name] = "not asked for" if name not in meant else _AS_BEFORE
        else:
            changes.append(_change(name, body, service, cause, theirs=service is not None and drifted(service, kept)))
    changes = [replace(change, wave=wave) for change, wave in zip(changes, _waves(desired, changes), strict=True)]
    orphans = [seen.services[name] for name in seen.services if name not in desired.services and name not in desired.others]
    last = max((change.wave for change in changes), default=-1) + 1
    if asked.remove_orphans:
        why = "no file names it any more"
        changes += [
            Change(each.name, REMOVE, why, "", each.image, wave=last, before=each.source, number=each.number)
            for each in orphans
        ]
    else:
        stays.update({each.name: "no file names it any more: --remove-orphans removes it" for each in orphans})
    return SwarmPlan(
        seen.project, revision, "deploy", nodes_said(seen), tuple(sorted(changes, key=lambda each: each.wave)), stays
    )


def config_of(wanted: Wanted, stack: Stack) -> str:
    """The digest of what is asked for: compose's own, which knows every value, the service in a stack's words, its files."""
    body = stack.services.get(wanted.name, {})
    names = [mapping(stack.data.get(kind)).get(source) for kind, source in files_of(body)]
    said = json.dumps([body, names], sort_keys=True, default=str)
    return hashlib.sha256(f"{wanted.config_hash} {said}".encode()).hexdigest()


def _cause(service: Service | None, config: str, image: str, kept: Mapping[tuple[str, int], object]) -> str:
    """Why a service has to change; empty for no reason."""
    if service is None:
        return "it is not there"
    if not service.config:
        return "it was not made by trimtab"
    if service.config != config:
        return "another image" if service.image != image else "its configuration is another"
    if drifted(service, kept):
        return "somebody has changed it since"
    return "" if service.update.outcome.value not in {"paused", "rollback_paused"} else "its last update was given up half-way"


def drifted(service: Service, kept: Mapping[tuple[str, int], object]) -> bool:
    """Whether a service is not what the deployment that it is of has made it."""
    was = kept.get((service.name, service.source or 0))
    return was is not None and same(was) != same(service.spec)


def next_revision(seen: Seen, kept: Mapping[tuple[str, int], object], last: int) -> int:
    """The number for the next deployment.

    One more is left free where something runs that no deployment has made as it is: that becomes the revision to go back to.

    Args:
        seen: The project, whose services carry the numbers they were made under.
        kept: What services were under earlier revisions.
        last: The highest number in the journal.
    """
    given = [last, *(number for _, number in kept), *(each.revision or 0 for each in seen.services.values())]
    others = any(not each.config or drifted(each, kept) for each in seen.services.values())
    return max(given) + (2 if others else 1)


def same(spec: object) -> Mapping[str, object]:
    """What of a service's specification tells two revisions apart: all but its labels, which have the revision's number."""
    return {key: value for key, value in mapping(spec).items() if key != "Labels"}


def _change(name: str, body: Mapping[str, object], service: Service | None, cause: str, *, theirs: bool) -> Change:
    deploy = mapping(body.get("deploy"))
    job = str(deploy.get("mode") or "").endswith("-job")
    before = "" if service is None else service.image
    image = text(body.get("image")) or ""
    kind = CREATE if service is None else UPDATE
    how = "runs to its end" if job else _how(mapping(deploy.get("update_config"))) if service else ""
    revision = service.source if service and not theirs else None
    return Change(name, kind, cause, image, before, how, job=job, before=revision, number=service.number if service else 0)


def _how(update: Mapping[str, object]) -> str:
    count = update.get("parallelism")
    order = text(update.get("order")) or "stop-first"
    action = {"rollback": "goes back by itself", "pause": "stops there", "continue": "goes on all the same"}
    failing = action.get(text(update.get("failure_action")) or "", "stops there")
    many = "all at once" if count == 0 else f"{count or 1} at a time"
    return f"{order}, {many}; {failing} when a task fails within {text(update.get('monitor')) or '5s'}"


def _waves(desired: Desired, changes: Collection[Change]) -> list[int]:
    """For each change its wave: a swarm starts everything at once, so what has to wait for another service is told later."""
    names = {change.service for change in changes}
    waves: dict[str, int] = {}
    for change in changes:
        needs = [name for name in desired.services[change.service].waited_for if name in names]
        # Of services that wait for each other in a ring, the order of the project decides.
        waves[change.service] = 1 + max((waves[name] for name in needs if name in waves), default=-1)
    return [waves[change.service] for change in changes]


def nodes_said(seen: Seen) -> str:
    """How many nodes there are, and which of them are lost."""
    managers = sum(node.manager for node in seen.nodes.values())
    count = len(seen.nodes)
    said = f"a swarm of {count} node{'' if count == 1 else 's'}, {managers} of them manager{'' if managers == 1 else 's'}"
    lost = ", ".join(node.name for node in seen.lost)
    return f"{said}, without {lost}, which cannot be reached," if lost else said
