"""What week-long traces of known behaviour should be given, by trimtab, and by the published formulas of two others.

    bench/sizing.py

KRR's simple strategy (github.com/robusta-dev/krr, README, "Algorithm"; its first version had the 99th percentile and 5 %):
processor request the 95th percentile; memory the largest figure and 15 %, 25 % over a limit at which a container was killed; a
hundred points at least; no less than 10 millicores and 100 MB.

The Vertical Pod Autoscaler (github.com/kubernetes/autoscaler, vertical-pod-autoscaler/docs/flags.md, the recommender):
decaying histograms with a half-life of 24 hours; the 90th percentile of the processor and of each day's largest memory, and
15 %; after a kill 20 % or 100 MiB more, whichever is more; no less than 25 millicores and 250 MB. Buckets grow by 5 %.

Both are written here from those texts, and neither program was run. They recommend requests for Kubernetes; trimtab recommends
limits for compose: the comparison is of what each makes of the same figures. `small` is less than the trace used, than its
heap, or than a limit at which it was killed; `much` is more than twice that.
"""

import importlib.util
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

from trimtab.history.usage import Subject, Usage
from trimtab.observe.evidence import Evidence, evidence_of
from trimtab.observe.sizing import Given, Program, advise

MIB = 1 << 20
Rows = Sequence[tuple[Subject, Usage]]


class Trace(Protocol):
    name: str
    given: Given
    program: Program

    def rows(self) -> list[tuple[Subject, Usage]]: ...


def traces() -> Sequence[Trace]:
    """The traces of the tests."""
    path = Path(__file__).parent.parent / "tests" / "observe" / "traces.py"
    spec = importlib.util.spec_from_file_location("traces", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be read")
    module = importlib.util.module_from_spec(spec)
    sys.modules["traces"] = module
    spec.loader.exec_module(module)
    return cast("Sequence[Trace]", module.TRACES)


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


def krr(rows: Rows) -> tuple[float, float] | None:
    """Bytes and cores."""
    memory = [usage.memory_max for _, usage in rows if usage.memory_max is not None]
    cpu = [usage.cpu_mean for _, usage in rows if usage.cpu_mean is not None]
    if len(memory) < 100:
        return None
    killed = max((usage.memory_limit or 0 for _, usage in rows if usage.ooms), default=0)
    return max(max(memory) * 1.15, killed * 1.25, 100e6), max(percentile(cpu, 0.95), 0.01)


def vpa(rows: Rows) -> tuple[float, float]:
    """Bytes and cores."""
    last = rows[-1][1].start
    cpu = [(usage.cpu_mean, 2 ** ((usage.start - last) / 86_400)) for _, usage in rows if usage.cpu_mean is not None]
    peaks: dict[int, float] = {}
    for _, usage in rows:
        killed = max((usage.memory_limit or 0) * 1.2, (usage.memory_limit or 0) + 100 * MIB) if usage.ooms else 0
        day = usage.start // 86_400
        peaks[day] = max(peaks.get(day, 0.0), float(usage.memory_max or 0), killed)
    memory = [(peak, 2 ** (day - last // 86_400)) for day, peak in peaks.items()]
    return max(histogram(memory, 10e6) * 1.15, 250e6), max(histogram(cpu, 0.01) * 1.15, 0.025)


def histogram(values: Sequence[tuple[float, float]], first: float) -> float:
    """The end of the bucket of the 90th percentile; buckets grow by 5 %."""
    total, left = sum(weight for _, weight in values), 0.0
    for value, weight in sorted(values):
        left += weight
        if left >= 0.9 * total:
            return bucket_end(value, first)
    return 0.0


def bucket_end(value: float, first: float) -> float:
    size, end = first, first
    while end < value:
        size *= 1.05
        end += size
    return end


def judged(memory: float | None, seen: Evidence, heap: int) -> str:
    if memory is None:
        return ""
    needed = max(seen.memory_max, max(seen.oom_limits, default=0) + 1, heap + 1)
    return " small" if memory < needed else " much" if memory > 2 * needed else ""


def cell(memory: float | None, cpus: float | None, seen: Evidence, heap: int) -> str:
    size = "says nothing" if memory is None else f"{memory / MIB:.0f} MiB"
    return f"{size}{judged(memory, seen, heap)}" + ("" if cpus is None else f", {cpus:.2f}")


def lines() -> Iterator[str]:
    yield f"{'trace':40} {'used':>16} {'given':>14} {'trimtab':>24} {'KRR':>24} {'VPA':>24}"
    for trace in traces():
        rows = trace.rows()
        seen = evidence_of(rows)
        if seen is None:
            continue
        advice = advise(seen, trace.given, trace.program)
        heap = trace.program.heap
        ours = cell(advice.memory or trace.given.memory, advice.cpus, seen, heap) if advice else "says nothing"
        other, third = krr(rows), vpa(rows)
        given = f"{trace.given.memory // MIB} MiB" if trace.given.memory else "none"
        used = f"{seen.memory_max / MIB:.0f} MiB, {seen.cpu_p95:.2f}"
        theirs = cell(*other, seen, heap) if other else "says nothing"
        yield f"{trace.name:40} {used:>16} {given:>14} {ours:>24} {theirs:>24} {cell(*third, seen, heap):>24}"


if __name__ == "__main__":
    for line in lines():
        print(line)
