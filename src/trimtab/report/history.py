"""The ledger of builds for people and programs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trimtab.history import BuildRow, BuildTotal, FleetBuildRow, Pruned, StepRow, regressions
from trimtab.history.prune import KINDS
from trimtab.report import figures

_OUTCOMES = {"built": "green", "done": "green", "failed": "bold red", "blocked": "red", "skipped": "dim"}


@dataclass(frozen=True, slots=True)
class ServiceFigures:
    """What the ledger says of one target over its builds."""

    target: str
    builds: int
    failed: int
    mean_seconds: float | None
    hit_rate: float | None
    image_bytes: int | None
    worse: tuple[str, ...]


def service_figures(totals: Sequence[BuildTotal], recent: Mapping[str, Sequence[BuildRow]]) -> list[ServiceFigures]:
    """Averages by target over all builds; what became worse, by the last ones, the newest first. Skipped ones are no builds."""
    sums = {(each.target, each.outcome): each for each in totals}
    found: list[ServiceFigures] = []
    for target, rows in sorted(recent.items()):
        built, failed = sums.get((target, "built")), sums.get((target, "failed"))
        failures = failed.builds if failed else 0
        found.append(
            ServiceFigures(
                target, (built.builds if built else 0) + failures, failures,
                built.seconds / built.builds if built else None,
                built.cached / built.cacheable if built and built.cacheable else None,
                next((row.image_bytes for row in rows if row.outcome == "built" and row.image_bytes), None),
                tuple(regressions(rows)),
            )
        )  # fmt: skip
    return found


def runs_view(runs: Sequence[FleetBuildRow], services: Sequence[ServiceFigures]) -> RenderableType:
    """The last runs, and what each target comes to over its builds."""
    if not runs and not services:
        return (
            "nothing is in the ledger yet: `trimtab build` fills it, and `trimtab history import` takes what the builder knows"
        )
    table = Table(title="runs", title_justify="left", box=None, pad_edge=False)
    for column in ("run", "started", "revision", "outcome", "targets", "wall", "efficiency", "peak memory"):
        numeric = column in {"targets", "wall", "efficiency", "peak memory"}
        table.add_column(column, no_wrap=True, justify="right" if numeric else "left")
    for row in runs:
        outcome = row.outcome or "killed, or still running"
        table.add_row(
            row.run, row.started[:19].replace("T", " "), row.revision or "", Text(outcome, _OUTCOMES.get(outcome, "yellow")),
            str(row.asked), figures.seconds(row.seconds) if row.seconds is not None else "",
            f"{row.efficiency:.0%}" if row.efficiency is not None else "",
            figures.size(row.peak_memory) if row.peak_memory else "",
        )  # fmt: skip
    return Group(table, "", _services_table(services))


def _services_table(services: Sequence[ServiceFigures]) -> Table:
    table = Table(title="targets", title_justify="left", box=None, pad_edge=False)
    for column in ("target", "builds", "failed", "mean time", "cached steps", "image"):
        table.add_column(column, no_wrap=True, justify="left" if column == "target" else "right")
    table.add_column("worse than before", overflow="fold")
    for each in services:
        table.add_row(
            each.target, str(each.builds), str(each.failed) if each.failed else "",
            figures.seconds(each.mean_seconds) if each.mean_seconds is not None else "",
            f"{each.hit_rate:.0%}" if each.hit_rate is not None else "",
            figures.size(each.image_bytes) if each.image_bytes else "", Text("; ".join(each.worse), "bold red"),
        )  # fmt: skip
    return table


def runs_data(runs: Sequence[FleetBuildRow], services: Sequence[ServiceFigures]) -> dict[str, object]:
    """`trimtab history builds --format json`."""
    return {
        "schema": "trimtab.history/1",
        "runs": [{**asdict(row), "efficiency": row.efficiency} for row in runs],
        "targets": [asdict(each) for each in services],
    }


def run_view(row: FleetBuildRow, builds: Sequence[BuildRow], steps: Mapping[int, Sequence[StepRow]]) -> RenderableType:
    """One run: its builds, and the steps that took longest."""
    title = f"run {row.run}, {row.outcome or 'killed, or still running'}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("target", "outcome", "time", "cached", "context", "pulled", "image"):
        table.add_column(column, no_wrap=True, justify="left" if column in {"target", "outcome"} else "right")
    table.add_column("first missed step, and why", overflow="fold")
    for build in builds:
        table.add_row(
            build.target, Text(build.outcome, _OUTCOMES.get(build.outcome, "yellow")),
            figures.seconds(build.seconds) if build.seconds else "",
            f"{build.cached}/{build.cacheable}" if build.cacheable else "",
            figures.size(build.context_bytes) if build.context_bytes else "",
            figures.size(build.pulled_bytes) if build.pulled_bytes else "",
            figures.size(build.image_bytes) if build.image_bytes else "",
            f"{build.missed}: {build.cause}" if build.missed else build.reason,
        )  # fmt: skip
    slow = sorted(
        ((step, build.target) for build in builds for step in steps.get(build.id, ()) if step.seconds > 0.1),
        key=lambda pair: -pair[0].seconds,
    )
    longest = Table(title="longest steps", title_justify="left", box=None, pad_edge=False)
    longest.add_column("time", justify="right", no_wrap=True)
    longest.add_column("target", no_wrap=True)
    longest.add_column("step", overflow="ellipsis", no_wrap=True)
    for step, target in slow[:10]:
        longest.add_row(figures.seconds(step.seconds), target, Text(step.name))
    return Group(table, "", longest) if slow else table


def run_data(row: FleetBuildRow, builds: Sequence[BuildRow], steps: Mapping[int, Sequence[StepRow]]) -> dict[str, object]:
    """`trimtab history show --format json`."""
    each = [{**asdict(build), "steps": [asdict(step) for step in steps.get(build.id, ())]} for build in builds]
    return {"schema": "trimtab.history-run/1", **asdict(row), "efficiency": row.efficiency, "builds": each}


def comparison_view(one: Sequence[BuildRow], other: Sequence[BuildRow]) -> RenderableType:
    """Two runs side by side, the later against the earlier; of a target that one of them has not built, what became of it."""
    table = Table(box=None, pad_edge=False)
    table.add_column("target", no_wrap=True)
    for column in ("time", "cached", "context", "image"):
        table.add_column(column, no_wrap=True, justify="right")
    for target, was, now in _side_by_side(one, other):
        if was is None or now is None or {was.outcome, now.outcome} != {"built"}:
            table.add_row(target, Text(" → ".join(row.outcome if row else "–" for row in (was, now)), "yellow"))
            continue
        table.add_row(
            target,
            _pair(was.seconds, now.seconds, figures.seconds),
            _pair(was.cached, now.cached, "{:.0f}".format),
            _pair(was.context_bytes, now.context_bytes, figures.size),
            _pair(was.image_bytes, now.image_bytes, figures.size),
        )
    return table if table.rows else Text("neither run has builds of its own", "yellow")


def _side_by_side(one: Sequence[BuildRow], other: Sequence[BuildRow]) -> Iterator[tuple[str, BuildRow | None, BuildRow | None]]:
    """Every target of two runs with its build in each, in the order of the later one."""
    before, after = ({row.target: row for row in rows} for rows in (one, other))
    for target in (*after, *(name for name in before if name not in after)):
        yield target, before.get(target), after.get(target)


def _pair(before: float | None, after: float | None, shown: Callable[[float], str]) -> str:
    text = " → ".join("–" if value is None else shown(value) for value in (before, after))
    return text if before is None or after is None else f"{text} {figures.percent(before, after)}".rstrip()


def comparison_data(one: Sequence[BuildRow], other: Sequence[BuildRow]) -> list[dict[str, object]]:
    """For each target of two runs: outcome, seconds, cached steps, context and image bytes, before and after.

    Null is what a run has not: it did not build the target, or nobody measured it.
    """
    names = ("outcome", "seconds", "cached", "context_bytes", "image_bytes")
    return [
        {"target": target, **{name: tuple(getattr(row, name, None) for row in (was, now)) for name in names}}
        for target, was, now in _side_by_side(one, other)
    ]


def trend_view(target: str, builds: Sequence[BuildRow], worse: Sequence[str]) -> RenderableType:
    """One target's builds over time, the newest first."""
    table = Table(title=target, title_justify="left", box=None, pad_edge=False)
    for column in ("started", "revision", "outcome", "time", "cached", "image"):
        table.add_column(column, no_wrap=True, justify="right" if column in {"time", "cached", "image"} else "left")
    table.add_column("")
    table.add_column("first missed step, and why", overflow="fold")
    longest = max((row.seconds for row in builds), default=0.0) or 1.0
    for row in builds:
        table.add_row(
            row.started[:19].replace("T", " "), row.revision or "", Text(row.outcome, _OUTCOMES.get(row.outcome, "yellow")),
            figures.seconds(row.seconds), f"{row.cached}/{row.cacheable}" if row.cacheable else "",
            figures.size(row.image_bytes) if row.image_bytes else "", Text("▇" * round(16 * row.seconds / longest), "blue"),
            f"{row.missed}: {row.cause}" if row.missed else row.reason,
        )  # fmt: skip
    return Group(table, *(Text(f"worse than before: {each}", "bold red") for each in worse))


