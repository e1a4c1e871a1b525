"""Whether a service runs what it is to run: its update's state, and its tasks, of which each knows half."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trimtab.deploy.targets.swarm.cluster import Seen, Service, Task
from trimtab.deploy.targets.swarm.state import UpdateOutcome

_TRIES = 3
"""So many ends of each task of a service that is new are taken for a program that does not work; one is what comes of a start
at the same moment as what it needs."""
_ERROR = 300


class Verdict(StrEnum):
    """What is to be thought of a service now."""

    PENDING = "pending"
    GOOD = "good"
    BACK = "back"
    """The swarm has given up the new version, and the one before runs again."""
    BAD = "bad"
    """It does not work, and there is nothing that the swarm could go back to by itself."""
    STUCK = "stuck"
    """The swarm has given up, in the middle: some tasks are of one version and some of the other, until a person decides."""
    TAKEN = "taken"
    """Somebody else has updated it since."""
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, why, and what is going on."""

    verdict: Verdict
    doing: str = ""
    reason: str = ""
    held_up: str = ""
    """Nodes that cannot be reached and that the swarm's update waits for; it may wait for as long as they are away."""


def judge(seen: Seen, name: str, revision: int | None, since: str, deployment: str = "") -> Judgement:
    """What a service has come to, as far as it is known now.

    The engine's word alone is not enough: `completed` is also said while a node that is cut off still serves the old version,
    nothing at all is said of a service that is new, and an update in which no task changes has no state.

    Args:
        seen: The project.
        name: The service.
        revision: The deployment that is asked about; None for what no deployment has made.
        since: When the service was told to change, by the managers' clock.
        deployment: Its identity, where that is known: two may have the same number.
    """
    service = seen.services.get(name)
    if service is None:
        return Judgement(Verdict.GONE, reason="somebody has removed it")
    said = service.update
    reason = failure(seen, service.tasks, since) or said.message
    if said.outcome is UpdateOutcome.ROLLBACK_COMPLETED:
        return Judgement(Verdict.BACK, reason=reason)
    if said.outcome in {UpdateOutcome.PAUSED, UpdateOutcome.ROLLBACK_PAUSED}:
        return Judgement(Verdict.STUCK, reason=reason)
    if said.outcome is UpdateOutcome.ROLLBACK_STARTED:
        return Judgement(Verdict.PENDING, f"the swarm goes back: {said.message}", reason)
    if service.revision != revision or not is_of(service, deployment):
        return Judgement(Verdict.TAKEN, reason=f"somebody else has updated it since: {_whose(service)}")
    if service.nowhere:
        return Judgement(Verdict.PENDING, "no node has a task of it yet", "no node fits its constraints")
    return _job(seen, service, since) if service.is_job else _running(seen, service, since, reason)


def _running(seen: Seen, service: Service, since: str, reason: str) -> Judgement:
    serving = service.serving
    fresh = [task for task in serving if task.version == service.version]
    lingering = [task for task in service.tasks if task.lingers and task.node in seen.nodes and not seen.nodes[task.node].lost]
    doing = f"{len(fresh)} of {service.wanted} run it"
    if service.update.outcome is UpdateOutcome.UPDATING:
        held = _places(seen, held_up(seen, service))
        all_fresh = len(fresh) >= service.wanted and len(serving) == len(fresh) and not lingering
        waits = f"{doing}; the swarm's update waits for {held}, which cannot be reached" if held else _waiting(service, doing)
        return Judgement(Verdict.GOOD if held and all_fresh else Verdict.PENDING, waits, reason, held)
    if len(fresh) >= service.wanted and lingering:
        return Judgement(Verdict.PENDING, f"{doing}; {_places(seen, lingering)} still has the one before", reason)
    if len(fresh) >= service.wanted:
        return Judgement(Verdict.GOOD, doing)
    broken = [task for task in service.tasks if task.broken and task.created >= since]
    if service.update.outcome is UpdateOutcome.NEVER and len(broken) >= _TRIES * max(1, service.wanted):
        return Judgement(Verdict.BAD, doing, reason)
    return Judgement(Verdict.PENDING, _waiting(service, doing), reason)


