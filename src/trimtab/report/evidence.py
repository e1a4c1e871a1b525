"""Evidence about rewrites: as a table, as data, and as figures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from trimtab.report import figures
from trimtab.report.data import Data
from trimtab.verify import Behaviour, Evidence, ImageUse, Measurement, Scenario, Trial, VerdictKind

_VERDICT_STYLES = {VerdictKind.ACCEPTED: "green", VerdictKind.REJECTED: "red", VerdictKind.INCONCLUSIVE: "yellow"}


def evidence_view(evidence: Sequence[Evidence], *, repeats: int) -> RenderableType:
    """The table at the end of `trimtab optimize`."""
    table = Table(header_style="bold", show_lines=True, expand=True)
    table.add_column("service", overflow="fold", ratio=3)
    table.add_column("change", overflow="fold", ratio=4)
    table.add_column("image", overflow="fold", ratio=3)
    table.add_column("source edit", overflow="fold", ratio=3)
    table.add_column("dependency edit", overflow="fold", ratio=3)
    table.add_column("verdict", overflow="fold", ratio=5)
    for each in evidence:
        name = ", ".join(each.services) or each.path
        table.add_row(
            escape(name),
            escape("; ".join(each.titles)) or "–",
            sizes(each),
            times(each.measurement(Scenario.SOURCE_EDIT)),
            times(each.measurement(Scenario.DEPENDENCY_EDIT)),
            _verdict(each),
        )
    accepted = [each for each in evidence if each.verdict.kind is VerdictKind.ACCEPTED]
    grid = Table.grid(padding=(0, 2))
    for label, value in totals(accepted):
        grid.add_row(Text(label, "bold"), value)
    note = f"times are medians of {repeats} interleaved pairs; ~ marks a difference that the pairs do not settle"
    note = note if repeats else "no times were measured"
    return Group(table, grid, Text(note, "dim"))


def _verdict(evidence: Evidence) -> Text:
    text = Text(str(evidence.verdict.kind), _VERDICT_STYLES[evidence.verdict.kind])
    text.append(f": {evidence.verdict.reason}", "default")
    for trial in evidence.rejected:
        if evidence.verdict.kind is VerdictKind.ACCEPTED:
            text.append(f"\n{', '.join(trial.rules)} {trial.verdict.kind}: {trial.verdict.reason}", "red")
    return text


def sizes(evidence: Evidence) -> str:
    """An image's bytes before and after."""
    if evidence.before_bytes is None or evidence.after_bytes is None:
        return "–"
    return _bytes(evidence.before_bytes, evidence.after_bytes)


def contexts(evidence: Evidence) -> str:
    """The bytes of context that a build sends, before and after."""
    if evidence.before_context is None or evidence.after_context is None:
        return "–"
    return _bytes(evidence.before_context, evidence.after_context)


def _bytes(before: float, after: float) -> str:
    return f"{figures.size(before)} → {figures.size(after)} {figures.percent(before, after)}"


def saved_a_week(measurement: Measurement) -> str:
    """`12 minutes a week (8 … 15)`: the median, and the quartiles of the pairs; empty when the pace is not known."""
    saved = measurement.saved_a_week
    if saved is None:
        return ""
    low, middle, high = (value / 60 for value in saved)
    return f"{middle:.1f} minutes a week ({low:.1f} … {high:.1f})"


def times(measurement: Measurement | None) -> str:
    """`8.1 s → 0.9 s −89 %`, with `~` before the change when the pairs do not settle it."""
    if measurement is None:
        return "–"
    mark = "" if measurement.conclusive else "~"
    change = figures.percent(measurement.before, measurement.after)
    return f"{figures.seconds(measurement.before)} → {figures.seconds(measurement.after)} {mark}{change}"


@dataclass(frozen=True, slots=True)
class Total:
    """A sum over the services that have the figure."""

    name: str
    images: int
    before: float
    after: float
    unit: Literal["bytes", "seconds"]
    weekly: tuple[float, float, float] | None = None
    """Seconds that it saves a week: the median between the quartiles of the pairs."""


def sums(evidence: Sequence[Evidence]) -> list[Total]:
    """Sums over everything accepted; only services that have the figure count in it."""
    found: list[Total] = []
    sized = [(e.before_bytes, e.after_bytes) for e in evidence if e.before_bytes is not None and e.after_bytes is not None]
    if sized:
        found.append(Total("image bytes", len(sized), sum(one for one, _ in sized), sum(two for _, two in sized), "bytes"))
    for scenario in Scenario:
        measured = [m for e in evidence if (m := e.measurement(scenario)) is not None]
        if measured:
            before, after = sum(m.before for m in measured), sum(m.after for m in measured)
            found.append(Total(f"rebuild after {scenario}", len(measured), before, after, "seconds", _weekly(measured)))
    wasted = [(e.before_image, e.after_image) for e in evidence if e.before_image and e.after_image]
    if wasted:
        before, after = (sum(pair[side].reclaimable_bytes for pair in wasted) for side in (0, 1))
        found.append(Total("hidden bytes", len(wasted), before, after, "bytes"))
    return found


