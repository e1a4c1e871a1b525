"""Fleets with known behaviour get the right answer, and nothing smaller is advised than what was seen to be used."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traces import DAY, MIB, MONDAY, TRACES, WEEK, Moment, Trace, flat
from traces import given as limits

from trimtab.history.usage import HOUR, Usage, hours
from trimtab.observe.evidence import evidence_of, rank
from trimtab.observe.sizing import STEP, Advice, Confidence, Given, Program, advise, balanced


def advice_on(trace: Trace) -> Advice | None:
    seen = evidence_of(trace.rows())
    assert seen is not None
    return advise(seen, trace.given, trace.program)


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.name)
def test_a_known_shape_gets_the_right_answer(trace: Trace) -> None:
    advice = advice_on(trace)
    if trace.confidence is None:
        assert advice is None
        return
    assert advice is not None
    wanted = trace.memory * MIB if trace.memory else None
    assert (advice.memory, advice.cpus, advice.shares) == (wanted, trace.cpus, trace.shares), advice
    assert advice.confidence == trace.confidence
    told = " / ".join((*advice.reasons, *advice.held))
    assert all(words in told for words in trace.says), told


@st.composite
def any_trace(draw: st.DrawFn) -> Trace:
    low, high = sorted((draw(st.integers(1, 2000)), draw(st.integers(1, 2000))))
    busy = draw(st.floats(0, 4))
    every = draw(st.integers(2, 500))
    held_back = draw(st.sampled_from([0.0, 0.02, 0.5]))
    ooms = draw(st.sets(st.integers(0, 400), max_size=2))
    return Trace(
        "any", lambda m: Moment(high if m % every == 0 else low, busy / 2, busy, held_back, int(m in ooms)),
        minutes=draw(st.sampled_from([150, 1500])), given=limits(draw(st.none() | st.integers(16, 4096)), draw(st.none() | st.floats(0.1, 4))),
        program=Program(draw(st.sampled_from(["jvm", "python", "web"])), draw(st.sampled_from([0, 256 * MIB]))),
    )  # fmt: skip


@settings(max_examples=60)
@given(any_trace())
def test_no_advice_is_below_what_was_seen_and_nothing_is_smaller_before_a_week(trace: Trace) -> None:
    seen = evidence_of(trace.rows())
    assert seen is not None
    advice = advise(seen, trace.given, trace.program)
    if advice is None:
        return
    if advice.memory is not None:
        assert advice.memory % STEP == 0
        assert advice.memory >= 1.15 * seen.memory_max
        assert advice.memory >= trace.program.heap
        assert trace.given.memory is None or advice.memory > trace.given.memory
        assert advice.reasons
    if advice.cpus is not None:
        assert advice.cpus >= min(seen.cpu_p99, 1.25 * seen.cpu_p99)
        assert trace.given.cpus is None or advice.cpus > trace.given.cpus
    if advice.reservation is not None and advice.memory is not None:
        assert advice.reservation <= advice.memory
    assert advice.confidence is not Confidence.HIGH


def lowering() -> Trace:
    return next(trace for trace in TRACES if trace.name == "flat, and far too much")


def test_a_limit_comes_down_by_steps_with_a_day_between_them() -> None:
    steps: list[int] = []
    trace = lowering()
    limit = 512 * MIB
    for _ in range(12):
        rows = [(subject, replace(row, memory_limit=limit)) for subject, row in trace.rows()]
        advice = advise(seen, replace(trace.given, memory=limit), trace.program) if (seen := evidence_of(rows)) else None
        if advice is None or advice.memory is None:
            break
        assert advice.memory >= 0.75 * limit
        fresh = [
            (s, replace(row, memory_limit=limit if row.start < MONDAY + 60 * (WEEK - DAY + 60) else advice.memory))
            for s, row in rows
        ]
        early = evidence_of(fresh)
        assert early is not None
        waits = advise(early, replace(trace.given, memory=advice.memory), trace.program)
        assert waits is not None
        assert waits.memory is None
        assert any("of 24 hours" in each for each in waits.held) or advice.memory == 112 * MIB
        limit = advice.memory
        steps.append(limit // MIB)
    assert steps == [384, 288, 224, 176, 144, 112]


def test_a_limit_in_the_files_that_was_never_in_force_is_not_made_smaller() -> None:
    trace = lowering()
    seen = evidence_of(trace.rows())
    assert seen is not None
    advice = advise(seen, replace(trace.given, memory=700 * MIB), trace.program)
    assert advice is not None
    assert advice.memory is None
    assert any("not the one that was in force" in each for each in advice.held)


def test_a_new_version_has_to_be_seen_for_a_day_before_it_gets_less() -> None:
    rows = lowering().rows()
    newer = [(replace(s, image="sha256:two"), row) if row.start >= MONDAY + 60 * (WEEK - 600) else (s, row) for s, row in rows]
    seen = evidence_of(newer)
    assert seen is not None
    assert seen.versions == 2
    advice = advise(seen, lowering().given, Program())
    assert advice is not None
    assert advice.memory is None
    assert any("newest version was seen for 10 of 24 hours" in each for each in advice.held)


def test_a_kill_on_the_last_day_keeps_everything_as_it_is() -> None:
    rows = lowering().rows()
    killed = [
        (s, replace(row, ooms=1, memory_limit=64 * MIB) if row.start == MONDAY + 60 * (WEEK - 90) else row) for s, row in rows
    ]
    seen = evidence_of(killed)
    assert seen is not None
    advice = advise(seen, lowering().given, Program())
    assert advice is not None
    assert advice.memory is None


KILLS = (MONDAY + 60 * (WEEK - 90), MONDAY + 60 * (WEEK - 80))
"""The minutes in which a container was killed."""


def test_kills_at_several_limits_are_not_told_of_the_highest_alone() -> None:
    """A container that was given 64 MiB, then 176, was said to have had all of its kills at 176."""
    rows = [
        (s, replace(row, ooms=2 if row.start in KILLS else 0, memory_limit=(64 if row.start <= KILLS[0] else 176) * MIB))
        for s, row in lowering().rows()
    ]
    seen = evidence_of(rows)
    assert seen is not None
    assert seen.oom_limits == (64 * MIB, 176 * MIB)
    advice = advise(seen, replace(lowering().given, memory=176 * MIB), Program())
    assert advice is not None
    told = " ".join((*advice.reasons, *advice.held))
    assert "4 processes killed for want of memory at limits of 64 MiB to 176 MiB" in told


def test_hours_say_the_same_as_the_minutes_they_were_folded_from() -> None:
    trace = lowering()
    rows = trace.rows()
    old = [row for _, row in rows if row.start < MONDAY + 5 * DAY * 60]
    folded = [(rows[0][0], usage) for usage in hours(old).values()]
    by_minute, by_hour = evidence_of(rows), evidence_of([*folded, *rows[len(old) :]])
    assert by_minute is not None
    assert by_hour is not None
    for name in ("span", "covered", "points", "versions", "weekend", "memory_max", "ooms", "memory_limit_for"):
        assert getattr(by_hour, name) == getattr(by_minute, name), name
    assert by_hour.memory_p99 >= by_minute.memory_p99
    assert advise(by_hour, trace.given, trace.program) == advise(by_minute, trace.given, trace.program)


def test_a_container_that_does_not_run_is_not_seen_to_use_little() -> None:
    trace = lowering()
    rows = trace.rows()
    # It ran for half a day in a week; for the rest there was a container that had ended.
    ended = [
        (subject, each if number < DAY // 2 else replace(each, memory_max=None, cpu_p95=None, cpu_max=None))
        for number, (subject, each) in enumerate(rows)
    ]
    seen = evidence_of(ended)
    assert seen is not None
    assert seen.covered == 12 * HOUR
    assert not seen.weekend
    advice = advise(seen, trace.given, trace.program)
    assert advice is not None
    assert advice.memory is None
    assert "12 of 168 hours were seen" in " ".join(advice.held)


def test_nothing_measured_is_no_evidence() -> None:
    subject = lowering().rows()[0][0]
    assert evidence_of([]) is None
    assert evidence_of([(subject, Usage(60, MONDAY, MONDAY + 5.0, 1, 0.0, restarts=3))]) is None


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 10)), min_size=1), st.floats(0.05, 1))
def test_a_weighted_rank_leaves_no_more_than_the_rest_above_it(values: list[tuple[float, float]], share: float) -> None:
    found = rank(values, share)
    total = sum(weight for _, weight in values)
    assert sum(weight for value, weight in values if value <= found) >= share * total - 1e-6
    assert sum(weight for value, weight in values if value < found) < share * total + 1e-6
    assert rank([], share) == 0.0


def plain(memory: int | None, floor: int) -> Advice:
    return Advice(memory * MIB if memory else None, None, None, None, Confidence.HIGH, (), (), floor * MIB)


def test_headroom_shrinks_evenly_when_the_host_is_too_small_and_never_below_what_was_used() -> None:
    one, two, fixed = plain(512, 256), plain(256, 192), plain(None, 0)
    all_of_them = [(512 * MIB, one, 1), (256 * MIB, two, 1), (128 * MIB, fixed, 1)]
    assert balanced(all_of_them, 1024 * MIB) == [one, two, fixed]
    cut = balanced(all_of_them, 736 * MIB)
    assert [each.memory for each in cut] == [384 * MIB, 224 * MIB, None]
    assert "so that all fit" in cut[0].reasons[0]
    least = balanced(all_of_them, 100 * MIB)
    assert [each.memory for each in least] == [256 * MIB, 192 * MIB, None]
    two_of_one = [(512 * MIB, one, 2), (256 * MIB, two, 1), (128 * MIB, fixed, 1)]
    assert [each.memory for each in balanced(two_of_one, 1120 * MIB)] == [384 * MIB, 224 * MIB, None]


@given(
    st.lists(st.tuples(st.integers(2, 100), st.integers(1, 100), st.integers(1, 5)), min_size=1, max_size=10),
    st.integers(1, 200),
)
def test_what_is_balanced_fits_or_is_at_its_floor(sizes: list[tuple[int, int, int]], host: int) -> None:
    step = 16
    advices = [(step * max(a, b) * MIB, plain(step * max(a, b), step * min(a, b)), number) for a, b, number in sizes]
    found = balanced(advices, host * step * MIB)
    assert all((each.memory or 0) >= each.floor for each in found)
    fits = sum((each.memory or 0) * number for each, (_, _, number) in zip(found, sizes, strict=True)) <= host * step * MIB
    assert fits or all(each.memory == each.floor for each in found)


def test_a_short_look_at_a_service_without_limits_says_nothing() -> None:
    trace = Trace("short", flat(80), minutes=99, given=Given())
    assert advice_on(trace) is None
    assert 3 * HOUR > 99 * 60
