"""`trimtab deploy`."""

from dataclasses import dataclass, replace
from typing import Annotated

import anyio
from cyclopts import Parameter

from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.build import Which
from trimtab.cli.build import build as build_images
from trimtab.cli.deploying import (
    DeployWatcher,
    Stack,
    Target,
    carried_out,
    deployer_of,
    find_stack,
    noted,
    refused,
    watching_deployment,
    wish_of,
)
from trimtab.cli.options import Common, Paths, show
from trimtab.cli.swarming import Wish, deploy_swarm
from trimtab.deploy.desired import Desired
from trimtab.deploy.doubts import doubts
from trimtab.deploy.holder.ask import ask_holder
from trimtab.deploy.lease import deploying
from trimtab.deploy.observed import Observed
from trimtab.deploy.plan import Plan
from trimtab.deploy.preflight import problems
from trimtab.deploy.project import ask_desired, ask_images, refresh
from trimtab.deploy.reconcile import Asked, reconcile
from trimtab.deploy.revisions import next_revision
from trimtab.deploy.room import host_of, memory_in_use, room_for
from trimtab.deploy.run import Deployer
from trimtab.deploy.site import observed
from trimtab.docker import Runner, engine_folder
from trimtab.docker.api import Api
from trimtab.docker.containers import Containers
from trimtab.docker.engine_socket import engine_runner
from trimtab.errors import UsageError
from trimtab.history import Store, opened
from trimtab.history.deployments import Deployments
from trimtab.report.deploy import plan_data, plan_view


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class What:
    """What is deployed, and how."""

    service: Annotated[
        tuple[str, ...],
        Parameter(
            name=["--service", "-s"], negative="", help="Only these services, with what they need where it does not run."
        ),
    ] = ()
    dry_run: Annotated[bool, Parameter(negative="", help="Print the plan, and change nothing.")] = False
    build: Annotated[bool, Parameter(negative="", help="Build the images first, as `trimtab build` does.")] = False
    pull: Annotated[bool, Parameter(negative="", help="Ask the registries for newer images first.")] = False
    force_recreate: Annotated[bool, Parameter(negative="", help="Replace what has not changed, too.")] = False
    remove_orphans: Annotated[bool, Parameter(negative="", help="Remove containers of services that no file names.")] = False
    resume: Annotated[bool, Parameter(negative="", help="Go on with a deployment that was killed.")] = False
    allow_unset: Annotated[bool, Parameter(negative="", help="Variables without a value are meant to be empty.")] = False
    wait: Annotated[float, Parameter(help="Seconds to wait for another deployer.")] = 0.0
    target: Target = None


@dataclass(frozen=True)
class _Job:
    """One deployment as it was asked for."""

    stack: Stack
    common: Common
    what: What
    runner: Runner
    store: Store
    desired: Desired

    @property
    def journal(self) -> Deployments:
        return self.store.deployments


@dataclass(frozen=True)
class _Planned:
    """A plan with all that it was made from."""

    plan: Plan
    observed: Observed
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    parallel: int


def deploy(paths: Paths = (), /, *, what: What | None = None, common: Common | None = None) -> int:
    """Replace what has changed of a compose project in the order of its needs, and go back where the new one is not good.

    PATH is a folder, or the compose files in override order. Everything is made before anything that runs is touched; what was
    there before is kept until all is done. Exits with 1 when a service does not run its new version, and with 2 when an earlier
    deployment was killed: `--resume` goes on with it, `trimtab rollback` undoes it.
    """
    what, common = what or What(), common or Common()
    stack = find_stack(paths, common)
    if what.build and not what.dry_run:
        code = build_images(paths, which=Which(service=what.service), common=replace(common, format="text"))
        if code != CLEAN:
            return code
    with opened(stack.folder) as store:
        if (what.target or stack.loaded.config.deploy.target) == "swarm":
            if what.force_recreate:
                raise UsageError(
                    "A swarm replaces what has not changed by `docker service update --force`, not by --force-recreate."
                )
            asked = Wish(frozenset(what.service), what.dry_run, what.remove_orphans, what.resume, what.allow_unset, what.wait)
            return anyio.run(deploy_swarm, stack, common, store, asked)
        return anyio.run(_deploy, stack, common, what, store)


