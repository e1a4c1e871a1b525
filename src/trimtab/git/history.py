"""What git knows of a fleet's files."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from trimtab.docker import Command, Completed, Runner
from trimtab.errors import ToolError
from trimtab.git_questions import ignore_question, untracked_question


async def uncommitted(runner: Runner, root: Path, paths: Sequence[str], *, tracked: bool = False) -> list[str]:
    """Those of `paths`, or what lies below them, that differ from what is committed; none where there is no repository.

    With `tracked`, what git has never had does not count.
    """
    if not paths:
        return []
    form = ("--porcelain=v1", "-z", "--no-renames", *(["--untracked-files=no"] if tracked else []))
    command = Command(("git", "-C", str(root), "status", *form, "--", *paths))
    result = await _quietly(runner, command)
    if result is None:
        return []
    prefix = await _prefix(runner, root)
    names = [entry[3:] for entry in result.stdout.decode("utf-8", "surrogateescape").split("\0") if entry]
    return [name.removeprefix(prefix) for name in names]


async def _prefix(runner: Runner, root: Path) -> str:
    """Where the folder lies in its repository: status prints paths from the top."""
    result = await runner.run(Command(("git", "-C", str(root), "rev-parse", "--show-prefix")))
    return result.text


async def change_counts(runner: Runner, root: Path, commits: int) -> dict[str, int] | None:
    """How many of the last commits changed each path below `root`, not counting the one that made it.

    None where there is no git or no history.
    """
    options = ("--no-merges", "--no-renames", "--diff-filter=M", "--name-only", "--relative", "-z", "--format=", "--", ".")
    command = Command(("git", "-C", str(root), "log", f"-n{commits}", *options))
    result = await _quietly(runner, command)
    if result is None:
        return None
    names = result.stdout.decode("utf-8", "surrogateescape").split("\0")
    return dict(Counter(name.strip("\n") for name in names if name.strip("\n"))) or None


async def left_out(runner: Runner, root: Path, paths: Sequence[str]) -> frozenset[str]:
    """Those of `paths` that git does not track and is told to ignore."""
    if not paths:
        return frozenset()
    result = await _quietly(runner, Command(ignore_question(str(root), paths)))
    # Names that git would quote are not recognised: then nothing is said about them.
    return frozenset(result.text.splitlines()) if result else frozenset()


async def tracked_paths(runner: Runner, root: Path) -> frozenset[str] | None:
    """The files that git tracks below `root`; None without git, or where it tracks none."""
    result = await _quietly(runner, Command(("git", "-C", str(root), "ls-files", "-z", "--", ".")))
    names = result.stdout.decode("utf-8", "surrogateescape").split("\0") if result else []
    return frozenset(name for name in names if name) or None


async def ignored_paths(runner: Runner, root: Path) -> tuple[str, ...]:
    """The untracked files that git is told to ignore, and whole folders of them with a `/` behind; none without git."""
    result = await _quietly(runner, Command(untracked_question(str(root))))
    names = result.stdout.decode("utf-8", "surrogateescape").split("\0") if result else []
    return tuple(name for name in names if name)


async def _quietly(runner: Runner, command: Command) -> Completed | None:
    """A finished call, None where it could not be made or failed: knowing nothing is an answer here."""
    try:
        result = await runner.run(command, timeout=60)
    except ToolError:
        return None
    return result if result.code == 0 else None
