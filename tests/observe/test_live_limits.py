"""Other limits for running containers: made, watched, and taken back where they do harm."""

import json
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from telling import TellingEngine, container, stats

from trimtab.docker.api import Api
from trimtab.docker.command import Command
from trimtab.docker.containers import Containers, read_container
from trimtab.docker.runner import Completed
from trimtab.errors import EngineMissing
from trimtab.observe.live import Change, Changed, Trial, change_of, changes_for
from trimtab.observe.sizing import Given

MIB = 1 << 20
FULL = {"Memory": 512 * MIB, "MemorySwap": 1024 * MIB, "NanoCpus": 1_000_000_000, "MemoryReservation": 400 * MIB}


class Engine(TellingEngine):
    """An engine whose containers take the limits that are posted, and behave as the test says after that."""

    def __init__(self, *services: str) -> None:
        super().__init__()
        for name in services:
            self.put(container(name, host=FULL), stats(2000.0, 1.0))
        self.on_post = self.taken
        self.looks = 0
        self.on_get = self.looked
        self.behaves: Callable[[int], object] = lambda look: None

    def taken(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        self.containers[path.split("/")[2]]["HostConfig"].update(body)
        return 200, {"Warnings": []}

    def looked(self, path: str) -> None:
        if path == "/containers/json" and self.posted:
            self.looks += 1
            self.behaves(self.looks)

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        await anyio.sleep_forever()
        raise AssertionError

    def limits(self, service: str) -> dict[str, int]:
        return {key: self.containers[f"id-{service}"]["HostConfig"][key] for key in FULL}


def tried(engine: Engine, wanted: dict[str, Given], seconds: float = 0.05) -> tuple[list[Changed], list[str]]:
    """What becomes of the changes, and what was told meanwhile."""
    told: list[str] = []

    async def scenario() -> list[Changed]:
        changes, left = await changes_for(Containers(Api(engine)), "shop", wanted)
        told.extend(left)
        return await Trial(engine, "shop", told.append, every=0.001).run(changes, seconds)

    return anyio.run(scenario), told


SMALLER = {"api": Given(384 * MIB, None, 0.5)}


def test_what_does_no_harm_is_kept() -> None:
    engine = Engine("api", "db")
    (result,), told = tried(engine, SMALLER)
    assert result.kept
    assert engine.limits("api") == {
        "Memory": 384 * MIB,
        "MemorySwap": 768 * MIB,
        "NanoCpus": 500_000_000,
        "MemoryReservation": 384 * MIB,
    }
    assert engine.limits("db") == FULL
    assert told == ["shop-api-1: memory 512 MiB → 384 MiB, cores 1 → 0.5"]


def test_a_kill_for_want_of_memory_gives_everything_back() -> None:
    engine = Engine("api", "db")
    engine.behaves = lambda look: look == 2 and engine.containers["id-api"]["State"].update(OOMKilled=True)
    results, told = tried(engine, {**SMALLER, "db": Given(384 * MIB)}, 0.5)
    assert {each.change.service: each.kept for each in results} == {"api": False, "db": True}
    assert engine.limits("api") == FULL
    assert engine.limits("db")["Memory"] == 384 * MIB
    assert any("taken back: a process was killed for want of memory" in line for line in told)


def test_a_kill_is_looked_at_when_it_is_heard_of() -> None:
    """It waited for the next look, ten seconds later, with other processes killed meanwhile."""

    class Telling(Engine):
        async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
            while not self.looks:
                await anyio.sleep(0.001)
            now = time.time_ns()
            sink(json.dumps({"Actor": {"ID": "id-api"}, "timeNano": now, "Action": "oom"}).encode() + b"\n")
            return await super().stream(command, sink)

    engine = Telling("api")

    async def scenario() -> list[Changed]:
        changes, _ = await changes_for(Containers(Api(engine)), "shop", SMALLER)
        with anyio.fail_after(30):
            return await Trial(engine, "shop", lambda text: None, every=600).run(changes, 3600)

    (result,) = anyio.run(scenario)
    assert (result.kept, engine.limits("api")) == (False, FULL)


@pytest.mark.parametrize(("cpus", "kept"), [(0.5, False), (2.0, True)])
def test_being_held_back_counts_against_fewer_processors_only(cpus: float, kept: bool) -> None:
    engine = Engine("api")

    def behave(look: int) -> None:
        held = {"periods": 100 * look, "throttled_periods": 20 * look}
        engine.stats["id-api"] = stats(2000.0 + 10 * look, 1.0 + look, held=held)

    engine.behaves = behave
    (result,), _ = tried(engine, {"api": Given(None, None, cpus)}, 0.2)
    assert result.kept is kept
    assert engine.limits("api")["NanoCpus"] == (2_000_000_000 if kept else 1_000_000_000)
    assert result.reason == "it was held back in 20% of the periods"


def test_an_interruption_gives_back_what_was_taken_and_keeps_what_was_given() -> None:
    engine = Engine("api", "db")
    found: list[Changed] = []

    async def scenario() -> None:
        changes, _ = await changes_for(Containers(Api(engine)), "shop", {**SMALLER, "db": Given(768 * MIB)})
        trial = Trial(engine, "shop", lambda text: None, every=0.001)
        with anyio.CancelScope() as scope:
            engine.behaves = lambda look: look == 2 and scope.cancel()
            await trial.run(changes, 60)
        found.extend(trial.results)

    anyio.run(scenario)
    assert engine.limits("api") == FULL
    assert engine.limits("db")["Memory"] == 768 * MIB
    assert {each.change.service: (each.kept, each.reason) for each in found} == {
        "api": (False, "it was not watched to the end"), "db": (True, "got no less than it had"),
    }  # fmt: skip


def test_an_interruption_among_the_changes_gives_back_what_was_taken_so_far() -> None:
    engine = Engine("api", "db")

    def taken(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if "id-db" in path:
            raise EngineMissing("gone")
        return engine.taken(path, body)

    engine.on_post = taken
    with pytest.raises(EngineMissing):
        tried(engine, {"api": Given(384 * MIB, None, 0.5), "db": Given(384 * MIB, None, 0.5)})
    assert engine.limits("api") == FULL


def test_more_that_is_still_too_little_is_kept_and_told() -> None:
    engine = Engine("api")
    engine.behaves = lambda look: look == 2 and engine.containers["id-api"]["State"].update(OOMKilled=True)
    (result,), _ = tried(engine, {"api": Given(768 * MIB)}, 0.2)
    assert result.kept
    assert result.reason == "a process was killed for want of memory for all that: it needs more"


def test_a_refusal_of_the_engine_is_told_and_the_others_go_on() -> None:
    engine = Engine("api", "db")
    takes = engine.taken
    engine.on_post = lambda path, body: (500, {"message": "device or resource busy"}) if "api" in path else takes(path, body)
    results, _ = tried(engine, {**SMALLER, "db": Given(384 * MIB)})
    assert {each.change.service: (each.kept, each.reason) for each in results} == {
        "api": (False, "device or resource busy"), "db": (True, "held for the whole time that it was watched"),
    }  # fmt: skip


def change(host: dict[str, int], wanted: Given) -> tuple[Change | None, list[str]]:
    return change_of(read_container(container("api", host={"NanoCpus": 0, "Memory": 0, **host})), "shop", "api", wanted)


@pytest.mark.parametrize(("swap", "after"), [(1024, 512), (512, 256), (-1, -1), (2000, 2000)])
def test_swap_keeps_its_relation(swap: int, after: int) -> None:
    sizes = {"Memory": 512 * MIB, "MemorySwap": swap * MIB if swap > 0 else swap}
    found, _ = change(sizes, Given(256 * MIB))
    assert found is not None
    assert found.forward == {"Memory": 256 * MIB, "MemorySwap": after * MIB if after > 0 else after}
    assert found.back == sizes


def test_a_quota_stays_a_quota() -> None:
    found, _ = change({"CpuQuota": 50_000, "CpuPeriod": 0}, Given(None, None, 0.75))
    assert found is not None
    assert (found.forward, found.smaller_cpus) == ({"CpuPeriod": 100_000, "CpuQuota": 75_000}, False)


def test_without_a_limit_nothing_is_changed_that_could_not_be_taken_back() -> None:
    found, left = change({}, Given(256 * MIB, None, 0.5))
    assert found is None
    assert [each.split(",")[0] for each in left] == ["has no memory limit", "has no processor limit"]
    assert change({"Memory": 256 * MIB, "NanoCpus": 500_000_000}, Given(256 * MIB, None, 0.5)) == (None, [])
