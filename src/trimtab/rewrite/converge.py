"""The rewrite loop.

A fix is atomic. In each pass the fixes that do not overlap are applied in order of place and code; the rest wait. Then
the file is parsed and reviewed anew: positions are never shifted. The loop ends when nothing changes. A text seen
before, a pass limit, or a result that breaks an invariant are our bugs: the original is returned and the bug reported.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from trimtab.fleet import Facts, Fleet, FleetFile, facts_for
from trimtab.review import review_file
from trimtab.rewrite.changeset import AppliedFix, ChangeSet, FileChange, SkippedFix, SkipReason
from trimtab.rewrite.invariants import broken_invariant
from trimtab.rules import Applicability, Effects, Finding, Rule, all_rules
from trimtab.syntax.dockerfile import parse
from trimtab.text import Edit, OverlappingEdits, Source, apply_edits

MAX_PASSES = 50
"""More passes than a file can need: each applies at least one fix, and no rule's fix creates another finding of it."""


@dataclass(frozen=True)
class Selection:
    """Which fixes may be applied."""

    unsafe: bool = False
    rules: Collection[str] | None = None
    """Codes; None for all."""

    def skips(self, finding: Finding) -> SkipReason | None:
        if finding.fix is None:
            return SkipReason.REFUSED
        if self.rules is not None and finding.rule not in self.rules:
            return SkipReason.NOT_CHOSEN
        if finding.fix.applicability is Applicability.DISPLAY:
            return SkipReason.DISPLAY
        if finding.fix.applicability is Applicability.UNSAFE and not self.unsafe:
            return SkipReason.UNSAFE
        return None


@dataclass
class _Loop:
    file: FleetFile
    selection: Selection
    rules: Sequence[Rule]
    applied: list[AppliedFix] = field(default_factory=list[AppliedFix])
    seen: set[str] = field(default_factory=set[str])

    def run(self) -> FileChange:
        before = self.file.dockerfile.source.text
        current = self.file
        facts = facts_for(current)
        for number in range(1, MAX_PASSES + 1):
            findings, _, _ = review_file(current, self.rules, facts)
            chosen = _compatible(finding for finding in findings if self.selection.skips(finding) is None)
            if not chosen:
                return self._result(before, current, findings)
            try:
                text = apply_edits(current.dockerfile.source.text, _edits(chosen))
            except OverlappingEdits as error:
                return FileChange(current.path, before, before, (), (), f"a fix overlaps itself: {error}")
            following = replace(current, dockerfile=parse(Source(current.path, text)))
            following_facts = facts_for(following)
            bug = self._bug(facts, following_facts, chosen, text)
            if bug:
                return FileChange(current.path, before, before, (), (), bug)
            self._record(chosen, number)
            current, facts = following, following_facts
        return FileChange(current.path, before, before, (), (), f"no end after {MAX_PASSES} passes")

    def _bug(self, before: Facts, after: Facts, chosen: Sequence[Finding], text: str) -> str | None:
        names = ", ".join(dict.fromkeys(finding.rule for finding in chosen))
        if text in self.seen:
            return f"the fixes of {names} undo each other"
        self.seen.add(text)
        effects = Effects()
        for finding in chosen:
            effects = effects.joined(finding.fix.effects) if finding.fix else effects
        broken = broken_invariant(before, after, effects)
        return f"a fix of {names} broke an invariant: {broken}" if broken else None

    def _record(self, chosen: Sequence[Finding], number: int) -> None:
        done: set[tuple[Edit, ...]] = set()
        for finding in chosen:
            if finding.fix is not None and finding.fix.edits not in done:
                done.add(finding.fix.edits)
                fix = finding.fix
                self.applied.append(AppliedFix(finding.rule, finding.name, fix.title, finding.line, fix.effects, number))

    def _result(self, before: str, current: FleetFile, findings: Iterable[Finding]) -> FileChange:
        skipped = tuple(SkippedFix(finding, self.selection.skips(finding) or SkipReason.CONFLICT) for finding in findings)
        return FileChange(current.path, before, current.dockerfile.source.text, tuple(self.applied), skipped)


def _compatible(findings: Iterable[Finding]) -> list[Finding]:
    """The fixes that can go into one pass: whole ones, none touching another; equal ones merge."""
    chosen: list[Finding] = []
    taken: list[Edit] = []
    for finding in sorted(findings, key=lambda each: (each.line, each.column, each.rule)):
        edits = finding.fix.edits if finding.fix else ()
        clash = any(edit != other and edit.span.overlaps(other.span) for edit in edits for other in taken)
        partly = any(edit in taken for edit in edits) and not all(edit in taken for edit in edits)
        if edits and not clash and not partly:
            chosen.append(finding)
            taken.extend(edits)
    return chosen


def _edits(findings: Iterable[Finding]) -> list[Edit]:
    return [edit for finding in findings if finding.fix for edit in finding.fix.edits]


def rewrite(
    fleet: Fleet, *, unsafe: bool = False, only: Collection[str] | None = None, paths: Collection[str] | None = None,
    rules: Sequence[Rule] | None = None,
) -> ChangeSet:  # fmt: skip
    """Fix every Dockerfile of a fleet, in memory.

    Args:
        fleet: What to fix.
        unsafe: Apply unsafe fixes too.
        only: Codes of the rules whose fixes are wanted, None for all.
        paths: The files that may change, None for all.
        rules: The rules to review with, None for all.
    """
    selection = Selection(unsafe, only)
    chosen = all_rules() if rules is None else rules
    files = [file for file in fleet.files if paths is None or file.path in paths]
    return ChangeSet(tuple(_rewrite_file(file, selection, chosen) for file in files))


def _rewrite_file(file: FleetFile, selection: Selection, rules: Sequence[Rule]) -> FileChange:
    text = file.dockerfile.source.text
    if file.dockerfile.problems:
        # A file the builder refuses cannot be proven either; it is reported and left alone.
        return FileChange(file.path, text, text, (), ())
    return _Loop(file, selection, rules, seen={text}).run()
