"""A work tree beside the user's own, on a branch, and commits there. No hook of the user's runs."""

from collections.abc import Sequence
from pathlib import Path

from trimtab.docker import Command, Runner
from trimtab.git.branch import has_branch

_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false")


async def add_worktree(runner: Runner, root: Path, folder: Path, branch: str) -> None:
    """Check a branch out into a folder of its own; a branch that is not there yet begins at HEAD.

    A folder that is a work tree already, as after a run that was killed, is used as it is.

    Raises:
        CommandFailed: git refused.
    """
    if (folder / ".git").exists():
        return
    await _git(runner, root, "worktree", "prune")
    words = (str(folder), branch) if await has_branch(runner, root, branch) else ("-b", branch, str(folder), "HEAD")
    await _git(runner, root, "worktree", "add", "--quiet", *words)


async def commit_all(runner: Runner, folder: Path, message: str) -> Sequence[str]:
    """Commit everything that has changed below a folder and is not ignored; the paths, none where nothing has.

    Raises:
        CommandFailed: git refused, for instance because it does not know who commits.
    """
    await _git(runner, folder, "add", "--all", "--", ".")
    changed = await _git(runner, folder, "diff", "--cached", "--name-only", "-z", "--", ".")
    paths = [path for path in changed.split("\0") if path]
    if paths:
        await _git(runner, folder, "commit", "--quiet", "--no-verify", "--message", message)
    return paths


async def remove_worktree(runner: Runner, root: Path, folder: Path) -> None:
    """Remove the folder; the branch stays. Nothing where there is no such work tree.

    Raises:
        CommandFailed: git refused.
    """
    if folder.exists():
        await _git(runner, root, "worktree", "remove", "--force", str(folder))


async def _git(runner: Runner, folder: Path, *words: str) -> str:
    return (await runner.run(Command(("git", "-C", str(folder), *_QUIET, *words)))).checked().text
