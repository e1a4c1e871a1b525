"""When each build of a run was at work, and what it spent its time on: the geometry of a waterfall, in percent of the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab.history import BuildRow, StepRow
from trimtab.report import figures

_ROWS, _STEPS = 30, 40
"""The longest builds, and the longest steps of each, that are drawn: more is no picture."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One step's bar."""

    at: float
    width: float
    cached: bool
    failed: bool
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One build."""

    name: str
    critical: bool
    outcome: str
    at: float
    width: float
    text: str
    steps: Sequence[Bar]


def step_text(name: str, seconds: float, *, cached: bool) -> str:
    """What a step's bar says."""
    return f"{name[:120]} · {'cached' if cached else figures.seconds(seconds)}"


def ledger_rows(rows: Sequence[BuildRow], steps: Mapping[int, Sequence[StepRow]], seconds: float | None) -> list[Row]:
    """The waterfall of a run that is in the ledger: its longest builds in the order in which they began.

    `seconds` is what the run took; of a run that was killed, the end of its last build stands for it.
    """
    done = [row for row in rows if row.seconds]
    whole = seconds or max((row.begins + row.seconds for row in done), default=0.0)
    scale = 100 / max(whole, 0.001)
    longest = sorted(done, key=lambda row: -row.seconds)[:_ROWS]
    return [
        Row(
            row.target, False, row.outcome, row.begins * scale, _length(row, steps.get(row.id, ())) * scale,
            f"{figures.seconds(row.seconds)}  {_why(row)}",
            [_bar(row, step, scale) for step in _drawn(steps.get(row.id, ()))],
        )
        for row in sorted(longest, key=lambda row: (row.begins, row.target))
    ]  # fmt: skip


def _length(row: BuildRow, steps: Sequence[StepRow]) -> float:
    """Until its last step ended: of builds that were handed over together, `seconds` are those in which one was worked on."""
    return max([row.seconds, *(step.begins + step.seconds for step in steps)])


def _drawn(steps: Sequence[StepRow]) -> list[StepRow]:
    longest = sorted((step for step in steps if step.seconds > 0 or step.cached), key=lambda step: -step.seconds)[:_STEPS]
    return sorted(longest, key=lambda step: step.begins)


def _bar(row: BuildRow, step: StepRow, scale: float) -> Bar:
    at = (row.begins + step.begins) * scale
    text = step_text(step.name, step.seconds, cached=step.cached)
    return Bar(at, step.seconds * scale, step.cached, bool(step.error), text)


def _why(row: BuildRow) -> str:
    if row.outcome != "built":
        return row.reason
    if not row.cause or row.cause.startswith(("COPY ", "ADD ")):
        return row.cause
    return f"{row.missed}: {row.cause}"
