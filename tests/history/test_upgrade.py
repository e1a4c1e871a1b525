"""A history that an older trimtab has written: opened, and brought up to what this one writes."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from trimtab.errors import StateError
from trimtab.history import BuildTotal, open_store
from trimtab.history.deployments import ServiceRow
from trimtab.history.upgrade import VERSION
from trimtab.history.usage import HOUR, MINUTE, MINUTES_KEPT

OLD = Path(__file__).parent / "history_7.sql"
"""As version 7 wrote it: builds, an optimisation, and minutes of which the first hour was folded; one came late to that."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    (tmp_path / ".trimtab").mkdir()
    with closing(sqlite3.connect(tmp_path / ".trimtab" / "history.db")) as connection:
        connection.executescript(OLD.read_text())
    return tmp_path


def asked(root: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(root / ".trimtab" / "history.db")) as connection:
        return connection.execute(query).fetchall()


def test_an_old_history_is_brought_up_with_everything_in_it(old: Path) -> None:
    assert asked(old, "PRAGMA user_version") == [(7,)]
    store = open_store(old)
    assert asked(old, "PRAGMA user_version") == [(VERSION,)]
    assert store.verdicts() == {"api/Dockerfile": ("accepted", "same behaviour")}
    assert [(row.target, row.outcome) for row in store.ledger.builds(run="r1")] == [
        ("api", "built"), ("api", "failed"), ("api", "built"), ("web", "built"), ("web", "skipped"),
    ]  # fmt: skip
    assert store.ledger.totals() == [
        BuildTotal("api", "built", 2, 22.0, 2, 8), BuildTotal("api", "failed", 1, 11.0, 1, 4),
        BuildTotal("web", "built", 1, 13.0, 0, 4), BuildTotal("web", "skipped", 1, 14.0, 1, 4),
    ]  # fmt: skip
    assert store.ledger.estimates() == {"api": 11.0, "web": 13.0}
    store.deployments.service(ServiceRow("1-x", "api", "swap", "a", "b", "deployed", passed=True))
    assert [each.passed for each in store.deployments.services("1-x")] == [True]
    store.close()


def test_the_hours_of_an_old_history_hold_its_minutes_and_those_that_came_late(old: Path) -> None:
    usage = open_store(old).usage
    rows = [(subject.service, each.width, each.start, each.samples, each.memory_max) for subject, each in usage.rows("shop")]
    assert rows == [
        ("api", HOUR, 0, 18, 359), ("web", HOUR, 0, 12, 331),
        ("api", MINUTE, 3600, 6, 360), ("api", MINUTE, 3660, 6, 361), ("web", MINUTE, 6000, 6, 400),
        ("api", MINUTE, 7140, 6, 419), ("api", MINUTE, 7200, 6, 420), ("api", MINUTE, 9000, 6, 450), ("web", MINUTE, 12000, 6, 500),
    ]  # fmt: skip
    before = usage.totals("shop")
    assert [(each.service, each.seconds, each.memory_max) for each in before] == [("api", 480.0, 450), ("web", 240.0, 500)]
    usage.compact(MINUTES_KEPT + 10 * HOUR)
    assert [each.width for _, each in usage.rows("shop")] == [HOUR] * 6
    after = usage.totals("shop")
    assert [(each.service, each.seconds, each.memory_max) for each in after] == [("api", 480.0, 450), ("web", 240.0, 500)]


def test_several_that_open_an_old_history_at_once_bring_it_up_once(old: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        opened = [pool.submit(open_store, old) for _ in range(8)]
    assert all(each.result().folder.is_dir() for each in opened)
    assert asked(old, "SELECT SUM(builds) FROM build_totals") == [(5,)]
    assert asked(old, f"SELECT SUM(samples) FROM usage WHERE width = {HOUR}") == [(72,)]


def test_an_upgrade_that_fails_leaves_the_old_history_as_it_was(old: Path) -> None:
    with closing(sqlite3.connect(old / ".trimtab" / "history.db")) as connection:
        connection.execute("ALTER TABLE builds RENAME COLUMN cacheable TO something_else")
    before = asked(old, "SELECT * FROM sqlite_schema")
    with pytest.raises(StateError, match="no usable database"):
        open_store(old)
    assert asked(old, "SELECT * FROM sqlite_schema") == before
    assert asked(old, "PRAGMA user_version") == [(7,)]


def test_a_history_of_a_newer_trimtab_is_left_alone(old: Path) -> None:
    with closing(sqlite3.connect(old / ".trimtab" / "history.db")) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StateError, match="newer trimtab"):
        open_store(old)


def test_opening_writes_nothing_to_a_history_that_is_up_to_date(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / ".trimtab" / "history.db")) as connection:
        before = connection.execute("PRAGMA data_version").fetchone()
        open_store(tmp_path).close()
        assert connection.execute("PRAGMA data_version").fetchone() == before
