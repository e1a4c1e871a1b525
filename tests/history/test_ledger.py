"""The ledger: what is kept, what it says about what became worse, and what happens when it cannot be written."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from trimtab.errors import StateError
from trimtab.history import BuildRow, FleetBuildRow, StepRow, open_store, regressions

ROW = BuildRow(
    "r1", "api", "api", "default", "abc", "2026-01-01T00:00:00+00:00", 0.0, 10.0, 9.0, "built", cacheable=3, cached=1,
    image_bytes=100_000_000, missed="RUN make", record="x1",
    steps=(StepRow("RUN make", "RUN", False, 0.5, 4.0), StepRow("COPY a", "COPY", True, 0.1, 0.0)),
)  # fmt: skip


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.ledger.begin(FleetBuildRow("r1", "2026-01-01", None, 1, 2, "abc", "default", 1))
    store.ledger.add(ROW, {"a": 1})
    store.close()
    ledger = open_store(tmp_path).ledger
    (row,) = ledger.builds(run="r1")
    assert row == replace(ROW, steps=())
    assert ledger.steps(row.id) == ROW.steps
    assert ledger.inputs("api") == {"a": 1}
    assert ledger.step_seconds("api") == {"RUN make": 4.0}
    assert ledger.run("last") == ledger.run("r") == ledger.runs()[0]
    assert ledger.runs()[0].outcome is None
    assert ledger.run("other") is None


def test_estimates_are_medians_of_the_last_builds(tmp_path: Path) -> None:
    ledger = open_store(tmp_path).ledger
    for number, seconds in enumerate([500.0, 1.0, 2.0, 3.0, 4.0, 5.0]):
        ledger.add(replace(ROW, seconds=seconds, record=f"x{number}"))
    ledger.add(replace(ROW, seconds=900.0, outcome="failed", record="y"))
    assert ledger.estimates() == {"api": 3.0}


def test_a_record_is_there_once(tmp_path: Path) -> None:
    ledger = open_store(tmp_path).ledger
    ledger.add(ROW)
    assert ledger.has_record("x1")
    with pytest.raises(StateError, match="cannot be written"):
        ledger.add(ROW)
    assert len(ledger.builds()) == 1
    ledger.add(replace(ROW, record=""))
    ledger.add(replace(ROW, record=""))


def test_regressions_compare_what_is_comparable() -> None:
    past = [replace(ROW, seconds=seconds) for seconds in (10.0, 11.0, 10.5)]
    assert regressions([replace(ROW, seconds=10.8), *past]) == []
    assert "took 20.0 s" in regressions([replace(ROW, seconds=20.0), *past])[0]
    assert regressions([replace(ROW, seconds=20.0, missed="COPY x"), *past]) == []
    assert regressions([replace(ROW, seconds=20.0), *past[:2]]) == []
    assert "120 MB" in regressions([replace(ROW, image_bytes=120_000_000), *past])[0]
    assert regressions([replace(ROW, outcome="failed")]) == []


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    one, other = open_store(tmp_path).ledger, open_store(tmp_path).ledger
    for number in range(20):
        (one if number % 2 else other).add(replace(ROW, record=f"x{number}"))
    assert len(one.builds()) == len(other.builds()) == 20


def test_a_ledger_that_cannot_be_written_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    sqlite3.connect(tmp_path / ".trimtab" / "history.db").execute("DROP TABLE builds").connection.commit()
    with pytest.raises(StateError, match="Free some space"):
        store.ledger.add(ROW)


def test_an_older_history_gets_the_new_tables(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.begin("old", "optimize")
    store.close()
    connection = sqlite3.connect(tmp_path / ".trimtab" / "history.db")
    connection.executescript("DROP TABLE builds; DROP TABLE fleet_builds; PRAGMA user_version = 2")
    connection.close()
    again = open_store(tmp_path)
    again.ledger.add(ROW)
    assert [run.id for run in again.runs()] == ["old"]
