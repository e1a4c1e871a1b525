"""`trimtab startup`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, FINDINGS
from trimtab.cli.options import Common, Paths, load, show
from trimtab.cli.projects import readable_projects
from trimtab.cli.settle import Applied, apply_wants
from trimtab.cli.starting import start_each
from trimtab.errors import UsageError
from trimtab.fleet.compose.apply import settle
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.startup import droppable, faster_checks, predict, wants
from trimtab.report.startup import ProjectStart, startup_data, startup_page, startup_view


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
    projects, whole = readable_projects(loaded, common)
    for project in projects:
        facts = ComposeFacts(loaded.fleet, project)
        quicker = faster_checks(facts)
        edges = droppable(facts, boots)
        plans.append(ProjectStart(project.files, predict(facts, boots), predict(facts, boots, quicker), edges=edges))
    if prove:
        texts = [settle(loaded.fleet, each, wants(ComposeFacts(loaded.fleet, each))).texts for each in projects]
        started = start_each(loaded, list(zip(projects, texts, strict=True)), repeats, common)
        plans = [replace(plan, measured=one.measured, problem=one.problem) for plan, one in zip(plans, started, strict=True)]
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
