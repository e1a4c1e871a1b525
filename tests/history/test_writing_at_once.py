"""Several processes that write to one history."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from trimtab.errors import StateError
from trimtab.history import BuildRow, Ledger, open_store
from trimtab.history.usage import HOUR

WRITER = Path(__file__).parent / "writing.py"
PROCESSES, ROUNDS = 4, 25


def test_four_processes_lose_no_row_and_meet_no_lock(tmp_path: Path) -> None:
    # The history does not exist yet: they make it at once, too.
    writers = [
        subprocess.Popen(
            [sys.executable, str(WRITER), str(tmp_path), f"run-{number}", str(ROUNDS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(PROCESSES)
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said = [writer.communicate(timeout=120) for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * PROCESSES, said
    store = open_store(tmp_path)
    every = PROCESSES * ROUNDS
    rows = store.ledger.builds(limit=10_000)
    assert len({row.record for row in rows}) == len(rows) == every
    assert all(len(store.ledger.steps(row.id)) == 2 for row in rows)
    assert [(each.target, each.builds, each.seconds) for each in store.ledger.totals()] == [("api", every, float(every))]
    assert {row.run for row in store.ledger.runs()} == {f"run-{number}" for number in range(PROCESSES)}
    minutes = [each for _, each in store.usage.rows("shop")]
    assert sum(each.ooms for each in minutes) == sum(each.samples for each in minutes) == every
    assert store.usage.totals("shop")[0].ooms == store.usage.places()[0].ooms == every
    assert [step.number for step in store.deployments.steps("one")] == list(range(1, every + 1))
    assert all(store.proof(f"run-{number}-{turn}") for number in range(PROCESSES) for turn in range(ROUNDS))
    assert [(each.width, each.memory_max) for each in minutes] == [(HOUR, ROUNDS - 1)]
    store.close()


def test_who_waits_for_too_long_is_told_why(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    file = tmp_path / ".trimtab" / "history.db"
    with closing(sqlite3.connect(file)) as other, closing(sqlite3.connect(file, timeout=0)) as mine:
        other.execute("BEGIN IMMEDIATE")
        row = BuildRow("r", "api", "api", "default", None, "2026-01-01", 0.0, 1.0, 1.0, "built")
        with pytest.raises(StateError, match="another process has been writing") as caught:
            Ledger(mine, str(file)).add(row)
        assert "locked" not in str(caught.value)
        other.rollback()
        Ledger(mine, str(file)).add(row)