def unwell(seen: Seen, names: Iterable[str]) -> tuple[str, ...]:
    """Which of these services do not run as they are wanted, or have not ended well, and why as far as their tasks say."""
    found = [seen.services[name] for name in names if name in seen.services and not seen.services[name].well]
    return tuple(f"`{each.name}` has not changed, and {_lacking(seen, each)}" for each in found)


def _lacking(seen: Seen, service: Service) -> str:
    why = "no node fits its constraints" if service.nowhere else failure(seen, service.tasks, service.since)
    what = "has not ended well" if service.is_job else f"{len(service.serving)} of {service.wanted} run"
    return f"{what}: {why}" if why else what


def is_of(service: Service, deployment: str) -> bool:
    """Whether a service is what a deployment of its revision's number has made it, as far as both say which one they are."""
    return not deployment or not service.deployment or service.deployment == deployment


def _job(seen: Seen, service: Service, since: str) -> Judgement:
    """A job is good when it has ended well as often as is wanted; started again as often as its policy says."""
    mine = [task for task in service.tasks if task.iteration == service.iteration]
    done = [task for task in mine if task.state == "complete"]
    doing = f"{len(done)} of {service.wanted} have ended well"
    if len(done) >= service.wanted:
        return Judgement(Verdict.GOOD, doing)
    at_work = [task for task in mine if not task.ended]
    broken = [task for task in mine if task.state in {"failed", "rejected"}]
    reason = failure(seen, mine, since)
    over = not at_work or len(broken) >= _TRIES * max(1, service.wanted)
    return Judgement(Verdict.BAD if broken and over else Verdict.PENDING, doing, reason)


def failure(seen: Seen, tasks: Sequence[Task], since: str) -> str:
    """Why the newest task of those made since then did not do it, with the node it was on; empty for none."""
    broken = [task for task in tasks if task.created >= since and (task.broken or (task.error and not task.ended))]
    if not broken:
        return ""
    task = broken[-1]
    said = task.error.strip()[:_ERROR]
    if not said:
        # The engine stops what is unhealthy; a program that then ends as it should is told as complete, without a word of it.
        said = f"its task ended with {task.exit_code}: by itself, or stopped as its health check failed"
    return f"{said} ({seen.place(task)})" if task.node else said


def preparing(service: Service) -> bool:
    """Whether a node is getting the image: nobody knows how long that takes."""
    return any(task.state == "preparing" and task.desired == "running" for task in service.tasks)


def left_behind(seen: Seen, service: Service) -> tuple[Task, ...]:
    """Tasks that are to have ended, on nodes that cannot be told so."""
    return tuple(task for task in service.tasks if task.lingers and task.node in seen.nodes and seen.nodes[task.node].lost)


def held_up(seen: Seen, service: Service) -> tuple[Task, ...]:
    """Tasks of the new version that a node was to start when it was cut off.

    The swarm starts others in their place, but its update goes on waiting for these, and with `start-first` leaves the task of
    the version before beside them (seen with 28.5.2: `updating` for as long as the node was away).
    """
    mine = [task for task in service.tasks if task.version == service.version and not task.ended and task.state != "running"]
    return tuple(task for task in mine if task.node in seen.nodes and seen.nodes[task.node].lost)


def _waiting(service: Service, doing: str) -> str:
    stuck = [task.error for task in service.tasks if task.desired == "running" and task.state == "pending" and task.error]
    return f"{doing}; {stuck[-1]}" if stuck else doing


def _places(seen: Seen, tasks: Sequence[Task]) -> str:
    return ", ".join(sorted({seen.place(task) for task in tasks}))


def _whose(service: Service) -> str:
    if service.revision is None:
        return "not by trimtab"
    return f"it is revision {service.revision} now{f', by the deployment {service.deployment}' if service.deployment else ''}"
