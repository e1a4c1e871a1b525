"""Where a folder lies in its repository, and the branch that everything is merged into."""

from dataclasses import dataclass
from pathlib import Path

from trimtab.docker import Command, Runner
from trimtab.errors import ToolError

_USUAL = ("main", "master", "trunk", "develop")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder as its repository sees it."""

    top: Path
    """The repository's own folder; the folder itself where there is no repository."""
    inside: str
    """The folder counted from there, `""` for the top."""
    branch: str | None
    """The default branch; None where nothing says which it is."""


async def place(runner: Runner, root: Path) -> Place:
    """Where a folder lies. Never raises: a folder without git, or a machine without it, is its own top.

    The default branch is the remote's (`origin/HEAD`), else the one of the usual names that there is, else the only one.
    """
    top = await _line(runner, root, "rev-parse", "--show-toplevel")
    if top is None:
        return Place(root, "", None)
    inside = await _line(runner, root, "rev-parse", "--show-prefix") or ""
    remote = await _line(runner, root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    listed = await _line(runner, root, "for-each-ref", "--format=%(refname:short)", "refs/heads") or ""
    branches = listed.splitlines()
    usual = next((name for name in _USUAL if name in branches), branches[0] if len(branches) == 1 else None)
    return Place(Path(top), inside.rstrip("/"), remote.partition("/")[2] if remote else usual)


async def _line(runner: Runner, root: Path, *words: str) -> str | None:
    try:
        result = await runner.run(Command(("git", "-C", str(root), *words)), timeout=60)
    except ToolError:
        return None
    return result.text if result.code == 0 else None
