"""The journal of deployments: what is intended is on the disk before it is done.

No row holds a value of an environment: what a revision consists of is kept by the engine.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from trimtab.history.unwritten import unwritten

SCHEMA = """
CREATE TABLE IF NOT EXISTS deployments (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    revision INTEGER NOT NULL,
    kind TEXT NOT NULL,
    started TEXT NOT NULL,
    seconds REAL,
    git TEXT,
    pid INTEGER NOT NULL,
    phase TEXT NOT NULL,
    outcome TEXT,
    reason TEXT NOT NULL,
    plan TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS deployments_of_project ON deployments (project, revision);
CREATE INDEX IF NOT EXISTS deployments_by_time ON deployments (started);
CREATE TABLE IF NOT EXISTS deployed_services (
    deployment TEXT NOT NULL REFERENCES deployments (id),
    service TEXT NOT NULL,
    strategy TEXT NOT NULL,
    before_image TEXT NOT NULL,
    after_image TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    seconds REAL,
    away REAL,
    healthy REAL,
    passed INTEGER,
    PRIMARY KEY (deployment, service)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deployment_steps (
    deployment TEXT NOT NULL REFERENCES deployments (id),
    number INTEGER NOT NULL,
    service TEXT NOT NULL,
    step TEXT NOT NULL,
    direction TEXT NOT NULL,
    detail TEXT NOT NULL,
    started TEXT NOT NULL,
    seconds REAL,
    PRIMARY KEY (deployment, number)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class DeploymentRow:
    """One deployment or rollback; times in UTC, ISO 8601, and seconds."""

    id: str
    project: str
    revision: int
    kind: str
    """`deploy` or `rollback`."""
    started: str
    seconds: float | None
    git: str | None
    pid: int
    phase: str
    """`preparing`, `rolling`, `undoing` or `ended`: what to do about it when nobody is at work on it any more."""
    outcome: str | None
    """`done`, `failed`, `rolled-back` or `abandoned`; None while it is under way."""
    reason: str
    plan: Mapping[str, object]


SINCE_PASSED = "ALTER TABLE deployed_services ADD COLUMN passed INTEGER"
"""What a history needs that was written before it was kept whether a version passed; of older versions nothing is said."""


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """What became of one service in a deployment."""

    deployment: str
    service: str
    strategy: str
    before_image: str
    after_image: str
    outcome: str
    """`pending`, `deployed`, `rolled-back`, `failed` or `untouched`."""
    reason: str = ""
    seconds: float | None = None
    away: float | None = None
    """Seconds for which no container of it ran, where one did before."""
    healthy: float | None = None
    """Seconds from the new container's start until it was healthy, or until it was taken for good without a health check."""
    passed: bool | None = None
    """What the new version's health or smoke check said last; None where it has none, or was not waited for."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step; without seconds it was begun, and nobody knows whether it was done."""

    number: int
    service: str
    step: str
    direction: str
    """`forward` or `back`."""
    detail: str
    started: str
    seconds: float | None


class Deployments:
    """Access to the deployments of one fleet."""

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self._connection = connection
        self._where = where

    def begin(self, row: DeploymentRow) -> None:
        """Note a deployment before anything of it is done."""
        values = (
            row.id, row.project, row.revision, row.kind, row.started, row.seconds, row.git, row.pid, row.phase, row.outcome,
            row.reason, json.dumps(dict(row.plan)),
        )  # fmt: skip
        self._write(f"INSERT INTO deployments VALUES ({', '.join('?' * 12)})", values)  # noqa: S608

    def phase(self, deployment: str, phase: str, pid: int) -> None:
        """Note how far it is, and who is at it."""
        self._write("UPDATE deployments SET phase = ?, pid = ? WHERE id = ?", (phase, pid, deployment))

    def end(self, deployment: str, outcome: str, reason: str, seconds: float) -> None:
        """Note how it has ended."""
        self._write(
            "UPDATE deployments SET phase = 'ended', outcome = ?, reason = ?, seconds = ? WHERE id = ?",
            (outcome, reason, seconds, deployment),
        )

    def service(self, row: ServiceRow) -> None:
        """Keep what became of a service; a later word replaces an earlier one."""
        values = (
            row.deployment, row.service, row.strategy, row.before_image, row.after_image, row.outcome, row.reason, row.seconds,
            row.away, row.healthy, row.passed,
        )  # fmt: skip
        self._write(f"INSERT OR REPLACE INTO deployed_services VALUES ({', '.join('?' * 11)})", values)  # noqa: S608

    def intend(self, deployment: str, service: str, step: str, direction: str, detail: str) -> int:
        """Note a step that is about to be done; its number."""
        statement = (
            "INSERT INTO deployment_steps SELECT ?1, COALESCE(MAX(number), 0) + 1, ?2, ?3, ?4, ?5, ?6, NULL"
            " FROM deployment_steps WHERE deployment = ?1 RETURNING number"
        )
        return int(self._write(statement, (deployment, service, step, direction, detail, _now()))[0][0])

    def done(self, deployment: str, number: int, seconds: float) -> None:
        """Note that a step is done."""
        self._write(
            "UPDATE deployment_steps SET seconds = ? WHERE deployment = ? AND number = ?", (seconds, deployment, number)
        )

    def unfinished(self, project: str) -> DeploymentRow | None:
        """The deployment of a project that has begun and not ended."""
        return self._one("WHERE project = ? AND outcome IS NULL ORDER BY revision DESC LIMIT 1", (project,))

    def last_revision(self, project: str) -> int:
        """The highest number that was given; 0 for none."""
        row = self._connection.execute("SELECT COALESCE(MAX(revision), 0) FROM deployments WHERE project = ?", (project,))
        return int(row.fetchone()[0])

    def rows(self, limit: int = 50) -> list[DeploymentRow]:
        """The last deployments, the newest first."""
        return self._all("ORDER BY started DESC, rowid DESC LIMIT ?", (limit,))

    def services(self, deployment: str) -> list[ServiceRow]:
        """What became of each service."""
        rows = self._connection.execute("SELECT * FROM deployed_services WHERE deployment = ? ORDER BY service", (deployment,))
        return [ServiceRow(*row, passed=None if passed is None else bool(passed)) for *row, passed in rows]

    def steps(self, deployment: str) -> list[StepRow]:
        """Every step, in the order in which they were begun."""
        rows = self._connection.execute(
            "SELECT number, service, step, direction, detail, started, seconds FROM deployment_steps WHERE deployment = ?"
            " ORDER BY number",
            (deployment,),
        )
        return [StepRow(*row) for row in rows]

    def _one(self, rest: str, values: tuple[str | int, ...]) -> DeploymentRow | None:
        found = self._all(rest, values)
        return found[0] if found else None

    def _all(self, rest: str, values: tuple[str | int, ...]) -> list[DeploymentRow]:
        rows = self._connection.execute(f"SELECT * FROM deployments {rest}", values)  # noqa: S608  no part of it is data
        return [DeploymentRow(*row[:11], plan=json.loads(row[11])) for row in rows]

    def _write(self, statement: str, values: tuple[object, ...]) -> list[tuple[int, ...]]:
        """One change, synced to the disk when this returns.

        Raises:
            StateError: it could not be written; nothing of it is then there.
        """
        try:
            with self._connection:
                return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise unwritten(self._where, error) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
