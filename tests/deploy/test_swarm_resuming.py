"""`deploy --resume` on a swarm: when a new deployment follows what was left, and when none may."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from simulated_swarm import SimulatedSwarm
from swarm_stage import SwarmStage, bodies, killed, killed_going_back

from trimtab.cli.app import CLEAN, FINDINGS, INTERRUPTED
from trimtab.cli.deploying import DeployWatcher
from trimtab.cli.options import Common
from trimtab.cli.swarming import Wish, resumed
from trimtab.deploy.targets.swarm.waiting import Patience
from trimtab.docker.command import Command
from trimtab.docker.runner import Completed
from trimtab.errors import UsageError

pytestmark = pytest.mark.anyio
QUIET = Common(quiet=True)


class Interrupting(SimulatedSwarm):
    """A swarm whose user presses Ctrl-C when it is looked at."""

    pressed = False

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        if b"GET /tasks" in command.stdin and not self.pressed:
            self.pressed = True
            os.kill(os.getpid(), signal.SIGINT)
        return await SimulatedSwarm.run(self, command, on_line=on_line, timeout=timeout)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stage(tmp_path: Path) -> SwarmStage:
    return SwarmStage(tmp_path)


async def resume(stage: SwarmStage) -> int | None:
    stage.deployer.result = None  # Whoever resumes is another process than the one that was killed.
    return await resumed(stage.deployer, QUIET, DeployWatcher(QUIET, None), Wish(resume=True))


async def test_what_is_still_to_do_is_for_a_new_deployment(stage: SwarmStage) -> None:
    await stage.deploy(bodies("1"))
    await killed(stage, bodies("2"))
    with pytest.raises(UsageError, match="--resume"):
        await resumed(stage.deployer, QUIET, DeployWatcher(QUIET, None), Wish())
    assert await resume(stage) is None
    assert stage.deployer.unfinished() is None
    assert await resume(stage) is None, "there is nothing to go on with"


async def test_where_all_was_told_nothing_follows(stage: SwarmStage) -> None:
    await killed(stage, {"db": bodies("1")["db"]})
    assert await resume(stage) == CLEAN


async def test_what_is_not_good_is_not_done_again(stage: SwarmStage) -> None:
    await stage.deploy(bodies("1"))
    await killed(stage, bodies("2", MODE="crash"))
    assert await resume(stage) == FINDINGS
    assert stage.versions() == {"db": "1", "web": "1"}


async def test_an_interruption_begins_nothing_new(stage: SwarmStage) -> None:
    await stage.deploy(bodies("1"))
    await killed(stage, bodies("2"))
    held = Interrupting(services=stage.swarm.services, configs=stage.swarm.configs, tasks=stage.swarm.tasks)
    stage.deployer.runner, stage.deployer.patience = held, Patience(settle=60, bake=60)
    assert await resume(stage) == INTERRUPTED
    assert (held.log, stage.deployer.unfinished() is None) == ([], False)


async def test_no_deployment_follows_a_rollback(stage: SwarmStage) -> None:
    await stage.deploy(bodies("1"))
    await stage.deploy(bodies("2"))
    await killed_going_back(stage, stage.back())
    assert await resume(stage) == CLEAN
    assert stage.versions() == {"db": "1", "web": "1"}


async def test_no_deployment_follows_what_was_being_undone(tmp_path: Path) -> None:
    stage = SwarmStage(tmp_path, whole=True)
    await stage.deploy(bodies("1"))
    await killed_going_back(stage, stage.deploy(bodies("2", "crash")))
    assert await resume(stage) == FINDINGS
    assert stage.versions() == {"db": "1", "web": "1"}
