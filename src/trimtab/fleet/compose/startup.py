"""How long a compose project takes to start, by who waits for whom.

The model is the engine's: the first probe of a container comes one interval after its start, the next ones follow; while the
start period lasts the interval is `start_interval`, five seconds where that is not set (docker 25 and later). Compose looks
every half second whether what it waits for is healthy (docker/compose, `waitDependency`). Boot times come from whoever has
measured them; where nobody has, one assumption stands for all, and every result says so.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from trimtab.fleet.compose.apply import Want
from trimtab.fleet.compose.checks import check_in_effect
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.waiting import waits_itself
from trimtab.fleet.model import HealthCheck, Service

ASSUMED_BOOT = 2.0
"""Seconds from a container's start until its service answers, where nobody has measured it."""
_ENGINE_INTERVAL = 30.0
_ENGINE_START_INTERVAL = 5.0
_COMPOSE_LOOKS = 0.5
_CREATE = 0.3
"""Seconds that the engine takes to start a container (docker 28 on two cores)."""
_GRANULARITY = 1.0
_WORTH = 0.5
"""Seconds; less is within compose's own pace."""


@dataclass(frozen=True)
class Timing:
    """One service's place in the start, in seconds from its beginning."""

    service: Service
    starts: float
    ready: float
    waits_for: str | None
    """The dependency that it waits for the longest."""
    slack: float = 0.0
    """How much later it could be ready without the whole being later."""


@dataclass(frozen=True)
class Startup:
    """The start of a whole project."""

    timings: Mapping[str, Timing]
    circular: tuple[str, ...] = ()
    """Services that wait for themselves, and so never start."""

    @property
    def seconds(self) -> float:
        return max((timing.ready for timing in self.timings.values()), default=0.0)

    @property
    def critical_path(self) -> tuple[str, ...]:
        """The chain of services that decides how long the start takes, the first one first."""
        if not self.timings:
            return ()
        name: str | None = max(self.timings, key=lambda each: self.timings[each].ready)
        chain: list[str] = []
        while name is not None and name not in chain:
            chain.append(name)
            name = self.timings[name].waits_for
        return tuple(reversed(chain))


def probe_seconds(check: HealthCheck) -> float:
    """Seconds between two probes while a service starts."""
    interval = _ENGINE_INTERVAL if check.interval is None else check.interval
    if not check.start_period:
        return interval
    return _ENGINE_START_INTERVAL if check.start_interval is None else check.start_interval


def healthy_after(boot: float, check: HealthCheck) -> float:
    """Seconds from a container's start until its health check has passed."""
    every = max(probe_seconds(check), 0.05)
    return max(1, math.ceil(boot / every)) * every


def predict(
    facts: ComposeFacts,
    boots: Mapping[str, float],
    checks: Mapping[str, HealthCheck] | None = None,
    dropped: tuple[str, str] | None = None,
) -> Startup:
    """When each service starts and is ready.

    Args:
        facts: The project.
        boots: Measured boot times by service, in seconds; `ASSUMED_BOOT` for the others.
        checks: Health checks to reckon with instead of those that are written.
        dropped: A service and a dependency for which it does not wait.
    """
    return _Prediction(facts, boots, checks or {}, dropped).run()


@dataclass(frozen=True)
class Edge:
    """One dependency on a critical path, and what would be saved if nobody waited for it; seconds, predicted."""

    service: str
    other: str
    saves: float
    """With the health checks as they are; the longest of the other chains then decides."""
    saves_after: float
    """Once the probes are quicker."""
    waits_itself: str | None
    """What says that the service tries again by itself; None where nothing does."""


def droppable(facts: ComposeFacts, boots: Mapping[str, float]) -> tuple[Edge, ...]:
    """The dependencies without which a start would take less, as it is or with quicker probes, the costliest one first."""
    quicker = faster_checks(facts)
    before, after = predict(facts, boots), predict(facts, boots, quicker)
    edges = [edge for whole in (before, after) for edge in zip(whole.critical_path[1:], whole.critical_path, strict=False)]
    found: list[Edge] = []
    for name, other in dict.fromkeys(edges):
        saves = before.seconds - predict(facts, boots, dropped=(name, other)).seconds
        saves_after = after.seconds - predict(facts, boots, quicker, (name, other)).seconds
        if max(saves, saves_after) > _WORTH:
            reason = waits_itself(facts, before.timings[name].service, other)
            found.append(Edge(name, other, saves, saves_after, reason))
    return tuple(sorted(found, key=lambda edge: -max(edge.saves, edge.saves_after)))


