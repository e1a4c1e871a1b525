"""What the engine says of a container at one moment, and what two such moments say of the time between them. Pure.

The engine's statistics are those of `GET /containers/{id}/stats?stream=false&one-shot=true`: counters since the container's
start, which it answers in milliseconds, where without `one-shot` it takes more than a second to make a difference of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.docker.containers import Container, timestamp
from trimtab.docker.labels import COMPOSE_HASH, COMPOSE_NUMBER, COMPOSE_ONE_OFF, COMPOSE_PROJECT, COMPOSE_SERVICE, ROLE, RUNS
from trimtab.docker.usage import cached_bytes, number
from trimtab.fleet.plain import items, mapping
from trimtab.history.usage import Subject


@dataclass(frozen=True, slots=True)
class Counters:
    """What a running container has used since its start, and what it holds now. Bytes, but for the processor."""

    at: float
    """When the engine read it, by its own clock, in seconds since 1970."""
    cpu: int
    """Nanoseconds of processor time."""
    periods: int
    throttled: int
    memory: int
    """The working set: usage without inactive page cache, which the kernel drops before it kills anything."""
    cached: int
    """The inactive page cache that is not part of it."""
    received: int
    sent: int
    bytes_read: int
    bytes_written: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One container at one moment."""

    subject: Subject
    id: str
    name: str
    state: str
    health: str | None
    started: float
    """By the engine's clock, in seconds since 1970."""
    restarts: int
    oom_killed: bool
    memory_limit: int | None
    cpu_limit: float | None
    counters: Counters | None
    """None while it does not run."""


@dataclass(frozen=True, slots=True)
class Happened:
    """How often something was heard to happen to a container since the round before."""

    ooms: int = 0
    health_changes: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """What one container used between two rounds; None for what cannot be known from them."""

    at: float
    """The end of it, in seconds since 1970."""
    seconds: float = 0.0
    """How long the figures of the processor cover."""
    cores: float | None = None
    cpu_limit: float | None = None
    periods: int = 0
    throttled: int = 0
    memory: int | None = None
    memory_limit: int | None = None
    uptime: float | None = None
    ooms: int = 0
    restarts: int = 0
    health_changes: int = 0
    received: int = 0
    sent: int = 0
    bytes_read: int = 0
    bytes_written: int = 0


def subject_of(container: Container) -> Subject | None:
    """Whose use a container's is; None for one that is no service's own: a one-off run, or part of trimtab's machinery."""
    labels = container.labels
    service = labels.get(COMPOSE_SERVICE, "")
    if not service or labels.get(COMPOSE_ONE_OFF, "False") == "True" or labels.get(ROLE, RUNS) != RUNS:
        return None
    number = labels.get(COMPOSE_NUMBER, "1")
    counted = int(number) if number.isdecimal() else 1
    return Subject(labels.get(COMPOSE_PROJECT, ""), service, counted, container.image, labels.get(COMPOSE_HASH, ""))


def read_reading(container: Container, stats: object) -> Reading | None:
    """A container with the engine's statistics of it, which are empty while it does not run; None as in `subject_of`."""
    subject = subject_of(container)
    if subject is None:
        return None
    host = mapping(container.body.get("HostConfig"))
    # The engine goes on calling one unhealthy that has ended: how it was then is not how it is.
    health = container.health if container.running else None
    return Reading(
        subject, container.id, container.name, container.state, health, timestamp(container.started),
        container.restarts, container.oom_killed, number(host, "Memory") or None, cores_of(host), _counters(mapping(stats)),
    )  # fmt: skip


def cores_of(host: Mapping[str, object]) -> float | None:
    """The processors that a container's host configuration allows it, in either of the engine's spellings; None for all."""
    if nano := number(host, "NanoCpus"):
        return nano / 1e9
    quota, period = number(host, "CpuQuota"), number(host, "CpuPeriod") or 100_000
    return quota / period if quota > 0 else None


