"""Whole deployments to a simulated swarm: what becomes of the others when one is not good, and of one that was left."""

from pathlib import Path

import pytest
from swarm_stage import SwarmStage as Stage
from swarm_stage import bodies, killed, killed_going_back, outcomes

from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.options import Common
from trimtab.cli.swarming import told_nothing_to_do
from trimtab.deploy.outcome import Outcome
from trimtab.deploy.targets.swarm.plan import unchanged
from trimtab.deploy.targets.swarm.verdict import unwell

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_there_and_back_again(stage: Stage) -> None:
    assert (await stage.deploy(bodies("1"))).outcome == "done"
    assert stage.swarm.log == ["create db", "create web"]
    assert (await stage.deploy(bodies("2"))).outcome == "done"
    assert stage.swarm.kept() == ["shop_db.r1", "shop_db.r2", "shop_web.r1", "shop_web.r2"]
    assert (await stage.back()).outcome == "done"
    assert stage.versions() == {"db": "1", "web": "1"}
    labels = stage.swarm.services["web"]["Spec"]["Labels"]
    assert (labels["io.trimtab.revision"], labels["io.trimtab.source"]) == ("3", "1")


async def test_a_bad_version_is_rolled_back_and_the_rest_stays(stage: Stage) -> None:
    await stage.deploy(bodies("1"))
    result = await stage.deploy(bodies("2", "crash"))
    assert outcomes(result) == {"db": Outcome.DEPLOYED, "web": Outcome.ROLLED_BACK}
    assert (result.outcome, result.services["web"].reason) == ("rolled-back", "task: non-zero exit (3) (swm-2)")
    assert stage.versions() == {"db": "2", "web": "1"}
    assert stage.journal.rows(1)[0].reason == "web: task: non-zero exit (3) (swm-2)"


async def test_the_whole_deployment_goes_back_by_policy(tmp_path: Path) -> None:
    stage = Stage(tmp_path, whole=True)
    await stage.deploy(bodies("1"))
    result = await stage.deploy(bodies("2", "crash"))
    assert outcomes(result) == {"db": Outcome.ROLLED_BACK, "web": Outcome.ROLLED_BACK}
    assert stage.versions() == {"db": "1", "web": "1"}
    assert stage.swarm.services["db"]["Spec"]["Labels"]["io.trimtab.revision"] == "1"


async def test_a_first_version_that_is_bad_is_removed_again(stage: Stage) -> None:
    result = await stage.deploy(bodies("1", "crash"))
    assert outcomes(result) == {"db": Outcome.DEPLOYED, "web": Outcome.ROLLED_BACK}
    assert result.services["web"].reason.endswith("there was none of it before, and it was removed again")
    assert list(stage.swarm.services) == ["db"]


async def test_nothing_waits_for_what_is_not_good(stage: Stage) -> None:
    await stage.deploy(bodies("1"))
    result = await stage.deploy(bodies("2", MODE="crash"))
    assert outcomes(result) == {"db": Outcome.ROLLED_BACK, "web": Outcome.UNTOUCHED}
    assert stage.versions() == {"db": "1", "web": "1"}


async def test_what_the_managers_do_not_take_is_as_it_was(stage: Stage) -> None:
    await stage.deploy(bodies("1"))
    stage.swarm.refuses = "web"
    result = await stage.deploy(bodies("2"))
    assert (outcomes(result)["web"], result.services["web"].reason) == (Outcome.ROLLED_BACK, "invalid reference format")
    assert stage.versions() == {"db": "2", "web": "1"}


async def test_orphans_are_removed_when_all_else_is_good(stage: Stage) -> None:
    await stage.deploy(bodies("1"))
    wanted = bodies("2")
    del wanted["web"]
    assert (await stage.deploy(wanted, remove_orphans=True)).outcome == "done"
    assert (list(stage.swarm.services), stage.swarm.log[-1]) == (["db"], "remove web")


