"""A small project on a simulated swarm, and the deployments that tests make of it."""

from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any

import pytest
from simulated_swarm import Killed, SimulatedSwarm
from stage import Quiet, desired

from trimtab.deploy.outcome import Outcome, Result
from trimtab.deploy.project import project_of
from trimtab.deploy.targets.swarm import SwarmOptions, read_stack
from trimtab.deploy.targets.swarm.applying import Files
from trimtab.deploy.targets.swarm.back import plan_back
from trimtab.deploy.targets.swarm.carry import SwarmDeployer
from trimtab.deploy.targets.swarm.cluster import Seen, look
from trimtab.deploy.targets.swarm.kept import kept_revisions
from trimtab.deploy.targets.swarm.plan import Asked, SwarmPlan, next_revision, plan_swarm
from trimtab.deploy.targets.swarm.waiting import Patience
from trimtab.docker.api import Api
from trimtab.history import open_store
from trimtab.history.deployments import DeploymentRow


def bodies(version: str, mode: str = "good", **more: Any) -> dict[str, Any]:
    """`db`, and `web` that waits for it; the mode is of `web`."""
    return {
        "db": {"image": "db:1", "restart": "always", "environment": {"VERSION": version, **more}},
        "web": {
            "image": "web:1", "restart": "always", "environment": {"VERSION": version, "MODE": mode},
            "depends_on": {"db": {"condition": "service_healthy"}},
        },
    }  # fmt: skip


class SwarmStage:
    """A fleet on a swarm."""

    def __init__(self, folder: Path, whole: bool = False) -> None:
        self.swarm, self.watcher = SimulatedSwarm(), Quiet()
        self.journal = open_store(folder).deployments
        self.deployer = SwarmDeployer(self.swarm, self.journal, "shop", self.watcher, Patience(settle=0), whole)
        self.api = Api(self.swarm)

    async def deploy(self, wanted: Mapping[str, Any], **asked: Any) -> Result:
        plan, seen, files = await self.plan(wanted, **asked)
        return await self.deployer.deploy(plan, seen, files)

    async def plan(self, wanted: Mapping[str, Any], **asked: Any) -> tuple[SwarmPlan, Seen, Files]:
        project = desired(wanted)
        files = Files(project, read_stack(project_of(project), SwarmOptions({name: f"{name}:1@sha256:aa" for name in wanted})))
        seen, kept = await look(self.api, "shop"), await kept_revisions(self.api, "shop")
        specs = {(each.service, each.revision): each.spec for each in kept}
        revision = next_revision(seen, specs, self.journal.last_revision("shop"))
        return plan_swarm(project, files.stack, seen, specs, revision, Asked(**asked)), seen, files

    async def back(self, to: int | None = None) -> Result:
        seen, kept = await look(self.api, "shop"), await kept_revisions(self.api, "shop")
        plan = plan_back(seen, kept, self.journal.last_revision("shop") + 1, to=to)
        return await self.deployer.deploy(plan, seen, None)

    def left(self) -> DeploymentRow:
        """The deployment that was begun and has not ended."""
        row = self.deployer.unfinished()
        assert row is not None
        return row

    def versions(self) -> dict[str, str]:
        return {name: self.swarm.version(name) for name in self.swarm.services}


def outcomes(result: Result) -> dict[str, Outcome]:
    return {name: each.outcome for name, each in result.services.items()}


async def killed(stage: SwarmStage, wanted: Mapping[str, Any]) -> None:
    stage.swarm.dies = True
    with pytest.raises(Killed):
        await stage.deploy(wanted)


async def killed_going_back(stage: SwarmStage, going: Awaitable[Result]) -> None:
    """Wait for a deployment that is killed on its way back."""
    stage.swarm.dies_on_the_way_back = True
    with pytest.raises(Killed):
        await going
