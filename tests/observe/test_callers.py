"""What callers get: counted over restarts of the holder, kept while it is away, and told as metrics."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_text import read_text
from telling import TellingEngine, container, stats

from trimtab.docker.command import Command
from trimtab.docker.runner import Completed
from trimtab.errors import EngineMissing
from trimtab.history import open_store
from trimtab.history.callers import Callers
from trimtab.history.usage import HOURS_KEPT
from trimtab.observe.callers import Got, count_callers, grown
from trimtab.observe.exposition import render
from trimtab.observe.metrics import Known, families
from trimtab.observe.watch import Observation


def test_counts_grow_by_what_came_since() -> None:
    before = {"api": Got(100, 2), "web": Got(50, 0)}
    assert grown({}, {"api": Got(100, 2)}) == {"api": Got(0, 0)}
    assert grown(before, {"api": Got(130, 3), "web": None}) == {"api": Got(30, 1)}
    assert grown(before, {"api": Got(7, 1)}) == {"api": Got(7, 1)}, "a new process counts from nothing"
    assert grown(before, {"api": Got(101, 0)}) == {"api": Got(101, 0)}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_all_growth_together_is_what_was_counted_since_the_first_look(steps: list[tuple[int, int]]) -> None:
    at, before, total = Got(5, 5), {"api": Got(5, 5)}, Got(0, 0)
    for requests, failed in steps:
        at = Got(at.requests + requests, at.failed + failed)
        more = grown(before, {"api": at})["api"]
        total, before = Got(total.requests + more.requests, total.failed + more.failed), {"api": at}
    assert total == Got(at.requests - 5, at.failed - 5)


def counted(folder: Path, answers: Sequence[Mapping[str, Got | None] | None]) -> list[tuple[str, int, int]]:
    """What is kept when the holder gives these answers one after the other; None where the engine is away."""
    left = list(answers)

    async def scenario() -> None:
        scope = anyio.CancelScope()

        async def ask() -> Mapping[str, Got | None]:
            if not left:
                scope.cancel()
                await anyio.sleep(0)
            answer = left.pop(0)
            if answer is None:
                raise EngineMissing("away")
            return answer

        with scope:
            await count_callers(ask, "shop", open_store(folder).usage, 0.001)

    anyio.run(scenario)
    return [(each.service, each.requests, each.failed) for each in open_store(folder).usage.callers()]


def test_what_callers_got_is_kept(tmp_path: Path) -> None:
    first = counted(tmp_path, [{"api": Got(10, 1)}, None, {"api": None}, {"api": Got(25, 4), "web": Got(3, 0)}])
    assert first == [("api", 15, 3), ("web", 0, 0)]
    again = counted(tmp_path, [{"api": Got(40, 4)}, {"api": Got(41, 4)}, {"api": Got(2, 0)}])
    assert again == [("api", 18, 3), ("web", 0, 0)], "what comes while nobody observes is not counted"


def test_a_service_that_is_not_there_any_more_is_forgotten(tmp_path: Path) -> None:
    usage = open_store(tmp_path).usage
    usage.note_callers([Callers("shop", "old", 1000.0, 5, 0), Callers("shop", "api", 1000.0 + HOURS_KEPT, 5, 0)])
    usage.compact(1000.0 + HOURS_KEPT + 1)
    assert [each.service for each in usage.callers()] == ["api"]


class Silent(TellingEngine):
    """An engine in which nothing happens."""

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        await anyio.sleep_forever()
        raise AssertionError


def test_the_watch_asks_while_it_watches(tmp_path: Path) -> None:
    engine = Silent()
    engine.put(container("api"), stats(2000.0, 1.0))

    async def scenario() -> None:
        scope = anyio.CancelScope()

        class Quiet:
            def round(self, at: float, seen: object) -> None:
                pass

            def told(self, text: str) -> None:
                pass

        async def ask() -> Mapping[str, Got | None]:
            scope.deadline = anyio.current_time() + 0.2
            return {"api": Got(9, 1)}

        with scope:
            await Observation(engine, "shop", Quiet(), open_store(tmp_path).usage, 0.001, ask).watch(60)
        assert scope.cancelled_caught

    anyio.run(scenario)
    (row,) = open_store(tmp_path).usage.callers()
    assert (row.project, row.service, row.requests) == ("shop", "api", 0)


def test_metrics_of_the_holder() -> None:
    found = read_text(render(families(Known(callers=[Callers("shop", "api", 5.0, 200, 3)]), 1_000.0)))
    assert found["trimtab_holder_requests_total"].value(project="shop", service="api") == 200
    assert found["trimtab_holder_failed_requests_total"].value(project="shop", service="api") == 3
    assert found["trimtab_holder_failed_requests_total"].kind == "counter"


@pytest.mark.parametrize("name", ["trimtab_holder_requests_total", "trimtab_holder_failed_requests_total"])
def test_without_a_holder_there_is_no_such_metric(name: str) -> None:
    assert name not in read_text(render(families(Known(), 1_000.0)))
