"""`deploy`, `rollback` and `status` where a swarm runs the project."""

from collections.abc import Sequence
from dataclasses import dataclass

import anyio
from rich.live import Live

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, FINDINGS, INTERRUPTED
from trimtab.cli.deploying import UNDONE, DeployWatcher, Stack, carried_out, noted, project_name, refused, watching_deployment
from trimtab.cli.options import Common, show
from trimtab.deploy.desired import Desired
from trimtab.deploy.doubts import doubts
from trimtab.deploy.lease import Lease, deploying
from trimtab.deploy.project import ask_desired, project_of
from trimtab.deploy.targets.swarm import SwarmOptions, read_stack
from trimtab.deploy.targets.swarm.against import loose_volumes, missing, other_losses, vital_losses
from trimtab.deploy.targets.swarm.applying import Files
from trimtab.deploy.targets.swarm.back import barred, plan_back
from trimtab.deploy.targets.swarm.carry import SwarmDeployer, is_left_open
from trimtab.deploy.targets.swarm.cluster import Seen, look, manager
from trimtab.deploy.targets.swarm.files import with_versions
from trimtab.deploy.targets.swarm.kept import Kept, kept_revisions
from trimtab.deploy.targets.swarm.pinned import pin
from trimtab.deploy.targets.swarm.plan import Asked, SwarmPlan, next_revision, plan_swarm, unchanged
from trimtab.deploy.targets.swarm.verdict import unwell
from trimtab.deploy.targets.swarm.waiting import Patience
from trimtab.docker import Runner
from trimtab.docker.api import Api
from trimtab.docker.engine_socket import engine_runner
from trimtab.errors import UsageError
from trimtab.git import head
from trimtab.history import Store
from trimtab.report.swarm import plan_view, status_data, status_view

_LOOK = 1.0


@dataclass(frozen=True)
class Wish:
    """A deployment as it is asked for."""

    services: frozenset[str] = frozenset()
    dry_run: bool = False
    remove_orphans: bool = False
    resume: bool = False
    allow_unset: bool = False
    wait: float = 0.0


@dataclass(frozen=True)
class Back:
    """A rollback as it is asked for."""

    services: frozenset[str]
    to: int | None
    project: str
    dry_run: bool
    wait: float


@dataclass(frozen=True)
class Planned:
    """A plan with all that it was made from, and what is against it."""

    plan: SwarmPlan
    seen: Seen
    files: Files
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def unwell(self) -> tuple[str, ...]:
        """What does not run of that which is not to change."""
        return unwell(self.seen, unchanged(self.plan.stays))


async def deploy_swarm(stack: Stack, common: Common, store: Store, wish: Wish) -> int:
    """Make a swarm run what the project's files say.

    Raises:
        UsageError: the engine is no manager, or an earlier deployment has not ended.
    """
    runner = await engine_runner()
    swarm = await manager(Api(runner))
    desired = await ask_desired(runner, stack.folder, stack.files)
    unknown = sorted(wish.services - set(desired.services))
    if unknown:
        raise UsageError(
            f"The project `{desired.project}` has no service `{unknown[0]}`; it has {', '.join(sorted(desired.services))}."
        )
    if wish.dry_run:
        planned = await make_plan(runner, stack, store, desired, swarm, wish)
        show(
            common,
            lambda: {**planned.plan.data(), "problems": list(planned.problems), "notes": [*planned.notes, *planned.unwell]},
            lambda: plan_view(planned.plan, planned.problems, planned.notes, planned.unwell),
        )
        return COULD_NOT_RUN if planned.problems else CLEAN
    async with deploying(runner, desired.project, "trimtab deploy --target swarm", wish.wait) as lease:
        with watching_deployment(common) as watcher:
            deployer = await _deployer(runner, stack, store, desired.project, watcher, lease)
            code = await resumed(deployer, common, watcher, wish)
            if code is not None:
                return code
            planned = await make_plan(runner, stack, store, desired, swarm, wish)
            return await _carried_out(planned, deployer, common, watcher)