async def test_what_has_not_changed_and_does_not_run_is_no_success(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    await stage.deploy(bodies("1"))
    stage.swarm.fail("web", "task: non-zero exit (1)")
    plan, seen, _ = await stage.plan(bodies("1"))
    lacking = unwell(seen, unchanged(plan.stays))
    assert (plan.empty, lacking) == (True, ("`web` has not changed, and 0 of 1 run: task: non-zero exit (1) (swm-2)",))
    assert told_nothing_to_do(Common(color=False), plan, lacking) == FINDINGS
    assert "as it is wanted, and not all of it runs" in " ".join(capsys.readouterr().out.split())
    assert told_nothing_to_do(Common(), plan, ()) == CLEAN
    changed = {**bodies("1"), "db": bodies("2")["db"]}
    result = await stage.deploy(changed)
    assert (outcomes(result), result.warnings) == ({"db": Outcome.DEPLOYED}, lacking)
    assert stage.deployer.unwell == lacking


async def test_what_is_not_taken_back_keeps_nothing_else_from_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, whole=True)
    cache = {"cache": {"image": "cache:1", "restart": "always", "environment": {"VERSION": "1"}}}
    await stage.deploy(cache | bodies("1"))
    stage.swarm.locked = frozenset({"cache"})
    cache["cache"]["environment"] = {"VERSION": "2"}
    result = await stage.deploy(cache | bodies("2", "crash"))
    assert outcomes(result) == {"cache": Outcome.FAILED, "db": Outcome.ROLLED_BACK, "web": Outcome.ROLLED_BACK}
    assert "the managers have no leader" in result.services["cache"].reason
    assert stage.versions() == {"cache": "2", "db": "1", "web": "1"}
    assert (result.outcome, stage.deployer.unfinished()) == ("failed", None)


async def test_a_first_version_that_is_bad_and_cannot_be_removed_is_told(stage: Stage) -> None:
    stage.swarm.locked = frozenset({"web"})
    result = await stage.deploy(bodies("1", "crash"))
    assert outcomes(result) == {"db": Outcome.DEPLOYED, "web": Outcome.FAILED}
    assert "and it is still there: The engine refused `DELETE /services/id-web`" in result.services["web"].reason


async def test_an_orphan_that_is_not_removed_is_told(stage: Stage) -> None:
    await stage.deploy(bodies("1"))
    stage.swarm.locked = frozenset({"web"})
    wanted = bodies("2")
    del wanted["web"]
    result = await stage.deploy(wanted, remove_orphans=True)
    assert outcomes(result) == {"db": Outcome.DEPLOYED, "web": Outcome.ROLLED_BACK}
    assert (list(stage.swarm.services), result.outcome) == (["db", "web"], "rolled-back")


async def test_of_two_deployments_of_one_number_the_one_that_came_too_early_fails(stage: Stage) -> None:
    """Each manager has a lease of its own, so that two deployers may begin at the same moment, and count alike."""
    await stage.deploy(bodies("1"))
    stage.swarm.meanwhile = lambda: stage.swarm.change("db", {"io.trimtab.deployment": "2-theirs"})
    result = await stage.deploy(bodies("2"))
    assert outcomes(result) == {"db": Outcome.FAILED, "web": Outcome.UNTOUCHED}
    assert result.services["db"].reason == (
        "somebody else has updated it since: it is revision 2 now, by the deployment 2-theirs"
    )
    assert stage.swarm.kept() == ["shop_db.r1", "shop_web.r1"], "what is not its own is kept by whoever has made it"


async def test_what_changes_after_the_plan_is_left_as_it_is(tmp_path: Path) -> None:
    stage = Stage(tmp_path, whole=True)
    await stage.deploy(bodies("1"))
    stage.swarm.meanwhile = lambda: stage.swarm.change("web", {"io.trimtab.deployment": "2-theirs"}, "9")
    result = await stage.deploy(bodies("2"))
    assert outcomes(result) == {"db": Outcome.ROLLED_BACK, "web": Outcome.UNTOUCHED}
    assert result.services["web"].reason.startswith("somebody else has changed it since this was planned")
    environment = stage.swarm.services["web"]["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"]
    assert ("VERSION=9" in environment, stage.versions()["db"]) == (True, "1")


