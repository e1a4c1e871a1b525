"""`trimtab alerts`."""

from pathlib import Path, PurePosixPath
from typing import Annotated

from cyclopts import Parameter

from trimtab.build import Wanted, build_graph
from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.deploying import Stack, find_stack
from trimtab.cli.fix import write
from trimtab.cli.options import Common, Paths, check_format, show
from trimtab.cli.scan import image_targets
from trimtab.deploy.written import Outcome, generated, mark, sealed
from trimtab.errors import UsageError
from trimtab.fleet import Fleet
from trimtab.fleet.compose.facts import ComposeFacts, replicas
from trimtab.fleet.told_apart import project_name
from trimtab.observe.alert_files import alert_files, hands_on_mounts
from trimtab.observe.rules import Watched
from trimtab.report.alerts import alerts_data, alerts_view
from trimtab.scan.result import SOURCE_TREE


def alerts(
    paths: Paths = (),
    /,
    *,
    output_dir: Annotated[Path, Parameter(help="Where they are written.")] = Path("monitoring"),
    project: Annotated[str, Parameter(help="The name that the compose project runs under, where it is another.")] = "",
    force: Annotated[bool, Parameter(negative="", help="Replace files that somebody has written or edited, too.")] = False,
    common: Common | None = None,
) -> int:
    """Write alert rules for Prometheus with their tests, a dashboard for Grafana, and compose and configuration to run them.

    The rules are for this fleet: its project, its services, and what its gates allow. `promtool test rules` shows that each
    fires when it should and does not when it should not. A file that somebody has written or edited stays, and is named; then
    it exits with 1.
    """
    common = common or Common()
    check_format(common)
    watched = _watched(find_stack(paths, common), project)
    files = [
        generated(output_dir / name, sealed(text), force=force)
        for name, text in alert_files(watched, mark("alerts"), propagates=_hands_on_mounts()).items()
    ]  # fmt: skip
    write(output_dir, {each.path.relative_to(output_dir).as_posix(): each.text for each in files if each.is_written})
    show(common, lambda: alerts_data(watched.project, files), lambda: alerts_view(watched.project, files))
    return FINDINGS if any(each.outcome is Outcome.LEFT for each in files) else CLEAN


def _watched(stack: Stack, named: str) -> Watched:
    """What of the fleet is watched.

    Raises:
        UsageError: the files that are named are no project together.
    """
    loaded = stack.loaded
    projects = [each for each in loaded.fleet.projects if {str(loaded.root / file) for file in each.files} == set(stack.files)]
    if not projects:
        raise UsageError(f"`{' '.join(stack.files)}` is no compose project of this fleet.")
    facts, gate = ComposeFacts(loaded.fleet, projects[0]), loaded.config.gate
    services = tuple(each.name for each in facts.deployed if not each.profiles and replicas(each))
    name = named or project_name(projects[0], stack.folder.name)
    graph = build_graph(loaded.fleet, loaded.root.name, Wanted())
    # Not those of other projects: what is written here is one, and would change what is written the next time.
    mine = {each.name for each in facts.deployed}
    images = {each.reference for each in image_targets(loaded.fleet, graph) if mine & {*each.services}}
    scanned = (SOURCE_TREE, *sorted(images | _folders(loaded.fleet)))
    jobs = tuple(each.name for each in projects[0].services if facts.is_job(each))
    return Watched(
        name, services, frozenset(gate.critical), jobs, tuple(sorted(graph.targets)), scanned, gate.scan_days, gate.max_critical
    )  # fmt: skip


def _hands_on_mounts() -> bool:
    """Of this machine, where it is one that tells; of another, on which the engine is, nothing is known."""
    try:
        return hands_on_mounts(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return True


def _folders(fleet: Fleet) -> set[str]:
    """The folders that a scan of a part may be of (`--target`): those that lead to what is built."""
    return {folder.as_posix() for file in fleet.files for folder in PurePosixPath(file.path).parents if folder.name}
