"""A deployment from its first note in the journal to its last, whatever happens in between."""

import os
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import anyio

from trimtab.deploy.desired import Desired
from trimtab.deploy.holder.holding import HolderPlan, read_holder_plan
from trimtab.deploy.holder.station import remove_holder
from trimtab.deploy.lease import Lease
from trimtab.deploy.networks import project_networks, sweep_networks
from trimtab.deploy.observed import Observed
from trimtab.deploy.outcome import Outcome, Result, ServiceOutcome
from trimtab.deploy.plan import Plan, move_of, read_moves
from trimtab.deploy.prepare import Preparation
from trimtab.deploy.revisions import forget, retain
from trimtab.deploy.roll import Roll, undo
from trimtab.deploy.site import Checks, Site, Watcher, observed
from trimtab.deploy.traces import traces
from trimtab.docker.api import Api
from trimtab.docker.command import execute
from trimtab.docker.containers import Containers
from trimtab.docker.runner import Runner
from trimtab.errors import EngineMissing, ToolError, UsageError
from trimtab.fleet.plain import items, mapping
from trimtab.history.deployments import DeploymentRow, Deployments

_HOOK = 3600.0


@dataclass(frozen=True)
class Settings:
    """What the user says about deployments."""

    checks: Checks = field(default_factory=Checks)
    whole: bool = False
    """Whether one service's failure undoes the whole deployment."""
    retain: int = 5
    """Revisions that are kept of each service."""
    before: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """By service, a program to run inside its running container before anything is touched, as for a backup."""