async def test_what_is_undone_is_not_taken_from_another_deployment_of_its_number(stage: Stage) -> None:
    await stage.deploy(bodies("1"))
    stage.swarm.meanwhile = lambda: stage.swarm.change("db", {"io.trimtab.deployment": "2-theirs"})
    await killed(stage, bodies("2"))
    row = stage.left()
    assert outcomes(await stage.deployer.undo(row)) == {"db": Outcome.UNTOUCHED, "web": Outcome.UNTOUCHED}
    assert stage.versions() == {"db": "2", "web": "1"}


async def test_only_so_many_revisions_are_kept(stage: Stage) -> None:
    stage.deployer.kept = 2
    for version in "1234":
        await stage.deploy({"db": bodies(version)["db"]})
    assert stage.swarm.kept() == ["shop_db.r3", "shop_db.r4"]


async def test_what_was_left_is_found_out_about(stage: Stage) -> None:
    await stage.deploy(bodies("1"))
    await killed(stage, bodies("2"))
    row = stage.left()
    result = await stage.deployer.finish(row)
    assert outcomes(result) == {"web": Outcome.UNTOUCHED, "db": Outcome.DEPLOYED}
    assert (stage.versions(), stage.deployer.unfinished()) == ({"db": "2", "web": "1"}, None)
    assert "shop_db.r2" in stage.swarm.kept()


async def test_a_rollback_that_was_left_is_gone_on_with(stage: Stage) -> None:
    await stage.deploy(bodies("1"))
    await stage.deploy(bodies("2"))
    await killed_going_back(stage, stage.back())
    row = stage.left()
    assert (row.kind, stage.versions()) == ("rollback", {"db": "2", "web": "2"})
    assert (await stage.deployer.finish(row)).outcome == "done"
    assert (stage.versions(), stage.deployer.unfinished()) == ({"db": "1", "web": "1"}, None)


async def test_what_was_left_is_undone_as_a_whole_by_policy(tmp_path: Path) -> None:
    stage = Stage(tmp_path, whole=True)
    cache = {"cache": {"image": "cache:1", "restart": "always", "environment": {"VERSION": "1"}}}
    await stage.deploy(cache | bodies("1"))
    cache["cache"]["environment"] = {"VERSION": "2"}
    await killed(stage, cache | bodies("2", MODE="crash"))
    stage.deployer.whole = False
    row = stage.left()
    result = await stage.deployer.finish(row)
    assert outcomes(result) == {"cache": Outcome.ROLLED_BACK, "db": Outcome.ROLLED_BACK, "web": Outcome.UNTOUCHED}
    assert stage.versions() == {"cache": "1", "db": "1", "web": "1"}


async def test_what_was_being_undone_is_undone_and_not_taken_for_good(tmp_path: Path) -> None:
    stage = Stage(tmp_path, whole=True)
    await stage.deploy(bodies("1"))
    await killed_going_back(stage, stage.deploy(bodies("2", "crash")))
    row = stage.left()
    assert (row.phase, stage.versions()) == ("undoing", {"db": "2", "web": "1"})
    assert (await stage.deployer.finish(row)).outcome == "rolled-back"
    assert (stage.versions(), stage.deployer.unfinished()) == ({"db": "1", "web": "1"}, None)


async def test_what_was_left_is_undone(stage: Stage) -> None:
    await stage.deploy(bodies("1"))
    await killed(stage, bodies("2"))
    row = stage.left()
    assert (await stage.deployer.undo(row)).outcome == "rolled-back"
    assert (stage.versions(), stage.deployer.unfinished()) == ({"db": "1", "web": "1"}, None)
    assert (await stage.deploy(bodies("2"))).outcome == "done"
