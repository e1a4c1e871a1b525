"""What callers of each service behind the holder got, with counts that only grow: HAProxy's own begin anew with its process."""

import sqlite3
from dataclasses import dataclass

SCHEMA = """
CREATE TABLE IF NOT EXISTS usage_callers (
    project TEXT NOT NULL,
    service TEXT NOT NULL,
    seen REAL NOT NULL,
    requests INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (project, service)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Callers:
    """One service. Requests are those of HTTP, and connections of plain TCP; counts are since observing began."""

    project: str
    service: str
    seen: float
    """When the holder was asked last, in seconds since 1970."""
    requests: int
    failed: int
    """Of them, how many went wrong through no fault of the caller."""


def put(connection: sqlite3.Connection, callers: Callers) -> None:
    """Add what is counted to what was there; part of the caller's transaction."""
    statement = (
        "INSERT INTO usage_callers VALUES (?, ?, ?, ?, ?) ON CONFLICT (project, service) DO UPDATE SET seen = excluded.seen,"
        " requests = requests + excluded.requests, failed = failed + excluded.failed"
    )
    values = (callers.project, callers.service, callers.seen, callers.requests, callers.failed)
    connection.execute(statement, values)


def read(connection: sqlite3.Connection) -> list[Callers]:
    """Every service of every project, in order."""
    columns = "project, service, seen, requests, failed"
    return [Callers(*row) for row in connection.execute(f"SELECT {columns} FROM usage_callers ORDER BY project, service")]  # noqa: S608


def forget(connection: sqlite3.Connection, before: float) -> None:
    """Take away the services that the holder was not asked about since; part of the caller's transaction."""
    connection.execute("DELETE FROM usage_callers WHERE seen < ?", (before,))
