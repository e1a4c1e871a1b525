"""Where `trimtab optimize` puts what it has proven: the tree, a branch, or patches."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import Parameter

from trimtab.cli.fix import write
from trimtab.cli.options import Loaded
from trimtab.docker import ProcessRunner
from trimtab.errors import UsageError
from trimtab.git import Revision, commit_branch
from trimtab.rewrite import rewrite
from trimtab.rules import find_rules
from trimtab.text import unified_diff
from trimtab.verify import Evidence, Optimization, VerdictKind


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Where what is proven goes; into the tree where nothing else is said."""

    dry_run: Annotated[bool, Parameter(negative="", help="Prove, but write nothing.")] = False
    apply: Annotated[bool, Parameter(negative="", help="Write the tree, besides --branch or --patch.")] = False
    branch: Annotated[str, Parameter(help="Make a git branch with one commit for each proven rule instead.")] = ""
    patch: Annotated[Path | None, Parameter(help="Write one patch for each proven rule into a folder instead.")] = None

    @property
    def to_tree(self) -> bool:
        return not self.dry_run and (self.apply or not (self.branch or self.patch))


def deliver(loaded: Loaded, result: Optimization, delivery: Delivery) -> str:
    """Write what is proven to where it is wanted; what was done with it, in a few words.

    Raises:
        UsageError: a patch cannot be written.
        CommandFailed: git refused.
    """
    done: list[str] = []
    if delivery.dry_run:
        return "would be changed"
    if delivery.branch:
        revisions = list(_steps(loaded, result))
        anyio.run(commit_branch, ProcessRunner(), loaded.root, delivery.branch, revisions)
        done.append(f"on branch {delivery.branch}, in {len(revisions)} commits")
    if delivery.patch is not None:
        done.append(f"in {_patches(loaded, result, delivery.patch)} patches in {delivery.patch}")
    if delivery.to_tree:
        write(loaded.root, result.proven)
        done.append("changed")
    return ", ".join(done)


def _steps(loaded: Loaded, result: Optimization) -> Iterator[Revision]:
    """One revision for each proven rule, over all files; the last one is what was proven as a whole."""
    accepted = [each for each in result.evidence if each.verdict.kind is VerdictKind.ACCEPTED]
    rules = list(dict.fromkeys(rule for each in accepted for rule in each.accepted))
    partial = _Partial(loaded)
    now: dict[str, str | None] = {}
    for number, rule in enumerate(rules, start=1):
        following = dict(result.proven) if number == len(rules) else _up_to(partial, result, accepted, rules[:number])
        changed = {path: text for path, text in following.items() if now.get(path, _before(result, path)) != text}
        now.update(following)
        if changed:
            yield Revision(_message(rule, [each for each in accepted if rule in each.accepted]), changed)


@dataclass(frozen=True)
class _Partial:
    """Files with some of their fixes. Each is worked out once: most steps add nothing to most files."""

    loaded: Loaded
    known: dict[tuple[str, tuple[str, ...]], str | None] = field(default_factory=dict[tuple[str, tuple[str, ...]], str | None])

    def text(self, path: str, codes: tuple[str, ...]) -> str | None:
        """A file with the fixes of some rules alone; None where they change nothing.

        The others are not even asked: over a fleet of 38 Dockerfiles that was not done after seven minutes.
        """
        if (path, codes) not in self.known:
            rules = [rule for rule in self.loaded.rules if rule.code in codes]
            changes = rewrite(self.loaded.fleet, unsafe=True, proof=True, only=codes, paths=[path], rules=rules)
            self.known[path, codes] = next((each.after for each in changes.changed if each.path == path), None)
        return self.known[path, codes]


def _up_to(partial: _Partial, result: Optimization, accepted: list[Evidence], rules: list[str]) -> dict[str, str | None]:
    """The Dockerfiles with the proven fixes of some rules; ignore files come with the last step."""
    found: dict[str, str | None] = {}
    for each in accepted:
        own = tuple(rule for rule in each.accepted if rule in rules)
        if not own or partial.loaded.fleet.file(each.path) is None:
            continue
        text = partial.text(each.path, own)
        if text is not None:
            found[each.path] = result.proven[each.path] if len(own) == len(each.accepted) else text
    return found


def _before(result: Optimization, path: str) -> str | None:
    return next((change.before for change in result.planned.files if change.path == path), None)


def _message(rule: str, evidence: list[Evidence]) -> str:
    found = find_rules(rule)
    title = f"{rule}: {found[0].name.replace('-', ' ')}" if found else rule
    lines = "\n".join(f"- {each.path}: {each.verdict.reason}" for each in evidence)
    return f"{title}\n\nProven with the other changes of this branch, by building and running each service:\n{lines}\n"


def _patches(loaded: Loaded, result: Optimization, folder: Path) -> int:
    """One patch for each step, to be applied in order with `git apply` or `patch -p1`."""
    now: dict[str, str | None] = {}
    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, step in enumerate(_steps(loaded, result), start=1):
            diffs = [unified_diff(path, now.get(path, _before(result, path)), text) for path, text in step.files.items()]
            name = f"{number:04d}-{step.message.partition(':')[0]}.patch"
            (folder / name).write_text("".join(diffs), encoding="utf-8", errors="surrogateescape", newline="")
            now.update(step.files)
            count = number
    except OSError as error:
        raise UsageError(f"`{folder}` cannot be written: {error.strerror or error}.") from error
    return count
