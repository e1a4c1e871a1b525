"""How a compose project starts: data, tables and a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from trimtab.fleet.compose.startup import ASSUMED_BOOT, Edge, Startup
from trimtab.report import evidence as told
from trimtab.report import figures
from trimtab.report.charts import Start
from trimtab.report.pages import render
from trimtab.verify import Measurement


@dataclass(frozen=True)
class ProjectStart:
    """One project's start as it is and as it could be."""

    files: tuple[str, ...]
    before: Startup
    after: Startup
    measured: Measurement | None = None
    edges: tuple[Edge, ...] = ()
    """The dependencies without which it would take less."""
    problem: str = ""
    """Why it could not be started, where it was to be."""

    @property
    def may_be_written(self) -> bool:
        """Whether nothing that was seen speaks against the proposal."""
        slower = self.measured is not None and self.measured.after >= self.measured.before
        return not self.problem and not slower


def startup_page(plans: Sequence[ProjectStart], boots: Mapping[str, float]) -> str:
    """The starts drawn on one page that needs nothing from anywhere else: who waits for whom, and for how long."""
    return render(
        "startup.html",
        told=told,
        edge_line=edge_line,
        plans=[(plan, _rows(plan)) for plan in plans],
        boots=boots,
        assumed=ASSUMED_BOOT,
    )


def _rows(plan: ProjectStart) -> list[Start]:
    longest = max(plan.before.seconds, plan.after.seconds, 0.1)
    path = plan.before.critical_path
    rows: list[Start] = []
    for name, timing in sorted(plan.before.timings.items(), key=lambda pair: (pair[1].ready, pair[0])):
        after = plan.after.timings[name]
        text = f"{timing.ready:.1f} → {after.ready:.1f} s" + (f", after {timing.waits_for}" if timing.waits_for else "")
        scale = 100 / longest
        rows.append(
            Start(
                name,
                name in path,
                timing.starts * scale,
                (timing.ready - timing.starts) * scale,
                after.starts * scale,
                (after.ready - after.starts) * scale,
                text,
            )
        )
    return rows


def edge_line(edge: Edge) -> str:
    """What one dependency costs, in a sentence."""
    saves = f"{edge.saves:.1f} s less as it is, {edge.saves_after:.1f} s less with quicker probes"
    tries = f"{edge.waits_itself}, so it may do without" if edge.waits_itself else "nothing shows that it tries again by itself"
    return f"if {edge.service} did not wait for {edge.other}: {saves}; {tries}"


def startup_data(plans: Sequence[ProjectStart], written: Sequence[str], refused: Sequence[str]) -> dict[str, object]:
    """`trimtab startup --format json`."""
    return {
        "schema": "trimtab.startup/1",
        "projects": [
            {
                "files": list(plan.files),
                "predicted": {"before": round(plan.before.seconds, 1), "after": round(plan.after.seconds, 1)},
                "measured": [[pair.before, pair.after] for pair in plan.measured.pairs] if plan.measured else None,
                "problem": plan.problem or None,
                "edges": [
                    {
                        "service": edge.service,
                        "waits_for": edge.other,
                        "saves": {"before": round(edge.saves, 1), "after": round(edge.saves_after, 1)},
                        "waits_itself": edge.waits_itself,
                    }
                    for edge in plan.edges
                ],
                "critical_path": list(plan.before.critical_path),
                "circular": list(plan.before.circular),
                "services": [
                    {
                        "service": name,
                        "starts": round(timing.starts, 1),
                        "ready": round(timing.ready, 1),
                        "waits_for": timing.waits_for,
                        "slack": round(timing.slack, 1),
                        "ready_after": round(plan.after.timings[name].ready, 1),
                    }
                    for name, timing in plan.before.timings.items()
                ],
            }
            for plan in plans
        ],
        "written": list(written),
        "refused": list(refused),
    }


def startup_view(
    plans: Sequence[ProjectStart], boots: Mapping[str, float], written: Sequence[str], refused: Sequence[str]
) -> RenderableType:
    """The tables of `trimtab startup`."""
    parts: list[RenderableType] = []
    for plan in plans:
        path = plan.before.critical_path
        table = Table(title=", ".join(plan.files), title_justify="left", box=None, pad_edge=False)
        for column in ("service", "starts", "ready", "then ready", "slack", "waits for"):
            table.add_column(column, justify="left" if column in {"service", "waits for"} else "right", no_wrap=True)
        for name, timing in sorted(plan.before.timings.items(), key=lambda pair: pair[1].ready):
            mark = "bold" if name in path else ""
            after = plan.after.timings[name].ready
            table.add_row(
                name, f"{timing.starts:.1f} s", f"{timing.ready:.1f} s", f"{after:.1f} s", f"{timing.slack:.1f} s",
                timing.waits_for or "", style=mark,
            )  # fmt: skip
        parts += [table, escape(f"critical path: {' → '.join(path)}")]
        change = figures.percent(plan.before.seconds, plan.after.seconds)
        parts.append(
            f"predicted: {plan.before.seconds:.1f} s → {plan.after.seconds:.1f} s ({change}) with a probe every second"
        )
        if plan.measured:
            parts.append(f"measured: {told.times(plan.measured)}, {len(plan.measured.pairs)} pairs")
        parts += [escape(f"  {edge_line(edge)}") for edge in plan.edges]
        parts += [f"[red]could not be started:[/red] {escape(plan.problem)}"] if plan.problem else []
        parts += [f"[red]never starts, because it waits for itself:[/red] {escape(name)}" for name in plan.before.circular]
        parts.append("")
    known = ", ".join(f"{name} {seconds:g} s" for name, seconds in boots.items())
    parts.append(f"boot times: {known + '; ' if known else ''}assumed to be {ASSUMED_BOOT:g} s where not given by `--boot`")
    parts += [f"written: {escape(path)}" for path in written]
    parts += [f"[yellow]left alone[/yellow]: {escape(reason)}" for reason in refused]
    return Group(*parts)
