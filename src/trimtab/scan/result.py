"""What a scan found, and what it could not look at."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from trimtab.rules import Severity
from trimtab.scan.leaks import Leak
from trimtab.scan.match import Vulnerability
from trimtab.scan.packages import Distro, Package

SOURCE_TREE = "source tree"
"""What the whole tree's files are called where images have their names."""
Part = StrEnum("Part", {"VULNERABILITIES": "vulns", "SECRETS": "secrets", "COMPLIANCE": "compliance"})
"""What can be looked for."""


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Something that was asked for and not looked at. A scan with one of these never reads as clean."""

    what: str
    reason: str
    part: Part
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """An update of a distribution's package that its own package lists offer."""

    package: str
    installed: str
    offered: str
    security: bool
    """Whether it comes from the distribution's security archive."""
    ids: tuple[str, ...]
    """CVE numbers that its changelog names between the two versions; none where it names none, or could not be read."""


@dataclass(frozen=True)
class TargetScan:
    """What was found in one image, source tree or bill of materials."""

    name: str
    kind: str
    """`image`, `sources` or `sbom`."""
    packages: tuple[Package, ...] = ()
    vulnerabilities: tuple[Vulnerability, ...] = ()
    leaks: tuple[Leak, ...] = ()
    services: tuple[str, ...] = ()
    image: str = ""
    """The image's id."""
    distro: Distro | None = None
    pending: tuple[Pending, ...] | None = None
    """None where nobody asked."""
    setuid: tuple[str, ...] | None = None
    """None for what is no image."""
    names: tuple[str, ...] = ()
    """Further names of the image."""


class Standing(StrEnum):
    """How a service stands to one control of a benchmark."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNCHECKED = "not checked"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class ControlResult:
    """One control for one service."""

    control: str
    title: str
    service: str
    standing: Standing
    reason: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a scan was of."""

    whole: bool = True
    """Whether it was the whole fleet: all of its files, and all of its images."""
    revision: str | None = None
    tree: str = ""
    """The fingerprint of the files."""


@dataclass(frozen=True)
class Scan:
    """One scan of a fleet."""

    started: datetime
    parts: frozenset[Part]
    targets: tuple[TargetScan, ...]
    controls: tuple[ControlResult, ...]
    not_checked: tuple[NotChecked, ...]
    sources: tuple[str, ...] = ()
    """The stores and programs that were asked for vulnerabilities."""
    as_of: datetime | None = None
    """When the newest advisory of the oldest store was modified; None where it answers from today."""
    notes: tuple[str, ...] = ()
    scope: Scope = Scope()
    accepted_until: date | None = None
    """The first last day among the entries of the ignore file that hold; None where none does."""

    @property
    def vulnerabilities(self) -> tuple[tuple[TargetScan, Vulnerability], ...]:
        return tuple((target, each) for target in self.targets for each in target.vulnerabilities)

    @property
    def leaks(self) -> tuple[tuple[TargetScan, Leak], ...]:
        return tuple((target, each) for target in self.targets for each in target.leaks)

    @property
    def failed_controls(self) -> tuple[ControlResult, ...]:
        return tuple(each for each in self.controls if each.standing is Standing.FAIL)

    def counts(self) -> dict[str, int]:
        """Vulnerabilities that count by severity, each once however many images have it; `unknown` where nobody says."""
        return count_severities(each for _, each in self.vulnerabilities)


LEVELS = (*(str(severity) for severity in sorted(Severity, reverse=True)), "unknown")


def count_severities(found: Iterable[Vulnerability]) -> dict[str, int]:
    """Distinct vulnerabilities of distinct packages by severity, those that do not count left out."""
    distinct = {(each.id, each.package.kind, *each.package.advised): each for each in found if each.counts}
    counts = Counter("unknown" if each.severity is None else str(each.severity) for each in distinct.values())
    return {level: counts[level] for level in LEVELS}
