"""The rewrite of a whole fleet: its Dockerfiles one by one, then the files between them, until both are still."""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from trimtab.fleet import Fleet, Unreadable, rediscover
from trimtab.fleet.built_on import built_on
from trimtab.review import review_fleet
from trimtab.rewrite.changeset import ChangeSet, FileChange, SkippedFix, SkipReason
from trimtab.rewrite.converge import rewrite_dockerfile
from trimtab.rewrite.invariants import broken_compose, broken_context, broken_scripts
from trimtab.rewrite.selection import Identity, Selection, applied_fixes, compatible, edits_of, its_fix, joined_effects
from trimtab.rules import Finding, FleetRule, Rule, default_rules
from trimtab.text import apply_edits

MAX_ROUNDS = 8
"""More than needed: each round makes at least one fix between the Dockerfiles, and such fixes do not depend on each other."""


def rewrite(
    fleet: Fleet, *, unsafe: bool = False, proof: bool = False, only: Collection[str] | None = None,
    paths: Collection[str] | None = None,
    rules: Sequence[Rule] | None = None, accepted: Collection[Identity] | None = None,
) -> ChangeSet:  # fmt: skip
    """Fix a fleet's Dockerfiles, and the ignore files between them, in memory.

    Args:
        fleet: What to fix.
        unsafe: Apply unsafe fixes too.
        proof: Apply fixes too that are to be proven by building and running them.
        only: Codes of the rules whose fixes are wanted, None for all.
        paths: The files that may change, None for all.
        rules: The rules to review with, None for the default ones.
        accepted: The findings whose fixes are wanted; None for every one.
    """
    selection = Selection(unsafe, proof, only, accepted)
    return _Rewrite(fleet, selection, paths, default_rules() if rules is None else rules).run()


@dataclass
class _Rewrite:
    original: Fleet
    selection: Selection
    paths: Collection[str] | None
    rules: Sequence[Rule]
    changes: dict[str, FileChange] = field(default_factory=dict[str, FileChange])

    def run(self) -> ChangeSet:
        fleet = self.original
        pending: Collection[str] = [file.path for file in fleet.files]
        for number in range(1, MAX_ROUNDS + 1):
            changed = self._dockerfiles(fleet, pending)
            between = self._between(self._now(), number)
            fleet = self._now()
            pending = [file.path for file in fleet.files] if between else _bases_of(changed, fleet)
            if not between and not pending:
                break
        return ChangeSet(tuple(self.changes[path] for path in sorted(self.changes)))

    def _dockerfiles(self, fleet: Fleet, pending: Collection[str]) -> set[str]:
        """One pass over some Dockerfiles; the paths of those that it changed."""
        changed: set[str] = set()
        for file in fleet.files:
            if file.path not in pending or not self._wanted(file.path):
                continue
            change = rewrite_dockerfile(file, fleet, self.selection, self.rules)
            self.changes[file.path] = _then(self.changes.get(file.path), change)
            changed.update([file.path] if change.changed else [])
        return changed

    def _wanted(self, path: str) -> bool:
        return self.paths is None or path in self.paths

    def _now(self) -> Fleet:
        """The fleet with everything that has changed so far."""
        texts = {change.path: change.after for change in self.changes.values() if change.changed}
        return rediscover(self.original, texts) if texts else self.original

    def _between(self, fleet: Fleet, number: int) -> Mapping[str, str | None]:
        """One pass over the files that are no Dockerfiles; what it changed."""
        findings = review_fleet(fleet, self.rules).findings
        wanted = [each for each in findings if self.selection.skips(each) is None and self._may(each)]
        # By identity: comparing findings by value over a large fleet took most of a rewrite's time.
        harmful = {id(each) for each in wanted if _broken(fleet, [each])}
        chosen = compatible(each for each in wanted if id(each) not in harmful)
        texts = _texts(fleet, chosen)
        if broken := _broken(fleet, chosen):
            names = ", ".join(dict.fromkeys(finding.rule for finding in chosen))
            self._give_up(texts, f"fixes of {names} broke an invariant together: {broken}")
            return {}
        for finding in chosen:
            self._record(finding, number)
        for path, text in texts.items():
            self.changes[path] = replace(self._known(path), after=text)
        taken = set(map(id, chosen))
        self._remember_skipped([each for each in findings if id(each) not in taken], harmful)
        return texts

    def _may(self, finding: Finding) -> bool:
        fix = its_fix(finding)
        paths = [*(new.path for new in fix.files), *([finding.path] if fix.edits else [])]
        return all(self._wanted(path) for path in paths)

    def _record(self, finding: Finding, number: int) -> None:
        path = next((new.path for new in its_fix(finding).files), finding.path)
        known = self._known(path)
        self.changes[path] = replace(known, applied=(*known.applied, *applied_fixes([finding], number)))

    def _known(self, path: str) -> FileChange:
        return self.changes.get(path) or self._untouched(path)

    def _untouched(self, path: str) -> FileChange:
        text = _text(self.original, path)
        return FileChange(path, text, text, (), ())

    def _give_up(self, texts: Mapping[str, str | None], bug: str) -> None:
        for path in texts:
            self.changes[path] = replace(self._untouched(path), bug=bug)

    def _remember_skipped(self, findings: Sequence[Finding], harmful: Set[int]) -> None:
        codes = {rule.code for rule in self.rules if isinstance(rule, FleetRule)}
        # All of the fleet's rules have just spoken: what they said of the texts before stands on other lines, or is gone.
        left = {
            path: [skip for skip in known.skipped if skip.finding.rule not in codes] for path, known in self.changes.items()
        }
        for each in findings:
            if self._wanted(each.path):
                needed = [SkippedFix(each, SkipReason.HARMFUL)] if id(each) in harmful else self.selection.skipped([each])
                left.setdefault(each.path, []).extend(needed)
        for path, skipped in left.items():
            self.changes[path] = replace(self._known(path), skipped=tuple(skipped))


def _bases_of(changed: Collection[str], fleet: Fleet) -> set[str]:
    """The Dockerfiles whose images the changed ones start from, however far: what they needed from them may have changed."""
    if not changed:
        return set()
    built = {file.path: {other.path for other, _ in built_on(file, fleet)} - {file.path} for file in fleet.files}
    reached = set(changed)
    while grown := {path for path, users in built.items() if users & reached} - reached:
        reached |= grown
    return {path for path, users in built.items() if users & reached}


def _then(before: FileChange | None, after: FileChange) -> FileChange:
    """Two rewrites of one file as one."""
    if before is None:
        return after
    return replace(after, before=before.before, applied=(*before.applied, *after.applied))


def _broken(fleet: Fleet, chosen: Sequence[Finding]) -> str | None:
    texts, effects = _texts(fleet, chosen), joined_effects(chosen)
    return broken_context(fleet, texts, effects) or broken_compose(fleet, texts, effects) or broken_scripts(fleet, texts)


def _texts(fleet: Fleet, chosen: Sequence[Finding]) -> dict[str, str | None]:
    texts: dict[str, str | None] = {}
    for path in dict.fromkeys(finding.path for finding in chosen):
        text = _text(fleet, path)
        if text is not None:
            texts[path] = apply_edits(text, edits_of(each for each in chosen if each.path == path))
    for finding in chosen:
        texts.update({new.path: new.text for new in its_fix(finding).files})
    return {path: text for path, text in texts.items() if text != _text(fleet, path)}


def _text(fleet: Fleet, path: str) -> str | None:
    source = fleet.tree.read(path)
    return None if isinstance(source, Unreadable) else source.text
