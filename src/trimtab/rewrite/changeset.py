"""What a rewrite did and did not do."""

from dataclasses import dataclass
from enum import StrEnum

from trimtab.rules import Effects, Finding
from trimtab.text import unified_diff


class SkipReason(StrEnum):
    """Why a fix was left out."""

    UNSAFE = "needs --unsafe, or `trimtab optimize` to prove it"
    PROOF = "is only applied by `trimtab optimize`, with proof"
    DISPLAY = "is only shown"
    REFUSED = "refused"
    NOT_CHOSEN = "not selected"
    DECLINED = "declined"
    HARMFUL = "would keep files back that a COPY needs, or break a compose file or a script"
    CONFLICT = "overlaps another fix"


@dataclass(frozen=True, slots=True)
class AppliedFix:
    """A fix that is in the result; `pass_number` counts from 1."""

    rule: str
    name: str
    title: str
    line: int
    effects: Effects
    pass_number: int
    files: tuple[str, ...] = ()
    """Other files that it makes or takes away."""
    to_gain: bool = False
    """Whether it is to be kept only when it is measured to gain something."""
    anchor: str = ""
    """What its finding is about."""


@dataclass(frozen=True, slots=True)
class SkippedFix:
    """A finding that stays, and why."""

    finding: Finding
    reason: SkipReason

    @property
    def explanation(self) -> str:
        if self.finding.refusal is not None:
            return self.finding.refusal.reason
        return str(self.reason)


@dataclass(frozen=True)
class FileChange:
    """One file before and after."""

    path: str
    before: str | None
    """None for a file that the rewrite makes."""
    after: str | None
    """None for a file that the rewrite takes away."""
    applied: tuple[AppliedFix, ...]
    skipped: tuple[SkippedFix, ...]
    bug: str | None = None
    """Set when our own checks refused the result; `after` is then `before`."""

    @property
    def changed(self) -> bool:
        return self.before != self.after

    @property
    def text(self) -> str:
        """The text that there is now; empty for a file that is gone."""
        return self.after or ""

    @property
    def diff(self) -> str:
        return unified_diff(self.path, self.before, self.after)

    @property
    def rules(self) -> tuple[str, ...]:
        """Codes of the rules whose fixes are in the result, in order of first use."""
        return tuple(dict.fromkeys(fix.rule for fix in self.applied))

    @property
    def rules_to_gain(self) -> tuple[str, ...]:
        """Those of them whose fixes are kept only when they are measured to gain."""
        return tuple(dict.fromkeys(fix.rule for fix in self.applied if fix.to_gain))

    @property
    def effects(self) -> Effects:
        total = Effects()
        for fix in self.applied:
            total = total.joined(fix.effects)
        return total


@dataclass(frozen=True)
class ChangeSet:
    """The changes to a fleet, file by file."""

    files: tuple[FileChange, ...]

    @property
    def changed(self) -> tuple[FileChange, ...]:
        return tuple(file for file in self.files if file.changed)

    @property
    def bugs(self) -> tuple[FileChange, ...]:
        return tuple(file for file in self.files if file.bug)

    @property
    def diff(self) -> str:
        return "".join(file.diff for file in self.changed)
