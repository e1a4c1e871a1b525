"""Evidence about rewrites: as a table, as data, and as figures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

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
    sums = Table.grid(padding=(0, 2))
    for label, value in totals(accepted):
        sums.add_row(Text(label, "bold"), value)
    note = f"times are medians of {repeats} interleaved pairs; ~ marks a difference that the pairs do not settle"
    note = note if repeats else "no times were measured"
    return Group(table, sums, Text(note, "dim"))


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


def totals(evidence: list[Evidence]) -> list[tuple[str, str]]:
    """Sums over everything accepted, a line per figure; only services that have the figure count in it."""
    rows: list[tuple[str, str]] = []
    sized = [(e.before_bytes, e.after_bytes) for e in evidence if e.before_bytes is not None and e.after_bytes is not None]
    if sized:
        before, after = sum(pair[0] for pair in sized), sum(pair[1] for pair in sized)
        rows.append(
            (
                f"image bytes, {len(sized)} images",
                f"{figures.size(before)} → {figures.size(after)} {figures.percent(before, after)}",
            )
        )
    for scenario in Scenario:
        found = [m for e in evidence if (m := e.measurement(scenario)) is not None]
        if found:
            before, after = sum(m.before for m in found), sum(m.after for m in found)
            label = f"rebuild after {scenario}, {len(found)} images"
            rows.append((label, f"{figures.seconds(before)} → {figures.seconds(after)} {figures.percent(before, after)}"))
            weeks = [m.saved_a_week for m in found if m.saved_a_week is not None]
            if weeks:
                low, middle, high = (sum(week[index] for week in weeks) / 60 for index in range(3))
                rows.append(("saved at git's pace", f"{middle:.1f} minutes a week ({low:.1f} … {high:.1f})"))
    wasted = [(e.before_image, e.after_image) for e in evidence if e.before_image and e.after_image]
    if wasted:
        before, after = (sum(pair[side].reclaimable_bytes for pair in wasted) for side in (0, 1))
        rows.append(
            (
                f"hidden bytes, {len(wasted)} images",
                f"{figures.size(before)} → {figures.size(after)} {figures.percent(before, after)}",
            )
        )
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
        "written": list(written),
    }
