"""From what is wanted and what is there to a plan: its text, and what holds for every project."""

from pathlib import Path
from typing import Any

import anyio
from hypothesis import given
from hypothesis import strategies as st
from stage import PROJECT, Stage, desired, image, services

from trimtab.deploy.holder.choose import Wish, choose
from trimtab.deploy.holder.holding import changing_over, plan_holder, read_holder_plan
from trimtab.deploy.observed import Observed
from trimtab.deploy.plan import Strategy
from trimtab.deploy.reconcile import Asked, reconcile
from trimtab.deploy.revisions import plan_rollback
from trimtab.deploy.site import observed
from trimtab.docker.api import Api
from trimtab.docker.containers import Containers

NOTHING = Observed(PROJECT, ())
IMAGES = {name: image(name) for name in ("db:1", "api:1", "api:2", "web:1")}


def test_the_first_deployment() -> None:
    plan = reconcile(desired(services("1")), NOTHING, {"db:1": image("db:1"), "api:1": image("api:1")}, 1)
    assert plan.told() == (
        "deploy shop, revision 1: 3 of 3 services\n"
        "   1 pull     web:1                    the engine does not have it\n"
        "   2 create   db                       no container of it is there\n"
        "   3 create   api                      no container of it is there\n"
        "   4 create   web                      no container of it is there\n"
        "     -- up to here nothing that runs is touched --\n"
        "   5 first    db                       there is none before it\n"
        "   6 validate db                       as its checks say\n"
        "   7 first    api                      there is none before it\n"
        "              after validate db\n"
        "   8 validate api                      as its checks say\n"
        "   9 first    web                      there is none before it\n"
        "              after validate api\n"
        "  10 validate web                      as its checks say\n"
        "  11 commit   revision 1               what was there before is removed\n"
    )


async def _planned(folder: Path, bodies: dict[str, Any], asked: Asked | None = None, to: str = "1") -> str:
    stage = Stage(folder)
    await stage.deploy(to)
    told = (await stage.plan(desired(bodies), asked)).told()
    stage.store.close()
    return told


def test_only_what_changed_is_replaced(tmp_path: Path) -> None:
    bodies = services("1")
    bodies["api"]["image"] = "api:2"
    bodies["web"]["environment"] = {"A": "1"}
    told = anyio.run(_planned, tmp_path, bodies)
    before, after = image("api:1").removeprefix("sha256:")[:12], image("api:2").removeprefix("sha256:")[:12]
    assert f"its image was {before}, and is {after}" in told
    assert "create   web                      its configuration changed" in told
    assert "stays    db                       as it is wanted" in told


def test_nothing_is_done_twice(tmp_path: Path) -> None:
    assert anyio.run(_planned, tmp_path, services("1")) == "deploy shop, revision 2: 0 of 3 services\n" + "".join(
        f"     stays    {name:24} as it is wanted\n" for name in ("db", "api", "web")
    )


def test_a_service_that_no_file_names_is_told_and_left(tmp_path: Path) -> None:
    bodies = services("1")
    del bodies["web"]
    assert "stays    web                      no file names it" in anyio.run(_planned, tmp_path, bodies)
    told = anyio.run(_planned, tmp_path / "again", bodies, Asked(remove_orphans=True)) if _made(tmp_path / "again") else ""
    assert "remove   shop-web-1" in told


def _made(folder: Path) -> bool:
    folder.mkdir()
    return True


def test_one_service_brings_only_what_does_not_run(tmp_path: Path) -> None:
    bodies = services("2")
    told = anyio.run(_planned, tmp_path, bodies, Asked(frozenset({"web"})))
    assert "web " in told
    assert "stays    api                      not asked for" in told


def test_what_joins_a_container_or_asks_to_start_anew_follows_it(tmp_path: Path) -> None:
    async def run() -> str:
        stage = Stage(tmp_path)
        bodies = services("1")
        bodies["web"] = {"image": "web:1", "network_mode": "service:api", "depends_on": {"db": {"restart": True}}}
        await stage.deploy(wanted=desired(bodies))
        bodies["api"]["image"] = "api:2"
        one = (await stage.plan(desired(bodies))).told()
        bodies["api"]["image"] = "api:1"
        bodies["db"]["environment"] = {"A": "1"}
        two = (await stage.plan(desired(bodies))).told()
        stage.store.close()
        return one + two

    told = anyio.run(run)
    assert "it joins the container of `api` by `network_mode`, which is replaced" in told
    assert "it asks to start anew with `db`" in told


