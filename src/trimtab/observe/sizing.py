"""What a service is to be given, from what it was seen to use. Pure.

The formulas are ours, with what others do in mind: KRR takes the largest working set and 15 % (25 % over a limit at which a
process was killed), the Vertical Pod Autoscaler the 90th percentile of daily peaks and 15 %. Both ask for Kubernetes. Beside
the figures there are gates: nothing below three hours, nothing smaller below a week with a start and a weekend in it, smaller
only by steps of a quarter with a day between them, and nothing smaller for a runtime whose use follows its limit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from trimtab.fleet.compose.told import BESIDE_HEAP
from trimtab.fleet.sizes import size_text
from trimtab.history.usage import HOUR
from trimtab.observe.evidence import DAY, Evidence, rounded

_MIB = 1024 * 1024
STEP = 16 * _MIB
LEAST_POINTS, LEAST_WINDOW, WEEK = 100, 3 * HOUR, 7 * DAY
_MARGIN, _TAIL, _OOM, _OOM_MORE = 1.15, 1.3, 1.25, 100 * _MIB
_LESS = 0.75
"""The smallest that one step leaves of a limit."""
_NOTICEABLE = 1.05
_BURST, _TWICE, _LEAST_CPU = 1.25, 2.0, 0.25
HELD_BACK = 0.05
_HARDLY = 0.01
_UNCLIPPED = 1.5
"""What a limit grows by under which a service is held back: its use says how much it got, not how much it wanted."""
FLOORS = {"jvm": 128 * _MIB, "node": 64 * _MIB, "dotnet": 64 * _MIB, "python": 48 * _MIB, "ruby": 48 * _MIB, "store": 64 * _MIB}
"""The least for a kind of program, whatever was seen: such a one idles in that. 16 MiB for any other."""
FOLLOWS = frozenset({"jvm", "node", "dotnet"})
"""Runtimes that size their heap by the limit, unless they are told: less memory is another behaviour, not less waste."""


class Confidence(StrEnum):
    """How far a recommendation can be trusted."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Given:
    """What the files give a service; None for no limit."""

    memory: int | None = None
    reservation: int | None = None
    cpus: float | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """What is known about a service's program."""

    kind: str = "unknown"
    heap: int = 0
    """Bytes that its runtime is told to use for its heap; 0 where it is not told."""
    default: Given = Given()
    """What such a program would be given if nothing had been seen."""
    workers: int = 1
    """Processes that its server is told to begin. Each further one has `STEP` at least that it does not share."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What a service is to be given, and why. None leaves it as it is."""

    memory: int | None
    reservation: int | None
    cpus: float | None
    shares: int | None
    """Relative weight of its processes when the host is busy, for one that is to have no limit."""
    confidence: Confidence
    reasons: tuple[str, ...]
    """Sentences with the figures that led to it."""
    held: tuple[str, ...]
    """Sentences about what the figures would allow, and why it is not advised."""
    floor: int = 0
    """The least memory that it may be given where the host is too small: what was seen fits in, and no gate forbids it."""


def advise(seen: Evidence, given: Given, program: Program) -> Advice | None:
    """The advice for one service; None where too little was seen to say anything.

    A process that was killed for want of memory is evidence by itself, however little else was seen.
    """
    enough = seen.points >= LEAST_POINTS and seen.covered >= LEAST_WINDOW
    if not enough and not seen.ooms:
        return None
    memory, why, held, floor = _memory(seen, given.memory, program)
    if not enough:
        return Advice(memory, None, None, None, Confidence.LOW, why, (*held, _little(seen)), floor)
    cpus, shares, cpu_why, cpu_held = _cpus(seen, given.cpus, program)
    return Advice(
        memory, _reservation(seen, given.reservation, memory or given.memory), cpus, shares, _confidence(seen, program),
        (*why, *cpu_why, *_warnings(seen)), tuple(dict.fromkeys((*held, *cpu_held))), floor,
    )  # fmt: skip


def _little(seen: Evidence) -> str:
    return f"only {seen.points} minutes were seen: {LEAST_WINDOW // HOUR} hours are needed for more"


def _warnings(seen: Evidence) -> tuple[str, ...]:
    """What has to be known about the figures themselves."""
    leak = f"grows by {size_text(int(seen.growth))} a day without an end: a larger limit only delays it" if seen.growth else ""
    clipped = (
        f"reached its limit of {size_text(seen.memory_limit or 0)}: it may want more than was seen" if seen.clipped else ""
    )
    return tuple(each for each in (leak, clipped) if each)


