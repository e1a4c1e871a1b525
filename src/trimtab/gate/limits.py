"""What is asked of a fleet, and of parts of it."""

from dataclasses import dataclass, fields, replace

from trimtab.syntax.ignore import IgnoreFile


@dataclass(frozen=True)
class Limits:
    """What is asked of one service; None for what is not asked."""

    overall: float | None = None
    """At least this score of 100."""
    security: float | None = None
    """At least this score of 10."""
    maintainability: float | None = None
    """At least this score of 10."""
    max_critical: int | None = None
    """At most so many critical vulnerabilities."""
    max_high: int | None = None
    image_bytes: int | None = None
    build_seconds: float | None = None

    def with_those_of(self, other: "Limits") -> "Limits":
        """These, with what the others ask in its place."""
        said = {each.name: value for each in fields(other) if (value := getattr(other, each.name)) is not None}
        return replace(self, **said)


@dataclass(frozen=True)
class PathLimits:
    """What is asked of the services below some paths."""

    match: str
    """A pattern as in an ignore file, for Dockerfiles and compose files."""
    limits: Limits

    def covers(self, path: str) -> bool:
        return IgnoreFile.of([self.match]).ignores(path)


DEFAULTS = Limits(overall=70, security=7, maintainability=7, max_critical=0)
CRITICAL_OVERALL = 80.0


@dataclass(frozen=True)
class GatePolicy:
    """Everything that is asked of a fleet."""

    limits: Limits = DEFAULTS
    critical_overall: float = CRITICAL_OVERALL
    """The score that a critical service needs at least."""
    critical: frozenset[str] = frozenset()
    paths: tuple[PathLimits, ...] = ()
    scan_days: float = 7
    """How old the last scan, and the advisories that it asked, may be."""
    allowed: frozenset[str] = frozenset()
    """Names of gates, or `gate:subject`, that need not have been checked."""

    def for_service(self, name: str, path: str, called: str = "") -> Limits:
        """What is asked of a service that is made at a path. The last pattern that matches wins over those before it.

        One that shares what it is `called` with another project's is critical by either name.
        """
        found = self.limits
        for each in self.paths:
            if each.covers(path):
                found = found.with_those_of(each.limits)
        # Whatever its path asks: what everything depends on is not lowered in passing.
        return (
            replace(found, overall=max(found.overall or 0, self.critical_overall)) if {name, called} & self.critical else found
        )

    def allows(self, gate: str, subject: str) -> bool:
        return not self.allowed.isdisjoint({gate, f"{gate}:{subject}"})
