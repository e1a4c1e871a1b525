"""Minutes of use: kept, joined, folded to hours, and forgotten in time."""

from dataclasses import replace
from pathlib import Path

import pytest

from trimtab.errors import StateError
from trimtab.history import open_store
from trimtab.history.containers import Place
from trimtab.history.usage import HOUR, HOURS_KEPT, MINUTE, MINUTES_KEPT, Subject, Usage

API = Subject("shop", "api", 1, "sha256:a", "c1")
ROW = Usage(MINUTE, 6000, 6050.0, 6, 60.0, 0.2, 0.4, 0.5, 1.0, 600, 6, 300, 200, 1000, 10.0, 1, 2, 3, 4, 5, 6, 7)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    other = replace(API, service="web")
    store.usage.add([(API, ROW), (other, replace(ROW, start=6060, ooms=0))])
    store.close()
    usage = open_store(tmp_path).usage
    assert usage.rows("shop") == [(API, ROW), (other, replace(ROW, start=6060, ooms=0))]
    assert usage.rows("shop", service="api") == [(API, ROW)]
    assert usage.rows("shop", since=6060) == [(other, replace(ROW, start=6060, ooms=0))]
    assert usage.rows("other") == []
    assert usage.projects() == ["shop"]


def test_the_second_half_of_a_minute_joins_the_first(tmp_path: Path) -> None:
    usage = open_store(tmp_path).usage
    usage.add([(API, replace(ROW, seconds=20.0, cpu_mean=0.1))])
    usage.add([(API, replace(ROW, seconds=40.0, cpu_mean=0.4, last=6059.0, memory_max=900, memory_last=100))])
    ((_, row),) = usage.rows("shop")
    assert row.cpu_mean == pytest.approx(0.3)
    assert (row.seconds, row.samples, row.ooms, row.memory_max, row.memory_last) == (60.0, 12, 2, 900, 100)


def test_an_image_or_a_configuration_of_its_own_is_kept_apart(tmp_path: Path) -> None:
    usage = open_store(tmp_path).usage
    usage.add(
        [(API, ROW), (replace(API, image="sha256:b"), ROW), (replace(API, config="c2"), ROW), (API, replace(ROW, start=6060))]
    )
    assert len({subject for subject, _ in usage.rows("shop")}) == 3
    assert len(usage.rows("shop")) == 4


def test_old_minutes_become_hours_once_and_old_hours_go(tmp_path: Path) -> None:
    usage = open_store(tmp_path).usage
    now = 1_000_000.0 * HOUR
    old = int(now - MINUTES_KEPT - 3 * HOUR)
    minutes = [(API, replace(ROW, start=old + 60 * n, last=old + 60.0 * n, cpu_max=float(n), memory_max=n)) for n in range(120)]
    fresh = (API, replace(ROW, start=int(now) - 600, last=now - 600))
    ancient = (replace(API, service="gone"), replace(ROW, width=HOUR, start=int(now - HOURS_KEPT - HOUR)))
    usage.add([*minutes, fresh, ancient])
    usage.compact(now)
    once = usage.rows("shop")
    usage.compact(now)
    assert usage.rows("shop") == once
    assert [row.width for _, row in once] == [HOUR, HOUR, MINUTE]
    assert [(row.samples, row.cpu_max, row.memory_max) for _, row in once[:2]] == [(360, 59.0, 59), (360, 119.0, 119)]
    assert {subject.service for subject, _ in once} == {"api"}


def test_one_project_has_one_observer_until_it_is_released_or_late(tmp_path: Path) -> None:
    usage, other = open_store(tmp_path).usage, open_store(tmp_path).usage
    assert usage.claim("shop", "one", 100.0, 30.0)
    assert usage.claim("shop", "one", 110.0, 30.0)
    assert not other.claim("shop", "two", 120.0, 30.0)
    assert other.claim("library", "two", 120.0, 30.0)
    assert other.claim("shop", "two", 141.0, 30.0)
    assert not usage.claim("shop", "one", 150.0, 30.0)
    other.release("shop", "two")
    assert usage.claim("shop", "one", 150.0, 30.0)


def test_rows_that_cannot_be_written_are_none_of_them_there(tmp_path: Path) -> None:
    usage = open_store(tmp_path).usage
    with pytest.raises(StateError, match="Free some space"):
        usage.add([(API, ROW), (replace(API, number=2), replace(ROW, samples=None))])  # pyright: ignore[reportArgumentType]
    assert usage.rows("shop") == []


def test_a_place_keeps_counting_whatever_image_is_in_it_and_is_forgotten_in_time(tmp_path: Path) -> None:
    usage = open_store(tmp_path).usage
    first = Place(
        "shop", "api", 1, "sha256:a", "c1", 1000.0, "running", "healthy", 100, 200, None, 1.5, 10, 1, 1, 2, received=7
    )
    usage.note([first, replace(first, service="web", seen=9e6)])
    usage.note([replace(first, image="sha256:b", seen=1010.0, health="unhealthy", memory=None, cpu_seconds=0.5, ooms=0)])
    api, _ = usage.places()
    assert api == replace(
        first, image="sha256:b", seen=1010.0, health="unhealthy", memory=None, cpu_seconds=2.0, periods=20, throttled=2, restarts=4,
        received=14,
    )  # fmt: skip
    usage.compact(HOURS_KEPT + 2000.0)
    assert [place.service for place in usage.places()] == ["web"]


@pytest.mark.parametrize("compacted", [False, True])
def test_totals_are_what_the_minutes_add_up_to_from_any_time_on(tmp_path: Path, compacted: bool) -> None:
    usage = open_store(tmp_path).usage
    day = 24 * HOUR
    for place in (API, replace(API, service="web"), replace(API, image="sha256:b")):
        starts = [start * MINUTE for start in range(len(place.service), 24 * 60, 7) if start % 300 > 40]
        usage.add(
            [(place, replace(ROW, start=start, last=start + 50.0, cpu_max=start / 1e6, ooms=start % 5)) for start in starts]
        )
    if compacted:
        usage.compact(MINUTES_KEPT + day / 2)
        assert {each.width for _, each in usage.rows("shop")} == {MINUTE, HOUR}
    for since in (0, 1, 3599, 3600, 3601, 5000, day / 2 - 1, day / 2, day / 2 + 59, day / 2 + 61, 60_001, day - 30, day + 60):
        rows = usage.rows("shop", since)
        totals = usage.totals("shop", since)
        assert [each.service for each in totals] == sorted({subject.service for subject, _ in rows})
        for total in totals:
            mine = [each for subject, each in rows if subject.service == total.service]
            sums = (total.seconds, total.periods, total.throttled, total.ooms, total.restarts, total.health_changes)
            names = ("seconds", "periods", "throttled", "ooms", "restarts", "health_changes")
            assert sums == tuple(sum(getattr(each, name) for each in mine) for name in names)
            assert total.start == min(each.start for each in mine)
            assert total.last == max(each.last for each in mine)
            assert total.cpu_max == max(each.cpu_max or 0 for each in mine)
            assert total.cpu_mean == pytest.approx(0.2)


def test_a_minute_that_comes_after_its_hour_was_folded_counts_in_the_hour(tmp_path: Path) -> None:
    usage = open_store(tmp_path).usage
    usage.add([(API, ROW)])
    usage.compact(MINUTES_KEPT + 2 * HOUR)
    usage.add([(API, replace(ROW, start=6120, memory_max=999))])
    ((_, row),) = usage.rows("shop")
    assert (row.width, row.start, row.samples, row.memory_max) == (HOUR, HOUR, 12, 999)