async def _deploy(stack: Stack, common: Common, what: What, store: Store) -> int:
    runner = await engine_runner()
    job = _Job(stack, common, what, runner, store, await ask_desired(runner, stack.folder, stack.files))
    unknown = sorted(set(what.service) - set(job.desired.services))
    if unknown:
        has = ", ".join(sorted(job.desired.services))
        raise UsageError(f"The project `{job.desired.project}` has no service `{unknown[0]}`; it has {has}.")
    if what.dry_run:
        if row := job.journal.unfinished(job.desired.project):
            noted(common, [f"revision {row.revision} was begun and has not ended: --resume goes on with that, not with this"])
        return _dry(common, await _planned(job))
    async with deploying(runner, job.desired.project, "trimtab deploy", what.wait) as lease:
        with watching_deployment(common) as watcher:
            deployer = await deployer_of(runner, stack, store, job.desired.project, watcher, lease)
            return await _alone(job, watcher, deployer)


async def _alone(job: _Job, watcher: DeployWatcher, deployer: Deployer) -> int:
    """The deployment itself, with nobody else at it."""
    row = await deployer.unfinished()
    if row is not None:
        if not job.what.resume:
            raise UsageError(
                f"Revision {row.revision} of `{job.desired.project}` was begun and has not ended. `trimtab deploy --resume`"
                " goes on with it, `trimtab rollback` undoes it."
            )
        code = await carried_out(job.common, watcher, deployer, lambda: deployer.resume(row))
        if code != CLEAN or deployer.result is not None:
            return code
    elif job.what.resume:
        noted(job.common, ["there is nothing to go on with: no deployment was left unfinished; a new one is made"])
    if job.what.pull:
        await refresh(job.runner, job.desired, job.what.service or job.desired.order, watcher)
    planned = await _planned(job)
    noted(job.common, planned.warnings)
    if planned.problems:
        return refused(job.common, watcher, planned.plan, planned.problems)
    plan = planned.plan
    if plan.empty:
        show(job.common, lambda: {**plan_data(plan), "outcome": "done"}, lambda: plan_view(plan))
        return CLEAN
    if not job.common.quiet and job.common.format == "text":
        job.common.messages.print(plan_view(plan))
    return await carried_out(
        job.common, watcher, deployer, lambda: deployer.deploy(plan, planned.observed, job.desired, planned.parallel)
    )  # fmt: skip


async def _planned(job: _Job) -> _Planned:
    """The plan, and what is against it."""
    api, desired, what = Api(job.runner), job.desired, job.what
    now = await observed(Containers(api), desired.project)
    config = job.stack.loaded.config
    holder = config.deploy.holder_image
    there = await ask_images(api, [*(wanted.image for wanted in desired.services.values()), holder])
    images = {reference: image.id for reference, image in there.items()}
    asking = await ask_holder(job.runner, desired, now, there, wish_of(config), holder)
    asked = Asked(
        frozenset(what.service) or None, what.force_recreate, what.remove_orphans, asking.plan, asking.over, asking.refused
    )
    revision = next_revision(now, job.journal.last_revision(desired.project))
    plan = reconcile(desired, now, images, revision, asked)
    folder = await engine_folder(job.runner)
    against = await problems(api, plan, desired, images, local=folder is not None, unset_is_fine=what.allow_unset)
    room = room_for(plan, await memory_in_use(api, plan), host_of(folder), config.deploy.parallel)
    failing, doubted = doubts(job.stack.loaded.fleet, job.stack.loaded.rules, plan.services, job.stack.relative)
    return _Planned(plan, now, (*against, *room.problems, *failing), (*doubted, *room.notes), room.parallel)


def _dry(common: Common, planned: _Planned) -> int:
    plan = planned.plan
    show(
        common,
        lambda: {**plan_data(plan), "problems": list(planned.problems), "notes": list(planned.warnings)},
        lambda: plan_view(plan, planned.problems, planned.warnings),
    )
    return FINDINGS if planned.problems else CLEAN
