"""When a difference of two behaviours is believed."""

from dataclasses import replace

import anyio
import pytest

from trimtab.verify.evidence import Behaviour
from trimtab.verify.rounds import compared

QUIET = Behaviour("healthy", 4.0, ("tcp/80",), "0", answers=(), watched_seconds=5.0)
TRACE, LOOKUP = "Traceback (most recent call last):", "ERROR - Temporary failure in name resolution"
LOUD = replace(QUIET, errors=(LOOKUP, TRACE), watched_seconds=7.0)


def judged(olds: list[Behaviour], news: list[Behaviour], later: Behaviour) -> tuple[list[str], list[float], int]:
    asked: list[float] = []
    rounds: list[int] = []

    async def pair(number: int) -> tuple[Behaviour, Behaviour]:
        rounds.append(number)
        return olds[min(number, len(olds) - 1)], news[min(number, len(news) - 1)]

    async def longer(seconds: float) -> Behaviour:
        asked.append(seconds)
        return later

    async def run() -> list[str]:
        found, _ = await compared(pair, (), longer)
        return [each.after for each in found]

    return anyio.run(run), asked, len(rounds)


def test_what_the_original_logs_a_little_later_is_no_difference() -> None:
    """A job in the background fails at its own time: before the slower of two containers is asked to end, or behind it."""
    assert judged([QUIET], [LOUD], LOUD) == ([], [19.0], 2)


@pytest.mark.parametrize(("later", "left"), [(QUIET, [LOOKUP, TRACE]), (replace(QUIET, errors=(TRACE,)), [LOOKUP])])
def test_what_it_does_not_log_however_long_is_one(later: Behaviour, left: list[str]) -> None:
    assert judged([QUIET], [LOUD], later) == (left, [19.0], 2)


def test_other_differences_need_no_longer_look() -> None:
    other = replace(QUIET, ports=("tcp/81",))
    assert judged([QUIET], [other], LOUD) == (["tcp/81"], [], 2)
    assert judged([QUIET], [QUIET], LOUD) == ([], [], 1)
    assert judged([QUIET], [LOUD, QUIET, QUIET], LOUD) == ([], [], 3)


def test_what_ended_by_itself_is_not_watched_longer() -> None:
    """What it logged it logged before that, and so would the original have."""
    ended = replace(QUIET, state="exited 1", errors=(TRACE,), watched_seconds=None)
    found, asked, _ = judged([QUIET], [ended], LOUD)
    assert TRACE in found
    assert asked == []


KILLED = replace(QUIET, state="exited 137", ports=None, user=None, watched_seconds=None)
SICK = replace(QUIET, state="unhealthy", watched_seconds=40.0)


def test_what_is_killed_a_little_later_as_well_is_no_difference() -> None:
    """A service whose limit is too small was killed before its health check had failed three times, or behind it."""
    assert judged([SICK], [KILLED], KILLED) == ([], [85.0], 2)
    assert judged([SICK, KILLED], [KILLED], SICK) == ([], [], 3)


def test_what_is_not_killed_however_long_is_one() -> None:
    found, asked, _ = judged([SICK], [KILLED], SICK)
    assert "exited 137" in found
    assert asked == [85.0]
    # Killed in both, and another port where there is one: what else differs still counts.
    assert judged([SICK], [KILLED], replace(KILLED, user="7"))[0] == ["None"]
