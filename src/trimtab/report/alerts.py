"""The files that watch over a project, for people and as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.markup import escape

from trimtab.deploy.written import Outcome, State, state_of

_WHY = {State.EDITED: "it was edited since it was generated", State.FOREIGN: "somebody has written it"}


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A generated file with what is in its place, None for nothing, and what becomes of that."""

    path: Path
    text: str
    current: str | None
    outcome: Outcome

    @property
    def is_written(self) -> bool:
        return self.outcome not in {Outcome.UNCHANGED, Outcome.LEFT}

    @property
    def reason(self) -> str:
        """Why it is left as it is; empty where it is not."""
        return _WHY.get(state_of(self.current or ""), "") if self.outcome is Outcome.LEFT else ""


def alerts_data(project: str, files: Sequence[WrittenFile]) -> dict[str, object]:
    """`trimtab alerts --format json`."""
    return {
        "schema": "trimtab.alerts/1",
        "project": project,
        "files": [
            {"path": each.path.as_posix(), "outcome": str(each.outcome), "reason": each.reason or None} for each in files
        ],
    }


def alerts_view(project: str, files: Sequence[WrittenFile]) -> RenderableType:
    """What became of each file, and what comes next."""
    lines = [
        f"{each.outcome:9} {escape(str(each.path))}"
        + (f" [yellow]{each.reason}; --force replaces it[/]" if each.reason else "")
        for each in files
    ]
    return Group(f"alerts for `{escape(project)}`", *lines)
