"""`trimtab fix`."""

from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import Parameter

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, OUR_BUG
from trimtab.cli.options import Common, Loaded, Paths, load, show
from trimtab.docker import ProcessRunner
from trimtab.errors import UsageError
from trimtab.git import uncommitted
from trimtab.report.data import changes_data
from trimtab.report.terminal import changes_view
from trimtab.rewrite import ChangeSet, WriteError, rewrite, write_file


def fix(
    paths: Paths = (),
    /,
    *,
    dry_run: Annotated[bool, Parameter(negative="", help="Write nothing.")] = False,
    diff: Annotated[bool, Parameter(negative="", help="Show the changes.")] = False,
    unsafe_fixes: Annotated[bool, Parameter(negative="", help="Apply fixes that need proof, too.")] = False,
    allow_dirty: Annotated[bool, Parameter(negative="", help="Change files with uncommitted changes, too.")] = False,
    common: Common | None = None,
) -> int:
    """Apply every safe fix. Each result is parsed and reviewed again; a file that would break is left alone."""
    common = common or Common()
    loaded = load(paths, common)
    changes = rewrite(loaded.fleet, unsafe=unsafe_fixes, paths=loaded.chosen, rules=loaded.rules)
    written = not dry_run
    if written:
        refuse_dirty(loaded, [change.path for change in changes.changed], allow_dirty=allow_dirty)
        write(loaded.root, {change.path: change.after for change in changes.changed})
    show(common, lambda: changes_data(changes, written=written), lambda: changes_view(changes, diff=diff, written=written))
    return _exit_code(loaded, changes)


def _exit_code(loaded: Loaded, changes: ChangeSet) -> int:
    if changes.bugs:
        return OUR_BUG
    unreadable = any(problem.kind == "unreadable" for problem in loaded.fleet.problems)
    return COULD_NOT_RUN if unreadable else CLEAN


def refuse_dirty(loaded: Loaded, paths: list[str], *, allow_dirty: bool) -> None:
    """Stop before anything the user has not committed is overwritten.

    Raises:
        UsageError: one of the files has uncommitted changes.
    """
    if allow_dirty or not paths:
        return
    dirty = anyio.run(uncommitted, ProcessRunner(), loaded.root, paths)
    if dirty:
        names = ", ".join(f"`{path}`" for path in dirty[:3]) + (f" and {len(dirty) - 3} more" if len(dirty) > 3 else "")
        raise UsageError(f"{names} would be changed and has uncommitted changes. Commit first, or pass --allow-dirty.")


def write(root: Path, texts: dict[str, str]) -> None:
    """Write changed files, each one whole or not at all.

    Raises:
        UsageError: a file could not be written; those before it were, and the message says which ones.
    """
    done: list[str] = []
    for path, text in texts.items():
        try:
            write_file(root / path, text)
        except WriteError as error:
            before = f" Written before it: {', '.join(done)}." if done else " Nothing was written."
            raise UsageError(f"{error}{before}") from error
        done.append(path)
