"""Fleets in memory for the harnesses, and what must hold of each."""

from collections.abc import Mapping

from trimtab.fleet import Fleet, MemoryTree, discover
from trimtab.review import review
from trimtab.rewrite import rewrite
from trimtab.rules import all_rules


def text_of(data: bytes) -> str:
    """The text that a file of these bytes is read as; a file with a NUL in it is never read as text."""
    return data.replace(b"\0", b"").decode("utf-8", "surrogateescape")


def fleet_of(files: Mapping[str, str]) -> Fleet:
    return discover(MemoryTree(files))


def reviewed(files: Mapping[str, str]) -> Fleet:
    """Review files by every rule; a rule that fails is a defect."""
    fleet = fleet_of(files)
    found = review(fleet, all_rules())
    for crash in found.crashes:
        raise AssertionError(f"{crash.rule} fails on {crash.path}") from crash.error
    return fleet


def rewritten(files: Mapping[str, str]) -> Mapping[str, str]:
    """Fix files: no bug of ours is met, what could be parsed still can, and a second run changes nothing."""
    fleet = fleet_of(files)
    after = _fixed(files, fleet)
    again = fleet_of(after)
    before_problems = {(problem.path, problem.kind) for problem in fleet.problems}
    new = [problem for problem in again.problems if (problem.path, problem.kind) not in before_problems]
    assert not new, f"the result has a problem of its own: {new[0]}"
    twice = _fixed(after, again)
    changed = [path for path in {**after, **twice} if after.get(path) != twice.get(path)]
    assert not changed, f"a second run changes {changed}"
    return after


def _fixed(files: Mapping[str, str], fleet: Fleet) -> Mapping[str, str]:
    found = rewrite(fleet, unsafe=True, proof=True)
    for change in found.bugs:
        raise AssertionError(f"{change.path}: {change.bug}")
    after = dict(files)
    for change in found.changed:
        if change.after is None:
            after.pop(change.path, None)
        else:
            after[change.path] = change.after
    return after
