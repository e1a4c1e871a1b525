"""Each container as it was seen last, with counts that only grow: what a counter of a monitoring system has to be made from.

Minutes and hours of use are forgotten in time, and a sum over them would fall when they are. These rows are of a place in a
project, whatever image is in it, and go when nothing was seen in the place for as long as hours are kept.
"""

import sqlite3
from dataclasses import dataclass, fields

SCHEMA = """
CREATE TABLE IF NOT EXISTS usage_places (
    project TEXT NOT NULL,
    service TEXT NOT NULL,
    number INTEGER NOT NULL,
    image TEXT NOT NULL,
    config TEXT NOT NULL,
    seen REAL NOT NULL,
    state TEXT NOT NULL,
    health TEXT NOT NULL,
    memory INTEGER,
    memory_limit INTEGER,
    cpu_limit REAL,
    cpu_seconds REAL NOT NULL,
    periods INTEGER NOT NULL,
    throttled INTEGER NOT NULL,
    ooms INTEGER NOT NULL,
    restarts INTEGER NOT NULL,
    health_changes INTEGER NOT NULL,
    received INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    bytes_read INTEGER NOT NULL,
    bytes_written INTEGER NOT NULL,
    PRIMARY KEY (project, service, number)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Place:
    """One container's place. Bytes, seconds and cores; counts are since observing began."""

    project: str
    service: str
    number: int
    image: str
    config: str
    seen: float
    """When it was seen last, in seconds since 1970."""
    state: str
    health: str
    """Empty without a health check."""
    memory: int | None = None
    memory_limit: int | None = None
    cpu_limit: float | None = None
    cpu_seconds: float = 0.0
    periods: int = 0
    throttled: int = 0
    ooms: int = 0
    restarts: int = 0
    health_changes: int = 0
    received: int = 0
    sent: int = 0
    bytes_read: int = 0
    bytes_written: int = 0


_COLUMNS = [each.name for each in fields(Place)]
_NOW = ("image", "config", "seen", "state", "health", "memory", "memory_limit", "cpu_limit")
_COUNTS = _COLUMNS[_COLUMNS.index("cpu_seconds") :]


def put(connection: sqlite3.Connection, place: Place) -> None:
    """Note how a container is now, and add what is counted to what was there; part of the caller's transaction."""
    now = ", ".join(f"{name} = excluded.{name}" for name in _NOW)
    counts = ", ".join(f"{name} = {name} + excluded.{name}" for name in _COUNTS)
    marks = ", ".join("?" * len(_COLUMNS))
    statement = f"INSERT INTO usage_places ({', '.join(_COLUMNS)}) VALUES ({marks})"  # noqa: S608  no part of it is data
    statement += f" ON CONFLICT (project, service, number) DO UPDATE SET {now}, {counts}"
    connection.execute(statement, [getattr(place, name) for name in _COLUMNS])


def read(connection: sqlite3.Connection) -> list[Place]:
    """Every place of every project, in order."""
    query = f"SELECT {', '.join(_COLUMNS)} FROM usage_places ORDER BY project, service, number"  # noqa: S608
    return [Place(*row) for row in connection.execute(query)]


def forget(connection: sqlite3.Connection, before: float) -> None:
    """Take away the places in which nothing was seen since; part of the caller's transaction."""
    connection.execute("DELETE FROM usage_places WHERE seen < ?", (before,))
