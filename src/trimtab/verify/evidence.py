"""What an experiment saw, and what follows from it. Times are in seconds, sizes in bytes."""

from dataclasses import dataclass
from enum import StrEnum
from statistics import median


class VerdictKind(StrEnum):
    """The three possible ends of an experiment."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision about a rewrite and the reason in one sentence."""

    kind: VerdictKind
    reason: str


class Scenario(StrEnum):
    """A way to rebuild."""

    NO_CHANGE = "no change"
    SOURCE_EDIT = "source edit"
    DEPENDENCY_EDIT = "dependency edit"


@dataclass(frozen=True, slots=True)
class Pair:
    """One measured pair, before and after, taken one right behind the other on an otherwise idle engine."""

    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """Rebuild times of one scenario."""

    scenario: Scenario
    edited: str
    """The context file that was edited, empty for no change."""
    pairs: tuple[Pair, ...]

    @property
    def before(self) -> float:
        return median(pair.before for pair in self.pairs)

    @property
    def after(self) -> float:
        return median(pair.after for pair in self.pairs)

    @property
    def spread(self) -> float:
        """The larger median absolute deviation of the two sides."""
        sides = ([pair.before for pair in self.pairs], [pair.after for pair in self.pairs])
        return max(median(abs(value - median(side)) for value in side) for side in sides)

    @property
    def conclusive(self) -> bool:
        """Whether every pair points the same way and the medians lie further apart than three deviations.

        One pair says nothing about its own noise, so it is never conclusive.
        """
        if len(self.pairs) < 2:
            return False
        signs = {pair.after < pair.before for pair in self.pairs}
        return len(signs) == 1 and abs(self.before - self.after) > 3 * self.spread


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not equal in the two images."""

    subject: str
    """`config User`, `/app/main.py`, `package gcc`."""
    before: str
    after: str
    explained_by: str = ""
    """The declared effect that allows it; empty makes the rewrite fail."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a started image behaved."""

    state: str
    """`healthy`, `running`, `unhealthy` or `exited N`."""
    ready_seconds: float | None
    ports: tuple[str, ...] | None
    """Ports listened on, `tcp/8000`; None when they could not be read."""
    user: str | None
    """The numeric user of process 1; None when it could not be read."""
    last_words: str = ""
    """The end of its log, kept only when it did not run."""

    @property
    def works(self) -> bool:
        return self.state in {"healthy", "running"}


@dataclass(frozen=True)
class Trial:
    """One candidate text that was built and compared."""

    rules: tuple[str, ...]
    verdict: Verdict
    differences: tuple[Difference, ...] = ()
    behaviours: tuple[Behaviour, Behaviour] | None = None


@dataclass(frozen=True)
class Evidence:
    """Everything that was seen about one Dockerfile."""

    path: str
    services: tuple[str, ...]
    verdict: Verdict
    accepted: tuple[str, ...] = ()
    """Codes of the rules whose fixes are kept."""
    titles: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()
    before_bytes: int | None = None
    after_bytes: int | None = None
    before_layers: int | None = None
    after_layers: int | None = None
    before_context: int | None = None
    after_context: int | None = None
    measurements: tuple[Measurement, ...] = ()
    behaviours: tuple[Behaviour, Behaviour] | None = None

    def measurement(self, scenario: Scenario) -> Measurement | None:
        return next((each for each in self.measurements if each.scenario is scenario), None)

    @property
    def rejected(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.verdict.kind is not VerdictKind.ACCEPTED)
