"""Services with known behaviour, a week or less of each, minute by minute, with the answer that is right for them.

What a trace holds is what ten-second samples would have said. The figures move by a fixed pattern, so that every run is the same.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from trimtab.history.usage import MINUTE, Subject, Usage
from trimtab.observe.sizing import Given, Program

MIB = 1 << 20
MONDAY = 1_700_438_400
"""Monday, 20 November 2023, midnight UTC, in seconds since 1970."""
NOTHING, UNKNOWN = Given(), Program()
DAY = 24 * 60
WEEK = 7 * DAY


@dataclass(frozen=True)
class Moment:
    """One minute of a service; memory in MiB, processors in cores."""

    memory: float
    mean: float
    peak: float
    held_back: float = 0.0
    ooms: int = 0


@dataclass(frozen=True)
class Trace:
    """One shape, and what is right for it. None for an answer leaves what is there as it is."""

    name: str
    of: Callable[[int], Moment]
    """By the minute since Monday."""
    minutes: int = WEEK
    given: Given = NOTHING
    program: Program = UNKNOWN
    memory: int | None = None
    """MiB."""
    cpus: float | None = None
    shares: int | None = None
    confidence: str | None = "high"
    """None where nothing is to be said."""
    says: Sequence[str] = field(default_factory=tuple)
    """Words that the reasons, or what is held back, have to hold."""
    starts: Sequence[int] = (0,)
    """Minutes at which it starts."""

    def rows(self) -> list[tuple[Subject, Usage]]:
        subject = Subject("traces", self.name, 1, "sha256:one", "config")
        return [(subject, self._row(minute)) for minute in range(self.minutes)]

    def _row(self, minute: int) -> Usage:
        now = self.of(minute)
        up = min((minute - each for each in self.starts if each <= minute), default=minute + 10_000)
        start = MONDAY + minute * MINUTE
        memory = round(now.memory * MIB)
        return Usage(
            MINUTE, start, start + 55.0, 6, 60.0, now.mean, now.peak, now.peak, self.given.cpus,
            periods=600 if self.given.cpus else 0, throttled=round(600 * now.held_back), memory_max=memory, memory_last=memory,
            memory_limit=self.given.memory, uptime=60.0 * up, ooms=now.ooms,
        )  # fmt: skip


def wave(minute: int, low: float, high: float, period: int = DAY) -> float:
    """Between low and high, lowest at the beginning of a period."""
    return low + (high - low) * (1 - math.cos(2 * math.pi * minute / period)) / 2


def jitter(minute: int) -> float:
    """Between -1 and 1, the same for the same minute."""
    return ((minute * 7919) % 201 - 100) / 100


def flat(memory: float, mean: float = 0.05, peak: float = 0.08) -> Callable[[int], Moment]:
    return lambda minute: Moment(memory + jitter(minute), mean, peak)


def given(memory: int | None = None, cpus: float | None = None, reservation: int | None = None) -> Given:
    return Given(memory * MIB if memory else None, reservation * MIB if reservation else None, cpus)


def _boots(minute: int) -> Moment:
    return Moment(1500, 1.8, 1.9) if minute % (2 * DAY) < 2 else Moment(420 + jitter(minute), 0.1, 0.15)


def _page_cache(minute: int) -> Moment:
    usage, inactive = 128.0, 88.0 + jitter(minute)
    return Moment(usage - inactive, 0.05, 0.1)


TRACES = (
    Trace("flat, and far too much", flat(80), given=given(512, 1.0), memory=384, cpus=0.75, says=["112 MiB", "a quarter at a time"]),
    Trace("flat, and right", flat(190), given=given(256, 0.25), memory=None, cpus=None),
    Trace("near its limit", flat(248), given=given(256, 0.25), memory=336, confidence="medium", says=["249 MiB", "reached its limit"]),
    Trace("day and night", lambda m: Moment(wave(m, 100, 300), wave(m, 0.05, 0.6), wave(m, 0.1, 0.8)), given=given(512, 2.0),
          memory=400, cpus=1.6, says=["300 MiB"]),
    Trace("a batch on Sunday", lambda m: Moment(900 if 6 * DAY + 120 <= m < 6 * DAY + 130 else 100, 0.1, 0.2), given=given(1024, 0.5),
          memory=None, cpus=0.4, says=["0.20 cores"]),
    Trace("a model that is loaded at its start", _boots, given=given(2048), starts=(0, 2 * DAY, 4 * DAY, 6 * DAY),
          program=Program("models"), memory=1728, cpus=None, shares=154, says=["1.5 GiB", "starts with 1.90 cores"]),
    Trace("a file in the page cache", _page_cache, given=given(128, 0.25), memory=96, cpus=None, says=["64 MiB"]),
    Trace("a leak", lambda m: Moment(100 + 4 * m / 60, 0.05, 0.08), given=given(1024, 0.25), memory=None, cpus=None,
          confidence="low", says=["grows by 96 MiB a day"]),
    Trace("a child that is killed", lambda m: Moment(200, 0.1, 0.2, ooms=int(m in {3000, 6000, 9000})), given=given(256, 0.4),
          memory=368, cpus=None, says=["3 processes killed", "256 MiB"]),
    Trace("a JVM whose heap follows its limit", flat(600), given=given(1024, 0.25), program=Program("jvm"), memory=None, cpus=None,
          confidence="medium", says=["sizes its heap by the limit"]),
    Trace("a JVM that is told its heap", flat(400), given=given(512, 0.25), program=Program("jvm", 512 * MIB), memory=672,
          says=["512 MiB for its heap"]),
    Trace("a Python with eight idle workers", flat(90), given=given(256, 0.25), program=Program("python", workers=8), memory=192,
          says=["the least for python with 8 workers"]),
    Trace("held back by its processor limit", lambda m: Moment(100, 0.12, 0.17, held_back=0.4), given=given(128, 0.2), memory=144,
          cpus=0.35, confidence="medium", says=["held back in 40%"]),
    Trace("two hours of it", flat(80), minutes=120, given=given(512, 1.0), confidence=None),
    Trace("half a day, too much", flat(80), minutes=DAY // 2, given=given(512, 1.0), memory=None, cpus=None, confidence="low",
          says=["112 MiB of memory would do", "12 of 168 hours"]),
    Trace("half a day, too little", flat(250), minutes=DAY // 2, given=given(256, 0.25), memory=336, confidence="low"),
    Trace("killed within the first hour", lambda m: Moment(60, 0.1, 0.2, ooms=int(m == 30)), minutes=60, given=given(64),
          memory=176, confidence="low", says=["1 process killed", "only 60 minutes"]),
    Trace("five working days", flat(80), minutes=5 * DAY, given=given(512, 0.25), memory=None, confidence="medium",
          says=["120 of 168 hours"]),
    Trace("a week without a start", flat(80), given=given(512, 0.25), starts=(), memory=None, confidence="medium",
          says=["no start was seen"]),
    Trace("without limits, for a day", flat(80), minutes=DAY, program=Program("python", 0, given(256, 0.5)), memory=256, cpus=0.5,
          confidence="medium", says=["not below the default for python"]),
    Trace("without limits, for a week", flat(80), program=Program("python", 0, given(256, 0.5)), memory=112, cpus=0.25),
)  # fmt: skip
