"""What earlier scans found, target by target, and what each service and the fleet scored."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from trimtab.fleet.plain import mapping
from trimtab.history.unwritten import unwritten

SCHEMA = """
CREATE TABLE IF NOT EXISTS scans (
    run TEXT NOT NULL,
    target TEXT NOT NULL,
    kind TEXT NOT NULL,
    started TEXT NOT NULL,
    revision TEXT,
    image TEXT NOT NULL,
    services TEXT NOT NULL,
    parts TEXT NOT NULL,
    packages INTEGER NOT NULL,
    counts TEXT NOT NULL,
    secrets INTEGER NOT NULL,
    unchecked INTEGER NOT NULL,
    as_of TEXT,
    outcome TEXT NOT NULL,
    PRIMARY KEY (run, target)
);
CREATE INDEX IF NOT EXISTS scans_by_time ON scans (started);
CREATE INDEX IF NOT EXISTS scans_of_target ON scans (target, started);
CREATE TABLE IF NOT EXISTS scores (
    run TEXT NOT NULL,
    started TEXT NOT NULL,
    revision TEXT,
    name TEXT NOT NULL,
    overall REAL NOT NULL,
    categories TEXT NOT NULL,
    PRIMARY KEY (run, name)
);
CREATE INDEX IF NOT EXISTS scores_by_time ON scores (name, started);
"""


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One target of one scan."""

    run: str
    target: str
    kind: str
    started: str
    """UTC, ISO 8601."""
    revision: str | None
    image: str
    services: tuple[str, ...]
    parts: tuple[str, ...]
    packages: int
    counts: Mapping[str, int]
    """Vulnerabilities by severity."""
    secrets: int
    unchecked: int
    """What was not looked at in the whole run."""
    as_of: str | None
    outcome: str
    """Of the whole run."""


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """What one service, or the fleet under the name `""`, scored."""

    run: str
    started: str
    revision: str | None
    name: str
    overall: float
    categories: Mapping[str, float]


Asked = Callable[[ScanRow], bool]


def asked_for_vulnerabilities(read: Callable[[str], object]) -> Asked:
    """Whether a store or a program answered for a row's vulnerabilities; `read` gives what was kept of a run's scan.

    That is read only where the rows leave it open.
    """
    runs: dict[str, bool] = {}

    def asked(row: ScanRow) -> bool:
        if "vulns" not in row.parts or row.as_of or any(row.counts.values()):
            return "vulns" in row.parts
        if row.run not in runs:
            runs[row.run] = bool(mapping(read(row.run)).get("sources"))
        return runs[row.run]

    return asked


class Scans:
    """Access to the scans and scores of one fleet."""

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self._connection = connection
        self._where = where

    def add(self, rows: Sequence[ScanRow]) -> None:
        """Keep one run's rows, all or none.

        Raises:
            StateError: they could not be written.
        """
        values = [
            (
                each.run, each.target, each.kind, each.started, each.revision, each.image, ",".join(each.services),
                ",".join(each.parts), each.packages, json.dumps(dict(each.counts)), each.secrets, each.unchecked, each.as_of,
                each.outcome,
            )
            for each in rows
        ]  # fmt: skip
        self._write(f"INSERT OR REPLACE INTO scans VALUES ({', '.join('?' * 14)})", values)  # noqa: S608

    def add_scores(self, rows: Sequence[ScoreRow]) -> None:
        """Keep what was scored, all or none.

        Raises:
            StateError: they could not be written.
        """
        values = [
            (each.run, each.started, each.revision, each.name, each.overall, json.dumps(dict(each.categories))) for each in rows
        ]
        self._write("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?)", values)

    def _write(self, statement: str, values: Sequence[tuple[object, ...]]) -> None:
        try:
            with self._connection:
                self._connection.executemany(statement, values)
        except sqlite3.Error as error:
            raise unwritten(self._where, error) from error

    def rows(self, *, run: str | None = None, limit: int = 1000) -> list[ScanRow]:
        """The rows of one run, or of the last runs, the newest first."""
        where, values = ("WHERE run = ?", (run, limit)) if run else ("", (limit,))
        text = f"SELECT * FROM scans {where} ORDER BY started DESC, run, target LIMIT ?"  # noqa: S608  no part of it is data
        return [_row(row) for row in self._connection.execute(text, values)]

    def since(self, started: str) -> list[ScanRow]:
        """The rows of all runs from a moment on, in UTC and ISO 8601; the newest first."""
        text = "SELECT * FROM scans WHERE started >= ? ORDER BY started DESC, run, target"
        return [_row(row) for row in self._connection.execute(text, (started,))]

    def newest(self) -> list[ScanRow]:
        """The last row of every target, the newest first."""
        last = "SELECT rowid FROM scans WHERE target = named ORDER BY started DESC, rowid DESC LIMIT 1"
        query = "SELECT scans.* FROM (SELECT DISTINCT target AS named FROM scans) CROSS JOIN scans"
        found = self._connection.execute(f"{query} ON scans.rowid = ({last}) ORDER BY started DESC, run, target")
        return [_row(row) for row in found]

    def of(self, target: str) -> Iterator[ScanRow]:
        """The rows of one target, the newest first, read as they are asked for."""
        query = "SELECT * FROM scans WHERE target = ? ORDER BY started DESC, rowid DESC"
        return map(_row, self._connection.execute(query, (target,)))

    def last_run(self, now: datetime | None = None) -> str | None:
        """The newest run that has rows. One that a wrong clock has dated in the future hides none that came after it."""
        tomorrow = ((now or datetime.now(UTC)) + timedelta(days=1)).isoformat(timespec="seconds")
        query = "SELECT run FROM scans WHERE started <= ? ORDER BY started DESC, rowid DESC LIMIT 1"
        row = self._connection.execute(query, (tomorrow,)).fetchone()
        row = row or self._connection.execute("SELECT run FROM scans ORDER BY started DESC, rowid DESC LIMIT 1").fetchone()
        return str(row[0]) if row else None

    def scores(self, name: str = "", limit: int = 100) -> list[ScoreRow]:
        """What a service, or the fleet, scored, the newest first."""
        rows = self._connection.execute(
            "SELECT run, started, revision, name, overall, categories FROM scores WHERE name = ?"
            " ORDER BY started DESC, rowid DESC LIMIT ?",
            (name, limit),
        )
        return [
            ScoreRow(run, started, revision, named, overall, json.loads(categories))
            for run, started, revision, named, overall, categories in rows
        ]


def _row(row: Sequence[object]) -> ScanRow:
    run, target, kind, started, revision, image, services, parts, packages, counts, secrets, unchecked, as_of, outcome = row
    return ScanRow(
        str(run), str(target), str(kind), str(started), str(revision) if revision else None, str(image), _words(services),
        _words(parts), int(str(packages)), json.loads(str(counts)), int(str(secrets)), int(str(unchecked)),
        str(as_of) if as_of else None, str(outcome),
    )  # fmt: skip


def _words(value: object) -> tuple[str, ...]:
    return tuple(word for word in str(value).split(",") if word)
