"""Laws of folding: nothing is lost, nothing is made up, and the order does not matter."""

import math
from dataclasses import fields
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.history.usage import HOUR, Subject, Usage, hours, join
from trimtab.observe.fold import Folder, fold, nearest_rank
from trimtab.observe.sample import Sample

SUBJECT = Subject("shop", "api", 1, "sha256:a", "c")
COUNTS = ("periods", "throttled", "ooms", "restarts", "health_changes", "received", "sent", "bytes_read", "bytes_written")
count = st.integers(0, 1000)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    seconds = draw(st.sampled_from([0.0, 5.0, 10.0]))
    return Sample(
        at=draw(st.floats(0, 7200, allow_nan=False)), seconds=seconds,
        cores=draw(st.floats(0, 8, allow_nan=False)) if seconds else None,
        cpu_limit=draw(st.sampled_from([None, 0.5, 1.0])),
        memory=draw(st.none() | st.integers(1, 1 << 30)),
        memory_limit=draw(st.sampled_from([None, 1 << 28, 1 << 30])),
        uptime=draw(st.none() | st.floats(0, 1e5, allow_nan=False)),
        **{name: draw(count) for name in COUNTS},
    )  # fmt: skip


many = st.lists(samples(), min_size=1, max_size=40, unique_by=lambda each: each.at)


def same(one: Usage, other: Usage, *but: str) -> bool:
    """Equal but for the last bits of sums of floating point numbers."""
    pairs = [(getattr(one, each.name), getattr(other, each.name)) for each in fields(Usage) if each.name not in but]
    return all(a == b or (None not in (a, b) and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)) for a, b in pairs)


@given(many, st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(given_samples: list[Sample], random: object) -> None:
    shuffled = list(given_samples)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = fold(given_samples), fold(shuffled)
    assert one.keys() == other.keys()
    assert all(same(one[start], other[start]) for start in one)


@given(many)
def test_counts_and_seconds_are_kept_and_figures_stay_between_their_bounds(given_samples: list[Sample]) -> None:
    minutes = fold(given_samples)
    for name in COUNTS:
        assert sum(getattr(each, name) for each in minutes.values()) == sum(getattr(each, name) for each in given_samples)
    assert sum(each.samples for each in minutes.values()) == len(given_samples)
    assert sum(each.seconds for each in minutes.values()) == pytest.approx(sum(s.seconds for s in given_samples))
    for start, each in minutes.items():
        assert start <= each.last < start + 60
        if each.cpu_mean is not None and each.cpu_p95 is not None and each.cpu_max is not None:
            assert each.cpu_mean <= each.cpu_max * (1 + 1e-9)
            assert each.cpu_p95 <= each.cpu_max
        if each.memory_last is not None:
            assert each.memory_max is not None
            assert each.memory_last <= each.memory_max


@given(many)
def test_giving_minutes_on_as_they_end_is_folding_all_at_once(given_samples: list[Sample]) -> None:
    folder, found = Folder(), list[tuple[Subject, Usage]]()
    for sample in sorted(given_samples, key=lambda each: each.at):
        folder.add(SUBJECT, sample)
        found += folder.over(sample.at)
    found += folder.over(math.inf)
    assert folder.over(math.inf) == []
    assert {usage.start: usage for _, usage in found} == fold(given_samples)


@given(many, st.floats(0, 7200, allow_nan=False))
def test_a_minute_in_two_parts_is_the_minute_but_for_a_percentile_that_is_no_less(
    given_samples: list[Sample], cut: float
) -> None:
    early, late = fold([s for s in given_samples if s.at < cut]), fold([s for s in given_samples if s.at >= cut])
    for start, whole in fold(given_samples).items():
        parts = [each[start] for each in (early, late) if start in each]
        joined = join(*parts) if len(parts) == 2 else parts[0]
        assert (joined.cpu_p95 or 0) >= (whole.cpu_p95 or 0)
        assert same(joined, whole, "cpu_p95")


@given(many)
def test_joining_does_not_depend_on_order_or_grouping(given_samples: list[Sample]) -> None:
    minutes = [fold([each]) for each in given_samples[:3]]
    rows = [usage for each in minutes for usage in each.values()]
    if len(rows) == 3:
        one, two, three = rows
        assert same(join(one, two), join(two, one))
        assert same(join(join(one, two), three), join(one, join(two, three)))


@given(many)
def test_hours_keep_counts_and_the_largest_of_their_minutes(given_samples: list[Sample]) -> None:
    minutes = list(fold(given_samples).values())
    folded = hours(minutes)
    for start, group in groupby(sorted(minutes, key=lambda each: each.start), key=lambda each: each.start // HOUR * HOUR):
        of_it, hour = list(group), folded[start]
        assert hour.width == HOUR
        assert hour.memory_max == max((each.memory_max for each in of_it if each.memory_max is not None), default=None)
        assert hour.cpu_max == max((each.cpu_max for each in of_it if each.cpu_max is not None), default=None)
        for name in COUNTS:
            assert getattr(hour, name) == sum(getattr(each, name) for each in of_it)


@given(st.lists(st.floats(0, 100, allow_nan=False), min_size=1, max_size=50), st.floats(0.01, 1))
def test_nearest_rank_is_a_value_that_enough_others_do_not_exceed(values: list[float], share: float) -> None:
    found = nearest_rank(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values)


def test_a_percentile_of_nothing_is_an_error_and_no_number() -> None:
    with pytest.raises(ValueError, match="no percentile"):
        nearest_rank([], 0.5)
