"""Which fixes go into a pass."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from trimtab.rewrite.changeset import AppliedFix, SkippedFix, SkipReason
from trimtab.rules import Applicability, Effects, Finding, Fix
from trimtab.text import Edit

Identity = tuple[str, str, str]
"""A finding's rule, path and anchor."""


def its_fix(finding: Finding) -> Fix:
    """A finding's fix; one that changes nothing where there is none."""
    return finding.fix or Fix("")


def identity(finding: Finding) -> Identity:
    """What a person's answer about a finding is remembered by."""
    return (finding.rule, finding.path, finding.anchor)


@dataclass(frozen=True)
class Selection:
    """Which fixes may be applied."""

    unsafe: bool = False
    proof: bool = False
    """Whether fixes are wanted that only an experiment can judge."""
    rules: Collection[str] | None = None
    """Codes; None for all."""
    accepted: Collection[Identity] | None = None
    """The findings whose fixes somebody said yes to; None when nobody was asked."""

    def skips(self, finding: Finding) -> SkipReason | None:
        """Why a finding's fix is left out, None when it is wanted."""
        if finding.fix is None:
            return SkipReason.REFUSED
        if self.rules is not None and finding.rule not in self.rules:
            return SkipReason.NOT_CHOSEN
        if finding.fix.applicability is Applicability.DISPLAY:
            return SkipReason.DISPLAY
        if finding.fix.applicability is Applicability.UNSAFE and not self.unsafe:
            return SkipReason.UNSAFE
        if finding.fix.applicability in {Applicability.PROOF, Applicability.GAIN} and not self.proof:
            return SkipReason.PROOF
        declined = self.accepted is not None and identity(finding) not in self.accepted
        return SkipReason.DECLINED if declined else None

    def skipped(self, findings: Iterable[Finding]) -> tuple[SkippedFix, ...]:
        return tuple(SkippedFix(finding, self.skips(finding) or SkipReason.CONFLICT) for finding in findings)


def compatible(findings: Iterable[Finding]) -> list[Finding]:
    """The fixes that can go into one pass: whole ones, none touching another; equal ones merge."""
    chosen: list[Finding] = []
    taken: list[tuple[str, Edit]] = []
    files: dict[str, Fix] = {}
    for finding in sorted(findings, key=lambda each: (each.line, each.column, each.rule)):
        fix = its_fix(finding)
        if not (fix.edits or fix.files):
            continue
        edits = [(finding.path, edit) for edit in fix.edits]
        if _clashes(edits, taken) or _clashes_on_files(finding.path, fix, files, taken):
            continue
        chosen.append(finding)
        taken.extend(edits)
        files.update({new.path: fix for new in fix.files})
    return chosen


def _clashes(edits: Sequence[tuple[str, Edit]], taken: Sequence[tuple[str, Edit]]) -> bool:
    known = set(taken)
    overlapping = any(
        path == other_path and edit != other and edit.span.overlaps(other.span)
        for path, edit in edits
        for other_path, other in taken
    )
    return overlapping or not (known.isdisjoint(edits) or known.issuperset(edits))


def _clashes_on_files(path: str, fix: Fix, files: dict[str, Fix], taken: Sequence[tuple[str, Edit]]) -> bool:
    """A whole file is one fix's alone, unless two fixes say the same of it."""
    others = [files[new.path] for new in fix.files if new.path in files]
    edited = {name for name, _ in taken}
    return (
        any(other.files != fix.files for other in others)
        or any(new.path in edited for new in fix.files)
        or (bool(fix.edits) and path in files)
    )


def edits_of(findings: Iterable[Finding]) -> list[Edit]:
    """The edits of fixes to one file."""
    return [edit for finding in findings for edit in its_fix(finding).edits]


def joined_effects(findings: Iterable[Finding]) -> Effects:
    """Everything that some fixes declare together."""
    effects = Effects()
    for finding in findings:
        effects = effects.joined(its_fix(finding).effects)
    return effects


def applied_fixes(findings: Iterable[Finding], number: int) -> list[AppliedFix]:
    """The record of a pass; fixes that merged are named once."""
    done: set[tuple[object, object]] = set()
    found: list[AppliedFix] = []
    for finding in findings:
        fix = its_fix(finding)
        if (fix.edits, fix.files) not in done:
            done.add((fix.edits, fix.files))
            paths = tuple(new.path for new in fix.files)
            to_gain = fix.applicability is Applicability.GAIN
            about = (finding.rule, finding.name, fix.title, finding.line)
            found.append(AppliedFix(*about, fix.effects, number, paths, to_gain, finding.anchor))
    return found