def trend_data(target: str, builds: Sequence[BuildRow], worse: Sequence[str]) -> dict[str, object]:
    """`trimtab history trend --format json`."""
    rows = [{name: value for name, value in asdict(row).items() if name != "steps"} for row in builds]
    return {"schema": "trimtab.history-trend/1", "target": target, "builds": rows, "worse": list(worse)}


_PRUNED = {
    "builds": "builds", "steps": "steps of builds", "build_runs": "runs of builds",
    "runs": "runs of optimisations, roles and workflows", "crew_steps": "commands of roles",
    "verdicts": "older verdicts", "proofs": "proofs", "scans": "results of scans", "scores": "scores",
    "deployment_steps": "steps of deployments", "usage": "minutes and hours of use",
}  # fmt: skip


def pruned_view(pruned: Pruned, before: datetime, *, dry_run: bool) -> RenderableType:
    """What was taken away, or would be. What the database's file becomes smaller by is known only once it has."""
    limit = before.isoformat(timespec="minutes")[:16].replace("T", " ")
    if not pruned.rows and not pruned.folders:
        return f"nothing from before {limit} can go"
    table = Table(title="would go" if dry_run else "gone", title_justify="left", box=None, pad_edge=False, show_header=False)
    table.add_column("number", justify="right", no_wrap=True)
    table.add_column("what")
    for name in KINDS:
        if number := getattr(pruned, name):
            table.add_row(f"{number:,}", _PRUNED[name])
    if pruned.folders:
        table.add_row(f"{len(pruned.folders):,}", f"folders of runs, {figures.size(pruned.folder_bytes)}")
    if dry_run:
        return table
    freed = pruned.database_bytes
    note = "the database keeps its size: it is in use, or the disk has no room to write it anew"
    return Group(table, "", note if freed is None else f"the database is smaller by {figures.size(freed)}")


def pruned_data(pruned: Pruned, before: datetime, *, dry_run: bool) -> dict[str, object]:
    """`trimtab history prune --format json`."""
    head = {"schema": "trimtab.history-prune/1", "before": before.isoformat(timespec="seconds"), "dry_run": dry_run}
    return {**head, **asdict(pruned), "folders": list(pruned.folders)}
