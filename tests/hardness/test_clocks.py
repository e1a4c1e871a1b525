"""A clock that is set back or forth: nothing is held for ever, nothing of tomorrow is trusted, no time is negative."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from trimtab.gather.wheels import CachedIndex
from trimtab.history import PROOFS_KEPT, open_store
from trimtab.history.usage import Subject
from trimtab.observe.fold import Folder
from trimtab.observe.sample import Counters, Happened, Reading, between
from trimtab.verify.memory import Memory

DAY = 24 * 3600.0


def test_an_observer_of_the_future_holds_nobody_up(tmp_path: Path) -> None:
    usage = open_store(tmp_path).usage
    assert usage.claim("shop", "dead", 400 * DAY, 60.0)
    assert not usage.claim("shop", "second", 400 * DAY + 30, 60.0), "the clock goes right: it is held"
    assert usage.claim("shop", "second", 10 * DAY, 60.0), "the clock was set back by a year"
    assert not usage.claim("shop", "third", 10 * DAY + 30, 60.0)
    assert usage.claim("shop", "third", 500 * DAY, 60.0), "the clock was set forth"


class Kept:
    """A store in which one text was kept at one time."""

    def __init__(self, when: datetime) -> None:
        self.when = when

    def proof(self, key: str) -> tuple[str, str]:
        return "no proof", self.when.isoformat()


@pytest.mark.parametrize(
    ("ago", "asked"),
    [(timedelta(0), True), (PROOFS_KEPT + timedelta(hours=1), False), (timedelta(hours=-1), True), (timedelta(days=-3), False)],
)
def test_a_proof_of_a_time_that_has_not_come_is_none(ago: timedelta, asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []

    class Adapter:
        def validate_json(self, text: str) -> None:
            read.append(text)
            raise ValueError

    monkeypatch.setattr("trimtab.verify.memory._ADAPTER", Adapter())
    memory = Memory(Kept(datetime.now(UTC) - ago), "1")  # pyright: ignore[reportArgumentType]
    assert anyio.run(memory.recall, "key") is None
    assert bool(read) == asked


@pytest.mark.parametrize(("days", "kept"), [(0.5, True), (-0.5, True), (2, False), (-2, False)])
def test_an_answer_of_the_index_is_as_old_as_it_is_new(
    days: float, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def anew(index: CachedIndex, project: str) -> list[str]:
        return ["anew"]

    monkeypatch.setattr(CachedIndex, "_ask", anew)
    index = CachedIndex(offline=False)
    place = index.place("six")
    place.parent.mkdir(parents=True)
    place.write_text('["old"]')
    when = time.time() - days * DAY
    os.utime(place, (when, when))
    assert index.filenames("six") == (["old"] if kept else ["anew"])


def reading(at: float, cpu: int) -> Reading:
    counters = Counters(at, cpu, 10, 5, 100, 0, 1, 1, 1, 1)
    return Reading(Subject("shop", "api", 1, "i", "c"), "id", "api", "running", None, 500.0, 0, False, None, 1.0, counters)


def test_nothing_negative_is_measured_while_a_clock_is_set_back() -> None:
    """Two hours are taken from the engine's clock in between: the figures of that round are unknown, the others are kept."""
    readings = [reading(10_000.0, 1), reading(10_010.0, 10**9), reading(2_810.0, 2 * 10**9), reading(2_820.0, 3 * 10**9)]
    folder, before, since = Folder(), None, 0.0
    for each in readings:
        at = each.counters.at if each.counters else 0.0
        sample = between(before, each, since, Happened(), at)
        assert sample.seconds >= 0
        assert sample.cores is None or sample.cores == pytest.approx(0.1, rel=0.01)
        folder.add(each.subject, sample)
        before, since = each, at
    rows = folder.over(float("inf"))
    assert sum(usage.seconds for _, usage in rows) == pytest.approx(20.0)
    assert {usage.start // 60 * 60 for _, usage in rows} == {usage.start for _, usage in rows}
