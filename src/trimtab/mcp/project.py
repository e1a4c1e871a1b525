"""The folder that a server was started for, and what a client may name of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from trimtab.errors import UsageError

Service = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=128)]
"""A service, a target or a compose project: by their first character never an option."""
RuleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./:-]*$", max_length=128)]
"""A rule's code, name, other tools' name, or the beginning of codes."""
Revision = Annotated[str, Field(pattern=r"^[A-Za-z0-9_@][A-Za-z0-9_./@{}^~-]*$", max_length=256)]
"""What git calls a commit: a branch, a tag, a hash, `HEAD~2`."""
PathText = Annotated[str, Field(pattern=r"^[^-]", max_length=4096)]
"""A path as a client writes it, from the project's folder; `Project.path` says whether it may be read."""


@dataclass(frozen=True)
class Project:
    """One folder; nothing outside of it is anybody's business."""

    root: Path
    """Absolute, with every link in it followed."""

    def path(self, text: str) -> str:
        """The absolute path that a client means, with every link followed, and so never an option.

        Raises:
            UsageError: it does not exist, or lies outside of the folder.
        """
        try:
            found = (self.root / text).resolve()
            inside = found.is_relative_to(self.root)
            if inside and found.exists():
                return str(found)
        except (OSError, RuntimeError, ValueError) as error:
            # Links in a circle, names that are too long, a zero byte.
            raise UsageError(f"`{text!r}` is no path that can be read.") from error
        reason = "does not exist" if inside else "is not inside the project: only what is below the folder can be named"
        raise UsageError(f"`{text}` {reason}.")

    def below(self, text: str) -> str:
        """The same, counted from the folder: `.` for itself.

        Raises:
            UsageError: as for `path`.
        """
        return Path(self.path(text)).relative_to(self.root).as_posix()


def project_at(folder: Path) -> Project:
    """The project in a folder.

    Raises:
        UsageError: there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"`{folder}` is no folder.")
    return Project(folder.resolve())
