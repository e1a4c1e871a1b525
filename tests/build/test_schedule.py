"""Orders of building, and what none of them can go below."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.build.schedule import bound, critical_path, remaining, simulate, waves

CHAIN = {"a": frozenset[str](), "b": frozenset({"a"}), "c": frozenset({"b"}), "d": frozenset[str]()}
SECONDS = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}


def makespan(seconds: Mapping[str, float], needs: Mapping[str, frozenset[str]], jobs: int) -> float:
    return max((each.end for each in simulate(seconds, needs, jobs, remaining(seconds, needs))), default=0.0)


def test_what_is_left_behind_a_target() -> None:
    assert remaining(SECONDS, CHAIN) == {"a": 6.0, "b": 5.0, "c": 3.0, "d": 4.0}
    assert critical_path(SECONDS, CHAIN) == ("a", "b", "c")
    assert waves(CHAIN, CHAIN) == [["a", "d"], ["b"], ["c"]]


def test_a_circle_is_in_no_wave_and_ends() -> None:
    circle = {"a": frozenset({"b"}), "b": frozenset({"a"}), "c": frozenset[str]()}
    assert waves(circle, circle) == [["c"]]


@pytest.mark.parametrize(("jobs", "expected"), [(1, 10.0), (2, 6.0), (9, 6.0)])
def test_the_bound_is_work_or_path(jobs: int, expected: float) -> None:
    assert bound(SECONDS, CHAIN, jobs) == expected
    assert makespan(SECONDS, CHAIN, jobs) == expected


def test_the_longest_chain_first_beats_the_alphabet() -> None:
    seconds = {"a": 1.0, "b": 1.0, "z": 2.0}
    none = dict.fromkeys(seconds, frozenset[str]())
    alphabetical = {name: -ord(name) for name in seconds}
    assert max(each.end for each in simulate(seconds, none, 2, alphabetical)) == 3.0
    assert makespan(seconds, none, 2) == 2.0


@st.composite
def fleets(draw: st.DrawFn) -> tuple[dict[str, float], dict[str, frozenset[str]]]:
    names = [str(number) for number in range(draw(st.integers(1, 12)))]
    seconds = {name: float(draw(st.integers(1, 50))) for name in names}
    needs = {
        name: frozenset(draw(st.sets(st.sampled_from(names[:number])))) if number else frozenset[str]()
        for number, name in enumerate(names)
    }
    return seconds, needs


@given(fleets(), st.integers(1, 5))
def test_every_schedule_is_legal_and_within_grahams_bound(
    fleet: tuple[dict[str, float], dict[str, frozenset[str]]], jobs: int
) -> None:
    seconds, needs = fleet
    placed = {each.name: each for each in simulate(seconds, needs, jobs, remaining(seconds, needs))}
    assert set(placed) == set(seconds)
    for name, each in placed.items():
        assert all(placed[other].end <= each.start for other in needs[name])
        assert sum(other.start <= each.start < other.end for other in placed.values()) <= jobs
    least = bound(seconds, needs, jobs)
    # List scheduling is never worse than 2 - 1/jobs times the optimum (Graham 1969), which is not below the bound.
    longest = max(remaining(seconds, needs).values())
    assert least <= max(each.end for each in placed.values()) <= sum(seconds.values()) / jobs + longest * (1 - 1 / jobs) + 1e-9