@dataclass
class Deployer:
    """Deploys one project, one deployment at a time; whoever makes one holds the project's lease."""

    runner: Runner
    journal: Deployments
    project: str
    watcher: Watcher
    settings: Settings = Settings()
    git: str | None = None
    lease: Lease | None = None
    result: Result | None = None
    """How the last deployment has ended, also when it was interrupted."""

    @property
    def containers(self) -> Containers:
        return Containers(Api(self.runner))

    def _site(self, deployment: str, revision: int) -> Site:
        api = Api(self.runner)
        return Site(
            self.runner, api, Containers(api), self.journal, deployment, self.project, revision, self.watcher,
            self.settings.checks, self.lease,
        )  # fmt: skip

    async def deploy(self, plan: Plan, observed: Observed, desired: Desired | None, parallel: int = 1) -> Result:
        """Carry out a plan.

        Args:
            plan: What is to be done.
            observed: What the plan was made from.
            desired: The project; None for a rollback.
            parallel: Services that may get their new version side by side, where both versions run meanwhile.

        Raises:
            EngineMissing: the engine went away for longer than it is waited for; the journal knows how far it was.
        """
        began = time.monotonic()
        site = self._site(f"{plan.revision}-{secrets.token_hex(3)}", plan.revision)
        data = {**plan.data(), "networks": sorted(await project_networks(site.api, self.project)), "whole": self.settings.whole}
        data["removals"] = [[each.container.id, each.container.name] for each in plan.removals]
        row = DeploymentRow(
            site.deployment, plan.project, plan.revision, plan.kind, now(), None, self.git, os.getpid(), "preparing", None, "",
            data,
        )  # fmt: skip
        self.journal.begin(row)
        self.result = Result(site.deployment, plan)
        try:
            await Preparation(site, plan, observed, desired).run()
            await self._hooks(site, plan, observed)
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                await self._abandon(site, row, str(error) if isinstance(error, ToolError) else "it was interrupted", began)
            if isinstance(error, ToolError) and not isinstance(error, EngineMissing):
                return self.result
            raise
        self.journal.phase(site.deployment, "rolling", os.getpid())
        moves = tuple(move_of(change) for change in plan.changes)
        return await self._roll(site, row, Roll(site, moves, self.settings.whole, plan.holder, parallel), began)

    async def _hooks(self, site: Site, plan: Plan, observed: Observed) -> None:
        """The user's own programs, such as a backup, while everything still runs as it did."""
        for service, argv in self.settings.before.items():
            running = [each for each in observed.of(service) if each.container.running]
            if not running or plan.empty:
                continue
            async with site.step(service, "run its command before deployments"):
                done = await self.runner.run(execute(running[0].container.id, *argv), timeout=_HOOK)
            if done.code != 0:
                raise ToolError(f"the command before deployments of `{service}` ended with {done.code}; nothing was touched")

    async def _abandon(self, site: Site, row: DeploymentRow, reason: str, began: float) -> None:
        """Take away all that was prepared."""
        await site.confirm()
        await clean(site, row)
        self.journal.end(site.deployment, "abandoned", reason, time.monotonic() - began)
        if self.result is not None:
            self.result = replace(self.result, problem=reason, seconds=time.monotonic() - began)

    async def _roll(self, site: Site, row: DeploymentRow, roll: Roll, began: float) -> Result:
        try:
            await roll.run()
        except EngineMissing:
            raise
        except BaseException:
            # What could not be undone either is left as it is: the journal knows how far it was.
            if not roll.busy:
                with anyio.CancelScope(shield=True):
                    await self._finish(site, row, roll, began, interrupted=True)
            raise
        with anyio.CancelScope(shield=True):
            await self._finish(site, row, roll, began, interrupted=False)
        return self.result or Result(site.deployment, Plan(self.project, site.revision, row.kind))

    async def _finish(self, site: Site, row: DeploymentRow, roll: Roll, began: float, interrupted: bool) -> None:
        await site.confirm()
        roll.untouched("it was interrupted" if interrupted else "an earlier one failed")
        self.journal.phase(site.deployment, "committing", os.getpid())
        await roll.commit([(str(each[0]), str(each[1])) for each in _pairs(row.plan)])
        if any(each.outcome is not Outcome.DEPLOYED for each in roll.outcomes.values()):
            await _sweep(site, row)
        await retain(site, self.settings.retain)
        plan = self.result.plan if self.result else Plan(self.project, site.revision, row.kind)
        self.result = Result(
            site.deployment, plan, roll.outcomes, time.monotonic() - began, interrupted, problem=roll.problem
        )  # fmt: skip
        reason = roll.problem or "; ".join(
            f"{name}: {each.reason}" for name, each in roll.outcomes.items() if each.outcome is not Outcome.DEPLOYED
        )
        self.journal.end(site.deployment, self.result.outcome, reason, self.result.seconds)

    async def unfinished(self) -> DeploymentRow | None:
        """The deployment that was begun and has not ended; where the journal is lost, what the engine shows of it.

        Raises:
            UsageError: it was begun elsewhere than with compose.
        """
        known = self.journal.unfinished(self.project)
        if known is not None and known.plan.get("target"):
            raise UsageError(
                f"Revision {known.revision} of `{self.project}` was begun on a {known.plan['target']} and has not ended: pass"
                f" `--target {known.plan['target']}`."
            )
        if known is not None:
            return known
        found = traces(await observed(self.containers, self.project))
        if found is None:
            return None
        identity = f"{found.revision}-{secrets.token_hex(3)}"
        row = DeploymentRow(
            identity, self.project, found.revision, "deploy", now(), None, None, os.getpid(), found.phase, None, "", found.plan
        )
        self.journal.begin(row)
        return row

    async def resume(self, row: DeploymentRow) -> Result | None:
        """Go on with a deployment that nobody is at work on any more; None when nothing of it had been touched yet.

        In that case what it had prepared is taken away, and a new deployment is to be made. A rollback is then given up.
        """
        began = time.monotonic()
        site = self._site(row.id, row.revision)
        if row.phase == "preparing":
            await self._abandon(site, row, "it ended before anything was touched", began)
            if row.kind == "deploy":
                return None
            # A new deployment would be of what the files say, which is what somebody wanted to leave.
            nothing = "nothing of the rollback had been touched; `trimtab rollback` begins it anew"
            self.result = Result(row.id, Plan(self.project, row.revision, row.kind), problem=nothing)
            return self.result
        if row.phase == "undoing":
            return await self.undo(row)
        known = {each.service: each for each in self.journal.services(row.id)}
        roll = Roll(site, read_moves(row.plan), row.plan.get("whole") is True, _holder(row))
        for move in roll.moves:
            seen = known.get(move.slot.service)
            if seen is not None:
                roll.outcomes[seen.service] = ServiceOutcome(
                    seen.service, move.strategy, Outcome(seen.outcome), seen.reason, seen.seconds or 0.0, seen.healthy,
                    before=seen.before_image, after=seen.after_image, passed=seen.passed,
                )  # fmt: skip
        failed = [name for name, each in roll.outcomes.items() if each.outcome is not Outcome.DEPLOYED]
        if failed and roll.whole and row.phase != "committing":
            await roll.undo_deployed(f"`{failed[0]}` failed")
        if row.phase == "committing" or failed:
            await self._finish(site, row, roll, began, interrupted=False)
            return self.result
        return await self._roll(site, row, roll, began)

    async def undo(self, row: DeploymentRow) -> Result | None:
        """Make everything as it was before a deployment that nobody is at work on any more, wherever it has stopped.

        None when it had been carried out but for its end, which is made up for: what was before is no more then, and is gone
        back to by a rollback as any other.
        """
        if row.phase == "committing":
            await self.resume(row)
            return None
        began = time.monotonic()
        site = self._site(row.id, row.revision)
        moves = read_moves(row.plan)
        if row.phase == "preparing":
            await self._abandon(site, row, "it was undone before anything was touched", began)
            return Result(row.id, Plan(self.project, row.revision, row.kind), problem="nothing of it had been touched")
        self.journal.phase(row.id, "undoing", os.getpid())
        outcomes = await undo(site, moves, _holder(row))
        await clean(site, row)
        result = Result(row.id, Plan(self.project, row.revision, row.kind), outcomes, time.monotonic() - began)
        self.journal.end(row.id, result.outcome, "it was undone", result.seconds)
        self.result = result
        return result


