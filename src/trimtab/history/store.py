"""The store: one SQLite file, and each run's evidence as JSON beside it."""

import json
import os
import secrets
import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from trimtab.errors import StateError
from trimtab.history.crew import CrewSteps
from trimtab.history.deployments import Deployments
from trimtab.history.ledger import Ledger
from trimtab.history.place import history_folder
from trimtab.history.prune import Pruned, prune
from trimtab.history.scans import Scans
from trimtab.history.unwritten import PATIENCE, primary, unwritten
from trimtab.history.upgrade import VERSION, upgrade, version_of
from trimtab.history.usage import UsageHistory


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command; times in UTC, ISO 8601."""

    id: str
    command: str
    started: str
    ended: str | None
    outcome: str | None


class Store:
    """Access to one fleet's history."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self._connection = connection

    @property
    def ledger(self) -> Ledger:
        """The ledger of builds."""
        return Ledger(self._connection, str(self.folder / "history.db"))

    @property
    def scans(self) -> Scans:
        """What scans found."""
        return Scans(self._connection, str(self.folder / "history.db"))

    @property
    def deployments(self) -> Deployments:
        """The journal of deployments."""
        return Deployments(self._connection, str(self.folder / "history.db"))

    @property
    def usage(self) -> UsageHistory:
        """What containers have used."""
        return UsageHistory(self._connection, str(self.folder / "history.db"))

    @property
    def crew(self) -> CrewSteps:
        """What roles have run."""
        return CrewSteps(self._connection, str(self.folder / "history.db"))

    def prune(self, before: datetime, *, dry_run: bool = False) -> Pruned:
        """Take away what is older, and nothing that a rollback, a proof or a figure still goes by.

        Raises:
            StateError: the history cannot be written; nothing is then changed.
        """
        return prune(self._connection, self.folder, before, datetime.now(UTC), dry_run=dry_run)

    def close(self) -> None:
        self._connection.close()

    def begin(self, run: str, command: str) -> None:
        """Note that a run has begun."""
        self._write("INSERT INTO runs (id, command, started) VALUES (?, ?, ?)", (run, command, _now()))

    def end(self, run: str, outcome: str) -> None:
        """Note how a run has ended; what it was doing is forgotten."""
        self._write("UPDATE runs SET ended = ?, outcome = ? WHERE id = ?", (_now(), outcome, run))
        self._write("DELETE FROM doing WHERE run = ?", (run,))

    def doing(self, run: str, states: Mapping[str, tuple[str, str]]) -> None:
        """Note what a run does about files, for those who look on: of each path its verdict, and what is done; empty for none.

        A file with a verdict may be built once more, for the sake of another one.
        """
        rows = [(run, path, *each) for path, each in states.items()]
        self._write_all("INSERT OR REPLACE INTO doing VALUES (?, ?, ?, ?)", rows)

    def done_now(self, run: str) -> dict[str, tuple[str, str]]:
        """What was noted of a run that has not ended, by path."""
        rows = self._connection.execute("SELECT path, verdict, doing FROM doing WHERE run = ? ORDER BY path", (run,))
        return {str(path): (str(verdict), str(doing)) for path, verdict, doing in rows}

    def verdict(
        self, run: str, path: str, kind: str, reason: str, rules: tuple[str, ...], sizes: tuple[int | None, int | None]
    ) -> None:
        """Keep one file's verdict."""
        values = (run, path, kind, reason, ",".join(rules), *sizes)
        self._write("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def proof(self, key: str) -> tuple[str, str] | None:
        """What was kept under a key, and when."""
        row = self._connection.execute("SELECT proof, kept FROM proofs WHERE key = ?", (key,)).fetchone()
        return (str(row[0]), str(row[1])) if row else None

    def keep_proof(self, key: str, text: str) -> None:
        """Keep a proof at once."""
        self._write("INSERT OR REPLACE INTO proofs VALUES (?, ?, ?)", (key, _now(), text))

    def _write(self, statement: str, values: tuple[str | int | None, ...]) -> None:
        self._write_all(statement, [values])

    def _write_all(self, statement: str, rows: Sequence[tuple[str | int | None, ...]]) -> None:
        """The same change for each row, all or none, on the disk when this returns.

        Raises:
            StateError: it could not be written; nothing of it is then there.
        """
        try:
            with self._connection:
                self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise unwritten(f"{self.folder}/history.db", error) from error

    def verdicts(self) -> dict[str, tuple[str, str]]:
        """Each file's newest verdict: its kind and the reason."""
        rows = self._connection.execute(
            "SELECT path, kind, reason FROM verdicts JOIN runs ON id = run ORDER BY started, runs.rowid"
        )
        return {str(path): (str(kind), str(reason)) for path, kind, reason in rows}

    def runs(self) -> list[Run]:
        """All runs, the newest first."""
        rows = self._connection.execute("SELECT id, command, started, ended, outcome FROM runs ORDER BY started DESC")
        return [Run(*row) for row in rows]

    def write_evidence(self, run: str, evidence: Mapping[str, object], page: str) -> Path:
        """Keep a run's evidence as JSON, and as a page beside it; the path of the JSON file."""
        path = self.write_result(run, "evidence", evidence)
        self.write_text(run, "evidence.html", page)
        return path

    def write_result(self, run: str, name: str, data: Mapping[str, object]) -> Path:
        """Keep a result of a run as JSON; the path of the file.

        Raises:
            StateError: it could not be written.
        """
        return self.write_text(run, f"{name}.json", json.dumps(data, indent=2, ensure_ascii=False) + "\n")

    def write_text(self, run: str, name: str, text: str) -> Path:
        """Keep a file of a run, whole or not at all; its path.

        Raises:
            StateError: it could not be written.
        """
        folder = self.folder / "runs" / run
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / name
            fresh = folder / f".{name}.{os.getpid()}"
            fresh.write_text(text, encoding="utf-8", errors="backslashreplace")
            fresh.replace(path)
        except OSError as error:
            raise StateError(f"`{folder}` cannot be written: {error.strerror or error}.") from error
        return path

    def read_result(self, run: str, name: str) -> object | None:
        """What was kept under a name for a run; None where there is nothing, or nothing that can be read."""
        try:
            return cast("object", json.loads((self.folder / "runs" / run / f"{name}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None


def new_run() -> str:
    """A name for a run, unlike that of any other; it ends with the process that the run is of."""
    return f"{secrets.token_hex(4)}-{os.getpid()}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def opened(root: Path) -> Generator[Store]:
    """The history as `open_store` gives it, closed in the end.

    Raises:
        StateError: as `open_store`; or the database is damaged, or held by another process for too long, when it is used.
    """
    store = open_store(root)
    try:
        yield store
    except sqlite3.Error as error:
        raise _unusable(store.folder, error) from error
    finally:
        store.close()


def _unusable(folder: Path, error: sqlite3.Error) -> StateError:
    """What is told of a database that does not do its work. One that is only busy, full or protected is no broken one."""
    if primary(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY}:
        return unwritten(str(folder / "history.db"), error)
    return StateError(f"`{folder}/history.db` is no usable database: {error}. Move it away and run again.")


def process_of(run: str) -> int:
    """The number of the process that a run's name ends with; 0 where it ends with none."""
    number = run.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def open_store(root: Path) -> Store:
    """The history of the fleet below `root`, at `history_folder`, made when there is none. `.trimtab/` keeps itself out of git.

    Raises:
        StateError: the folder cannot be written, or the file is of a newer version or no database.
    """
    folder = history_folder(root)
    try:
        folder.mkdir(exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        connection = sqlite3.connect(folder / "history.db", timeout=PATIENCE)
    except (OSError, sqlite3.Error) as error:
        raise StateError(f"`{folder}` cannot be used: {error}. Make the folder writable, or run elsewhere.") from error
    try:
        if version_of(connection) > VERSION:
            connection.close()
            raise StateError(f"`{folder}/history.db` was written by a newer trimtab. Upgrade trimtab, or move the file away.")
        upgrade(connection)
    except sqlite3.Error as error:
        connection.close()
        raise _unusable(folder, error) from error
    return Store(folder, connection)
