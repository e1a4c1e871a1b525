"""`trimtab alerts`."""

import re
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.deploying import Stack, find_stack
from trimtab.cli.options import Common, Paths, check_format, show
from trimtab.deploy.written import Outcome, mark, outcome_of, sealed
from trimtab.errors import UsageError
from trimtab.fleet import ComposeProject
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.observe.alert_files import alert_files
from trimtab.observe.rules import Watched
from trimtab.report.alerts import WrittenFile, alerts_data, alerts_view
from trimtab.rewrite.write import WriteError, write_file


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
        _placed(output_dir / name, sealed(text), force=force)
        for name, text in alert_files(watched, mark("alerts")).items()
    ]  # fmt: skip
    for each in files:
        if each.is_written:
            _write(each)
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
    services = tuple(each.name for each in facts.deployed if not each.profiles)
    name = named or _name(stack.folder, projects[0])
    return Watched(name, services, frozenset(gate.critical), gate.scan_days, gate.max_critical)


def _name(folder: Path, project: ComposeProject) -> str:
    """The name that compose gives to a project that has none: its folder's, in what a name may have of it."""
    return project.name or re.sub(r"[^a-z0-9_-]", "", folder.resolve().name.lower()).lstrip("_-") or "default"


def _placed(path: Path, text: str, *, force: bool) -> WrittenFile:
    try:
        current = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else None
    except OSError as error:
        raise UsageError(f"`{path}` cannot be read: {error.strerror or error}.") from error
    return WrittenFile(path, text, current, outcome_of(current, text, force=force))


def _write(file: WrittenFile) -> None:
    try:
        write_file(file.path, file.text)
    except WriteError as error:
        raise UsageError(str(error)) from error
