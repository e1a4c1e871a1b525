"""Making a branch beside the one that is checked out: neither the tree, the index nor HEAD is touched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from trimtab.docker import Command, Runner
from trimtab.errors import UsageError

_ZERO = "0" * 40


@dataclass(frozen=True)
class Revision:
    """One commit to make: its message, and the files that it changes; None for one that it removes."""

    message: str
    files: Mapping[str, str | None]


def _git(root: Path, *words: str, env: Mapping[str, str] | None = None) -> Command:
    return Command(("git", "-C", str(root), *words), env or {})


async def has_branch(runner: Runner, root: Path, name: str) -> bool:
    """Whether there is a branch of that name."""
    return (await runner.run(_git(root, "rev-parse", "--verify", "--quiet", f"refs/heads/{name}"))).code == 0


async def check_branch(runner: Runner, root: Path, name: str) -> None:
    """Find out before long work whether a branch can be made.

    Raises:
        UsageError: there is no repository with a commit, the name is none, or the branch exists.
    """
    if (await runner.run(_git(root, "rev-parse", "--verify", "--quiet", "HEAD"))).code != 0:
        raise UsageError(f"`{root}` is in no git repository with a commit; --branch needs one.")
    if (await runner.run(_git(root, "check-ref-format", f"refs/heads/{name}"))).code != 0:
        raise UsageError(f"`{name}` is no name for a git branch.")
    if await has_branch(runner, root, name):
        raise UsageError(f"The branch `{name}` exists already; name another one, or delete it first.")


async def commit_branch(runner: Runner, root: Path, name: str, revisions: Sequence[Revision]) -> str:
    """Make a branch on top of HEAD with one commit for each revision; the id of the last one.

    The branch appears when all of its commits are there, or not at all.

    Raises:
        CommandFailed: git refused, for instance because it does not know who commits.
    """
    parent = (await runner.run(_git(root, "rev-parse", "HEAD"))).checked().text
    with TemporaryDirectory(prefix="trimtab-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        (await runner.run(_git(root, "read-tree", parent, env=index))).checked()
        for revision in revisions:
            for path, text in revision.files.items():
                await _change(runner, root, Path(folder) / "content", (path, text), index)
            tree = (await runner.run(_git(root, "write-tree", env=index))).checked().text
            message = Path(folder) / "message"
            message.write_text(revision.message, encoding="utf-8")
            commit = _git(root, "commit-tree", tree, "-p", parent, "-F", str(message))
            parent = (await runner.run(commit)).checked().text
    (await runner.run(_git(root, "update-ref", f"refs/heads/{name}", parent, _ZERO))).checked()
    return parent


async def _change(runner: Runner, root: Path, content: Path, file: tuple[str, str | None], index: Mapping[str, str]) -> None:
    path, text = file
    prefix = (await runner.run(_git(root, "rev-parse", "--show-prefix"))).checked().text
    if text is None:
        (await runner.run(_git(root, "rm", "--cached", "--quiet", "--", path, env=index))).checked()
        return
    content.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
    # The path has git apply the filters that the repository has for it, line endings among them.
    blob = (await runner.run(_git(root, "hash-object", "-w", f"--path={prefix}{path}", str(content)))).checked().text
    listed = (await runner.run(_git(root, "ls-files", "--stage", "--", path, env=index))).checked().text
    mode = listed.split()[0] if listed else "100644"
    command = _git(root, "update-index", "--add", "--cacheinfo", f"{mode},{blob},{prefix}{path}", env=index)
    (await runner.run(command)).checked()