def _confidence(seen: Evidence, program: Program) -> Confidence:
    unsure = seen.clipped or seen.growth or (seen.throttled or 0) > HELD_BACK or _follows(program)
    if seen.span < DAY or seen.growth:
        return Confidence.LOW
    return Confidence.HIGH if not _too_short(seen) and not unsure else Confidence.MEDIUM


def _follows(program: Program) -> bool:
    return program.kind in FOLLOWS and not program.heap


def _too_short(seen: Evidence) -> str:
    """Why what was seen is too short to give less; empty when it is not."""
    if seen.span < WEEK or seen.covered < WEEK / 2:
        return f"{seen.covered / HOUR:.0f} of {WEEK // HOUR} hours were seen"
    if not seen.starts:
        return "no start was seen, which may take more than anything after it"
    return "" if seen.weekend else "no weekend was seen"


def _memory(seen: Evidence, limit: int | None, program: Program) -> tuple[int | None, tuple[str, ...], tuple[str, ...], int]:
    """The limit, the reasons, what is held back, and the least that fits."""
    wanted, why = _needed(seen, program)
    floor = rounded(max(seen.memory_max * _NOTICEABLE, _after_kill(seen), program.heap * BESIDE_HEAP), STEP)
    if limit is None:
        short = _too_short(seen)
        default = program.default.memory or 0
        if short and default > wanted:
            return default, (*why, f"not below the default for {program.kind}, as {short}"), (), floor
        return wanted, why, (), floor
    if wanted > limit * _NOTICEABLE:
        return wanted, why, (), max(floor, limit)
    if wanted >= limit / _NOTICEABLE or limit - wanted < STEP:
        return None, (), (), floor
    against = _against_less(seen, limit, program)
    if against:
        return None, (), (f"{size_text(wanted)} of memory would do, but {against}",), floor
    smaller = max(wanted, rounded(limit * _LESS, STEP))
    step = () if smaller == wanted else (f"on the way to {size_text(wanted)}, a quarter at a time with a day between",)
    return (smaller, (*why, *step), (), smaller) if smaller < limit else (None, (), (), floor)


def _needed(seen: Evidence, program: Program) -> tuple[int, tuple[str, ...]]:
    """The memory that everything seen would fit in with room, and the figure that decides."""
    boot = " while starting" if seen.boot_memory == seen.memory_max else ""
    killed = f"{seen.ooms} process{'es' if seen.ooms > 1 else ''} killed for want of memory{_at(seen.oom_limits)}"
    workers = f" with {program.workers} workers" if program.workers > 1 else ""
    asked = [
        (seen.memory_max * _MARGIN, f"used at most {size_text(seen.memory_max)}{boot}"),
        (seen.memory_p99 * _TAIL, f"used more than {size_text(seen.memory_p99)} in one minute of a hundred"),
        (_after_kill(seen), killed),
        (program.heap * BESIDE_HEAP, f"is told to use {size_text(program.heap)} for its heap"),
        (FLOORS.get(program.kind, STEP) + STEP * (program.workers - 1), f"the least for {program.kind}{workers}"),
    ]
    most, why = max(asked, key=lambda each: each[0])
    reasons = [why]
    if seen.ooms and why != killed:
        reasons.append(killed)
    return rounded(most, STEP), tuple(reasons)


def _at(limits: Sequence[int]) -> str:
    if len(limits) > 1:
        return f" at limits of {size_text(limits[0])} to {size_text(limits[-1])}"
    return f" at a limit of {size_text(limits[0])}" if limits else ""


def _after_kill(seen: Evidence) -> float:
    return max(seen.oom_limits[-1] * _OOM, seen.oom_limits[-1] + _OOM_MORE) if seen.oom_limits else 0.0


def _against_less(seen: Evidence, limit: int, program: Program) -> str:
    """Why a service is not to be given less memory; empty when nothing is against it."""
    if short := _too_short(seen):
        return short
    if _follows(program):
        return f"{program.kind} sizes its heap by the limit: tell it its heap first, and look again"
    if seen.growth:
        return f"it grows by {size_text(int(seen.growth))} a day"
    if seen.memory_limit != limit:
        return "the limit in the files is not the one that was in force"
    return _not_settled(seen, seen.memory_limit_for)


