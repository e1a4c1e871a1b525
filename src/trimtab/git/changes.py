"""What differs between a folder and a revision of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trimtab.docker import Command, Runner
from trimtab.errors import UsageError


@dataclass(frozen=True)
class Changes:
    """The folder against a revision. Paths count from the folder; files outside it are not looked at."""

    base: str
    """The full id of the revision compared with: where HEAD and the named one part."""
    statuses: Mapping[str, str] = field(default_factory=dict[str, str])
    """Each path that differs to git's letter: `A` for a new one (untracked ones too), `D` for one that is gone, `M`, `T`."""
    ignored: tuple[str, ...] = ()
    """Files and whole folders (with a `/` behind) that git has been told to ignore, or not to look at."""


def _git(root: Path, *words: str, env: Mapping[str, str] | None = None) -> Command:
    return Command(("git", "-C", str(root), *words), env or {})


async def changes_since(runner: Runner, root: Path, revision: str) -> Changes:
    """Everything that differs from a revision: committed, staged, in the tree, and untracked.

    Raises:
        UsageError: this is no repository, or it has no such revision.
    """
    named = await runner.run(_git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"))
    if named.code != 0:
        inside = await runner.run(_git(root, "rev-parse", "--is-inside-work-tree"))
        what = f"git knows no revision `{revision}`" if inside.code == 0 else f"`{root}` is in no git repository"
        raise UsageError(f"{what}, so what changed since it is not known. In CI, fetch enough history (`fetch-depth: 0`).")
    parting = await runner.run(_git(root, "merge-base", named.text, "HEAD"))
    base = parting.text if parting.code == 0 and parting.text else named.text
    differing = _git(
        root, "diff", "--name-status", "-z", "--no-renames", "--relative", "--ignore-submodules=none", base, "--", "."
    )
    words = _names((await runner.run(differing)).checked().stdout)
    statuses = {path: letter[:1] for letter, path in zip(words[::2], words[1::2], strict=False)}
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    statuses |= dict.fromkeys(_names((await runner.run(untracked)).checked().stdout), "A")
    ignored = _git(root, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", "--", ".")
    unseen = _names((await runner.run(ignored)).checked().stdout)
    # `h` and such: marked to be taken as unchanged; `S`: as not to be in the tree, though it may be.
    marked = _names((await runner.run(_git(root, "ls-files", "-v", "-z", "--", "."))).checked().stdout)
    unseen += [entry[2:] for entry in marked if entry[0].islower() or entry[0] == "S"]
    return Changes(base, statuses, tuple(unseen))


async def text_at(runner: Runner, root: Path, revision: str, path: str) -> str | None:
    """A file's text in a revision, None where it has none there or the file is no text."""
    result = await runner.run(_git(root, "show", f"{revision}:./{path}"))
    if result.code != 0 or b"\0" in result.stdout:
        return None
    return result.stdout.decode("utf-8", "surrogateescape")


async def export_revision(runner: Runner, root: Path, revision: str, target: Path) -> None:
    """The folder as it is in a revision, as files below `target`.

    Raises:
        CommandFailed: git could not.
    """
    prefix = (await runner.run(_git(root, "rev-parse", "--show-prefix"))).checked().text
    tree = f"{revision}:{prefix.rstrip('/')}" if prefix else revision
    top = Path((await runner.run(_git(root, "rev-parse", "--show-toplevel"))).checked().text)
    target.mkdir(parents=True)
    # An index of its own: `git archive` would leave out what is marked `export-ignore`, and a worktree would stay behind.
    index = {"GIT_INDEX_FILE": str(target.with_name(target.name + ".index"))}
    try:
        (await runner.run(_git(top, "read-tree", tree, env=index))).checked()
        (await runner.run(_git(top, "checkout-index", "--all", f"--prefix={target}/", env=index))).checked()
    finally:
        Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)


async def head(runner: Runner, root: Path) -> str | None:
    """The checked-out revision, with `+` behind it where the tree differs from it; None where there is none."""
    found = await runner.run(_git(root, "rev-parse", "--short=12", "HEAD"))
    if found.code != 0:
        return None
    dirty = await runner.run(_git(root, "status", "--porcelain", "--untracked-files=no"))
    return found.text + ("+" if dirty.text else "")


def _names(output: bytes) -> list[str]:
    return [name for name in output.decode("utf-8", "surrogateescape").split("\0") if name]
