"""What roles and workflows have run: every command line, how it ended, and which result it left."""

import sqlite3
from dataclasses import dataclass

from trimtab.history.unwritten import unwritten

SCHEMA = """
CREATE TABLE IF NOT EXISTS crew_steps (
    run TEXT NOT NULL,
    number INTEGER NOT NULL,
    role TEXT NOT NULL,
    step TEXT NOT NULL,
    command TEXT NOT NULL,
    began TEXT NOT NULL,
    seconds REAL,
    code INTEGER,
    file TEXT,
    digest TEXT,
    PRIMARY KEY (run, number)
);
"""


@dataclass(frozen=True, slots=True)
class CrewStep:
    """One command line of a role."""

    run: str
    number: int
    """Counted within the run, from 1."""
    role: str
    step: str
    command: str
    """trimtab's words, with spaces between them."""
    began: str
    """UTC, ISO 8601."""
    seconds: float | None = None
    """None while it runs, and for ever where it was killed."""
    code: int | None = None
    file: str | None = None
    """Its result, counted from the run's folder; None where it left none."""
    digest: str | None = None
    """The SHA-256 of that file."""


class CrewSteps:
    """Access to the steps of one fleet's runs."""

    def __init__(self, connection: sqlite3.Connection, place: str) -> None:
        self._connection, self._place = connection, place

    def begin(self, run: str, role: str, step: str, command: str, began: str) -> int:
        """Note that a step begins; its number. On the disk when this returns."""
        statement = (
            "INSERT INTO crew_steps (run, number, role, step, command, began)"
            " SELECT ?1, COALESCE(MAX(number), 0) + 1, ?2, ?3, ?4, ?5 FROM crew_steps WHERE run = ?1 RETURNING number"
        )
        return int(self._write(statement, (run, role, step, command, began))[0][0])

    def end(self, run: str, number: int, *, seconds: float, code: int, file: str | None, digest: str | None) -> None:
        """Note how a step has ended."""
        statement = "UPDATE crew_steps SET seconds = ?, code = ?, file = ?, digest = ? WHERE run = ? AND number = ?"
        self._write(statement, (seconds, code, file, digest, run, number))

    def rows(self, run: str) -> list[CrewStep]:
        """The steps of a run, in the order in which they began."""
        found = self._connection.execute(
            "SELECT run, number, role, step, command, began, seconds, code, file, digest FROM crew_steps WHERE run = ?"
            " ORDER BY number",
            (run,),
        )
        return [CrewStep(*row) for row in found]

    def _write(self, statement: str, values: tuple[str | int | float | None, ...]) -> list[tuple[int, ...]]:
        try:
            with self._connection:
                return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise unwritten(self._place, error) from error
