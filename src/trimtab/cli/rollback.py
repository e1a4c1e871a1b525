"""`trimtab rollback`."""

from typing import Annotated

import anyio
from cyclopts import Parameter

from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.deploying import (
    UNDONE,
    DeployWatcher,
    Stack,
    Target,
    carried_out,
    deployer_of,
    find_stack,
    noted,
    project_name,
    refused,
    watching_deployment,
)
from trimtab.cli.options import Common, Paths, show
from trimtab.cli.swarming import Back, rollback_swarm
from trimtab.deploy.lease import deploying
from trimtab.deploy.observed import Observed
from trimtab.deploy.plan import Plan
from trimtab.deploy.revisions import barred, next_revision, plan_rollback
from trimtab.deploy.run import Deployer
from trimtab.deploy.site import observed
from trimtab.docker.api import Api
from trimtab.docker.containers import Containers
from trimtab.docker.engine_socket import engine_runner
from trimtab.errors import UsageError
from trimtab.history import Store, opened
from trimtab.report.deploy import plan_data, plan_view


def rollback(
    paths: Paths = (),
    /,
    *,
    service: Annotated[
        tuple[str, ...], Parameter(name=["--service", "-s"], negative="", help="Only these; else those of the last deployment.")
    ] = (),
    to: Annotated[int | None, Parameter(help="The revision to go back to; else, for each service, the one before.")] = None,
    project: Annotated[str, Parameter(help="The compose project, where its files cannot be read any more.")] = "",
    dry_run: Annotated[bool, Parameter(negative="", help="Print the plan, and change nothing.")] = False,
    wait: Annotated[float, Parameter(help="Seconds to wait for another deployer.")] = 0.0,
    target: Target = None,
    common: Common | None = None,
) -> int:
    """Go back to the exact image and configuration of an earlier revision, or undo a deployment that was killed.

    The compose files need not be as they were then: what a revision consists of is kept by the engine. Exits with 1 when a
    service does not run what was asked for, and when there is nothing to go back to.
    """
    common = common or Common()
    stack = find_stack(paths, common, project)
    with opened(stack.folder) as store:
        if (target or stack.loaded.config.deploy.target) == "swarm":
            return anyio.run(rollback_swarm, stack, common, store, Back(frozenset(service), to, project, dry_run, wait))
        return anyio.run(_rollback, stack, common, store, Back(frozenset(service), to, project, dry_run, wait))


async def _rollback(stack: Stack, common: Common, store: Store, back: Back) -> int:
    runner = await engine_runner()
    project = back.project or await project_name(runner, stack, store)
    if back.dry_run:
        now = await observed(Containers(Api(runner)), project)
        plan, against = _planned(stack, store, now, back)
        show(common, lambda: {**plan_data(plan), "problems": list(against)}, lambda: plan_view(plan, against))
        return FINDINGS if against else CLEAN
    async with deploying(runner, project, "trimtab rollback", back.wait) as lease:
        with watching_deployment(common) as watcher:
            deployer = await deployer_of(runner, stack, store, project, watcher, lease)
            return await _alone(deployer, stack, store, common, watcher, back)


async def _alone(
    deployer: Deployer, stack: Stack, store: Store, common: Common, watcher: DeployWatcher, back: Back
) -> int:  # fmt: skip
    """The rollback itself, with nobody else at it."""
    row = await deployer.unfinished()
    if row is not None:
        noted(common, [f"revision {row.revision} was begun and has not ended: it is undone"])
        if row.phase != "committing":
            return await carried_out(common, watcher, deployer, lambda: deployer.undo(row), wanted=UNDONE)
        await deployer.undo(row)
    now = await observed(deployer.containers, deployer.project)
    plan, against = _planned(stack, store, now, back)
    if against:
        return refused(common, watcher, plan, against)
    return await carried_out(common, watcher, deployer, lambda: deployer.deploy(plan, now, None))


def _planned(stack: Stack, store: Store, now: Observed, back: Back) -> tuple[Plan, tuple[str, ...]]:
    """The plan, and what is against it."""
    known = {each.service for each in now.instances}
    unknown = sorted(back.services - known)
    if unknown:
        has = ", ".join(sorted(known)) or "no containers at all"
        raise UsageError(f"`{now.project}` has no container of a service `{unknown[0]}`; it has {has}.")
    revision = next_revision(now, store.deployments.last_revision(now.project))
    plan = plan_rollback(now, revision, back.services, back.to)
    nothing = tuple(f"`{name}`: {why}" for name, why in plan.stays.items()) or ("nothing of the project is there",)
    return plan, nothing if plan.empty else barred(now, plan, stack.loaded.config.deploy.contract)
