"""The large history that speed is measured with is what a year of observing leaves."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from trimtab.history import open_store
from trimtab.history.usage import HOUR, HOURS_KEPT, Subject


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = Path(__file__).parents[2] / "bench" / "ledger.py"
    spec = importlib.util.spec_from_file_location("bench_ledger", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by its name.
    monkeypatch.setitem(sys.modules, "bench_ledger", module)
    spec.loader.exec_module(module)
    return module


def test_the_use_that_is_written_is_what_compaction_makes_of_every_minute(tmp_path: Path, bench: ModuleType) -> None:
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


def test_of_a_year_no_hour_is_written_that_would_be_forgotten(tmp_path: Path, bench: ModuleType) -> None:
    store = open_store(tmp_path)
    bench.usage(store, bench.Size(services=1, days=365))
    oldest = store.usage.rows(bench.PROJECT)[0][1]
    assert 0 <= oldest.start - (bench.NOW.timestamp() - HOURS_KEPT) < HOUR
    store.close()