async def _carried_out(planned: Planned, deployer: SwarmDeployer, common: Common, watcher: DeployWatcher) -> int:
    noted(common, planned.notes)
    plan = planned.plan
    if planned.problems:
        refused(common, watcher, plan, planned.problems)
        return COULD_NOT_RUN
    if plan.empty:
        return told_nothing_to_do(common, plan, planned.unwell)
    if not common.quiet and common.format == "text":
        common.messages.print(plan_view(plan))
    code = await carried_out(common, watcher, deployer, lambda: deployer.deploy(plan, planned.seen, planned.files))
    return FINDINGS if code == CLEAN and deployer.unwell else code


def told_nothing_to_do(common: Common, plan: SwarmPlan, unwell: Sequence[str]) -> int:
    """Say that nothing is to change, and what does not run all the same; the exit code."""
    outcome = "failed" if unwell else "done"
    show(common, lambda: {**plan.data(), "outcome": outcome, "problems": [*unwell]}, lambda: plan_view(plan, unwell=unwell))
    return FINDINGS if unwell else CLEAN


async def resumed(deployer: SwarmDeployer, common: Common, watcher: DeployWatcher, wish: Wish) -> int | None:
    """How what was left has ended, as an exit code; None where a new deployment is to be made, as for what is still to do.

    Raises:
        UsageError: one was left, and nobody has asked to go on with it.
    """
    row = deployer.unfinished()
    if row is None:
        if wish.resume:
            noted(common, ["there is nothing to go on with: no deployment was left unfinished; a new one is made"])
        return None
    if not wish.resume:
        raise UsageError(
            f"Revision {row.revision} of `{row.project}` was begun and is not known to have ended. `trimtab deploy --resume`"
            " says what has become of it, and goes on; `trimtab rollback` undoes it."
        )
    code = await carried_out(common, watcher, deployer, lambda: deployer.finish(row))
    if code == INTERRUPTED or deployer.result is None:
        return code
    return None if is_left_open(row, deployer.result) else code


async def make_plan(
    runner: Runner, stack: Stack, store: Store, desired: Desired, swarm: str, wish: Wish
) -> Planned:  # fmt: skip
    """The plan of a deployment, and all that is known to be against it.

    Raises:
        EngineMissing: the engine does not answer.
        EngineRefused: it is no manager.
        UsageError: a file of the project cannot be read.
    """
    api, config = Api(runner), stack.loaded.config.deploy
    asked = Asked(wish.services, wish.remove_orphans)
    seen, kept = await look(api, desired.project), await kept_revisions(api, desired.project)
    meant = sorted(asked.meant(desired, seen))
    pinned = await pin(runner, api, [desired.services[name] for name in meant], len(seen.nodes))
    said = read_stack(project_of(desired), SwarmOptions(pinned.images, config.endpoint_mode))
    made = with_versions(said, swarm)
    specs = {(each.service, each.revision): each.spec for each in kept}
    revision = next_revision(seen, specs, store.deployments.last_revision(desired.project))
    plan = plan_swarm(desired, made, seen, specs, revision, asked)
    changing = [change.service for change in plan.changes if change.kind != "remove"]
    failing, doubted = doubts(stack.loaded.fleet, stack.loaded.rules, changing, stack.relative)
    unset = () if wish.allow_unset else desired.warnings
    problems = [
        *(f"{each}: set it, or write `${{NAME:-}}` where empty is meant" for each in unset),
        *pinned.problems,
        *vital_losses(said.losses, changing),
        *loose_volumes(made, seen, changing),
        *await missing(api, made, desired, swarm),
        *(
            f"`{name}`: its command before deployments cannot be run: a task may be on any node"
            for name in config.before
            if name in changing
        ),
        *failing,
    ]
    return Planned(
        plan,
        seen,
        Files(desired, made, pinned.credentials),
        tuple(problems),
        (*other_losses(said.losses, changing), *doubted, *_notes(stack, seen, changing)),
    )


def _notes(stack: Stack, seen: Seen, changing: Sequence[str]) -> list[str]:
    found = [f"the node {node.name} is {node.state}: nothing is started there" for node in seen.lost]
    smoke = [name for name in stack.loaded.config.smoke_commands() if name in changing]
    found += [f"the smoke check of {', '.join(smoke)} is not run: a task may be on any node"] if smoke else []
    return found


