"""A deployer that is killed at any change of the engine leaves something that can be gone on with, and undone."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from stage import PROJECT, Stage, image

BEFORE = {"shop-db-1": image("db:1"), "shop-api-1": image("api:1"), "shop-web-1": image("web:1")}
AFTER = {"shop-db-1": image("db:1"), "shop-api-1": image("api:2"), "shop-web-1": image("web:2")}
OLD = {"shop.api.r1", "shop.web.r1"}
Ending = Callable[[Stage, int, bool, bool], Awaitable[bool]]
LAST = 60
"""More changes than a deployment of two services makes; the tests say so when it makes more."""


def kept(stage: Stage) -> set[str]:
    return {name for name in stage.engine.names() if name.startswith("shop.")}


def check(stage: Stage, revisions: set[str], *, lost: bool = False) -> None:
    """Nothing is left over and nothing is lost; without a journal, a tag of an image may be left."""
    engine = stage.engine
    assert set(engine.names()) - kept(stage) == set(BEFORE)
    assert set(engine.running()) == set(BEFORE)
    assert kept(stage) == revisions
    tags = {name for name in engine.images if name.startswith("trimtab/")}
    wanted = {f"trimtab/shop/{name.split('.')[1]}:{name.split('.')[2]}" for name in revisions}
    assert tags >= wanted if lost else tags == wanted
    assert engine.networks == {"shop_default"}
    policies = {name: (engine.named(name) or {})["HostConfig"]["RestartPolicy"]["Name"] for name in BEFORE}
    assert policies == {"shop-db-1": "always", "shop-api-1": "always", "shop-web-1": "no"}
    assert stage.store.deployments.unfinished(PROJECT) is None


async def _killed(stage: Stage, at: int, takes_effect: bool, by_compose: bool) -> set[str] | None:
    """The second version is begun and killed; the volumes that were there, None where it was at its end before."""
    if by_compose:
        stage.compose_up("1")
    else:
        await stage.deploy("1")
    volumes = set(stage.engine.volumes)
    return volumes if await stage.until_killed("2", at, takes_effect=takes_effect) else None


async def _resumed(stage: Stage, at: int, takes_effect: bool, by_compose: bool) -> bool:
    volumes = await _killed(stage, at, takes_effect, by_compose)
    if volumes is None:
        return False
    deployer = stage.deployer()
    row = await deployer.unfinished()
    assert row is not None
    if await deployer.resume(row) is None:
        assert stage.engine.running() == BEFORE
        check(stage, set() if by_compose else {"shop.db.r1", *OLD})
        await stage.deploy("2")
    assert stage.engine.running() == AFTER
    new = max(each.rpartition(".r")[2] for each in kept(stage))
    old = str(int(new) - 1) if by_compose else "1"
    check(
        stage,
        {f"shop.{name}.r{number}" for name in ("api", "web") for number in (old, new)}
        | (set() if by_compose else {"shop.db.r1"}),
    )
    assert volumes <= stage.engine.volumes
    return True


async def _undone(stage: Stage, at: int, takes_effect: bool, by_compose: bool) -> bool:
    volumes = await _killed(stage, at, takes_effect, by_compose)
    if volumes is None:
        return False
    deployer = stage.deployer()
    row = await deployer.unfinished()
    assert row is not None
    if await deployer.undo(row) is None:
        assert stage.engine.running() == AFTER
        await stage.rollback()
        assert {name.rpartition(".")[2] for name in kept(stage)} == {"r1", "r2"}
    else:
        check(stage, set() if by_compose else {"shop.db.r1", *OLD})
    assert stage.engine.running() == BEFORE
    assert volumes <= stage.engine.volumes
    return True


async def _forgotten(stage: Stage, at: int, takes_effect: bool, by_compose: bool) -> bool:
    """The journal is lost as well: what is there then is all that tells of it."""
    volumes = await _killed(stage, at, takes_effect, by_compose)
    if volumes is None:
        return False
    (stage.folder / ".trimtab" / "history.db").unlink()
    deployer = stage.deployer()
    row = await deployer.unfinished()
    if row is not None:
        await deployer.undo(row)
    running = stage.engine.running()
    assert all(running[name] in {BEFORE[name], AFTER[name]} for name in BEFORE)
    check(stage, kept(stage), lost=True)
    await stage.deploy("2")
    assert stage.engine.running() == AFTER
    check(stage, kept(stage), lost=True)
    assert volumes <= stage.engine.volumes
    return True


async def _before_anything(stage: Stage, at: int, takes_effect: bool, by_compose: bool) -> bool:
    """The first deployment of all: `by_compose` stands for going on with it, else it is undone."""
    if not await stage.until_killed("1", at, takes_effect=takes_effect):
        return False
    deployer = stage.deployer()
    row = await deployer.unfinished()
    assert row is not None
    if by_compose:
        if await deployer.resume(row) is None:
            await stage.deploy("1")
        assert stage.engine.running() == BEFORE
        check(stage, kept(stage))
    elif await deployer.undo(row) is not None:
        assert kept(stage) == set()
        assert stage.engine.names() == []
        assert stage.engine.networks == set()
    return True


async def _rolled_back(stage: Stage, at: int, takes_effect: bool) -> bool:
    await stage.deploy("1")
    await stage.deploy("2")
    if not await stage.until_killed(None, at, takes_effect=takes_effect):
        return False
    deployer = stage.deployer()
    row = await deployer.unfinished()
    assert row is not None
    result = await deployer.resume(row)
    assert result is not None
    if result.outcome == "abandoned":
        assert "`trimtab rollback` begins it anew" in result.problem
        assert stage.engine.running() == AFTER
        await stage.rollback()
    assert stage.engine.running() == BEFORE
    assert stage.store.deployments.unfinished(PROJECT) is None
    return True


@pytest.mark.parametrize("takes_effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("by_compose", [False, True], ids=["ours", "composes"])
@pytest.mark.parametrize("ending", [_resumed, _undone, _forgotten, _before_anything])
def test_killed_at_every_change(tmp_path: Path, takes_effect: bool, by_compose: bool, ending: Ending) -> None:
    for at in range(1, LAST):
        stage = Stage(tmp_path / str(at))
        stage.folder.mkdir()
        if not anyio.run(ending, stage, at, takes_effect, by_compose):
            assert at > 15
            return
        stage.store.close()
    pytest.fail("a deployment makes more changes than this test looks at")


@pytest.mark.parametrize("takes_effect", [False, True], ids=["before", "after"])
def test_a_rollback_killed_at_every_change(tmp_path: Path, takes_effect: bool) -> None:
    """Gone on with, it ends where it was to; one that had touched nothing is given up, and not deployed over."""
    for at in range(1, LAST):
        stage = Stage(tmp_path / str(at))
        stage.folder.mkdir()
        if not anyio.run(_rolled_back, stage, at, takes_effect):
            assert at > 10
            return
        stage.store.close()
    pytest.fail("a rollback makes more changes than this test looks at")
