"""What became of each target of a run."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from trimtab.docker import BuildLog


class Outcome(StrEnum):
    """How one target ended."""

    BUILT = "built"
    FAILED = "failed"
    BLOCKED = "blocked"
    """It could not be tried: what it is built from failed."""
    SKIPPED = "skipped"
    """It did not have to be built."""
    CANCELLED = "cancelled"
    """The run ended before it was its turn, or while it was built: of the target itself, nothing is known."""


@dataclass(frozen=True)
class Done:
    """One target's end. Seconds count from the start of the run."""

    name: str
    outcome: Outcome
    reason: str = ""
    builder: str = ""
    begins: float = 0.0
    seconds: float = 0.0
    attempts: int = 0
    log: BuildLog | None = None
    started: float = 0.0
    """When it began, in seconds since the epoch."""
    image: str = ""
    """The image's id, or the digest that it was pushed by."""
    image_bytes: int | None = None
    layers: int | None = None
    cause: str = ""
    """Why the first step that was done had to be."""
    log_path: Path | None = None
    record: str = ""
    fingerprint: str = ""
    saved: float = 0.0
    """Seconds that the cached steps took when they were last done."""

    @property
    def ends(self) -> float:
        return self.begins + self.seconds

    @property
    def missed(self) -> str:
        """The first step that had to be done."""
        step = self.log.first_missed if self.log else None
        return step.label if step else ""


@dataclass(frozen=True)
class RunResult:
    """What a run of builds came to."""

    run: str
    done: tuple[Done, ...]
    seconds: float
    bound: float
    """Seconds that no order of these builds could have gone below, by the times that they took."""
    jobs: int
    peak_memory: int | None = None
    critical: tuple[str, ...] = ()
    interrupted: bool = False
    folder: Path = field(default_factory=Path)

    def having(self, *outcomes: Outcome) -> tuple[Done, ...]:
        return tuple(each for each in self.done if each.outcome in outcomes)

    @property
    def busy(self) -> float:
        """Seconds of all builds together."""
        return sum(each.seconds for each in self.done)

    @property
    def efficiency(self) -> float | None:
        """How near the run came to the bound: 1 is as near as can be; None where nothing was built."""
        return min(1.0, self.bound / self.seconds) if self.bound and self.seconds else None

    @property
    def hit_rate(self) -> float | None:
        """The share of Dockerfile steps that came from the cache; None where there were none."""
        logs = [each.log for each in self.having(Outcome.BUILT) if each.log]
        steps = sum(log.cacheable_steps for log in logs)
        return sum(log.cached_steps for log in logs) / steps if steps else None

    @property
    def hit_rate_by_time(self) -> float | None:
        """The share of the steps' work that the cache saved, by how long each took when it was last done."""
        built = [each for each in self.having(Outcome.BUILT) if each.log]
        saved = sum(each.saved for each in built)
        spent = sum(step.seconds for each in built if each.log for step in each.log.steps if step.cacheable and not step.cached)
        return saved / (saved + spent) if saved + spent else None

    @property
    def failed(self) -> bool:
        """Whether anything that was wanted was not built."""
        return bool(self.having(Outcome.FAILED, Outcome.BLOCKED, Outcome.CANCELLED))