def _holder(row: DeploymentRow) -> HolderPlan:
    """What the deployment does to the holder; nothing, where that is not known any more."""
    data = mapping(row.plan.get("holder"))
    return read_holder_plan(data) if data else HolderPlan()


def _pairs(plan: Mapping[str, object]) -> list[Sequence[object]]:
    return [items(each) for each in items(plan.get("removals"))]


async def _sweep(site: Site, row: DeploymentRow) -> None:
    """Remove the networks that the deployment has made; none, where it is not known which were there before."""
    if "networks" in row.plan:
        await sweep_networks(site.api, site.project, [str(each) for each in items(row.plan["networks"])])


async def clean(site: Site, row: DeploymentRow) -> None:
    """Remove what a deployment has made and nobody uses: models, containers that never had a place, what it has kept."""
    now = await site.observe()
    for model in now.templates:
        await site.containers.remove(model.id, with_own_volumes=model.state == "created")
    await remove_holder(site, _holder(row).makes(site.project, row.revision))
    fresh = {move.slot.fresh(row.revision) for move in read_moves(row.plan)}
    for instance in now.instances:
        container = instance.container
        if instance.revision == row.revision and container.name in fresh and not container.running:
            await site.containers.remove(container.id, with_own_volumes=container.state == "created")
    used = {(each.service, each.source) for each in (await site.observe()).instances}
    for service in dict.fromkeys(move.slot.service for move in read_moves(row.plan)):
        # What ran and was not ours was kept under the number before; no other deployment has that one.
        for revision in (row.revision, row.revision - 1):
            if (service, revision) not in used:
                await forget(site, service, revision)
    await _sweep(site, row)


def now() -> str:
    """The time as the journal has it: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
