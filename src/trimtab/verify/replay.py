"""The user's own history: the build context as it was at each of the last commits."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from trimtab.docker import Runner
from trimtab.docker.command import Command
from trimtab.fleet import BuildContext
from trimtab.verify.workspace import Workspace

_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit; the time is in seconds since the epoch."""

    id: str
    time: int


def _git(root: Path, *words: str) -> Command:
    return Command(("git", "-C", str(root), *words), {"GIT_OPTIONAL_LOCKS": "0"})


async def last_commits(runner: Runner, root: Path, folder: str, count: int) -> list[Commit]:
    """The last commits that touched a folder, the oldest first; none where there is no history."""
    words = ("log", "--first-parent", f"--max-count={count}", "--format=%H %ct", "--", folder or ".")
    result = await runner.run(_git(root, *words))
    lines = result.text.splitlines() if result.code == 0 else []
    return [Commit(line.split()[0], int(line.split()[1])) for line in reversed(lines)]


async def checkout(runner: Runner, root: Path, commit: Commit, workspace: Workspace, context: BuildContext) -> None:
    """Make the staged context what it was at a commit; files that did not change keep their time stamps and links.

    Raises:
        CommandFailed: git cannot read the commit.
    """
    listing = (await runner.run(_git(root, "ls-tree", "-r", "-z", "--full-tree", commit.id))).checked()
    prefix = (await runner.run(_git(root, "rev-parse", "--show-prefix"))).checked().text
    base = f"{prefix}{context.root}/" if context.root else prefix
    wanted: dict[str, tuple[str, str]] = {}
    for line in filter(None, listing.stdout.decode("utf-8", "surrogateescape").split("\0")):
        meta, _, path = line.partition("\t")
        mode, kind, blob = meta.split()
        if kind == "blob" and path.startswith(base) and not context.ignore.ignores(path[len(base) :]):
            wanted[path[len(base) :]] = (mode, blob)
    _remove_others(workspace.context_path, set(wanted))
    changed = {path: value for path, value in wanted.items() if workspace.blobs.get(path) != value}
    for path, (mode, blob) in changed.items():
        content = (await runner.run(_git(root, "cat-file", "blob", blob))).checked().stdout
        _write(workspace.context_path / path, mode, content)
    workspace.blobs = dict(wanted)


def _remove_others(folder: Path, kept: set[str]) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        relative = path.relative_to(folder).as_posix()
        if path.is_symlink() or path.is_file():
            if relative not in kept:
                path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _write(path: Path, mode: str, content: bytes) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if mode == "120000":
        path.symlink_to(os.fsdecode(content))
        return
    # Always a new file: the staged one may be a hard link to the user's own.
    path.write_bytes(content)
    path.chmod(0o755 if mode == "100755" else 0o644)
