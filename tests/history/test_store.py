"""The store when the disk is full, when others hold it, when it may not be written, and when it is damaged."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from trimtab.cli import app
from trimtab.errors import StateError
from trimtab.history import Store, open_store, opened
from trimtab.history.unwritten import unwritten


def connection(store: Store) -> sqlite3.Connection:
    return store._connection  # pyright: ignore[reportPrivateUsage]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A fleet with a history of some pages."""
    with opened(tmp_path) as store:
        for number in range(50):
            store.keep_proof(f"key-{number}", "x" * 5000)
    return tmp_path


def used(root: Path, how: Callable[[Store], None]) -> None:
    """Open a history and use it."""
    with opened(root) as store:
        how(store)


def test_a_full_disk_is_said_and_what_was_there_stays(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    try:
        store.keep_proof("a", "first")
        # SQLite's own limit gives the same error as a disk without room.
        connection(store).execute("PRAGMA max_page_count = 20")
        with pytest.raises(StateError, match="Free some space"):
            store.keep_proof("b", "x" * 1_000_000)
        assert store.proof("b") is None
        assert (store.proof("a") or ("", ""))[0] == "first"
    finally:
        store.close()


@pytest.mark.parametrize(
    ("so_that", "words"),
    [("PRAGMA max_page_count = 20", "Free some space"), ("PRAGMA query_only = 1", "Make it and its folder writable")],
)
def test_a_history_that_cannot_be_written_is_not_told_to_be_broken(root: Path, so_that: str, words: str) -> None:
    def write(store: Store) -> None:
        connection(store).execute(so_that)
        connection(store).execute("INSERT INTO proofs SELECT key || '-again', kept, proof FROM proofs")

    with pytest.raises(StateError, match="cannot be written") as error:
        used(root, write)
    assert words in str(error.value)
    assert "Move it away" not in str(error.value)
    with opened(root) as store:
        assert store.proof("key-1")


@pytest.mark.parametrize("before", [True, False])
def test_a_history_that_others_hold_is_not_told_to_be_broken(
    root: Path, monkeypatch: pytest.MonkeyPatch, *, before: bool
) -> None:
    monkeypatch.setattr("trimtab.history.store.PATIENCE", 0)
    with closing(sqlite3.connect(root / ".trimtab" / "history.db")) as other:

        def read(store: Store) -> None:
            assert not before
            other.execute("BEGIN EXCLUSIVE")
            store.verdicts()

        if before:
            other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StateError, match="another process") as error:
            used(root, read)
        assert "Move it away" not in str(error.value)
        other.rollback()
    with opened(root) as store:
        assert store.verdicts() == {}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "another process"), (sqlite3.SQLITE_BUSY_RECOVERY, "another process"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "folder writable"), (sqlite3.SQLITE_FULL, "Free some space"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_write_goes_by_the_kind_of_its_error(code: int, words: str) -> None:
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode = code
    assert words in str(unwritten("history.db", error))


@pytest.mark.parametrize("keeps", [0, 4096])
def test_a_damaged_history_is_told_with_what_to_do(
    root: Path, keeps: int, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    """At once where its beginning is lost, which says what it is; else when it is used."""
    file = root / ".trimtab" / "history.db"
    data = file.read_bytes()
    file.write_bytes(data[:keeps] + b"\xff" * (len(data) - keeps))
    kept: list[Store] = []

    def read(store: Store) -> None:
        kept.append(store)
        store.verdicts()

    with pytest.raises(StateError, match=r"is no usable database: .* Move it away and run again"):
        used(root, read)
    assert len(kept) == (keeps > 0)
    for store in kept:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            store.verdicts()
    assert app.run(["history", "builds", str(root)]) == 2
    assert "no usable database" in " ".join(capsys.readouterr().err.split())
    shutil.rmtree(root / ".trimtab")
    assert app.run(["history", "builds", str(root), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == []
