"""The rewrite loop over one Dockerfile.

A fix is atomic. In each pass the fixes that do not overlap are applied in order of place and code; the rest wait. Then
the file is parsed and reviewed anew: positions are never shifted. The loop ends when nothing changes. A text seen
before, a pass limit, or a result that breaks an invariant are our bugs: the original is returned and the bug reported.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from trimtab.fleet import Facts, Fleet, FleetFile, facts_for
from trimtab.review import review_file
from trimtab.rewrite.changeset import AppliedFix, FileChange
from trimtab.rewrite.invariants import broken_invariant
from trimtab.rewrite.selection import Selection, applied_fixes, compatible, edits_of, joined_effects
from trimtab.rules import Finding, Rule
from trimtab.syntax.dockerfile import parse
from trimtab.text import OverlappingEdits, Source, apply_edits

MAX_PASSES = 50
"""More passes than a file can need: each applies at least one fix, and no rule's fix creates another finding of it."""


@dataclass
class _Loop:
    """Rewrites one Dockerfile."""

    file: FleetFile
    fleet: Fleet
    selection: Selection
    rules: Sequence[Rule]
    applied: list[AppliedFix] = field(default_factory=list[AppliedFix])
    seen: set[str] = field(default_factory=set[str])

    def run(self) -> FileChange:
        before = self.file.dockerfile.source.text
        facts = facts_for(self.file, self.fleet)
        for number in range(1, MAX_PASSES + 1):
            findings = review_file(facts, self.rules).findings
            chosen = compatible(finding for finding in findings if self.selection.skips(finding) is None)
            if not chosen:
                return self._result(before, facts, findings)
            try:
                text = apply_edits(facts.dockerfile.source.text, edits_of(chosen))
            except OverlappingEdits as error:
                return _given_up(self.file.path, before, f"a fix overlaps itself: {error}")
            following = replace(facts.file, dockerfile=parse(Source(self.file.path, text)))
            following_facts = facts_for(following, self.fleet)
            bug = self._bug(facts, following_facts, chosen, text)
            if bug:
                return _given_up(self.file.path, before, bug)
            self.applied.extend(applied_fixes(chosen, number))
            facts = following_facts
        return _given_up(self.file.path, before, f"no end after {MAX_PASSES} passes")

    def _bug(self, before: Facts, after: Facts, chosen: Sequence[Finding], text: str) -> str | None:
        names = ", ".join(dict.fromkeys(finding.rule for finding in chosen))
        if text in self.seen:
            return f"the fixes of {names} undo each other"
        self.seen.add(text)
        broken = broken_invariant(before, after, joined_effects(chosen))
        return f"a fix of {names} broke an invariant: {broken}" if broken else None

    def _result(self, before: str, facts: Facts, findings: Iterable[Finding]) -> FileChange:
        after = facts.dockerfile.source.text
        return FileChange(self.file.path, before, after, tuple(self.applied), self.selection.skipped(findings))


def _given_up(path: str, before: str, bug: str) -> FileChange:
    return FileChange(path, before, before, (), (), bug)


def rewrite_dockerfile(file: FleetFile, fleet: Fleet, selection: Selection, rules: Sequence[Rule]) -> FileChange:
    """One Dockerfile after all chosen fixes to itself, in memory."""
    text = file.dockerfile.source.text
    if file.dockerfile.problems:
        # A file the builder refuses cannot be proven either; it is reported and left alone.
        return FileChange(file.path, text, text, (), ())
    return _Loop(file, fleet, selection, rules, seen={text}).run()
