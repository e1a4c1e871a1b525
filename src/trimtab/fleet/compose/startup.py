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
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.model import HealthCheck, Service

ASSUMED_BOOT = 2.0
"""Seconds from a container's start until its service answers, where nobody has measured it."""
_ENGINE_INTERVAL = 30.0
_ENGINE_START_INTERVAL = 5.0
_COMPOSE_LOOKS = 0.5
_CREATE = 0.3
"""Seconds that the engine takes to start a container (docker 28 on two cores)."""
_GRANULARITY = 1.0


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


def predict(facts: ComposeFacts, boots: Mapping[str, float], checks: Mapping[str, HealthCheck] | None = None) -> Startup:
    """When each service starts and is ready.

    Args:
        facts: The project.
        boots: Measured boot times by service, in seconds; `ASSUMED_BOOT` for the others.
        checks: Health checks to reckon with instead of those that are written.
    """
    return _Prediction(facts, boots, checks or {}).run()


@dataclass
class _Prediction:
    facts: ComposeFacts
    boots: Mapping[str, float]
    checks: Mapping[str, HealthCheck]
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
            if other is None or timing is None:
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
        if service.name in self.checks:
            return self.checks[service.name]
        check = service.healthcheck
        if check is not None:
            return None if check.disabled else check
        return HealthCheck(("CMD",)) if self.facts.has_check(service) else None

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
        check = service.healthcheck
        waited = any(facts.condition(each, service.name) == "service_healthy" for each in facts.dependants(service))
        if check is None or check.disabled or not check.test or not waited or probe_seconds(check) <= _GRANULARITY:
            continue
        period = check.start_period or (check.retries or 3) * (_ENGINE_INTERVAL if check.interval is None else check.interval)
        found[service.name] = replace(check, start_period=period, start_interval=_GRANULARITY)
    return found


def wants(facts: ComposeFacts) -> list[Want]:
    """The settings that make the project start faster."""
    found: list[Want] = []
    for name, check in faster_checks(facts).items():
        service = facts.project.service(name)
        if service is not None and service.healthcheck is not None and not service.healthcheck.start_period:
            found.append(Want(name, ("healthcheck", "start_period"), f"{check.start_period:g}s"))
        found.append(Want(name, ("healthcheck", "start_interval"), f"{_GRANULARITY:g}s"))
    return found
