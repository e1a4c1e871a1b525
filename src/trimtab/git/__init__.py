"""What git knows of the files that are about to change."""

from collections.abc import Sequence
from pathlib import Path

from trimtab.docker import Command, Runner
from trimtab.errors import ToolError


async def uncommitted(runner: Runner, root: Path, paths: Sequence[str]) -> list[str]:
    """Those of `paths` that differ from what is committed; none where there is no git or no repository."""
    if not paths:
        return []
    command = Command(("git", "-C", str(root), "status", "--porcelain=v1", "-z", "--no-renames", "--", *paths))
    try:
        result = await runner.run(command, timeout=60)
    except (ToolError, TimeoutError):
        return []
    if result.code != 0:
        return []
    prefix = await _prefix(runner, root)
    names = [entry[3:] for entry in result.stdout.decode("utf-8", "surrogateescape").split("\0") if entry]
    return [name.removeprefix(prefix) for name in names]


async def _prefix(runner: Runner, root: Path) -> str:
    """Where the folder lies in its repository: status prints paths from the top."""
    result = await runner.run(Command(("git", "-C", str(root), "rev-parse", "--show-prefix")))
    return result.text
