"""A run of builds: tables, data, and a page with its waterfall."""

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from trimtab.build import Done, Graph, Outcome, RunResult
from trimtab.build.affected import Reach
from trimtab.build.audit import Audit
from trimtab.report import figures
from trimtab.report.pages import render
from trimtab.report.waterfall import Bar, Row, step_text

_STYLES = {
    Outcome.BUILT: "green",
    Outcome.FAILED: "bold red",
    Outcome.BLOCKED: "red",
    Outcome.SKIPPED: "dim",
    Outcome.CANCELLED: "yellow",
}
_TAIL = 20
"""Lines of a failed build's log that are shown."""


def build_view(result: RunResult, reasons: Mapping[str, Reach]) -> RenderableType:
    """The table of a run, the failed builds' last lines, and the figures of the whole."""
    table = Table(box=None, pad_edge=False)
    for column, right in (
        ("target", False),
        ("outcome", False),
        ("time", True),
        ("cached", True),
        ("context", True),
        ("image", True),
    ):
        table.add_column(column, justify="right" if right else "left", no_wrap=True)
    table.add_column("why", overflow="fold")
    for each in sorted(result.done, key=lambda done: (done.outcome is Outcome.SKIPPED, done.begins)):
        table.add_row(*_cells(each, reasons.get(each.name), each.name in result.critical))
    parts: list[RenderableType] = [table]
    for each in result.having(Outcome.FAILED):
        parts += ["", Text.assemble((each.name, "bold red"), f": {each.reason}"), *_tail(each)]
    parts += ["", *(f"{name}: {value}" for name, value in totals(result))]
    return Group(*parts)


def _cells(each: Done, reach: Reach | None, critical: bool) -> list[RenderableType]:
    log = each.log
    cached = f"{log.cached_steps}/{log.cacheable_steps}" if log and each.outcome is Outcome.BUILT else ""
    name = Text(each.name, "bold" if critical else "")
    size = figures.size(each.image_bytes) if each.image_bytes else ""
    context = figures.size(log.context_bytes) if log and log.context_bytes else ""
    tried = f" (attempt {each.attempts})" if each.attempts > 1 else ""
    outcome = Text(f"{each.outcome}{tried}", _STYLES[each.outcome])
    return [name, outcome, figures.seconds(each.seconds) if each.seconds else "", cached, context, size, Text(why(each, reach))]


def why(each: Done, reach: Reach | None = None) -> str:
    """What a target's end came from: why it was built, or why not."""
    if each.outcome is not Outcome.BUILT:
        return each.reason
    if each.cause:
        return each.cause if each.cause.startswith(("COPY ", "ADD ")) else f"{each.missed}: {each.cause}"
    return reach.reasons[0] if reach and reach.reasons else ""


def _tail(each: Done) -> list[RenderableType]:
    lines = each.log.log.splitlines()[-_TAIL:] if each.log else []
    shown: list[RenderableType] = [Text(f"  {line}", "dim") for line in lines]
    return [*shown, Text(f"  whole log: {each.log_path}", "dim")] if each.log_path else shown


def totals(result: RunResult) -> list[tuple[str, str]]:
    """The run's figures, each with what it was measured from."""
    counts = ", ".join(f"{len(result.having(each))} {each}" for each in Outcome if result.having(each))
    rows = [("targets", counts or "none"), ("wall time", figures.seconds(result.seconds))]
    if result.efficiency is not None:
        rows.append(
            (
                "efficiency",
                f"{result.efficiency:.0%}: {figures.seconds(result.busy)} of builds, {result.jobs} at once; no order takes less"
                f" than {figures.seconds(result.bound)}",
            )
        )
    if len(result.critical) > 1:
        rows.append(("critical path", " → ".join(result.critical)))
    if result.hit_rate is not None:
        steps = sum(each.log.cacheable_steps for each in result.having(Outcome.BUILT) if each.log)
        timed = f", {result.hit_rate_by_time:.0%} of their time" if result.hit_rate_by_time is not None else ""
        rows.append(("cache hits", f"{result.hit_rate:.0%} of {steps} steps{timed}"))
    if result.peak_memory:
        rows.append(("peak memory", f"{figures.size(result.peak_memory)} above the start, by everything on this machine"))
    return rows


