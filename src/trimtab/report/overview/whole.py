"""The report as one value, with the parts that the other stages' own values serve for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab.fleet.compose.startup import Startup
from trimtab.history import BuildRow, FleetBuildRow, StepRow
from trimtab.report.overview.model import (
    Deployed,
    Empty,
    GateLine,
    Metric,
    Optimised,
    ReviewPart,
    Scanned,
    ServiceLine,
    Sourced,
    Used,
)


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run of `trimtab build` among others."""

    run: str
    started: str
    seconds: float | None
    outcome: str | None
    built: int
    failed: int
    hit_rate: float | None
    efficiency: float | None


@dataclass(frozen=True, slots=True)
class BuildPart:
    """The last run that built something, and those before it."""

    run: FleetBuildRow
    rows: Sequence[BuildRow]
    steps: Mapping[int, Sequence[StepRow]]
    runs: Sequence[RunLine]
    """The oldest first."""
    worse: Sequence[tuple[str, str]]
    """Targets with what is worse about their newest build."""


@dataclass(frozen=True, slots=True)
class ImageLine:
    """A target's image as it was built last."""

    target: str
    bytes: int
    layers: int | None
    run: str
    built: str
    before: int | None
    """Bytes of the oldest image among its last builds."""


@dataclass(frozen=True, slots=True)
class ProjectStart:
    """How a compose project starts by its files: a prediction."""

    files: tuple[str, ...]
    start: Startup
    faster: float
    """Seconds with a probe every second."""
    depends: Mapping[str, tuple[str, ...]]
    """Whom each service waits for."""
    healthy: Mapping[str, float]
    """Seconds from a service's start until it was healthy, as the last deployment that replaced it has measured them."""


@dataclass(frozen=True, slots=True)
class Running:
    """Something that is at work now."""

    kind: str
    """`build`, `proof` or `deployment`."""
    id: str
    started: str
    told: str
    done: int | None = None
    of: int | None = None
    now: Sequence[str] = ()
    """What is done about each file at this moment, where that is known."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the report says."""

    name: str
    made: str
    revision: str | None
    review: Sourced[ReviewPart]
    services: Sequence[ServiceLine]
    """The lowest score first."""
    metrics: Sequence[Metric]
    optimised: Sourced[Optimised] | Empty
    starts: Sourced[Sequence[ProjectStart]] | Empty
    builds: Sourced[BuildPart] | Empty
    images: Sourced[Sequence[ImageLine]] | Empty
    """The largest first."""
    scanned: Sourced[Scanned] | Empty
    gates: Sourced[Sequence[GateLine]] | Empty
    """What does not hold first."""
    deployments: Sourced[Sequence[Deployed]] | Empty
    """The newest first."""
    usage: Sourced[Sequence[Used]] | Empty
    running: Sequence[Running] = ()
