"""What each place in a project has used over a span of time, added up where the rows are: there are millions in a week."""

import sqlite3
from dataclasses import dataclass

_SUMS = ("seconds", "periods", "throttled", "ooms", "restarts", "health_changes")
_PEAKS = ("last", "cpu_p95", "cpu_max", "memory_max")


@dataclass(frozen=True, slots=True)
class Total:
    """One place's use over all of its images and configurations. Bytes, seconds and cores; None for what was not measured."""

    service: str
    number: int
    start: int
    """When the first minute or hour of it began, in seconds since 1970."""
    cpu_mean: float | None
    """Weighed by the seconds that each part covers."""
    last: float
    cpu_p95: float | None
    """The largest of its minutes."""
    cpu_max: float | None
    memory_max: int | None
    seconds: float
    periods: int
    throttled: int
    ooms: int
    restarts: int
    health_changes: int

    @property
    def throttled_ratio(self) -> float | None:
        """The share of periods in which it was held back; None without a limit."""
        return self.throttled / self.periods if self.periods else None


def read(connection: sqlite3.Connection, project: str, since: float) -> list[Total]:
    """A project's places in order, from a time on, in seconds since 1970."""
    covered = "SUM(CASE WHEN cpu_mean IS NULL THEN 0 ELSE seconds END)"
    columns = ["service", "number", "MIN(start)", f"SUM(cpu_mean * seconds) / NULLIF({covered}, 0)"]
    columns += [f"MAX({name})" for name in _PEAKS] + [f"SUM({name})" for name in _SUMS]
    query = f"SELECT {', '.join(columns)} FROM usage JOIN usage_subjects ON id = subject"  # noqa: S608  no part of it is data
    query += " WHERE project = ? AND start + width > ? GROUP BY service, number ORDER BY service, number"
    return [Total(*row) for row in connection.execute(query, (project, since))]
