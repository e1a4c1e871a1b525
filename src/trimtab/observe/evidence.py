"""What the observed use of a service amounts to: the figures its sizes are made from, and how far they reach. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from trimtab.history.usage import HOUR, MINUTE, Subject, Usage

WINDOW = 14 * 24 * HOUR
"""Seconds that are looked at: two weeks, as KRR's 336 hours."""
BOOT = 120.0
"""Seconds after a start that count as boot."""
DAY = 24 * HOUR
Rows = Sequence[tuple[Subject, Usage]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One service's use over a window; its containers, and the versions it had, taken together. Bytes, seconds and cores."""

    span: float
    """From the first to the last moment."""
    covered: float
    """For how much of it a container of it was observed that ran: one that has ended, or was only made, uses nothing."""
    points: int
    """Minutes with a figure of memory; an hour that was folded counts for those it had."""
    versions: int
    """Different images and configurations."""
    newest: float
    """How long the newest of them was observed."""
    starts: int
    """Starts that were seen from their beginning."""
    weekend: bool
    """Whether a Saturday and a Sunday, by UTC, are in it."""
    memory_max: int
    memory_p99: int
    memory_p90: int
    """Percentiles are of the largest figure of each minute."""
    boot_memory: int
    """The largest figure within `BOOT` of a start; 0 where no start was seen."""
    growth: float
    """Bytes a day by which memory rises all the time without a start; 0 where it does not."""
    cpu_p95: float
    cpu_p99: float
    """Of each minute's busiest samples, without boot."""
    boot_cpu: float
    throttled: float | None
    """The share of periods in which it was held back; None without a limit."""
    ooms: int
    oom_limits: tuple[int, ...]
    """The limits at which processes were killed for want of memory, the lowest first."""
    calm: float
    """Seconds observed since the last such kill."""
    memory_limit: int | None
    """What was in force last."""
    memory_limit_for: float
    """For how long nothing else was."""
    cpu_limit: float | None
    cpu_limit_for: float

    @property
    def clipped(self) -> bool:
        """Whether it used its memory up to the limit: what it would use without one is not known."""
        return bool(self.memory_limit) and self.memory_max >= _NEAR * (self.memory_limit or 0)


_NEAR = 0.95


def rank(values: Iterable[tuple[float, float]], share: float) -> float:
    """The smallest value that at least this share of the weight does not exceed; 0 of nothing. Pairs of value and weight."""
    ordered = sorted(values)
    left = share * sum(weight for _, weight in ordered)
    found = 0.0
    for value, weight in ordered:
        found, left = value, left - weight
        if left <= 1e-9:
            break
    return found


def evidence_of(rows: Rows) -> Evidence | None:
    """The evidence in one service's rows, in the order of time; None where no memory was measured."""
    held = [(each.memory_max, each) for _, each in rows if each.memory_max is not None]
    if not held:
        return None
    weighed = [(float(memory), _points(each)) for memory, each in held]
    steady = [each for _, each in rows if not _is_boot(each)] or [each for _, each in rows]
    boots = [each for _, each in rows if _is_boot(each)]
    busy = [(each.cpu_p95, _points(each)) for each in steady if each.cpu_p95 is not None]
    killed = [each for _, each in rows if each.ooms]
    first, last = rows[0][1].start, max(each.start + each.width for _, each in rows)
    periods = sum(each.periods for _, each in rows)
    memory_limit, cpu_limit = rows[-1][1].memory_limit, rows[-1][1].cpu_limit
    return Evidence(
        span=last - first,
        covered=sum({each.start: _covered(each) for _, each in held}.values()),
        points=round(sum(weight for _, weight in weighed)),
        versions=len({(subject.image, subject.config) for subject, _ in rows}),
        newest=_newest(rows),
        starts=sum(each.uptime == 0 for _, each in rows),
        weekend=_has_weekend(each.start for _, each in held),
        memory_max=max(memory for memory, _ in held),
        memory_p99=int(rank(weighed, 0.99)),
        memory_p90=int(rank(weighed, 0.90)),
        boot_memory=max((each.memory_max or 0 for each in boots), default=0),
        growth=_growth(rows),
        cpu_p95=rank(busy, 0.95),
        cpu_p99=rank(busy, 0.99),
        boot_cpu=max((each.cpu_max or 0.0 for each in boots), default=0.0),
        throttled=sum(each.throttled for _, each in rows) / periods if periods else None,
        ooms=sum(each.ooms for each in killed),
        oom_limits=tuple(sorted({each.memory_limit for each in killed if each.memory_limit})),
        calm=last - max((each.start + each.width for each in killed), default=first),
        memory_limit=memory_limit,
        memory_limit_for=_in_force([(each.memory_limit, each) for _, each in rows], last),
        cpu_limit=cpu_limit,
        cpu_limit_for=_in_force([(each.cpu_limit, each) for _, each in rows], last),
    )


def _points(usage: Usage) -> float:
    """How many minutes a row stands for."""
    return max(1.0, min(usage.width, usage.seconds) / MINUTE) if usage.width > MINUTE else 1.0


def _covered(usage: Usage) -> float:
    return _points(usage) * MINUTE


def _is_boot(usage: Usage) -> bool:
    return usage.width == MINUTE and usage.uptime is not None and usage.uptime < BOOT


def _newest(rows: Rows) -> float:
    subject = rows[-1][0]
    of_it = [each.start for other, each in rows if (other.image, other.config) == (subject.image, subject.config)]
    return rows[-1][1].start + rows[-1][1].width - of_it[0]


def _has_weekend(starts: Iterable[int]) -> bool:
    return {5, 6} <= {datetime.fromtimestamp(each, UTC).weekday() for each in {start // HOUR * HOUR for start in starts}}


def _in_force(limits: Sequence[tuple[float | None, Usage]], last: float) -> float:
    """For how long the last limit was the only one."""
    since = last
    for limit, usage in reversed(limits):
        if limit != limits[-1][0]:
            break
        since = usage.start
    return last - since


def _growth(rows: Rows) -> float:
    """Bytes a day of one container's memory since its last start, where a straight line explains it; 0 where none does.

    Least squares over the largest figure of each hour. It counts from a day on, when the line explains nine tenths of the
    variance and rises by a tenth of the mean a day.
    """
    subject = rows[-1][0]
    hourly: dict[int, int] = {}
    for other, each in reversed(rows):
        if other == subject and each.memory_max is not None:
            hour = each.start // HOUR
            hourly[hour] = max(hourly.get(hour, 0), each.memory_max)
            if _is_boot(each):
                break
    if len(hourly) < 24:
        return 0.0
    slope, explained, mean = _line(hourly)
    daily = slope * 24
    return daily if explained > 0.9 and daily > 0.1 * mean else 0.0


def _line(points: dict[int, int]) -> tuple[float, float, float]:
    """The slope of the line of least squares, how much of the variance it explains, and the mean."""
    count = len(points)
    middle, mean = sum(points) / count, sum(points.values()) / count
    across = sum((x - middle) ** 2 for x in points)
    along = sum((y - mean) ** 2 for y in points.values())
    both = sum((x - middle) * (y - mean) for x, y in points.items())
    if not across or not along:
        return 0.0, 0.0, mean
    return both / across, both * both / (across * along), mean


def rounded(size: float, step: int) -> int:
    """The next multiple of a step from a size up."""
    return math.ceil(size / step) * step
