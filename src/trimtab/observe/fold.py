"""Samples folded to minutes. Pure."""

import math
from collections.abc import Iterable, Sequence

from trimtab.history.usage import MINUTE, Subject, Usage, join
from trimtab.observe.sample import Sample


def nearest_rank(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values do not exceed; of few values, the largest.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values, no percentile")
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


def fold(samples: Iterable[Sample]) -> dict[int, Usage]:
    """One container's samples as minutes, by the minute's start. A sample belongs to the minute in which it ends."""
    found: dict[int, list[Sample]] = {}
    for sample in samples:
        found.setdefault(int(sample.at) // MINUTE * MINUTE, []).append(sample)
    return {start: _minute(start, each) for start, each in found.items()}


def _minute(start: int, samples: Sequence[Sample]) -> Usage:
    ordered = sorted(samples, key=lambda each: (each.at, each.memory or 0))
    measured = [(each.cores, each.seconds) for each in ordered if each.cores is not None and each.seconds > 0]
    cores = [each for each, _ in measured]
    seconds = sum(each for _, each in measured)
    held = [(each.at, each.memory) for each in ordered if each.memory is not None]
    return Usage(
        MINUTE, start, held[-1][0] if held else ordered[-1].at, len(ordered), seconds,
        cpu_mean=sum(each * weight for each, weight in measured) / seconds if seconds else None,
        cpu_p95=nearest_rank(cores, 0.95) if cores else None,
        cpu_max=max(cores, default=None),
        cpu_limit=max((each.cpu_limit for each in ordered if each.cpu_limit is not None), default=None),
        periods=sum(each.periods for each in ordered),
        throttled=sum(each.throttled for each in ordered),
        memory_max=max((memory for _, memory in held), default=None),
        memory_last=held[-1][1] if held else None,
        memory_limit=max((each.memory_limit for each in ordered if each.memory_limit is not None), default=None),
        uptime=min((each.uptime for each in ordered if each.uptime is not None), default=None),
        ooms=sum(each.ooms for each in ordered),
        restarts=sum(each.restarts for each in ordered),
        health_changes=sum(each.health_changes for each in ordered),
        received=sum(each.received for each in ordered),
        sent=sum(each.sent for each in ordered),
        bytes_read=sum(each.bytes_read for each in ordered),
        bytes_written=sum(each.bytes_written for each in ordered),
    )  # fmt: skip


class Folder:
    """Samples as they come, given on as minutes once a minute is over."""

    def __init__(self) -> None:
        self._open: dict[Subject, list[Sample]] = {}

    def add(self, subject: Subject, sample: Sample) -> None:
        self._open.setdefault(subject, []).append(sample)

    def over(self, now: float) -> list[tuple[Subject, Usage]]:
        """The minutes that are over, which are then given on for good; `math.inf` for all there are."""
        current = now // MINUTE * MINUTE if now < math.inf else now
        found: list[tuple[Subject, Usage]] = []
        for subject, samples in list(self._open.items()):
            done = [each for each in samples if each.at < current]
            self._open[subject] = [each for each in samples if each.at >= current]
            found += [(subject, usage) for usage in fold(done).values()]
            if not self._open[subject]:
                del self._open[subject]
        return found


def total(rows: Iterable[Usage]) -> Usage | None:
    """All rows of one container as one; None when there are none."""
    found: Usage | None = None
    for each in rows:
        found = each if found is None else join(found, each)
    return found
