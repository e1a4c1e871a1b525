"""`trimtab status`."""

from typing import Annotated

import anyio
from cyclopts import Parameter
from rich.live import Live

from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.deploying import Stack, Target, find_stack, project_name
from trimtab.cli.options import Common, Paths, show
from trimtab.cli.swarming import swarm_status
from trimtab.deploy.holder.figures import holder_counters
from trimtab.deploy.observed import Observed
from trimtab.deploy.site import observed
from trimtab.docker.api import Api
from trimtab.docker.containers import Containers
from trimtab.docker.engine_socket import engine_runner
from trimtab.history import Store, opened
from trimtab.report.deploy import status_data, status_view

_LOOK = 1.0


def status(
    paths: Paths = (),
    /,
    *,
    watch: Annotated[
        bool, Parameter(name=["--watch", "-w"], negative="", help="Go on looking until it is interrupted.")
    ] = False,
    project: Annotated[str, Parameter(help="The compose project, where its files cannot be read.")] = "",
    target: Target = None,
    common: Common | None = None,
) -> int:
    """Show what runs of a compose project: state, health, revision, image, and what could be gone back to.

    Exits with 1 when a container does not run or is unhealthy, or when a deployment was left unfinished. A job that has ended
    well is as it should be.
    """
    common = common or Common()
    stack = find_stack(paths, common, project)
    with opened(stack.folder) as store:
        if (target or stack.loaded.config.deploy.target) == "swarm":
            return anyio.run(swarm_status, stack, common, store, project, watch)
        return anyio.run(_status, stack, common, store, project, watch)


async def _status(stack: Stack, common: Common, store: Store, project: str, watch: bool) -> int:
    runner = await engine_runner()
    name = project or await project_name(runner, stack, store)
    containers = Containers(Api(runner))
    now = await observed(containers, name)
    if not watch:
        unfinished = store.deployments.unfinished(name)
        held = await holder_counters(runner, now)
        show(common, lambda: status_data(now, unfinished, held), lambda: status_view(now, unfinished, held))
        return FINDINGS if unfinished is not None or not _well(now) else CLEAN
    with Live(status_view(now, None), console=common.messages, screen=common.messages.is_terminal) as live:
        while True:
            now = await observed(containers, name)
            live.update(status_view(now, store.deployments.unfinished(name)))
            await anyio.sleep(_LOOK)


def _well(now: Observed) -> bool:
    return all(
        each.container.health != "unhealthy"
        and (each.container.state == "running" or (each.container.state == "exited" and each.container.exit_code == 0))
        for each in now.instances
    )