@dataclass
class _Prediction:
    facts: ComposeFacts
    boots: Mapping[str, float]
    checks: Mapping[str, HealthCheck]
    dropped: tuple[str, str] | None = None
    timings: dict[str, Timing] = field(default_factory=dict[str, Timing])
    circular: dict[str, None] = field(default_factory=dict[str, None])
    visiting: list[str] = field(default_factory=list[str])

    def run(self) -> Startup:
        for service in self.facts.project.services:
            if not service.profiles:
                self._visit(service)
        whole = Startup(self.timings, tuple(self.circular))
        return replace(whole, timings=self._with_slack(whole))

    def _visit(self, service: Service) -> Timing | None:
        if service.name in self.timings:
            return self.timings[service.name]
        if service.name in self.visiting:
            self.circular[service.name] = None
            return None
        self.visiting.append(service.name)
        starts, waits_for = 0.0, None
        for name in service.depends_on:
            other = self.facts.project.service(name)
            timing = self._visit(other) if other else None
            if other is None or timing is None or (service.name, name) == self.dropped:
                continue
            at = self._released(service, other, timing)
            if at > starts:
                starts, waits_for = at, name
        self.visiting.pop()
        check = self._check(service)
        boot = self.boots.get(service.name, ASSUMED_BOOT)
        takes = healthy_after(boot, check) if check else boot
        self.timings[service.name] = Timing(service, starts, starts + _CREATE + takes, waits_for)
        return self.timings[service.name]

    def _released(self, service: Service, other: Service, timing: Timing) -> float:
        condition = self.facts.condition(service, other.name)
        if condition == "service_started":
            return timing.starts + _CREATE
        return timing.ready + _COMPOSE_LOOKS / 2

    def _check(self, service: Service) -> HealthCheck | None:
        return self.checks.get(service.name) or check_in_effect(self.facts, service)

    def _with_slack(self, whole: Startup) -> dict[str, Timing]:
        """How much later each could be, looked at from the end."""
        latest: dict[str, float] = {}
        end = whole.seconds
        order = sorted(self.timings.values(), key=lambda timing: -timing.ready)
        for timing in order:
            name = timing.service.name
            bound = latest.get(name, end)
            for other in timing.service.depends_on:
                if other in self.timings:
                    # What waits for it may start later by as much as it may itself be ready later.
                    moved = (
                        self.timings[other].ready + (bound - timing.ready) + max(0.0, timing.starts - self._at(timing, other))
                    )
                    latest[other] = min(latest.get(other, end), moved)
        return {
            name: replace(timing, slack=max(0.0, latest.get(name, end) - timing.ready)) for name, timing in self.timings.items()
        }

    def _at(self, timing: Timing, other: str) -> float:
        service = self.facts.project.service(other)
        return self._released(timing.service, service, self.timings[other]) if service else 0.0


def faster_checks(facts: ComposeFacts) -> dict[str, HealthCheck]:
    """The checks that others wait for, asking every second while the service starts."""
    found: dict[str, HealthCheck] = {}
    for service in facts.project.services:
        check = check_in_effect(facts, service)
        waited = any(facts.condition(each, service.name) == "service_healthy" for each in facts.dependants(service))
        if check is None or not check.test or not waited or probe_seconds(check) <= _GRANULARITY:
            continue
        period = check.start_period or (check.retries or 3) * (_ENGINE_INTERVAL if check.interval is None else check.interval)
        found[service.name] = replace(check, start_period=period, start_interval=_GRANULARITY)
    return found


def wants(facts: ComposeFacts) -> list[Want]:
    """The settings that make the project start faster."""
    found: list[Want] = []
    for name, check in faster_checks(facts).items():
        service = facts.project.service(name)
        written = service.healthcheck if service is not None else None
        # Compose takes no `start_interval` without a `start_period` beside it, and does not look into the image for one.
        if written is None or not written.start_period:
            found.append(Want(name, ("healthcheck", "start_period"), f"{check.start_period:g}s"))
        found.append(Want(name, ("healthcheck", "start_interval"), f"{_GRANULARITY:g}s"))
    return found
