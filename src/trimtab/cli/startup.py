"""`trimtab startup`."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import Parameter
from platformdirs import user_cache_path

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, FINDINGS
from trimtab.cli.options import Common, Loaded, Paths, load, show
from trimtab.cli.projects import readable_projects
from trimtab.cli.settle import Applied, apply_wants
from trimtab.docker import ProcessRunner, engine_version
from trimtab.errors import CommandFailed, UsageError
from trimtab.fleet import ComposeProject
from trimtab.fleet.compose.apply import settle
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.startup import droppable, faster_checks, predict, wants
from trimtab.history import new_run
from trimtab.report.startup import ProjectStart, startup_data, startup_page, startup_view
from trimtab.verify import clean_up
from trimtab.verify.starting import measure_start


def startup(
    paths: Paths = (),
    /,
    *,
    boot: Annotated[tuple[str, ...], Parameter(negative="", help="A measured boot time: `db=3.5`, in seconds.")] = (),
    prove: Annotated[bool, Parameter(negative="", help="Start each project before and after, and measure it.")] = False,
    repeats: Annotated[int, Parameter(help="Interleaved pairs that are measured.")] = 2,
    page: Annotated[Path | None, Parameter(help="Draw it as an HTML page, too.")] = None,
    apply: Annotated[bool, Parameter(negative="", help="Write the proposal into the compose files.")] = False,
    allow_dirty: Annotated[bool, Parameter(negative="", help="Change files with uncommitted changes, too.")] = False,
    common: Common | None = None,
) -> int:
    """Say how long each compose project takes to start, which chain decides it, what quicker probes would save, and what
    one dependency less.

    The times are predicted from who waits for whom and from the health checks; `--prove` starts the projects, and what is then
    seen to be no faster is not written. Exits with 1 when something could be saved and was not written, or when a project that
    was to be started does not start.
    """
    common = common or Common()
    loaded = load(paths, common)
    boots = _boots(boot)
    plans: list[ProjectStart] = []
    projects, whole = readable_projects(loaded.fleet, common)
    for project in projects:
        facts = ComposeFacts(loaded.fleet, project)
        quicker = faster_checks(facts)
        edges = droppable(facts, boots)
        plans.append(ProjectStart(project.files, predict(facts, boots), predict(facts, boots, quicker), edges=edges))
    if prove:
        plans = anyio.run(_proven, loaded, projects, common, plans, repeats)
    applied = Applied()
    if apply:
        for project in (project for project, plan in zip(projects, plans, strict=True) if plan.may_be_written):
            found = wants(ComposeFacts(loaded.fleet, project))
            applied = applied.joined(apply_wants(loaded, project, found, allow_dirty=allow_dirty))
    if page is not None:
        _write_page(page, startup_page(plans, boots))
    show(
        common,
        lambda: startup_data(plans, applied.written, applied.refused),
        lambda: startup_view(plans, boots, applied.written, applied.refused),
    )
    saves = any(plan.before.seconds - plan.after.seconds > 0.5 for plan in plans)
    if not whole:
        return COULD_NOT_RUN
    held_back = any(not plan.may_be_written for plan in plans)
    return FINDINGS if held_back or (saves and not apply) else CLEAN


def _write_page(path: Path, text: str) -> None:
    """Write the page.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"`{path}` cannot be written: {error.strerror or error}.") from error


def _boots(given: tuple[str, ...]) -> Mapping[str, float]:
    """Boot times by service.

    Raises:
        UsageError: one is no number of seconds.
    """
    found: dict[str, float] = {}
    for each in given:
        name, _, seconds = each.partition("=")
        try:
            found[name] = float(seconds)
        except ValueError as error:
            raise UsageError(f"`--boot {each}` is no `SERVICE=SECONDS`, such as `--boot db=3.5`.") from error
    return found


async def _proven(
    loaded: Loaded, projects: Sequence[ComposeProject], common: Common, plans: list[ProjectStart], repeats: int
) -> list[ProjectStart]:
    runner = ProcessRunner()
    await engine_version(runner)
    found: list[ProjectStart] = []
    for project, plan in zip(projects, plans, strict=True):
        facts = ComposeFacts(loaded.fleet, project)
        settled = settle(loaded.fleet, project, wants(facts))
        run = new_run()
        folder = user_cache_path("trimtab") / "staging" / run
        folder.mkdir(parents=True)
        measured, problem = None, ""
        try:
            if not common.quiet:
                common.messages.print(f"starting {', '.join(project.files)} {2 * repeats} times", markup=False)
            measured = await measure_start(runner, loaded.root, folder, run, project.files, settled.texts, repeats)
        except CommandFailed as error:
            problem = str(error)
        finally:
            with anyio.CancelScope(shield=True):
                await clean_up(runner, run)
            shutil.rmtree(folder, ignore_errors=True)
        found.append(replace(plan, measured=measured, problem=problem))
    return found
