"""What an experiment saw, and what follows from it. Times are in seconds, sizes in bytes."""

from dataclasses import dataclass
from enum import StrEnum
from statistics import median, quantiles


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

    COLD = "cold"
    """Nothing cached: no layers, and new cache mounts."""
    NO_CHANGE = "no change"
    SOURCE_EDIT = "source edit"
    DEPENDENCY_EDIT = "dependency edit"
    FRESH_RUNNER = "dependency edit on a fresh runner"
    """All layers as if from an imported cache, and new cache mounts: what a runner that lives for one build has."""
    SLOW_LINK = "dependency edit over a slow link"
    REPLAY = "replayed commit"
    START = "start of a compose project"


@dataclass(frozen=True, slots=True)
class Pair:
    """One measured pair, before and after, taken one right behind the other on an otherwise idle engine."""

    before: float
    after: float


@dataclass(frozen=True, slots=True)
class StepTime:
    """One step of a build."""

    name: str
    seconds: float
    cached: bool


@dataclass(frozen=True, slots=True)
class Measurement:
    """Rebuild times of one scenario."""

    scenario: Scenario
    edited: str
    """The context file that was edited, empty for no change."""
    pairs: tuple[Pair, ...]
    per_week: float | None = None
    """How often it happens in a week, where that is known."""
    before_steps: tuple[StepTime, ...] = ()
    """The Dockerfile's steps in the last pair."""
    after_steps: tuple[StepTime, ...] = ()

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
    def saved_a_week(self) -> tuple[float, float, float] | None:
        """Seconds saved a week, by the lower quartile, the median and the upper quartile of the pairs."""
        if self.per_week is None:
            return None
        saved = sorted(pair.before - pair.after for pair in self.pairs)
        low, middle, high = quantiles(saved, n=4, method="inclusive") if len(saved) > 1 else saved * 3
        return low * self.per_week, middle * self.per_week, high * self.per_week

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
class Answer:
    """What a started image answered to one HTTP request."""

    url: str
    status: str
    """The status code, or `none` where nothing like HTTP came back."""
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """How a container ended when it was asked to with its stop signal."""

    seconds: float | None
    code: int | None
    """137 when it had to be killed at the end of its grace period. None, as the seconds, where it was not stopped."""
    ignored: bool = False
    """Whether process 1 has no handler for the signal. The kernel does not deliver such a signal to it (`man 2 kill`), so
    the end of the grace period was not waited for."""

    @property
    def killed(self) -> bool:
        return self.ignored or self.code == 137

    @property
    def text(self) -> str:
        return "ignores it" if self.ignored else f"exit {self.code} after {self.seconds or 0:.1f} s"


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
    answers: tuple[Answer, ...] | None = None
    """None when nothing inside could ask."""
    stop: Stop | None = None
    """None when it had ended before."""
    errors: tuple[str, ...] = ()
    """Lines of its log that speak of errors, with numbers and times taken out."""
    smoke: int | None = None
    """The exit code of the user's own check; None when there is none, or the service did not run."""
    company: tuple[str, ...] = ()
    """The services that were started with it."""
    watched_seconds: float | None = None
    """Seconds from its start until it was asked to end; None when it ended by itself."""

    @property
    def works(self) -> bool:
        return self.state in {"healthy", "running"}


@dataclass(frozen=True, slots=True)
class LayerUse:
    """One layer of an image: what made it and what of it a container sees."""

    line: int | None
    """The line of the Dockerfile; None for the base's layers."""
    text: str
    bytes: int
    hidden_bytes: int
    """What higher layers delete or replace: it could be reclaimed."""
    hidden_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageUse:
    """Where an image's bytes are."""

    layers: tuple[LayerUse, ...]
    reclaimable_bytes: int
    dive_bytes: int
    """Wasted bytes as dive counts them, the live copies included."""


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
    left_out: tuple[str, ...] = ()
    """What was not measured, and why."""
    before_image: ImageUse | None = None
    after_image: ImageUse | None = None
    remembered: str | None = None
    """When it was proven, for what an earlier run has proven with the same inputs."""
    behaviours: tuple[Behaviour, Behaviour] | None = None

    def measurement(self, scenario: Scenario) -> Measurement | None:
        return next((each for each in self.measurements if each.scenario is scenario), None)

    @property
    def rejected(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.verdict.kind is not VerdictKind.ACCEPTED)
