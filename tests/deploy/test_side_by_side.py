"""Services of which both versions run meanwhile change side by side: what they need comes first, and a failure ends it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from stage import PROJECT, Stage, at_every_change, desired, image

from trimtab.deploy.holder.choose import Wish
from trimtab.deploy.outcome import Outcome, Result
from trimtab.deploy.plan import Plan, Strategy
from trimtab.deploy.room import Host, room_for

NAMES = ("api", "web", "back")
LAST = 120
"""More changes than a deployment of three services makes; the tests say so when it makes more."""


def bodies(version: str, needs: dict[str, str] | None = None) -> dict[str, Any]:
    """Three services that share their ports with their next versions."""
    found: dict[str, Any] = {}
    for number, name in enumerate(NAMES):
        port = {"target": 80, "published": str(8080 + number), "protocol": "tcp"}
        found[name] = {"image": f"{'api' if name == 'back' else name}:{version}", "ports": [port]}
    for name, need in (needs or {}).items():
        found[name]["depends_on"] = {need: {"condition": "service_healthy"}}
    return found


async def staged(folder: Path, parallel: int, needs: dict[str, str] | None = None) -> Stage:
    """The first version of all three, which runs."""
    folder.mkdir(exist_ok=True)
    stage = Stage(folder, parallel=parallel, wish=Wish(shared=frozenset(NAMES)))
    await stage.deploy(wanted=desired(bodies("1", needs)))
    stage.engine.log.clear()
    return stage


async def changed(stage: Stage, needs: dict[str, str] | None = None) -> Result:
    return await stage.deploy(wanted=desired(bodies("2", needs)))


def order(stage: Stage) -> list[str]:
    """What is started beside an old one, and which old ones are stopped, in the order of the engine."""
    short = {f"start shop-{name}-1.r2": f"new {name}" for name in NAMES}
    short |= {f"stop shop-{name}-1.before-r2": f"end {name}" for name in NAMES}
    return [short[line] for line in stage.engine.log if line in short]


def run(does: Callable[[Path], Awaitable[None]], folder: Path) -> None:
    anyio.run(does, folder)


def test_they_change_side_by_side(tmp_path: Path) -> None:
    async def does(folder: Path) -> None:
        stage = await staged(folder, 3)
        result = await changed(stage)
        assert {each.strategy for each in result.services.values()} == {Strategy.SHARE}
        assert [each.split()[0] for each in order(stage)] == ["new"] * 3 + ["end"] * 3
        stage.store.close()

    run(does, tmp_path)


def test_one_after_the_other_where_that_is_wanted(tmp_path: Path) -> None:
    async def does(folder: Path) -> None:
        stage = await staged(folder, 1)
        await changed(stage)
        assert [each.split()[0] for each in order(stage)] == ["new", "end"] * 3
        stage.store.close()

    run(does, tmp_path)


def test_what_one_needs_is_good_before_it_begins(tmp_path: Path) -> None:
    async def does(folder: Path) -> None:
        needs = {"web": "api"}
        stage = await staged(folder, 3, needs)
        await changed(stage, needs)
        told = order(stage)
        assert told.index("end api") < told.index("new web")
        assert told.index("new back") < told.index("end api")
        stage.store.close()

    run(does, tmp_path)


def test_after_a_failure_nothing_more_is_begun(tmp_path: Path) -> None:
    """`web` waits for `api`, and `back` for a place: neither is touched."""

    async def does(folder: Path) -> None:
        needs = {"web": "api", "back": "web"}
        stage = await staged(folder, 2, needs)
        stage.engine.behaves[image("api:2")] = "sick"
        before = stage.engine.running()
        result = await changed(stage, needs)
        assert {name: each.outcome for name, each in result.services.items()} == {
            "api": Outcome.ROLLED_BACK,
            "web": Outcome.UNTOUCHED,
            "back": Outcome.UNTOUCHED,
        }
        assert stage.engine.running() == before
        stage.store.close()

    run(does, tmp_path)


@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("ending", ["resumed", "undone"])
def test_killed_at_any_change(tmp_path: Path, takes_effect: bool, ending: str) -> None:
    """Several services are half way then; every one of them is gone on with, or is as it was."""
    wanted = {f"shop-{name}-1": image(f"{'api' if name == 'back' else name}:2") for name in NAMES}

    async def one(folder: Path, at: int) -> bool:
        stage = await staged(folder, 3)
        before = stage.engine.running()
        engine = stage.engine
        engine.changes, engine.dies_at, engine.takes_effect = 0, at, takes_effect
        if not await stage.killed(lambda: changed(stage)):
            stage.store.close()
            return False
        deployer = stage.deployer()
        row = await deployer.unfinished()
        assert row is not None
        if ending == "resumed":
            if await deployer.resume(row) is None:
                assert engine.running() == before
                await changed(stage)
            assert wanted.items() <= engine.running().items()
        else:
            done = await deployer.undo(row)
            now = engine.running()
            assert now == before if done is not None else wanted.items() <= now.items()
        assert not [name for name in engine.names() if "trial" in name or ".before-" in name]
        assert stage.store.deployments.unfinished(PROJECT) is None
        stage.store.close()
        return True

    assert 25 < anyio.run(at_every_change, tmp_path, one) < LAST


async def _planned(folder: Path) -> Plan:
    stage = await staged(folder, 3)
    plan = await stage.plan(desired(bodies("2")))
    stage.store.close()
    return plan


def test_as_many_as_there_is_memory_for(tmp_path: Path) -> None:
    """Whichever of them run twice at once: the largest are counted."""
    plan = anyio.run(_planned, tmp_path)
    ids = [each.before.container.id for each in plan.changes if each.before]
    used = dict(zip(ids, (300, 200, 100), strict=True))
    assert [room_for(plan, used, Host(free), 4).parallel for free in (300, 499, 500, 599, 600)] == [1, 1, 2, 2, 3]
    assert room_for(plan, used, Host(10_000), 2).parallel == 2
    assert room_for(plan, used, Host(None), 4).parallel == 1
    assert room_for(plan, {ids[0]: 1}, Host(10_000), 4).parallel == 1