def _counters(stats: Mapping[str, object]) -> Counters | None:
    at = timestamp(str(stats.get("read", "")))
    cpu, memory = mapping(stats.get("cpu_stats")), mapping(stats.get("memory_stats"))
    if not at or "usage" not in memory:
        return None
    throttling = mapping(cpu.get("throttling_data"))
    cached = cached_bytes(memory)
    networks = [mapping(each) for each in mapping(stats.get("networks")).values()]
    disk = [mapping(each) for each in items(mapping(stats.get("blkio_stats")).get("io_service_bytes_recursive"))]
    return Counters(
        at=at,
        cpu=number(mapping(cpu.get("cpu_usage")), "total_usage"),
        periods=number(throttling, "periods"),
        throttled=number(throttling, "throttled_periods"),
        memory=number(memory, "usage") - cached,
        cached=cached,
        received=sum(number(each, "rx_bytes") for each in networks),
        sent=sum(number(each, "tx_bytes") for each in networks),
        bytes_read=_done(disk, "read"),
        bytes_written=_done(disk, "write"),
    )


def _done(disk: list[Mapping[str, object]], operation: str) -> int:
    return sum(number(each, "value") for each in disk if str(each.get("op", "")).lower() == operation)


def between(before: Reading | None, after: Reading, since: float, happened: Happened, now: float) -> Sample:
    """What a container used between two readings.

    Args:
        before: The reading of the round before; None when there is none of this container.
        after: The newer one.
        since: When the round before was, by the engine's clock: of a container that has started after it, everything counts.
        happened: What was heard of it meanwhile.
        now: The end of it where the engine has read no counters, in seconds since 1970.
    """
    base = _base(before, after, since)
    restarts = after.restarts - (before.restarts if before is not None else after.restarts)
    flagged = after.oom_killed and before is not None and not before.oom_killed
    counters = after.counters
    known = Sample(
        at=counters.at if counters else now,
        cpu_limit=after.cpu_limit,
        memory_limit=after.memory_limit,
        # The engine sets the count back to none when somebody starts a container by hand.
        restarts=restarts if restarts >= 0 else after.restarts,
        ooms=max(happened.ooms, int(flagged)),
        health_changes=happened.health_changes,
    )
    return known if counters is None else _used(known, base, counters, after.started)


def _base(before: Reading | None, after: Reading, since: float) -> Counters | None:
    """What the counters stood at when the time began; None when nobody knows."""
    if before is not None and before.id == after.id and before.started == after.started and before.counters is not None:
        return before.counters
    return Counters(after.started, 0, 0, 0, 0, 0, 0, 0, 0, 0) if after.started >= since > 0 else None


def _used(known: Sample, base: Counters | None, counters: Counters, started: float) -> Sample:
    seconds = counters.at - base.at if base is not None else 0.0
    if base is None or seconds <= 0 or counters.cpu < base.cpu:
        return Sample(
            known.at, cpu_limit=known.cpu_limit, memory=counters.memory, memory_limit=known.memory_limit, ooms=known.ooms,
            restarts=known.restarts, health_changes=known.health_changes, uptime=max(0.0, counters.at - started),
        )  # fmt: skip
    return Sample(
        known.at, seconds, (counters.cpu - base.cpu) / 1e9 / seconds, known.cpu_limit,
        periods=max(0, counters.periods - base.periods),
        throttled=max(0, counters.throttled - base.throttled),
        memory=counters.memory,
        memory_limit=known.memory_limit,
        uptime=max(0.0, base.at - started),
        ooms=known.ooms, restarts=known.restarts, health_changes=known.health_changes,
        received=max(0, counters.received - base.received),
        sent=max(0, counters.sent - base.sent),
        bytes_read=max(0, counters.bytes_read - base.bytes_read),
        bytes_written=max(0, counters.bytes_written - base.bytes_written),
    )  # fmt: skip
