"""Waiting until it is known what a swarm has made of an update."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import anyio

from trimtab.deploy.site import Site, Watcher
from trimtab.deploy.targets.swarm.cluster import Seen, Service, look
from trimtab.deploy.targets.swarm.state import UpdateOutcome
from trimtab.deploy.targets.swarm.verdict import Judgement, Verdict, failure, judge, preparing
from trimtab.errors import StateError, ToolError
from trimtab.fleet.plain import mapping, whole

_LOOK = 1.0
_NANO = 1e9
_START, _SPARE = 60.0, 60.0
"""Seconds that a task has to start where its check does not say, and beside all that can be counted."""
_PULL = 1800.0
_ROUNDS = 2
"""There, and back again."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds."""

    timeout: float | None = None
    """For a task to become healthy; None for what its check allows."""
    settle: float = 5.0
    """How long a service has to stay good of which the swarm itself says nothing."""
    bake: float = 0.0
    """How long every service has to stay good after that."""


@dataclass(frozen=True, slots=True)
class Waited:
    """One service that is waited for: the revision that it is to have, and since when, by the managers' clock."""

    revision: int | None
    since: str
    deployment: str = ""
    """The deployment itself, where that is known."""


@dataclass
class _Course:
    """What has been seen of one service."""

    elapsed: float = 0.0
    pulling: float = 0.0
    good: float | None = None
    """For how long it has been good."""
    doing: str = ""


@dataclass
class Waiting:
    """Waits for services of one project; the last look stays here."""

    site: Site
    patience: Patience
    seen: Seen = field(default_factory=lambda: Seen("", {}, {}))
    silent: float = 0.0
    """Seconds since a manager has answered."""

    async def until_known(self, services: Mapping[str, Waited]) -> dict[str, Judgement]:
        """The verdict on each service. None of them is pending; one that took too long is called bad, or stuck on its way back.

        Raises:
            StateError: the managers have not answered for so long that nothing is known. The swarm goes on by itself.
            Superseded: another deployer is at it.
        """
        found: dict[str, Judgement] = {}
        courses = {name: _Course() for name in services}
        last = time.monotonic()
        while True:
            await self.site.confirm()
            await self._look(time.monotonic() - last)
            passed, last = time.monotonic() - last, time.monotonic()
            for name, waited in services.items():
                if name not in found and not self.silent:
                    verdict = self._judged(name, waited, courses[name], passed)
                    if verdict.verdict is not Verdict.PENDING:
                        found[name] = verdict
            if len(found) == len(services):
                return found
            await anyio.sleep(_LOOK)

    async def _look(self, passed: float) -> None:
        try:
            self.seen = await look(self.site.api, self.site.project)
            self.silent = 0.0
        except ToolError as error:
            if not self.silent:
                self.site.watcher.told("", f"the managers do not say what is going on: {error}")
            self.silent += max(passed, _LOOK)
            if self.silent > _START + _SPARE:
                raise StateError(
                    f"The managers have not answered for {self.silent:.0f} s, so that it is not known what runs ({error}). The"
                    " swarm goes on by itself; `trimtab deploy --resume` says what has become of it."
                ) from error

    def _judged(self, name: str, waited: Waited, course: _Course, passed: float) -> Judgement:
        found = judge(self.seen, name, waited.revision, waited.since, waited.deployment)
        service = self.seen.services.get(name)
        if service is None or found.verdict not in {Verdict.PENDING, Verdict.GOOD}:
            return found
        _tell(self.site.watcher, name, found, course)
        if found.verdict is Verdict.GOOD:
            return self._held(found, service, course, passed)
        if course.good is not None and self.patience.bake and service.update.outcome is UpdateOutcome.COMPLETED:
            why = failure(self.seen, service.tasks, waited.since)
            return replace(
                found, verdict=Verdict.BAD, reason=f"it did not stay good for {self.patience.bake:g} s: {why or found.doing}"
            )
        course.good = None
        if preparing(service) and course.pulling < _PULL:
            course.pulling += passed
        else:
            course.elapsed += passed
        allowed = _SPARE if found.held_up else allowance(service, self.patience)
        if course.elapsed <= allowed:
            return found
        back = service.update.outcome is UpdateOutcome.ROLLBACK_STARTED
        why = "; ".join(dict.fromkeys(each for each in (found.doing, found.reason) if each))
        return Judgement(Verdict.STUCK if back else Verdict.BAD, found.doing, f"it was not done in {allowed:.0f} s: {why}")

    def _held(self, found: Judgement, service: Service, course: _Course, passed: float) -> Judgement:
        """A good service is good when it stays so: where a swarm has watched an update itself, that was done already."""
        watched = service.is_job or service.update.outcome is UpdateOutcome.COMPLETED
        hold = (0.0 if watched else self.patience.settle) + (0.0 if service.is_job else self.patience.bake)
        course.good = 0.0 if course.good is None else course.good + passed
        return found if course.good >= hold else replace(found, verdict=Verdict.PENDING)


def _tell(watcher: Watcher, name: str, found: Judgement, course: _Course) -> None:
    if found.doing != course.doing:
        course.doing = found.doing
        watcher.told(name, found.doing)


def allowance(service: Service, patience: Patience) -> float:
    """Seconds after which an update is no longer waited for: all its tasks, each with all that it may take, and the way back.

    What comes of it is far more than a good update needs, and less than for ever: a task that finds no node stays pending, and
    an update that waits for it has no end of its own.
    """
    template, update = mapping(service.spec.get("TaskTemplate")), mapping(service.spec.get("UpdateConfig"))
    container = mapping(template.get("ContainerSpec"))
    check = mapping(container.get("Healthcheck"))
    probes = (whole(check.get("Retries")) or 3) * (_seconds(check.get("Interval"), 30.0) + _seconds(check.get("Timeout"), 30.0))
    start = patience.timeout or (_seconds(check.get("StartPeriod"), 0.0) + probes if check.get("Test") else _START)
    task = start + _seconds(container.get("StopGracePeriod"), 10.0) + _seconds(update.get("Monitor"), 5.0)
    task += _seconds(update.get("Delay"), 0.0)
    at_once = whole(update.get("Parallelism"))
    rounds = 1 if at_once == 0 or service.is_job else -(-max(1, service.wanted) // (at_once or 1))
    return _ROUNDS * rounds * task + _SPARE


def _seconds(value: object, otherwise: float) -> float:
    return float(value) / _NANO if isinstance(value, int) and value > 0 else otherwise