def test_behind_the_holder(tmp_path: Path) -> None:
    async def run() -> str:
        stage = Stage(tmp_path)
        await stage.deploy("1")
        now = await observed(Containers(Api(stage.engine)), PROJECT)
        wanted = desired(services("1"))
        choice = choose(wanted, Wish(("*",)), {"api": {80}}, {"db": {5432}})
        holder = plan_holder(choice, "haproxy:1", [], now)
        asked = Asked(holder=holder, over=changing_over(holder, []), unheld=choice.refused)
        told = (await stage.plan(wanted, asked)).told()
        stage.store.close()
        return told

    told = anyio.run(run)
    # `api` and `web` listen on the same port, so they cannot share an address.
    assert "create   lane 1" in told
    assert "create   lane 2" in told
    assert "lane 3" not in told
    assert "pull     haproxy:1" in told
    assert told.count("it goes behind the holder") == 3
    assert told.count("all of these change over together") == 3


def test_a_lane_stays_for_the_services_that_are_behind_it() -> None:
    bodies = {name: {"image": "a", "expose": [port]} for name, port in (("a", "80"), ("b", "80"), ("c", "81"))}
    choice = choose(desired(bodies), Wish(("*",)), {}, {})
    holder = plan_holder(choice, "haproxy:1", [], NOTHING)
    assert {track.lane.number: sorted(one.service for one in track.behind) for track in holder.holding.tracks} == {
        1: ["a", "c"],
        2: ["b"],
    }
    assert holder.makes("p", 3) == ("p.proxy.1.r3", "p.anchor.1.r3", "p.proxy.2.r3", "p.anchor.2.r3")
    assert holder.makes("p", 3, ["c"]) == ("p.proxy.2.r3", "p.anchor.2.r3")
    assert read_holder_plan(holder.data()) == holder


def test_what_cannot_go_behind_the_holder_says_why() -> None:
    bodies: dict[str, Any] = {
        "udp": {"image": "a", "ports": [{"target": 53, "published": "53", "protocol": "udp"}]},
        "many": {"image": "a", "deploy": {"replicas": 2}, "expose": ["80"]},
        "host": {"image": "a", "network_mode": "host", "expose": ["80"]},
        "silent": {"image": "a"},
        "fixed": {"image": "a", "expose": ["80"], "networks": {"default": {"ipv4_address": "10.0.0.9"}}},
        "job": {"image": "a", "expose": ["80"]},
        "api": {"image": "a", "expose": ["80"], "depends_on": {"job": {"condition": "service_completed_successfully"}}},
        "writes": {"image": "a", "expose": ["80"], "volumes": [{"type": "volume", "source": "x", "target": "/x"}]},
    }
    found = choose(desired(bodies), Wish(("*",)), {}, {})
    assert set(found.behind) == {"api", "writes"}
    assert (found.behind["api"].stop_first, found.behind["writes"].stop_first) == (False, True)
    assert {name: reason.split(",")[0] for name, reason in found.refused.items()} == {
        "udp": "it publishes UDP",
        "many": "it has 2 containers",
        "host": "its network is `host`",
        "silent": "it is not known to listen on any port: `expose` names them",
        "fixed": "it has a fixed address in a network",
        "job": "it is a job",
    }


NAMES = st.sampled_from(["a", "b", "c", "d", "e"])


@st.composite
def projects(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(NAMES, min_size=1, unique=True))
    bodies: dict[str, Any] = {}
    for name in names:
        others = draw(st.lists(st.sampled_from(names), max_size=2, unique=True))
        needs = {other: {"condition": "service_healthy", "restart": draw(st.booleans())} for other in others if other < name}
        bodies[name] = {"image": draw(st.sampled_from(sorted(IMAGES))), "depends_on": needs}
    return bodies


@given(projects())
def test_every_change_comes_after_what_it_needs(bodies: dict[str, Any]) -> None:
    wanted = desired(bodies)
    plan = reconcile(wanted, NOTHING, IMAGES, 1)
    assert plan == reconcile(wanted, NOTHING, IMAGES, 1)
    assert sorted(plan.services) == sorted(bodies)
    seen: set[str] = set()
    for operation in plan.operations:
        assert set(operation.needs) <= seen, operation
        seen.add(operation.id)
    for change in plan.changes:
        assert change.strategy in {Strategy.FIRST, Strategy.JOB}
        assert set(change.needs) <= set(bodies[change.slot.service]["depends_on"])


def test_back_to_what_there_was(tmp_path: Path) -> None:
    async def run() -> tuple[str, str, str]:
        stage = Stage(tmp_path)
        for version in ("1", "2", "3"):
            await stage.deploy(version)
        now = await observed(Containers(Api(stage.engine)), PROJECT)
        found = plan_rollback(now, 4).told(), plan_rollback(now, 4, to=1).told(), plan_rollback(now, 4, ["db"]).told()
        stage.store.close()
        return found

    last, first, store = anyio.run(run)
    assert "going back, as in revision 2" in last
    assert "stays    db                       not asked for" in last
    assert first.count("going back, as in revision 1") == 2
    assert "stays    db                       it runs revision 1 already" in first
    assert "stays    db                       no earlier revision of it is kept" in store
