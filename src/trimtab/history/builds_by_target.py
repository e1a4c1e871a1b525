"""What each target's builds come to: sums that only grow, and its last builds, found without looking at all of them.

A sum over the rows would be slow over a year of builds, and fall when old ones are taken away; a counter of a monitoring system
must not. The sums are written in the same transaction as the build they count.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

SCHEMA = """
CREATE TABLE IF NOT EXISTS build_totals (
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    builds INTEGER NOT NULL,
    seconds REAL NOT NULL,
    cached INTEGER NOT NULL,
    cacheable INTEGER NOT NULL,
    PRIMARY KEY (target, outcome)
) WITHOUT ROWID;
DROP INDEX IF EXISTS builds_of_target;
CREATE INDEX IF NOT EXISTS builds_of_target_by_time ON builds (target, started);
CREATE INDEX IF NOT EXISTS builds_by_outcome ON builds (target, outcome, started);
"""


@dataclass(frozen=True, slots=True)
class BuildTotal:
    """All builds of one target that ended in one way, those among them whose rows are not kept any more."""

    target: str
    outcome: str
    builds: int
    seconds: float
    """Of all of them together."""
    cached: int
    cacheable: int


def count(connection: sqlite3.Connection, total: BuildTotal) -> None:
    """Add builds to what is there; part of the caller's transaction."""
    connection.execute(
        "INSERT INTO build_totals VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (target, outcome) DO UPDATE SET"
        " builds = builds + excluded.builds, seconds = seconds + excluded.seconds, cached = cached + excluded.cached,"
        " cacheable = cacheable + excluded.cacheable",
        (total.target, total.outcome, total.builds, total.seconds, total.cached, total.cacheable),
    )


def count_all(connection: sqlite3.Connection) -> None:
    """Make the sums from the rows, for a history that was written without them; part of the caller's transaction."""
    connection.execute("DELETE FROM build_totals")
    connection.execute(
        "INSERT INTO build_totals SELECT target, outcome, COUNT(*), SUM(seconds), SUM(cached), SUM(cacheable) FROM builds"
        " GROUP BY target, outcome"
    )


def read(connection: sqlite3.Connection) -> list[BuildTotal]:
    """The sums of every target, in order."""
    return [BuildTotal(*row) for row in connection.execute("SELECT * FROM build_totals ORDER BY target, outcome")]


def last(columns: Sequence[str], outcomes: Sequence[str]) -> str:
    """The query for a target's newest builds that ended in one of some ways, the newest first.

    Its parameters are `target` and `number`. Every way is looked up by itself, so that no build is read that is not among the
    last of its kind, however many others there are between them.
    """
    order = "ORDER BY started DESC, id DESC LIMIT :number"
    start = f"SELECT {', '.join(columns)} FROM builds WHERE target = :target"  # noqa: S608  no part of it is data
    each = [f"SELECT * FROM ({start} AND outcome = '{outcome}' {order})" for outcome in outcomes]  # noqa: S608
    return f"{' UNION ALL '.join(each)} {order}"
