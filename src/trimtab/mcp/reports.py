"""The reports that trimtab keeps beside the history, as resources; all work trees of a repository share them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mcp_types as types

from trimtab.errors import UsageError
from trimtab.history import history_folder
from trimtab.mcp.project import Project

_LATEST = "trimtab://latest/"
_RUN = "trimtab://runs/"
_URI = re.compile(r"trimtab://(?:latest|runs/(?P<run>[A-Za-z0-9][\w.-]*))/(?P<name>[A-Za-z0-9][\w-]*\.(?:json|html))")
_TYPES = {".json": "application/json", ".html": "text/html"}
_ABOUT = {
    "evidence.json": "What the latest `optimize` has proven, and what it rejected and why",
    "evidence.html": "The same as a page for people",
    "build.html": "The latest build's waterfall, a page for people",
    "scan.json": "What the latest scan found",
}
_MOST = 32 * 1024 * 1024


@dataclass(frozen=True)
class Report:
    """A file that a run has left."""

    run: str
    name: str
    path: Path
    written: float
    size: int


def templates() -> list[types.ResourceTemplate]:
    """How reports of earlier runs are named."""
    return [
        types.ResourceTemplate(
            name="run", title="A report of one run", uri_template=f"{_RUN}{{run}}/{{name}}",
            description="`run` is a run's id, as results and `trimtab history` tell it.",
        )
    ]  # fmt: skip


def listed(project: Project) -> list[types.Resource]:
    """The latest report of each name."""
    return [
        types.Resource(
            name=report.name, uri=f"{_LATEST}{name}", mime_type=_TYPES[report.path.suffix], size=report.size,
            description=f"{_ABOUT.get(name, 'A report')} (run {report.run})",
        )
        for name, report in sorted(_latest(project).items())
    ]  # fmt: skip


def read(project: Project, uri: str) -> tuple[str, str]:
    """A report's text and its type.

    Raises:
        UsageError: there is no such report, or it leads out of the folder of reports.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise UsageError(f"`{uri}` is no report; they are `{_LATEST}NAME` and `{_RUN}RUN/NAME`.")
    name, run = match["name"], match["run"]
    found = (
        _latest(project).get(name) if run is None else next((r for r in _all(project) if (r.run, r.name) == (run, name)), None)
    )
    if found is None:
        raise UsageError(f"There is no report `{uri}` yet.")
    if found.size > _MOST:
        raise UsageError(f"`{uri}` has {found.size} bytes, which is too much for a client; it is `{found.path}`.")
    try:
        return found.path.read_text(encoding="utf-8", errors="replace"), _TYPES[found.path.suffix]
    except OSError as error:
        raise UsageError(f"`{uri}` cannot be read: {error.strerror or error}.") from error


def _latest(project: Project) -> dict[str, Report]:
    return {report.name: report for report in sorted(_all(project), key=lambda report: report.written)}


def _all(project: Project) -> Iterator[Report]:
    """Every report; links are nobody's report."""
    folder = history_folder(project.root) / "runs"
    if folder.resolve() != folder:
        return
    for path in folder.glob("*/*"):
        if path.suffix in _TYPES and not path.is_symlink() and not path.parent.is_symlink() and path.is_file():
            known = path.stat()
            yield Report(path.parent.name, path.name, path, known.st_mtime, known.st_size)
