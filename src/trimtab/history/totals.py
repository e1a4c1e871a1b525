"""What each place in a project has used over a span of time, added up where the rows are: there are millions in a week."""

import math
import sqlite3
from dataclasses import dataclass, replace

_SUMS = ("seconds", "periods", "throttled", "ooms", "restarts", "health_changes")
_PEAKS = ("last", "cpu_p95", "cpu_max", "memory_max")

_OF = "SELECT * FROM usage_subjects CROSS JOIN usage ON id = subject WHERE project = :project"
_HOURS = f"{_OF} AND width = 3600 AND start > :since - 3600"
_PARTS = f"{_OF} AND width = 3600 AND start >= :whole UNION ALL {_OF} AND width = 60 AND start > :since - 60 AND start < :whole"
"""Two searches: asked for with an `OR`, SQLite reads every row of a container."""
_FIRST = """
SELECT service, number,
    MIN((SELECT start FROM usage WHERE subject = id AND width = 60 AND start > :since - 60 ORDER BY start LIMIT 1))
FROM usage_subjects WHERE project = :project GROUP BY service, number
"""


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


def read(connection: sqlite3.Connection, project: str, since: float, folded: int) -> list[Total]:
    """A project's places in order, from a time on, in seconds since 1970; minutes are kept from `folded` on.

    Whole hours are read as hours. Of the hour in which the time lies, its minutes are read where they are kept.
    """
    covered = "SUM(CASE WHEN cpu_mean IS NULL THEN 0 ELSE seconds END)"
    columns = ["service", "number", "MIN(start)"]
    columns += [f"SUM(cpu_mean * seconds) / NULLIF({covered}, 0)"]
    columns += [f"MAX({name})" for name in _PEAKS] + [f"SUM({name})" for name in _SUMS]
    whole = math.ceil(since / 3600) * 3600
    rows = _PARTS if whole > folded else _HOURS
    query = f"SELECT {', '.join(columns)} FROM ({rows}) GROUP BY service, number ORDER BY service, number"  # noqa: S608
    values = {"project": project, "since": since, "whole": whole, "folded": folded}
    found = [Total(*row) for row in connection.execute(query, values)]
    begun = {(service, number): start for service, number, start in connection.execute(_FIRST, values) if start is not None}
    return [replace(each, start=_begun(each.start, begun.get((each.service, each.number)), folded)) for each in found]


def _begun(start: int, minute: int | None, folded: int) -> int:
    """When something ran first: an hour that is kept as minutes, too, need not have begun with one."""
    return start if start < folded or minute is None else minute
