"""What `--since` would have left out, held against what was really built from both sides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab.build.affected import Reach
from trimtab.build.outcome import Done, Outcome


@dataclass(frozen=True)
class Audit:
    """The verdict, target by target."""

    reasons: Mapping[str, Reach]
    differs: Mapping[str, bool]
    """Whether the image is another one, for the targets that were built."""
    unknown: tuple[str, ...]
    """The targets that were not built, of which nothing can be said."""

    @property
    def missed(self) -> tuple[str, ...]:
        """Images that differ although they were left out: each is a bug."""
        return tuple(name for name, different in self.differs.items() if different and not self.reasons[name].affected)

    @property
    def needless(self) -> tuple[str, ...]:
        """Images that are the same although they were held to be affected."""
        return tuple(name for name, different in self.differs.items() if not different and self.reasons[name].affected)


def judge_audit(before: Sequence[Done], after: Sequence[Done], reasons: Mapping[str, Reach]) -> Audit:
    """The verdict on the builds of the tree as it was, and as it is."""
    was = {each.name: each for each in before}
    built = [each for each in after if each.outcome is Outcome.BUILT]
    differs = {each.name: _differs(was.get(each.name), each) for each in built}
    return Audit(reasons, differs, tuple(each.name for each in after if each.outcome is not Outcome.BUILT))


def _differs(old: Done | None, new: Done) -> bool:
    return old is None or old.outcome is not Outcome.BUILT or old.image != new.image
