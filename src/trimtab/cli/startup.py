"""`trimtab startup`."""

import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import anyio
from cyclopts import Parameter
from platformdirs import user_cache_path
from rich.console import Group, RenderableType
from rich.table import Table

from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.options import Common, Loaded, Paths, load, show
from trimtab.cli.settle import Applied, apply_wants
from trimtab.docker import ProcessRunner, engine_version
from trimtab.fleet import ComposeProject
from trimtab.fleet.compose.apply import settle
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.startup import ASSUMED_BOOT, Startup, faster_checks, predict, wants
from trimtab.report import figures
from trimtab.verify import Measurement, clean_up
from trimtab.verify.starting import measure_start


@dataclass(frozen=True)
class _Plan:
    project: ComposeProject
    before: Startup
    after: Startup
    measured: Measurement | None = None


def startup(
    paths: Paths = (),
    /,
    *,
    boot: Annotated[tuple[str, ...], Parameter(negative="", help="A measured boot time: `db=3.5`, in seconds.")] = (),
    prove: Annotated[bool, Parameter(negative="", help="Start each project before and after, and measure it.")] = False,
    repeats: Annotated[int, Parameter(help="Interleaved pairs that are measured.")] = 2,
    apply: Annotated[bool, Parameter(negative="", help="Write the proposal into the compose files.")] = False,
    allow_dirty: Annotated[bool, Parameter(negative="", help="Change files with uncommitted changes, too.")] = False,
    common: Common | None = None,
) -> int:
    """Say how long each compose project takes to start, which chain decides it, and what quicker probes would save.

    The times are predicted from who waits for whom and from the health checks; `--prove` starts the projects. Exits with 1 when
    something could be saved and was not written.
    """
    common = common or Common()
    loaded = load(paths, common)
    boots = _boots(boot)
    plans: list[_Plan] = []
    for project in loaded.fleet.projects:
        facts = ComposeFacts(loaded.fleet, project)
        plans.append(_Plan(project, predict(facts, boots), predict(facts, boots, faster_checks(facts))))
    if prove:
        plans = anyio.run(_proven, loaded, common, plans, repeats)
    applied = Applied()
    if apply:
        for plan in plans:
            found = wants(ComposeFacts(loaded.fleet, plan.project))
            applied = applied.joined(apply_wants(loaded, plan.project, found, allow_dirty=allow_dirty))
    show(common, lambda: _data(plans, applied), lambda: _view(plans, boots, applied))
    saves = any(plan.before.seconds - plan.after.seconds > 0.5 for plan in plans)
    return FINDINGS if saves and not apply else CLEAN


def _boots(given: tuple[str, ...]) -> Mapping[str, float]:
    pairs = (each.partition("=") for each in given)
    return {name: float(seconds) for name, _, seconds in pairs}


async def _proven(loaded: Loaded, common: Common, plans: list[_Plan], repeats: int) -> list[_Plan]:
    runner = ProcessRunner()
    await engine_version(runner)
    found: list[_Plan] = []
    for plan in plans:
        facts = ComposeFacts(loaded.fleet, plan.project)
        settled = settle(loaded.fleet, plan.project, wants(facts))
        run = f"{secrets.token_hex(4)}-{os.getpid()}"
        folder = user_cache_path("trimtab") / "staging" / run
        folder.mkdir(parents=True)
        try:
            if not common.quiet:
                common.messages.print(f"starting {', '.join(plan.project.files)} {2 * repeats} times", markup=False)
            measured = await measure_start(
                runner, loaded.root, folder, run, plan.project.files, settled.texts, repeats
            )  # fmt: skip
        finally:
            with anyio.CancelScope(shield=True):
                await clean_up(runner, run)
            shutil.rmtree(folder, ignore_errors=True)
        found.append(_Plan(plan.project, plan.before, plan.after, measured))
    return found


def _data(plans: list[_Plan], applied: Applied) -> dict[str, object]:
    return {
        "schema": "trimtab.startup/1",
        "projects": [
            {
                "files": list(plan.project.files),
                "predicted": {"before": round(plan.before.seconds, 1), "after": round(plan.after.seconds, 1)},
                "measured": [[pair.before, pair.after] for pair in plan.measured.pairs] if plan.measured else None,
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
        "written": list(applied.written),
        "refused": list(applied.refused),
    }


def _view(plans: list[_Plan], boots: Mapping[str, float], applied: Applied) -> RenderableType:
    parts: list[RenderableType] = []
    for plan in plans:
        path = plan.before.critical_path
        table = Table(title=", ".join(plan.project.files), title_justify="left", box=None, pad_edge=False)
        for column in ("service", "starts", "ready", "then ready", "slack", "waits for"):
            table.add_column(column, justify="left" if column in {"service", "waits for"} else "right", no_wrap=True)
        for name, timing in sorted(plan.before.timings.items(), key=lambda pair: pair[1].ready):
            mark = "bold" if name in path else ""
            after = plan.after.timings[name].ready
            table.add_row(
                name, f"{timing.starts:.1f} s", f"{timing.ready:.1f} s", f"{after:.1f} s", f"{timing.slack:.1f} s",
                timing.waits_for or "", style=mark,
            )  # fmt: skip
        parts += [table, f"critical path: {' → '.join(path)}"]
        change = figures.percent(plan.before.seconds, plan.after.seconds)
        parts.append(
            f"predicted: {plan.before.seconds:.1f} s → {plan.after.seconds:.1f} s ({change}) with a probe every second"
        )
        if plan.measured:
            parts.append(f"measured: {figures.times(plan.measured)}, {len(plan.measured.pairs)} pairs")
        parts += [f"[red]never starts, because it waits for itself:[/red] {name}" for name in plan.before.circular]
        parts.append("")
    known = ", ".join(f"{name} {seconds:g} s" for name, seconds in boots.items())
    parts.append(f"boot times: {known + '; ' if known else ''}assumed to be {ASSUMED_BOOT:g} s where not given by `--boot`")
    parts += [f"written: {path}" for path in applied.written]
    parts += [f"[yellow]left alone[/yellow]: {reason}" for reason in applied.refused]
    return Group(*parts)
