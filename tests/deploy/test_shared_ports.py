"""Versions that share their ports: what may, what has to be seen before the old one ends, and killed at any change."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from simulated import Json
from stage import PROJECT, Stage, at_every_change, desired, image, services

from trimtab.deploy.holder.choose import Wish, choose
from trimtab.deploy.outcome import Outcome, Result
from trimtab.docker.sockets import listeners

SHARED = Wish(shared=frozenset({"web"}))
LAST = 40
"""More changes than a deployment of one service makes; the tests say so when it makes more."""


async def shared(folder: Path) -> Stage:
    """A project whose `web` shares its ports, in its first version."""
    stage = Stage(folder, wish=SHARED)
    await stage.deploy("1")
    return stage


def only_web(version: str) -> dict[str, Any]:
    return {**services("1"), "web": services(version)["web"]}


async def deployed(stage: Stage, version: str) -> Result:
    return await stage.deploy(wanted=desired(only_web(version)))


def web(stage: Stage) -> Json:
    found = stage.engine.named("shop-web-1")
    assert found is not None
    return found


def check(stage: Stage, version: str) -> None:
    """Nothing is left over: the three services, and one anchor, in whose network `web` is."""
    passing = {name for name in stage.engine.names() if not name.startswith("shop.")}
    assert passing == {"shop-db-1", "shop-api-1", "shop-web-1"}
    anchors = [name for name in stage.engine.running() if ".anchor." in name]
    assert len(anchors) == 1
    anchor = stage.engine.named(anchors[0])
    assert anchor is not None
    assert not [name for name in stage.engine.names() if ".proxy." in name]
    assert web(stage)["HostConfig"]["NetworkMode"] == f"container:{anchor['Id']}"
    assert anchor["HostConfig"]["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
    assert web(stage)["HostConfig"]["PortBindings"] == {}
    assert stage.engine.running()["shop-web-1"] == image(f"web:{version}")
    assert stage.store.deployments.unfinished(PROJECT) is None


def run(does: Callable[[Path], Awaitable[None]], folder: Path) -> None:
    anyio.run(does, folder)


def test_it_is_tried_by_itself_and_then_beside_the_one_before(tmp_path: Path) -> None:
    async def does(folder: Path) -> None:
        stage = await shared(folder)
        anchors = [name for name in stage.engine.names() if ".anchor." in name]
        check(stage, "1")
        stage.engine.log.clear()
        result = await deployed(stage, "2")
        assert [str(each.strategy) for each in result.services.values()] == ["share"]
        told = [line for line in stage.engine.log if line.startswith(("start ", "stop ", "remove shop-web"))]
        assert told == [
            "start shop-web-1.trial-r2",
            "stop shop-web-1.trial-r2",
            "remove shop-web-1.trial-r2",
            "start shop-web-1.r2",
            "stop shop-web-1.before-r2",
            "remove shop-web-1.before-r2",
        ]
        # The lane stays: its anchor is the one that there was.
        assert [name for name in stage.engine.names() if ".anchor." in name] == anchors
        check(stage, "2")
        await stage.rollback()
        check(stage, "1")
        stage.store.close()

    run(does, tmp_path)


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("crash", "it ended with 3"),
        ("sick", "its health check says unhealthy"),
        ("elsewhere", "port 80"),
        ("unseen", "any port"),
    ],
)
def test_a_version_that_fails_by_itself_is_never_started_beside_the_other(tmp_path: Path, does: str, said: str) -> None:
    async def deploys(folder: Path) -> None:
        stage = await shared(folder)
        if does == "elsewhere":
            stage.engine.ports[image("web:2")] = 9000
        elif does == "unseen":
            # As where the table cannot be read: nothing may be taken for proven then.
            stage.engine.ports |= {image("web:1"): 0, image("web:2"): 0}
        else:
            stage.engine.behaves[image("web:2")] = does
        stage.engine.log.clear()
        result = await deployed(stage, "2")
        outcome = result.services["web"]
        assert outcome.outcome is Outcome.ROLLED_BACK
        assert said in outcome.reason
        assert "start shop-web-1.r2" not in stage.engine.log
        assert "stop shop-web-1" not in stage.engine.log
        check(stage, "1")
        stage.store.close()

    run(deploys, tmp_path)


@pytest.mark.parametrize("takes_effect", [False, True])
@pytest.mark.parametrize("ending", ["resumed", "undone", "forgotten"])
def test_killed_at_any_change(tmp_path: Path, takes_effect: bool, ending: str) -> None:
    async def one(folder: Path, at: int) -> bool:
        folder.mkdir()
        stage = await shared(folder)
        volumes = set(stage.engine.volumes)
        if not await stage.until_killed("2", at, takes_effect=takes_effect):
            stage.store.close()
            return False
        if ending == "forgotten":
            (stage.folder / ".trimtab" / "history.db").unlink()
        deployer = stage.deployer()
        row = await deployer.unfinished()
        if row is not None:
            await (deployer.resume(row) if ending == "resumed" else deployer.undo(row))
        await stage.deploy("2")
        check(stage, "2")
        assert volumes <= stage.engine.volumes
        stage.store.close()
        return True

    assert 10 < anyio.run(at_every_change, tmp_path, one) < 2 * LAST


def test_what_cannot_share_its_ports_says_why() -> None:
    bodies: dict[str, Any] = {
        "named": {"image": "a", "expose": ["80"], "extra_hosts": ["a=10.0.0.1"]},
        "writes": {"image": "a", "expose": ["81"], "volumes": [{"type": "volume", "source": "x", "target": "/x"}]},
        "may": {"image": "a", "expose": ["82"], "volumes": [{"type": "volume", "source": "x", "target": "/x"}]},
        "plain": {"image": "a", "expose": ["83"]},
        "silent": {"image": "a"},
    }
    found = choose(desired(bodies), Wish(shared=frozenset(bodies), start_first=frozenset({"may"})), {}, {})
    assert {name: each.shared for name, each in found.behind.items()} == {"may": True, "plain": True}
    assert {name: reason.split(",")[0] for name, reason in found.refused.items()} == {
        "named": "its `extra_hosts` would be lost in a shared network",
        "writes": "two versions would run at once",
        "silent": "it is not known to listen on any port: `expose` names them",
    }


def test_a_service_that_shares_has_a_lane_of_its_own(tmp_path: Path) -> None:
    async def told() -> str:
        stage = Stage(tmp_path, wish=Wish(("api",), shared=frozenset({"web"})))
        await stage.deploy("1")
        bodies = services("1")
        bodies["api"]["expose"] = ["8000"]
        text = (await stage.plan(desired(bodies))).told()
        stage.store.close()
        return text

    text = anyio.run(told)
    # `api` goes behind a lane that is made for it; the one of `web`, which has no HAProxy, is left as it is.
    assert "create   lane 2" in text
    assert "lane 1" not in text
    assert "stays    web" in text


def test_the_kernel_s_table_tells_sockets_of_one_port_apart() -> None:
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    rows = [
        "0: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 71 1",
        "1: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 72 1",
        "2: 0100007F:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 73 1",
        "3: 00000000:1F41 00000000:0000 01 00000000:00000000 00:00000000 00000000 0 0 74 1",
    ]
    assert listeners(head + "\n".join(rows), reachable=True) == {8000: {71, 72}}
