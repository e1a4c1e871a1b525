"""What roles of the same run have left, read from the run's folder: it is there after a resumption, too."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from trimtab.crew.model import Brief, Report, Role
from trimtab.crew.render import report_markdown
from trimtab.errors import StateError
from trimtab.fleet.plain import mapping
from trimtab.rewrite import WriteError, write_file

_REPORT = TypeAdapter(Report)


def before(brief: Brief, role: Role, step: str) -> object | None:
    """The result of another role's step; None where there is none that can be read."""
    try:
        return json.loads((brief.role_folder(role) / f"{step}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def keep(brief: Brief, report: Report) -> None:
    """Put a role's report into its folder, as JSON and as a page.

    Raises:
        StateError: it cannot be written.
    """
    folder = brief.role_folder(report.role)
    write_whole(folder / "report.md", report_markdown(report))
    write_whole(folder / "report.json", _REPORT.dump_json(report, indent=2).decode())


def report_data(report: Report) -> dict[str, object]:
    """A report for programs; each claim with the place that it was read from."""
    return {"schema": "trimtab.report-of-role/1", **_REPORT.dump_python(report, mode="json")}


def artefacts(brief: Brief, role: Role) -> Sequence[str]:
    """Every file that a role has left, its report first, counted from the run's folder.

    A step that keeps a run of its own, such as a proof with its evidence, has that run's files listed behind its result.
    """
    found: list[str] = []
    for path in sorted(each for each in brief.role_folder(role).rglob("*") if each.is_file()):
        found.append(path.relative_to(brief.folder).as_posix())
        own = _own_run(path) if path.suffix == ".json" and path.name != "report.json" else ""
        kept = brief.folder.parent / own
        if own and own != brief.run and kept.is_dir():
            found += [f"../{own}/{each.name}" for each in sorted(kept.iterdir()) if each.is_file()]
    return sorted(found, key=lambda name: not name.endswith("/report.md"))


_RUN = re.compile(r"[A-Za-z0-9][\w.-]*")


def _own_run(path: Path) -> str:
    """The run that a step's result belongs to, empty where it names none."""
    try:
        run = mapping(json.loads(path.read_bytes())).get("run")
    except (OSError, ValueError):
        return ""
    return run if isinstance(run, str) and _RUN.fullmatch(run) else ""


def reports(brief: Brief) -> Sequence[Report]:
    """The reports that this run has so far, in the order of the roles."""
    return [found for role in Role if (found := report_of(brief, role)) is not None]


def report_of(brief: Brief, role: Role) -> Report | None:
    """One role's report; None where it has left none yet, or none that can be read."""
    try:
        return _REPORT.validate_json((brief.role_folder(role) / "report.json").read_bytes())
    except (OSError, ValidationError):
        return None


def write_whole(path: Path, text: str) -> None:
    """Write a file of the run so that it is there as a whole or not at all.

    Raises:
        StateError: it cannot be written.
    """
    try:
        write_file(path, text)
    except WriteError as error:
        raise StateError(f"{error} Free some space, and go on.") from error
