"""Watching: minutes on the disk, an engine that goes away in between, and what the watch says of itself."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from rich.console import Console
from telling import TellingEngine, container, stats

from trimtab.cli.observe import ObserveWatcher
from trimtab.cli.options import Common
from trimtab.docker.command import Command
from trimtab.docker.runner import Completed
from trimtab.errors import EngineMissing, StateError
from trimtab.history import open_store
from trimtab.observe.sampler import Seen
from trimtab.observe.watch import Observation
from trimtab.report.observe import cost_line, result_data, result_view, round_lines, round_table

MIB = 1 << 20


class Recorder:
    """A watcher that remembers, and calls the test back after each round."""

    def __init__(self, after: Callable[[int], object] = lambda number: None) -> None:
        self.rounds: list[Sequence[Seen]] = []
        self.texts: list[str] = []
        self.after = after

    def round(self, at: float, seen: Sequence[Seen]) -> None:
        self.rounds.append(seen)
        self.after(len(self.rounds))

    def told(self, text: str) -> None:
        self.texts.append(text)


class Engine(TellingEngine):
    """An engine that may be away, and tells of an out-of-memory kill as soon as somebody listens."""

    def __init__(self) -> None:
        super().__init__()
        self.away = 0

    async def run(self, command: Command, **more: Any) -> Completed:
        if self.away and b"/info" not in command.stdin:
            self.away -= 1
            return Completed(command.argv, 1, b"", "is the docker daemon running?")
        return await super().run(command, **more)

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        event = {"Action": "oom", "Actor": {"ID": "id-api"}, "timeNano": 2_000_000_000_000}
        sink(json.dumps(event).encode() + b"\n")
        await anyio.sleep_forever()
        raise AssertionError


def watched(folder: Path, engine: Engine, rounds: int, before: Callable[[int], object] = lambda number: None) -> Observation:
    """A watch that is cancelled after so many rounds."""

    async def scenario() -> Observation:
        scope = anyio.CancelScope()

        def after(number: int) -> None:
            before(number)
            if number == rounds:
                scope.cancel()

        watch = Observation(engine, "shop", Recorder(after), open_store(folder).usage, every=0.001)
        with scope:
            await watch.watch(60)
        return watch

    return anyio.run(scenario)


def test_what_was_seen_is_kept_however_it_ends(tmp_path: Path) -> None:
    engine = Engine()
    engine.put(container("api"), stats(2000.0, 1.0))

    watch = watched(tmp_path, engine, 3, lambda number: engine.put(container("api"), stats(2000.0 + 10 * number, 1.0 + number)))
    ((subject, usage),) = watch.found.items()
    assert (subject.service, subject.image, subject.config) == ("api", "sha256:api", "c1")
    assert usage.cpu_mean == pytest.approx(0.1)
    assert (usage.samples, usage.ooms, usage.seconds) == (3, 1, 20.0)
    usage_history = open_store(tmp_path).usage
    assert usage_history.rows("shop") == [(subject, usage)]
    assert usage_history.claim("shop", "another", 0.0, 1.0)
    (place,) = usage_history.places()
    assert (place.service, place.state, place.health, place.memory, place.ooms) == ("api", "running", "", 30 * MIB, 1)
    assert place.cpu_seconds == pytest.approx(2.0)


def test_an_engine_that_is_away_for_some_rounds_leaves_no_hole_in_the_figures(tmp_path: Path) -> None:
    engine = Engine()
    engine.put(container("api"), stats(2000.0, 1.0))

    def after(number: int) -> None:
        if number == 2:
            engine.away = 2
            engine.put(container("api"), stats(2050.0, 6.0))

    watch = watched(tmp_path, engine, 3, after)
    assert watch.missed == 2
    assert isinstance(watch.watcher, Recorder)
    assert len(watch.watcher.texts) == 1
    assert "goes on when it answers" in watch.watcher.texts[0]
    (usage,) = watch.found.values()
    assert usage.seconds == 50.0
    assert usage.cpu_max == pytest.approx(0.1)


def test_an_engine_that_never_answers_is_an_error(tmp_path: Path) -> None:
    engine = Engine()
    engine.away = 100
    with pytest.raises(ExceptionGroup) as caught:
        watched(tmp_path, engine, 1)
    assert isinstance(caught.value.exceptions[0], EngineMissing)


def test_somebody_else_at_it_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    engine = Engine()
    open_store(tmp_path).usage.claim("shop", "other", time.time(), 60)
    with pytest.raises(StateError, match="observed already"):
        watched(tmp_path, engine, 1)


def text(renderable: object) -> str:
    console = Console(width=200, record=True, file=None, quiet=True)
    with console.capture() as captured:
        console.quiet = False
        console.print(renderable)
    return captured.get()


def test_that_nothing_is_there_is_said_when_it_begins_and_not_each_round(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    engine = Engine()
    engine.put(container("api"), stats(2000.0, 1.0))
    recorder = watched(tmp_path, engine, 1).watcher
    assert isinstance(recorder, Recorder)
    (seen,) = recorder.rounds
    watcher = ObserveWatcher(Common(), "shop", None)
    nothing: Sequence[Seen] = ()
    for each in (nothing, nothing, nothing, seen, nothing, nothing):
        watcher.round(0.0, each)
    assert capsys.readouterr().err == "nothing of `shop` is there yet\nnothing of `shop` is there any more\n"


def test_people_and_programs_are_told_the_same(tmp_path: Path) -> None:
    engine = Engine()
    engine.put(container("api", host={"NanoCpus": 0}), stats(2000.0, 1.0, usage=70 * MIB))
    engine.put(container("db", state={"Status": "restarting"}, RestartCount=3), None)
    watch = watched(
        tmp_path,
        engine,
        2,
        lambda number: engine.put(container("api", host={"NanoCpus": 0}), stats(2010.0, 3.0, usage=70 * MIB)),
    )
    data = result_data(watch)
    assert json.loads(json.dumps(data))["services"][0]["memory"] == {"last": 60 * MIB, "limit": 64 * MIB, "max": 60 * MIB}
    shown = text(result_view(watch))
    assert "94%" in shown
    assert "in 2 rounds" in shown
    assert "none" in shown
    assert isinstance(watch.watcher, Recorder)
    table = text(round_table("shop", watch.watcher.rounds[-1]))
    assert "0.20" in table
    assert "restarting" in table
    assert "net in/out" in table
    narrow = text(round_table("shop", watch.watcher.rounds[-1], 80))
    assert "net in/out" not in narrow
    assert "0.20" in narrow
    assert round_lines([each for seen in watch.watcher.rounds for each in seen]) == [
        "shop-api-1: 1 process killed for want of memory at a limit of 64 MiB"
    ]
    assert "of a core" in cost_line(watch.cost)