async def _deployer(
    runner: Runner, stack: Stack, store: Store, project: str, watcher: DeployWatcher, lease: Lease
) -> SwarmDeployer:  # fmt: skip
    table = stack.loaded.config.deploy
    patience = Patience(table.timeout, table.settle, table.bake)
    whole = table.on_failure == "deployment"
    return SwarmDeployer(
        runner, store.deployments, project, watcher, patience, whole, table.retain, await head(runner, stack.folder), lease
    )  # fmt: skip


async def rollback_swarm(stack: Stack, common: Common, store: Store, back: Back) -> int:
    """Go back to an earlier revision, or undo a deployment that was left.

    Raises:
        UsageError: the engine is no manager, or there is no such service.
    """
    runner = await engine_runner()
    api = Api(runner)
    await manager(api)
    project = back.project or await project_name(runner, stack, store)
    if back.dry_run:
        plan, _, problems = await plan_the_way_back(api, stack, store, project, back)
        show(common, lambda: {**plan.data(), "problems": problems}, lambda: plan_view(plan, problems))
        return FINDINGS if problems else CLEAN
    async with deploying(runner, project, "trimtab rollback --target swarm", back.wait) as lease:
        with watching_deployment(common) as watcher:
            deployer = await _deployer(runner, stack, store, project, watcher, lease)
            row = deployer.unfinished()
            if row is not None:
                noted(common, [f"revision {row.revision} was begun and is not known to have ended: it is undone"])
                return await carried_out(common, watcher, deployer, lambda: deployer.undo(row), wanted=UNDONE)
            plan, seen, problems = await plan_the_way_back(api, stack, store, project, back)
            if problems:
                return refused(common, watcher, plan, problems)
            return await carried_out(common, watcher, deployer, lambda: deployer.deploy(plan, seen, None))


async def plan_the_way_back(
    api: Api, stack: Stack, store: Store, project: str, back: Back
) -> tuple[SwarmPlan, Seen, list[str]]:  # fmt: skip
    """The plan of a rollback, what it was made from, and what is against it.

    Raises:
        UsageError: there is no such service.
        EngineMissing: the engine does not answer.
        EngineRefused: it is no manager.
    """
    seen, kept = await look(api, project), await kept_revisions(api, project)
    unknown = sorted(back.services - set(seen.services))
    if unknown:
        raise UsageError(
            f"`{project}` has no service `{unknown[0]}` on the swarm; it has {', '.join(seen.services) or 'none at all'}."
        )
    specs = {(each.service, each.revision): each.spec for each in kept}
    revision = next_revision(seen, specs, store.deployments.last_revision(project))
    plan = plan_back(seen, kept, revision, back.services, back.to)
    return plan, seen, _nothing(plan) or [*barred(seen, kept, plan, stack.loaded.config.deploy.contract)]


def _nothing(plan: SwarmPlan) -> list[str]:
    """Why there is nothing to go back to; empty where there is."""
    if not plan.empty:
        return []
    return [f"`{name}`: {why}" for name, why in plan.stays.items()] or ["nothing of the project is on the swarm"]


async def swarm_status(stack: Stack, common: Common, store: Store, project: str, watch: bool) -> int:
    """Show what runs of a project on a swarm. Exits with 1 when it is not as it is wanted, and when that is not known."""
    runner = await engine_runner()
    api = Api(runner)
    await manager(api)
    name = project or await project_name(runner, stack, store)
    seen, kept = await look(api, name), await kept_revisions(api, name)
    row = store.deployments.unfinished(name)
    if not watch:
        show(common, lambda: status_data(seen, kept, row), lambda: status_view(seen, kept, row))
        well = all(each.well for each in seen.services.values()) and not seen.lost
        return CLEAN if well and row is None else FINDINGS
    return await _watched(api, common, store, name, kept)


async def _watched(api: Api, common: Common, store: Store, name: str, kept: Sequence[Kept]) -> int:
    with Live("", console=common.messages, screen=common.messages.is_terminal) as live:
        while True:
            seen = await look(api, name)
            live.update(status_view(seen, kept, store.deployments.unfinished(name)))
            await anyio.sleep(_LOOK)
