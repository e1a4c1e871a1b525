"""What the report says, as frozen values that every format is made from. A figure without a source cannot be made.

Units: seconds, bytes, shares of one, points of 100 or 10, days, and plain counts. Times are UTC, ISO 8601.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Literal, TypeVar

T = TypeVar("T")
Better = Literal["lower", "higher", "neither"]
"""Which way a figure is to go."""


class Unit(StrEnum):
    """What a figure counts."""

    SECONDS = "seconds"
    BYTES = "bytes"
    SHARE = "share"
    COUNT = "count"
    OF_HUNDRED = "points of 100"
    OF_TEN = "points of 10"
    DAYS = "days"


class Group(StrEnum):
    """The four groups of the success metrics."""

    BUILD = "Build"
    IMAGE = "Image"
    SECURITY = "Security"
    DEPLOYMENT = "Deployment"


@dataclass(frozen=True, slots=True)
class Where:
    """Where a figure comes from."""

    command: str
    """What measured it: `trimtab build`."""
    at: str
    """When; of several the newest."""
    ids: tuple[str, ...] = ()
    """Runs, deployments or revisions, the newest first."""

    def __post_init__(self) -> None:
        if not self.command or not self.at:
            raise ValueError("a source needs a command and a time")


@dataclass(frozen=True, slots=True)
class Change:
    """A figure against an earlier one of the same subjects, so that neither is of a service that the other lacks."""

    before: float
    after: float
    where: Where
    """Where the earlier one comes from."""
    subjects: str = ""
    """What both are of: `8 targets`."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure is to be."""

    text: str
    met: bool | None
    """None where there is no figure to hold against it."""
    source: str
    """Who says so: a key of the configuration, or the project's own goal."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One success metric."""

    key: str
    group: Group
    title: str
    unit: Unit
    better: Better
    how: str
    """What it is made from, in one sentence."""
    fill: str
    """The command that measures it."""
    value: float | None = None
    where: Where | None = None
    change: Change | None = None
    target: Target | None = None
    note: str = ""
    """What else belongs to the figure, or why there is none."""

    def __post_init__(self) -> None:
        if (self.value is None) != (self.where is None):
            raise ValueError(f"`{self.key}`: a value has a source, and nothing else has")
        if self.value is None and self.change is not None:
            raise ValueError(f"`{self.key}`: what has no value has not changed")

    @property
    def verdict(self) -> Literal["better", "worse", "same", "changed"] | None:
        """What the change means; None where there is none."""
        if self.change is None:
            return None
        before, after = self.change.before, self.change.after
        if abs(after - before) <= 0.005 * max(abs(before), abs(after)):
            return "same"
        if self.better == "neither":
            return "changed"
        return "better" if (after < before) == (self.better == "lower") else "worse"


@dataclass(frozen=True, slots=True)
class Empty:
    """A part of the report that nothing is known for yet."""

    reason: str
    fill: str
    """The command that fills it."""


@dataclass(frozen=True, slots=True)
class Sourced(Generic[T]):
    """A part of the report with where it comes from."""

    value: T
    where: Where


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """One service at a glance; None for what was not measured."""

    name: str
    path: str
    score: float
    security: float
    findings: int
    image_bytes: int | None = None
    build_seconds: tuple[float, ...] = ()
    """Its good builds, the oldest first."""
    vulnerabilities: Mapping[str, int] | None = None
    """By severity, in the newest scan of its image."""
    scanned: str = ""
    outcome: str = ""
    """Of its last deployment."""
    memory: float | None = None
    """The largest working set as a share of the limit."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one rule's findings cost the fleet."""

    rule: str
    name: str
    findings: int
    points: float
    """Of the fleet's hundred."""
    fixable: int


@dataclass(frozen=True, slots=True)
class ReviewPart:
    """The review of the files as they are now."""

    overall: float
    categories: Mapping[str, float]
    """Of ten, with each category's name."""
    severities: Mapping[str, int]
    files: int
    costs: Sequence[Cost]
    unread: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of an image."""

    text: str
    bytes: int
    hidden_bytes: int
    line: int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """The times of one way to rebuild; medians of pairs."""

    scenario: str
    before: float
    after: float
    conclusive: bool
    pairs: int


@dataclass(frozen=True, slots=True)
class Proof:
    """One changed file with its evidence."""

    path: str
    services: tuple[str, ...]
    verdict: str
    reason: str
    rules: tuple[str, ...]
    bytes_before: int | None
    bytes_after: int | None
    layers_before: int | None
    layers_after: int | None
    measurements: tuple[Measured, ...] = ()
    use_before: tuple[Layer, ...] = ()
    use_after: tuple[Layer, ...] = ()


@dataclass(frozen=True, slots=True)
class Optimised:
    """The last optimisation."""

    run: str
    proofs: Sequence[Proof]
    """The largest saving first, then what was not accepted."""
    environment: Mapping[str, str]

    @property
    def accepted(self) -> list[Proof]:
        return [each for each in self.proofs if each.verdict == "accepted"]


@dataclass(frozen=True, slots=True)
class Vulnerable:
    """One vulnerability of one target."""

    target: str
    id: str
    package: str
    version: str
    severity: str
    upgrade: str
    exploited: bool
    summary: str


@dataclass(frozen=True, slots=True)
class ControlLine:
    """One control of the benchmark over all services."""

    control: str
    title: str
    passed: int
    failed: int
    unchecked: int
    first: str
    """The first failure, with its reason."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What the newest scans say."""

    targets: Sequence[tuple[str, str, Mapping[str, int] | None, int]]
    """Name, when it was scanned, vulnerabilities by severity, credentials; the worst first. None where no advisories were."""
    worst: Sequence[Vulnerable]
    """The most pressing of the last scan."""
    more: int
    """How many of the last scan's vulnerabilities are not among them."""
    controls: Sequence[ControlLine]
    not_checked: Sequence[tuple[str, str]]
    outcome: str


@dataclass(frozen=True, slots=True)
class GateLine:
    """One gate for one subject."""

    gate: str
    subject: str
    state: str
    measured: str
    limit: str
    hint: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Deployed:
    """One deployment or rollback."""

    id: str
    project: str
    revision: int
    kind: str
    started: str
    seconds: float | None
    outcome: str | None
    reason: str
    deployed: int
    services: int


@dataclass(frozen=True, slots=True)
class Used:
    """What one container used over the window, against its limits."""

    project: str
    service: str
    number: int
    seconds: float
    state: str
    memory_max: int | None
    memory_limit: int | None
    cpu_p95: float | None
    cpu_limit: float | None
    throttled: float | None
    ooms: int
    restarts: int

    @property
    def memory(self) -> float | None:
        """The largest working set as a share of the limit."""
        return self.memory_max / self.memory_limit if self.memory_max is not None and self.memory_limit else None

    @property
    def cpu(self) -> float | None:
        """The busiest minute's 95th percentile as a share of the limit."""
        return self.cpu_p95 / self.cpu_limit if self.cpu_p95 is not None and self.cpu_limit else None
