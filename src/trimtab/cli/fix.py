"""`trimtab fix`."""

import sys
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Annotated, Literal

import anyio
from cyclopts import Parameter

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, OUR_BUG
from trimtab.cli.options import Common, Loaded, Paths, RuleChoice, check_format, load, overlooked, show
from trimtab.docker import ProcessRunner
from trimtab.errors import UsageError
from trimtab.fleet import Fleet, rediscover
from trimtab.git import uncommitted
from trimtab.report.data import changes_data
from trimtab.report.terminal import changes_view, proposal_view
from trimtab.review import review
from trimtab.rewrite import ChangeSet, Identity, Selection, WriteError, identity, remove_file, rewrite, write_file
from trimtab.rules import Finding

Answer = Literal["yes", "no", "all", "quit"]


def fix(
    paths: Paths = (),
    /,
    *,
    dry_run: Annotated[bool, Parameter(negative="", help="Write nothing.")] = False,
    diff: Annotated[bool, Parameter(negative="", help="Show the changes.")] = False,
    unsafe: Annotated[
        bool, Parameter(name=["--unsafe", "--unsafe-fixes"], negative="", help="Apply fixes that are called unsafe, too.")
    ] = False,
    interactive: Annotated[bool, Parameter(name=["--interactive", "-i"], negative="", help="Ask about each change.")] = False,
    allow_dirty: Annotated[bool, Parameter(negative="", help="Change files with uncommitted changes, too.")] = False,
    choice: RuleChoice | None = None,
    common: Common | None = None,
) -> int:
    """Apply every safe fix. Each result is parsed and reviewed again; a file that would break is left alone."""
    common = common or Common()
    check_format(common)
    loaded = load(paths, common, choice)
    overlooked(loaded, common)
    if interactive:
        changes = _asked(loaded, common, unsafe=unsafe)
    else:
        changes = rewrite(loaded.fleet, unsafe=unsafe, paths=loaded.chosen, rules=loaded.rules)
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


def _asked(loaded: Loaded, common: Common, *, unsafe: bool) -> ChangeSet:
    """The changes that somebody at the terminal says yes to; what a change leads to is asked about as well.

    Raises:
        UsageError: there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise UsageError("--interactive needs a terminal to ask at. Leave it out, or choose rules with --select.")
    accepted: set[Identity] = set()
    answered: set[Identity] = set()
    every = False
    while True:
        changes = rewrite(loaded.fleet, unsafe=unsafe, paths=loaded.chosen, rules=loaded.rules, accepted=accepted)
        fleet = rediscover(loaded.fleet, {change.path: change.after for change in changes.changed})
        open_ones = [each for each in _candidates(fleet, loaded, unsafe=unsafe) if identity(each) not in answered]
        if not open_ones:
            return changes
        finding = open_ones[0]
        answered.add(identity(finding))
        answer: Answer = "yes" if every else _answer(finding, fleet, common)
        every = every or answer == "all"
        if answer in {"yes", "all"}:
            accepted.add(identity(finding))
        elif answer == "quit":
            return changes


def _candidates(fleet: Fleet, loaded: Loaded, *, unsafe: bool) -> list[Finding]:
    selection = Selection(unsafe)
    found = review(fleet, loaded.rules).findings
    return [each for each in found if selection.skips(each) is None and _is_chosen(each, loaded)]


def _is_chosen(finding: Finding, loaded: Loaded) -> bool:
    return loaded.chosen is None or finding.path in loaded.chosen


def _answer(finding: Finding, fleet: Fleet, common: Common) -> Answer:
    common.messages.print(proposal_view(finding, fleet))
    answers: Mapping[str, Answer] = {"y": "yes", "n": "no", "a": "all", "q": "quit", "": "no"}
    while True:
        try:
            text = common.messages.input("apply? \\[y]es, \\[n]o, \\[a]ll, \\[q]uit: ").strip().lower()[:1]
        except EOFError:
            return "quit"
        if text in answers:
            return answers[text]


def refuse_dirty(loaded: Loaded, paths: list[str], *, allow_dirty: bool) -> None:
    """Stop before anything the user has not committed is overwritten.

    Raises:
        UsageError: one of the files has uncommitted changes.
    """
    if allow_dirty or not paths:
        return
    dirty = anyio.run(uncommitted, ProcessRunner(), loaded.root, paths)
    if dirty:
        raise UsageError(f"{_few(dirty)} would be changed and has uncommitted changes. Commit first, or pass --allow-dirty.")


def refuse_off_branch(root: Path, fleet: Fleet) -> None:
    """Keep out what is in the tree and cannot be on a new branch: what is reviewed and proven would be another fleet's.

    Raises:
        UsageError: a file that git has is changed, or git has not one that trimtab reads.
    """
    read = {file.path for file in fleet.files} | set(fleet.compose_files) | {part.path for part in fleet.scripts}

    async def ask() -> list[str]:
        edited = await uncommitted(ProcessRunner(), root, ["."], tracked=True)
        return sorted({*edited, *await uncommitted(ProcessRunner(), root, sorted(read))})

    found = anyio.run(ask)
    if found:
        raise UsageError(
            f"The branch begins at the last commit, which has not what is in {_few(found)}. Commit it, or `git stash -u`."
        )


def _few(paths: list[str]) -> str:
    return ", ".join(f"`{path}`" for path in paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def write(root: Path, texts: Mapping[str, str | None], executable: Container[str] = ()) -> None:
    """Write changed files, each one whole or not at all; files whose text is None go, once all others are written.

    Those in `executable` can be run afterwards.

    Raises:
        UsageError: a file could not be written; those before it were, and the message says which ones.
    """
    done: list[str] = []
    for path, text in sorted(texts.items(), key=lambda item: item[1] is None):
        try:
            remove_file(root / path) if text is None else write_file(root / path, text, executable=path in executable)
        except WriteError as error:
            before = f" Written before it: {', '.join(done)}." if done else " Nothing was written."
            raise UsageError(f"{error}{before}") from error
        done.append(path)