def _weekly(measured: Sequence[Measurement]) -> tuple[float, float, float] | None:
    weeks = [m.saved_a_week for m in measured if m.saved_a_week is not None]
    return (sum(w[0] for w in weeks), sum(w[1] for w in weeks), sum(w[2] for w in weeks)) if weeks else None


def totals(evidence: Sequence[Evidence]) -> list[tuple[str, str]]:
    """The sums as text, a line per figure."""
    rows: list[tuple[str, str]] = []
    for each in sums(evidence):
        say = figures.size if each.unit == "bytes" else figures.seconds
        change = figures.percent(each.before, each.after)
        rows.append((f"{each.name}, {each.images} images", f"{say(each.before)} → {say(each.after)} {change}"))
        if each.weekly is not None:
            low, middle, high = (value / 60 for value in each.weekly)
            rows.append(("saved at git's pace", f"{middle:.1f} minutes a week ({low:.1f} … {high:.1f})"))
    return rows


def _measurement(each: Measurement) -> Data:
    return {
        "scenario": str(each.scenario),
        "edited": each.edited,
        "pairs": [{"before": round(pair.before, 3), "after": round(pair.after, 3)} for pair in each.pairs],
        "before_seconds": round(each.before, 3),
        "after_seconds": round(each.after, 3),
        "conclusive": each.conclusive,
        "per_week": each.per_week,
        "seconds_saved_a_week": None if each.saved_a_week is None else [round(value, 1) for value in each.saved_a_week],
    }


def _behaviour(each: Behaviour) -> Data:
    return {
        "state": each.state,
        "ready_seconds": None if each.ready_seconds is None else round(each.ready_seconds, 2),
        "watched_seconds": each.watched_seconds,
        "ports": None if each.ports is None else list(each.ports),
        "user": each.user,
        "answers": None if each.answers is None else [asdict(answer) for answer in each.answers],
        "stop": None if each.stop is None else asdict(each.stop),
        "errors": list(each.errors),
        "smoke": each.smoke,
        "company": list(each.company),
    }


def _image(use: ImageUse | None) -> Data | None:
    return None if use is None else asdict(use)


def _trial(trial: Trial) -> Data:
    unexplained = [each for each in trial.differences if not each.explained_by]
    shown = [*unexplained[:50], *[each for each in trial.differences if each.explained_by][:50]]
    return {
        "rules": list(trial.rules),
        "verdict": str(trial.verdict.kind),
        "reason": trial.verdict.reason,
        "differences": [
            {"subject": d.subject, "before": d.before, "after": d.after, "explained_by": d.explained_by or None} for d in shown
        ],
        "differences_total": len(trial.differences),
    }


def evidence_data(evidence: Evidence) -> Data:
    """The evidence about one Dockerfile."""
    behaviours = evidence.behaviours
    return {
        "path": evidence.path,
        "services": list(evidence.services),
        "verdict": str(evidence.verdict.kind),
        "reason": evidence.verdict.reason,
        "accepted": list(evidence.accepted),
        "image_bytes": {"before": evidence.before_bytes, "after": evidence.after_bytes},
        "layers": {"before": evidence.before_layers, "after": evidence.after_layers},
        "context_bytes": {"before": evidence.before_context, "after": evidence.after_context},
        "measurements": [_measurement(each) for each in evidence.measurements],
        "left_out": list(evidence.left_out),
        "remembered": evidence.remembered,
        "images": {"before": _image(evidence.before_image), "after": _image(evidence.after_image)},
        "behaviour": None if behaviours is None else {"before": _behaviour(behaviours[0]), "after": _behaviour(behaviours[1])},
        "trials": [_trial(trial) for trial in evidence.trials],
    }


def optimization_data(
    run: str, evidence: Sequence[Evidence], written: Sequence[str], environment: Mapping[str, object]
) -> Data:
    """`trimtab optimize --format json`, which is also what a run keeps in `.trimtab/`."""
    return {
        "schema": "trimtab.optimize/1",
        "run": run,
        "environment": dict(environment),
        "files": [evidence_data(each) for each in evidence],
        "totals": [
            {
                "name": each.name,
                "images": each.images,
                "before": round(each.before, 3),
                "after": round(each.after, 3),
                "unit": each.unit,
            }
            for each in sums([each for each in evidence if each.verdict.kind is VerdictKind.ACCEPTED])
        ],
        "written": list(written),
    }