def explained_view(graph: Graph, reasons: Mapping[str, Reach]) -> RenderableType:
    """For each target whether it is in, and why."""
    table = Table(box=None, pad_edge=False)
    table.add_column("target", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("why", overflow="fold")
    for name in graph.targets:
        reach = reasons[name]
        mark = Text("built", "green") if reach.affected else Text("left out", "dim")
        table.add_row(name, mark, Text("\n".join(reach.reasons) or "no file that it reads changed, and nothing else of it"))
    return table


def done_data(each: Done) -> dict[str, object]:
    """One target's end as JSON."""
    log = each.log
    return {
        "target": each.name,
        "outcome": str(each.outcome),
        "reason": each.reason or None,
        "builder": each.builder or None,
        "begins": round(each.begins, 3),
        "seconds": round(each.seconds, 3),
        "attempts": each.attempts,
        "cacheable_steps": log.cacheable_steps if log else None,
        "cached_steps": log.cached_steps if log else None,
        "context_bytes": log.context_bytes if log else None,
        "pulled_bytes": log.pulled_bytes if log else None,
        "first_missed_step": each.missed or None,
        "cause": each.cause or None,
        "image": each.image or None,
        "image_bytes": each.image_bytes,
        "layers": each.layers,
        "log": str(each.log_path) if each.log_path else None,
    }


def result_data(result: RunResult, reasons: Mapping[str, Reach]) -> dict[str, object]:
    """`trimtab build --format json`: the last line."""
    return {
        "schema": "trimtab.build/1",
        "run": result.run,
        "seconds": round(result.seconds, 3),
        "busy_seconds": round(result.busy, 3),
        "bound_seconds": round(result.bound, 3),
        "jobs": result.jobs,
        "efficiency": result.efficiency,
        "cache_hit_rate": result.hit_rate,
        "cache_hit_rate_by_time": result.hit_rate_by_time,
        "peak_memory_bytes": result.peak_memory,
        "critical_path": list(result.critical),
        "interrupted": result.interrupted,
        "targets": [
            {**done_data(each), "affected_by": list(reasons[each.name].reasons) if each.name in reasons else None}
            for each in result.done
        ],
    }


def build_page(result: RunResult, reasons: Mapping[str, Reach]) -> str:
    """The run on one page that needs nothing from anywhere else: who was built when, and what each build spent its time on."""
    shown = sorted((each for each in result.done if each.seconds), key=lambda each: each.begins)
    others = [(each.name, str(each.outcome), why(each, reasons.get(each.name))) for each in result.done if not each.seconds]
    return render(
        "build.html",
        rows=[_row(each, result, reasons.get(each.name)) for each in shown], others=others, totals=totals(result),
        seconds=figures.seconds(result.seconds), run=result.run,
    )  # fmt: skip


def _row(each: Done, result: RunResult, reach: Reach | None) -> Row:
    scale = 100 / max(result.seconds, 0.001)
    start = each.started - each.begins
    steps = [step for step in (each.log.steps if each.log else ()) if step.started and (step.seconds > 0 or step.cached)]
    bars = [
        Bar(
            # A step that is shared with another build carries that one's time.
            max(each.begins, step.started - start) * scale, step.seconds * scale, step.cached, bool(step.error),
            step_text(step.label, step.seconds, cached=step.cached),
        )
        for step in steps
    ]  # fmt: skip
    text = f"{figures.seconds(each.seconds)}  {why(each, reach)}"
    critical = each.name in result.critical
    return Row(each.name, critical, str(each.outcome), each.begins * scale, each.seconds * scale, text, bars)


def problem_lines(graph: Graph) -> list[str]:
    """What is wrong with the graph, for people; markup escaped."""
    found = [escape(problem) for problem in graph.problems]
    if graph.left_out:
        names = ", ".join(escape(path) for path in graph.left_out[:4]) + (" …" if len(graph.left_out) > 4 else "")
        found.append(f"left out, because no compose or bake file names them: {names}. `--all` builds them, too.")
    return found


def audit_data(audit: Audit, revision: str) -> Mapping[str, object]:
    """`trimtab build --audit --format json`."""
    return {
        "schema": "trimtab.audit/1",
        "revision": revision,
        "missed": list(audit.missed),
        "needless": list(audit.needless),
        "not_built": list(audit.unknown),
        "affected": [name for name, reach in audit.reasons.items() if reach.affected],
    }


def audit_view(audit: Audit) -> RenderableType:
    """Each target: whether its image is another one, what was expected, and where the two differ."""
    table = Table(box=None, pad_edge=False)
    for column in ("target", "image", "expected", ""):
        table.add_column(column, no_wrap=True)
    for name, reach in audit.reasons.items():
        image = "not built" if name in audit.unknown else "another one" if audit.differs[name] else "the same"
        mark = "[bold red]missed[/]" if name in audit.missed else "[dim]needless[/]" if name in audit.needless else ""
        table.add_row(escape(name), image, "affected" if reach.affected else "left out", mark)
    return table
