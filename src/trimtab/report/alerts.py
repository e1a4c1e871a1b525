"""The files that watch over a project, for people and as data."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.markup import escape

from trimtab.deploy.written import Generated, Outcome


def alerts_data(project: str, files: Sequence[Generated]) -> dict[str, object]:
    """`trimtab alerts --format json`."""
    return {
        "schema": "trimtab.alerts/1",
        "project": project,
        "files": [
            {"path": each.path.as_posix(), "outcome": str(each.outcome), "reason": each.reason or None} for each in files
        ],
    }


def alerts_view(project: str, files: Sequence[Generated]) -> RenderableType:
    """What became of each file, and what comes next."""
    lines = [
        f"{each.outcome:9} {escape(str(each.path))}"
        + (f" [yellow]{each.reason}; --force replaces it[/]" if each.outcome is Outcome.LEFT else "")
        for each in files
    ]
    return Group(f"alerts for `{escape(project)}`", *lines)
