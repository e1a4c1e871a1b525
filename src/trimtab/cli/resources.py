"""`trimtab resources`."""

import posixpath
import time
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import Parameter

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, FINDINGS, INTERRUPTED
from trimtab.cli.live import interruptible
from trimtab.cli.options import Common, Loaded, Paths, check_format, length_of_time, load, show
from trimtab.cli.projects import readable_projects
from trimtab.cli.settle import Applied, apply_wants, refuse_dirty_wants
from trimtab.docker import Runner
from trimtab.docker.api import Api
from trimtab.docker.containers import Containers
from trimtab.docker.engine_socket import engine_runner
from trimtab.fleet import ComposeProject
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.sizes import byte_size
from trimtab.fleet.told_apart import project_name
from trimtab.history import history_folder, opened
from trimtab.history.usage import Subject, Usage
from trimtab.observe.evidence import WINDOW
from trimtab.observe.live import Changed, Trial, changes_for
from trimtab.observe.proposals import sized
from trimtab.report.resources import ProjectSizes, sizes_data, sizes_view


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Doing:
    """What is done with the proposals."""

    apply: Annotated[bool, Parameter(negative="", help="Write what is missing, and what was observed to be wrong.")] = False
    allow_dirty: Annotated[bool, Parameter(negative="", help="Change files with uncommitted changes, too.")] = False
    live: Annotated[
        bool, Parameter(negative="", help="Change running containers first, and take back what does them harm.")
    ] = False
    watch: Annotated[str, Parameter(help="How long changed containers are watched.")] = "10m"


def resources(paths: Paths = (), /, *, doing: Doing | None = None, common: Common | None = None) -> int:
    """Propose memory and CPU limits for every service, with all of them together against the host's memory.

    Where `trimtab observe` has seen enough, sizes are made from what was used, with the evidence and how far to trust it.
    Elsewhere they are defaults by the kind of service, and are called that; a limit that is there is then not changed. `--live`
    changes limits of running containers, watches, and takes back what does harm; with `--apply` only what was kept is written.
    Exits with 1 when something was to be changed and was not, or was taken back.
    """
    common, doing = common or Common(), doing or Doing()
    check_format(common)
    seconds = length_of_time("--watch", doing.watch)
    loaded = load(paths, common)
    host = byte_size(loaded.config.host_memory)
    projects, whole = readable_projects(loaded, common)
    plans = [_sizes(loaded, project, host) for project in projects]
    applied, changed, ended = Applied(), list[Changed](), True
    if doing.apply:
        # Before anything runs differently, and before the first of several files is written.
        asked = [(plan.project, [want for each in plan.sizes for want in each.wants]) for plan in plans]
        refuse_dirty_wants(loaded, asked, allow_dirty=doing.allow_dirty)
    if doing.live:
        changed, ended = anyio.run(_live, plans, seconds, common)
    if doing.apply and ended:
        harmed = {(each.change.project, each.change.service) for each in changed if not each.kept}
        for plan in plans:
            wants = [want for each in plan.sizes if (plan.name, each.service.name) not in harmed for want in each.wants]
            applied = applied.joined(apply_wants(loaded, plan.project, wants, allow_dirty=doing.allow_dirty))
    show(
        common,
        lambda: {**sizes_data(plans, host, changed), "written": list(applied.written), "refused": list(applied.refused)},
        lambda: sizes_view(plans, host, changed, applied.written, applied.refused),
    )
    if not ended:
        return INTERRUPTED
    if not whole:
        return COULD_NOT_RUN
    return CLEAN if _is_done(plans, doing, applied, changed) else FINDINGS


def _is_done(plans: Sequence[ProjectSizes], doing: Doing, applied: Applied, changed: Sequence[Changed]) -> bool:
    missing = any(each.wants for plan in plans for each in plan.sizes)
    return not missing or (doing.apply and not applied.refused and all(each.kept for each in changed))


def _sizes(loaded: Loaded, project: ComposeProject, host: int | None) -> ProjectSizes:
    """A project's proposals, with what was observed of it."""
    folder = loaded.root / posixpath.dirname(project.files[0])
    others = {project_name(each, loaded.root.name) for each in loaded.fleet.projects if each is not project}
    name, rows = _observed(folder, project_name(project, loaded.root.name), others)
    return ProjectSizes(project, name, tuple(sized(ComposeFacts(loaded.fleet, project), rows, host)))


def _observed(folder: Path, own: str, others: Set[str]) -> tuple[str, list[tuple[Subject, Usage]]]:
    """The name under which a project was observed last, empty where it was not, and what was seen of it.

    One that runs by another name than its files' has that of whatever was observed, unless it is another project's.
    """
    if not (history_folder(folder) / "history.db").is_file():
        return "", []
    with opened(folder) as store:
        names = store.usage.projects()
        name = own if own in names else next((each for each in names if each not in others), None)
        return (name, store.usage.rows(name, time.time() - WINDOW)) if name else ("", [])


async def _live(plans: Sequence[ProjectSizes], seconds: float, common: Common) -> tuple[list[Changed], bool]:
    """What became of changes to running containers, and whether they were watched to the end."""
    runner = await engine_runner()
    results: list[Changed] = []

    async def whole() -> bool:
        for plan in plans:
            await _tried(runner, plan, seconds, common, results)
        return True

    return results, await interruptible(whole) is not None


async def _tried(
    runner: Runner, plan: ProjectSizes, seconds: float, common: Common, results: list[Changed]
) -> None:  # fmt: skip
    wanted = {each.service.name: each.after for each in plan.sizes if each.advice is not None and each.wants}
    if not wanted:
        return

    def told(text: str) -> None:
        if not common.quiet:
            common.messages.print(text, markup=False, soft_wrap=True)

    changes, left = await changes_for(Containers(Api(runner)), plan.name, wanted)
    for line in left:
        told(line)
    trial = Trial(runner, plan.name, told)
    try:
        await trial.run(changes, seconds)
    finally:
        results += trial.results
