"""Whole deployments on the simulated engine: outcomes, policies, hooks, retention, and who may deploy."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import pytest
from simulated import Simulated
from stage import PROJECT, QUICK, Stage, desired, image, services

from trimtab.deploy.holder.holding import HolderPlan, Holding, Track
from trimtab.deploy.holder.layout import Lane
from trimtab.deploy.lease import deploying
from trimtab.deploy.outcome import Outcome, Result
from trimtab.deploy.plan import Plan
from trimtab.deploy.preflight import problems
from trimtab.deploy.revisions import barred, plan_rollback
from trimtab.deploy.site import observed
from trimtab.docker.api import Api
from trimtab.docker.containers import Containers
from trimtab.errors import StateError


def outcomes(stage: Stage) -> dict[str, str]:
    row = stage.store.deployments.rows(1)[0]
    return {each.service: each.outcome for each in stage.store.deployments.services(row.id)}


def passed(stage: Stage) -> dict[str, bool | None]:
    row = stage.store.deployments.rows(1)[0]
    return {each.service: each.passed for each in stage.store.deployments.services(row.id)}


def test_a_failure_undoes_the_service_and_stops_there(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.engine.behaves[image("api:2")] = "sick"
    anyio.run(stage.deploy, "1")
    result = anyio.run(stage.deploy, "2")
    assert result.outcome == "rolled-back"
    assert {name: each.outcome for name, each in result.services.items()} == {
        "api": Outcome.ROLLED_BACK,
        "web": Outcome.UNTOUCHED,
    }
    assert stage.engine.running()["shop-api-1"] == image("api:1")
    assert stage.watcher.said[-1] == "api: its health check says unhealthy"
    assert passed(stage) == {"api": False, "web": None}
    assert not [name for name in stage.engine.names() if name.endswith(".r2")]
    stage.store.close()


@pytest.mark.parametrize(("refusals", "outcome"), [(2, Outcome.ROLLED_BACK), (100, Outcome.FAILED)])
def test_one_that_ends_just_when_it_is_stopped_is_undone_as_well(tmp_path: Path, refusals: int, outcome: Outcome) -> None:
    stage = Stage(tmp_path)
    stage.engine.behaves[image("web:2")] = "sick"
    anyio.run(stage.deploy, "1")
    stage.engine.met_at_its_end = refusals  # `web` has no restarts to switch off before, so it is met on the way back
    changed = services("1") | {"web": services("2")["web"]}
    result = anyio.run(partial(stage.deploy, wanted=desired(changed)))
    assert result.services["web"].outcome == outcome
    assert ("cannot update a stopped container" in result.services["web"].reason) is (outcome is Outcome.FAILED)
    stage.store.close()


def test_a_failure_undoes_the_whole_deployment_where_that_is_asked_for(tmp_path: Path) -> None:
    stage = Stage(tmp_path, settings=replace(QUICK, whole=True))
    stage.engine.behaves[image("web:2")] = "crash"
    anyio.run(stage.deploy, "1")
    result = anyio.run(stage.deploy, "2")
    assert {each.outcome for each in result.services.values()} == {Outcome.ROLLED_BACK}
    assert result.services["api"].reason == "`web` failed"
    # `api` was healthy until it was taken back for the sake of `web`, which has no health check that could have failed.
    assert passed(stage) == {"api": True, "web": None}
    assert set(stage.engine.running().values()) == {image("db:1"), image("api:1"), image("web:1")}
    stage.store.close()


def test_a_whole_deployment_that_was_killed_while_it_was_undone_is_undone(tmp_path: Path) -> None:
    async def run(stage: Stage, at: int) -> bool:
        await stage.deploy("1")
        before = stage.engine.running()
        stage.engine.behaves[image("web:2")] = "crash"
        if not await stage.until_killed("2", at, takes_effect=True):
            return False
        row = await stage.deployer().unfinished()
        assert row is not None
        if await stage.deployer().resume(row) is None:
            await stage.deploy("2")
        assert stage.engine.running() == before
        assert stage.store.deployments.unfinished(PROJECT) is None
        return True

    for at in range(1, 80):
        stage = Stage(tmp_path / str(at), settings=replace(QUICK, whole=True))
        stage.folder.mkdir()
        came = anyio.run(run, stage, at)
        stage.store.close()
        if not came:
            assert at > 25
            return
    pytest.fail("a deployment makes more changes than this test looks at")


def test_a_holder_that_cannot_be_made_ready_is_no_success(tmp_path: Path) -> None:
    """Nothing but the holder is to change, and its lane is gone."""

    async def run(stage: Stage) -> Result:
        await stage.deploy("1")
        now = await observed(Containers(Api(stage.engine)), PROJECT)
        plan = Plan(
            PROJECT, 2, "deploy", holder=HolderPlan(Holding("haproxy:1", (Track(Lane(1, 20_000, (), ()), ()),)), refit=(1,))
        )
        return await stage.deployer().deploy(plan, now, None)

    stage = Stage(tmp_path)
    result = anyio.run(run, stage)
    assert (result.outcome, result.problem) == ("abandoned", "the holder's lane 1 is gone")
    assert stage.store.deployments.rows(1)[0].reason == "the holder's lane 1 is gone"
    stage.store.close()


def test_how_long_a_service_was_away_is_the_engines_own_word(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    first = anyio.run(stage.deploy, "1")
    assert {each.away for each in first.services.values()} == {None}
    second = anyio.run(stage.deploy, "2")
    # Between the end of one and the start of the other: two names given, and the start itself.
    assert {each.away for each in second.services.values()} == {3.0}
    stage.store.close()


def test_neither_version_good_is_said(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    anyio.run(stage.deploy, "1")
    stage.engine.behaves |= {image("api:2"): "crash", image("api:1"): "crash"}
    result = anyio.run(stage.deploy, "2")
    assert result.outcome == "failed"
    assert result.services["api"].reason == "it ended with 3; and the one before is not good either: it ended with 3"
    stage.store.close()


def test_an_image_that_cannot_be_had_leaves_everything_as_it_was(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    anyio.run(stage.deploy, "1")
    before = stage.engine.names(), stage.engine.running(), dict(stage.engine.images)
    result = anyio.run(stage.deploy, "9")
    assert result.outcome == "abandoned"
    assert "`api:9` cannot be pulled: manifest unknown" in result.problem
    assert (stage.engine.names(), stage.engine.running(), stage.engine.images) == before
    stage.store.close()


def test_a_command_before_deployments_that_fails_stops_them(tmp_path: Path) -> None:
    stage = Stage(tmp_path, settings=replace(QUICK, before={"db": ("backup",)}))
    anyio.run(stage.deploy, "1")
    stage.engine.fails = {"exec"}
    result = anyio.run(stage.deploy, "2")
    assert result.outcome == "abandoned"
    assert stage.engine.running()["shop-api-1"] == image("api:1")
    stage.engine.fails = set()
    assert anyio.run(stage.deploy, "2").outcome == "done"
    stage.store.close()


def test_jobs_run_to_their_end_before_what_waits_for_them(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.engine.images["migrate:1"] = image("migrate:1")
    stage.engine.behaves[image("migrate:1")] = "job"
    bodies = services("1")
    bodies["migrate"] = {"image": "migrate:1"}
    bodies["api"]["depends_on"] = {"migrate": {"condition": "service_completed_successfully"}}
    result = anyio.run(stage.deploy, "1", None, desired(bodies))
    assert result.outcome == "done"
    stage.engine.behaves[image("migrate:1")] = "crash"
    bodies["migrate"] = {"image": "migrate:1", "environment": {"A": "2"}}
    again = anyio.run(stage.deploy, "1", None, desired(bodies))
    assert again.outcome != "done"
    stage.store.close()


def test_old_revisions_are_forgotten_but_not_the_one_in_use(tmp_path: Path) -> None:
    stage = Stage(tmp_path, settings=replace(QUICK, retain=2))
    for version in ("1", "2", "3"):
        anyio.run(stage.deploy, version)
    kept = {name for name in stage.engine.names() if name.startswith("shop.")}
    assert kept == {"shop.api.r2", "shop.api.r3", "shop.web.r2", "shop.web.r3", "shop.db.r1"}
    assert {name for name in stage.engine.images if name.startswith("trimtab/")} == {
        f"trimtab/shop/{name.split('.')[1]}:{name.split('.')[2]}" for name in kept
    }
    stage.store.close()


def test_no_secret_is_in_the_journal(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    bodies = services("1")
    bodies["api"]["environment"] = {"API_KEY": "correct-horse-battery"}
    anyio.run(stage.deploy, "1", None, desired(bodies))
    stage.store.close()
    assert b"correct-horse-battery" not in (tmp_path / ".trimtab" / "history.db").read_bytes()


def test_the_lease_is_one_deployers_at_a_time() -> None:
    engine = Simulated()

    async def run() -> None:
        async with deploying(engine, PROJECT, "trimtab deploy"):
            with pytest.raises(StateError, match=r"Another deployer is at work: trimtab deploy, process \d+"):
                async with deploying(engine, PROJECT, "trimtab rollback"):
                    pytest.fail("both have it")
            async with deploying(engine, "other", "trimtab deploy"):
                pass
        assert engine.names() == []
        async with deploying(engine, PROJECT, "trimtab rollback"):
            assert engine.names() == ["shop.lease"]

    anyio.run(run)


def test_the_lease_of_a_dead_process_is_taken_over() -> None:
    engine = Simulated()

    async def run() -> None:
        async with deploying(engine, PROJECT, "trimtab deploy"):
            label = engine.named("shop.lease")
            assert label is not None
            lease = label["Config"]["Labels"]["io.trimtab.lease"]
            # The same number belongs to another process by now.
            label["Config"]["Labels"]["io.trimtab.lease"] = lease.replace('"started": "', '"started": "9')
            async with deploying(engine, PROJECT, "trimtab deploy") as second:
                await second.confirm()

    anyio.run(run)


def test_what_would_fail_is_told_before_anything_is_touched(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    bodies = services("1")
    bodies["api"] = {"image": "api:none", "build": {"context": "."}, "volumes_from": ["db"]}
    wanted = replace(desired(bodies), warnings=("`TOKEN` has no value",))
    stage.engine.containers["x"] = {
        "Id": "x", "Name": "/shop-web-1", "Image": "i", "State": {"Status": "running"}, "Config": {"Labels": {}},
        "HostConfig": {}, "NetworkSettings": {"Networks": {}}, "Mounts": [],
    }  # fmt: skip

    async def run() -> list[str]:
        api = Api(stage.engine)
        plan = await stage.plan(wanted)
        return await problems(api, plan, wanted, await stage.images(wanted), local=False, unset_is_fine=False)

    told = anyio.run(run)
    assert told == [
        "`TOKEN` has no value: set it, or write `${NAME:-}` where empty is meant",
        "`api`: `volumes_from` names other containers, which trimtab does not follow: use networks and named volumes",
        "`api`: not built: run `trimtab build`, or pass --build",
        "`web`: a container that is not its own is called `shop-web-1`",
    ]
    stage.store.close()


def test_no_way_back_behind_a_contract(tmp_path: Path) -> None:
    async def run() -> tuple[tuple[str, ...], tuple[str, ...]]:
        stage = Stage(tmp_path)
        stage.engine.images["drop:1"] = image("drop:1")
        stage.engine.behaves[image("drop:1")] = "job"
        await stage.deploy("1")
        bodies = services("2")
        bodies["drop"] = {"image": "drop:1"}
        bodies["api"]["depends_on"] = {"drop": {"condition": "service_completed_successfully"}}
        await stage.deploy(wanted=desired(bodies))
        now = await observed(Containers(Api(stage.engine)), PROJECT)
        plan = plan_rollback(now, 3)
        stage.store.close()
        return barred(now, plan, ["drop"]), barred(now, plan, [])

    closed, free = anyio.run(run)
    assert "`api`: revision 1 does not work any more, since `drop` of revision 2 has run" in closed
    assert free == ()