def _not_settled(seen: Evidence, limit_for: float) -> str:
    if limit_for < DAY:
        return f"its limit has been in force for {limit_for / HOUR:.0f} of 24 hours"
    if seen.newest < DAY:
        return f"its newest version was seen for {seen.newest / HOUR:.0f} of 24 hours"
    return f"a process was killed {seen.calm / HOUR:.0f} hours ago" if seen.ooms and seen.calm < DAY else ""


def _reservation(seen: Evidence, reservation: int | None, limit: int | None) -> int | None:
    """What nine minutes of ten fit in; None where what is there is near that, or a day was not seen."""
    wanted = min(rounded(seen.memory_p90, STEP), limit or 2**62)
    if seen.covered < DAY:
        return None
    near = reservation is not None and abs(wanted - reservation) <= max(STEP, reservation / 10)
    return None if near or wanted == reservation else wanted


Processors = tuple[float | None, int | None, tuple[str, ...], tuple[str, ...]]


def _cpus(seen: Evidence, limit: float | None, program: Program) -> Processors:
    """The limit, the weight, the reasons, and what is held back."""
    steady = max(_BURST * seen.cpu_p99, _TWICE * seen.cpu_p95, _LEAST_CPU)
    why = f"{seen.cpu_p95:.2f} cores in 95 minutes of a hundred, {seen.cpu_p99:.2f} in 99"
    boots = seen.boot_cpu > _TWICE * steady
    if limit is None:
        if boots:
            shares = max(2, round(seen.cpu_p95 * 1024))
            return None, shares, (f"starts with {seen.boot_cpu:.2f} cores: a limit for the rest would slow its start",), ()
        default = program.default.cpus or 0.0
        return _cores(max(steady, default) if _too_short(seen) else steady), None, (why,), ()
    held_back = seen.throttled or 0.0
    if held_back > HELD_BACK:
        wanted = _cores(max(steady, limit * _UNCLIPPED))
        return wanted, None, (f"held back in {held_back:.0%} of the periods at {limit:g} cores",), ()
    if boots and held_back >= _HARDLY:
        wanted = max(steady, seen.boot_cpu)
        return (
            (_cores(wanted), None, (f"starts with {seen.boot_cpu:.2f} cores",), ()) if wanted > limit else (None, None, (), ())
        )
    wanted = _cores(max(steady, seen.boot_cpu) if boots else steady)
    if wanted > limit * _NOTICEABLE:
        return wanted, None, (why,), ()
    return _fewer(seen, limit, wanted, why)


def _fewer(seen: Evidence, limit: float, wanted: float, why: str) -> Processors:
    smaller = max(wanted, _cores(limit * _LESS))
    if smaller >= limit / _NOTICEABLE:
        return None, None, (), ()
    against = _too_short(seen) or ("" if seen.cpu_limit == limit else "the limit in the files is not the one that was in force")
    against = against or _not_settled(replace(seen, ooms=0), seen.cpu_limit_for)
    return (None, None, (), (f"{wanted:g} cores would do, but {against}",)) if against else (smaller, None, (why,), ())


def _cores(cores: float) -> float:
    """Rounded up to a twentieth of a core."""
    return round(math.ceil(round(cores * 20, 6)) / 20, 2)


def balanced(advices: Sequence[tuple[int, Advice, int]], host: int) -> list[Advice]:
    """The same advice with less headroom, so that all limits together fit into the host's memory.

    Args:
        advices: Each service's limit as it would be, in bytes, with its advice, and how many containers it has.
        host: Bytes that the host has.

    Only what is advised is cut, in equal parts of its headroom and never below what was seen to be used; where even that does
    not fit, everything is cut to it, and the sum says so.
    """
    total = sum(limit * number for limit, _, number in advices)
    room = [max(0, (each.memory or 0) - each.floor) for _, each, _ in advices]
    together = sum(most * number for most, (_, _, number) in zip(room, advices, strict=True))
    if total <= host or not together:
        return [each for _, each, _ in advices]
    part = min(1.0, (total - host) / together)
    found: list[Advice] = []
    for (_, each, _), most in zip(advices, room, strict=True):
        less = rounded(most * part, STEP)
        cut = max(each.floor, (each.memory or 0) - less)
        why = f"{size_text((each.memory or 0) - cut)} less than it would have, so that all fit into the host"
        found.append(replace(each, memory=cut, reasons=(*each.reasons, why)) if each.memory and cut < each.memory else each)
    return found
