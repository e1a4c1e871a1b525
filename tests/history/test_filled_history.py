"""The large history that speed is measured with is what a year of observing leaves."""

import re
import sqlite3
from pathlib import Path

from filled import ledger_bench

from trimtab.history import open_store
from trimtab.history.usage import HOUR, HOURS_KEPT, Subject

bench = ledger_bench()
LARGE = re.compile(r"SCAN (builds|build_steps|usage)\b")
"""Tables with a row for each build, step, minute or hour: nothing may read all of one."""
ALL_OF_ONE = re.compile(r"SEARCH usage USING PRIMARY KEY \(subject=\?\)$")
"""Every row of a container, minutes and hours; where only one is wanted of them, that is no matter."""


def test_the_use_that_is_written_is_what_compaction_makes_of_every_minute(tmp_path: Path) -> None:
    size, now = bench.Size(services=2, days=12), bench.NOW.timestamp()
    (tmp_path / "short").mkdir()
    (tmp_path / "long").mkdir()
    short, long = open_store(tmp_path / "short").usage, open_store(tmp_path / "long").usage
    bench.usage(open_store(tmp_path / "short"), size)
    first = int(now - size.days * 24 * HOUR)
    for number, name in enumerate(size.names):
        subject = Subject(bench.PROJECT, name, 1, "sha256:2", "c1")
        long.add([(subject, each) for start in range(first, int(now), HOUR) for each in bench.minutes(start, number)])
    long.compact(now)
    written = short.rows(bench.PROJECT)
    assert written == long.rows(bench.PROJECT)
    assert {each.width for _, each in written} == {60, HOUR}


def test_of_a_year_no_hour_is_written_that_would_be_forgotten(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    bench.usage(store, bench.Size(services=1, days=365))
    oldest = store.usage.rows(bench.PROJECT)[0][1]
    assert 0 <= oldest.start - (bench.NOW.timestamp() - HOURS_KEPT) < HOUR
    store.close()


def plans(connection: sqlite3.Connection, statements: list[str]) -> dict[str, list[str]]:
    """How SQLite would answer each statement."""
    return {text: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}")] for text in dict.fromkeys(statements)}


def test_no_question_of_a_command_reads_a_whole_table_of_builds_steps_or_use(tmp_path: Path) -> None:
    size = bench.Size(services=8, runs=3, steps=4, days=10)
    store = open_store(tmp_path)
    bench.fill(store, size)
    connection = store._connection  # pyright: ignore[reportPrivateUsage]
    questions = bench.questions(store, size)
    assert len(questions) >= 16
    for title, ask in questions.items():
        said: list[str] = []
        connection.set_trace_callback(said.append)
        ask()
        connection.set_trace_callback(None)
        assert said, title
        for text, steps in plans(connection, said).items():
            assert steps, text
            assert not [step for step in steps if LARGE.search(step) or ALL_OF_ONE.search(step)], f"{title}: {text}: {steps}"
    store.close()


def test_what_is_written_and_taken_over_and_compacted_reads_no_whole_table_either(tmp_path: Path) -> None:
    size = bench.Size(services=2, runs=1, steps=2, days=10)
    store = open_store(tmp_path)
    said: list[str] = []
    connection = store._connection  # pyright: ignore[reportPrivateUsage]
    connection.set_trace_callback(said.append)
    bench.fill(store, size)
    assert not store.ledger.has_record("none")
    store.usage.compact(bench.NOW.timestamp() + HOUR)
    connection.set_trace_callback(None)
    kinds = {re.sub(r"'[^']*'|[\d.]+", "?", text): text for text in said if re.match("SELECT|INSERT|UPDATE|DELETE", text)}
    assert len(kinds) > 10
    for text, steps in plans(connection, list(kinds.values())).items():
        assert not [step for step in steps if LARGE.search(step)], f"{text}: {steps}"
    store.close()
