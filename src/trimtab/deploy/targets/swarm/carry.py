"""A deployment to a swarm, from its first note in the journal to its last.

Once the managers were told, the swarm goes on by itself, whatever becomes of who told them. So nothing is undone by an
interruption or a kill: the journal has an unfinished row then, and `finish` finds out what has become of it, `undo` takes it
back.
"""

import os
import secrets
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import anyio

from trimtab.deploy.lease import Lease
from trimtab.deploy.outcome import Outcome, Result
from trimtab.deploy.plan import Plan
from trimtab.deploy.run import now
from trimtab.deploy.site import Checks, Site, Watcher
from trimtab.deploy.targets.swarm.applying import Files
from trimtab.deploy.targets.swarm.cluster import Seen, Service, look
from trimtab.deploy.targets.swarm.kept import keep, kept_revisions, retain
from trimtab.deploy.targets.swarm.plan import REMOVE, Change, SwarmPlan, read_changes, unchanged
from trimtab.deploy.targets.swarm.verdict import is_of, unwell
from trimtab.deploy.targets.swarm.waiting import Patience, Waiting
from trimtab.deploy.targets.swarm.waves import Rollout, before_revision
from trimtab.docker.api import Api
from trimtab.docker.containers import Containers
from trimtab.docker.runner import Runner
from trimtab.errors import ToolError, UsageError
from trimtab.history.deployments import DeploymentRow, Deployments

_NOT_TOLD = "the managers had not been told of it yet, or somebody else has told them otherwise since"
_OUTLIVED = 3.0
"""Seconds for a client to end that was telling the managers when its deployer was killed; it needs less than one (28.5.2)."""


@dataclass
class SwarmDeployer:
    """Deploys one project to a swarm; whoever makes one holds the project's lease on the manager that is asked."""

    runner: Runner
    journal: Deployments
    project: str
    watcher: Watcher
    patience: Patience
    whole: bool = False
    """Whether one service's failure undoes the whole deployment."""
    kept: int = 5
    """Revisions that are kept of each service."""
    git: str | None = None
    lease: Lease | None = None
    result: Result | None = None
    unwell: tuple[str, ...] = ()
    """What does not run of that which was not to change, once the rest was done."""

    def _rollout(self, deployment: str, revision: int) -> Rollout:
        api = Api(self.runner)
        site = Site(
            self.runner, api, Containers(api), self.journal, deployment, self.project, revision, self.watcher, Checks(),
            self.lease,
        )  # fmt: skip
        return Rollout(site, Waiting(site, self.patience))

    def unfinished(self) -> DeploymentRow | None:
        """The deployment that was begun and is not known to have ended.

        Raises:
            UsageError: it was begun elsewhere than on a swarm.
        """
        row = self.journal.unfinished(self.project)
        if row is not None and row.plan.get("target") != "swarm":
            raise UsageError(
                f"Revision {row.revision} of `{self.project}` was begun by compose and has not ended: pass `--target compose`."
            )
        return row

    async def deploy(self, plan: SwarmPlan, seen: Seen, files: Files | None) -> Result:
        """Carry out a plan.

        Args:
            plan: What is to be done.
            seen: What the plan was made from.
            files: The project; None for a rollback.

        Raises:
            EngineMissing: the engine does not answer; the journal knows that it was begun.
            StateError: the managers have not answered for long.
        """
        began = time.monotonic()
        rollout = self._rollout(f"{plan.revision}-{secrets.token_hex(3)}", plan.revision)
        rollout.planned = seen
        site = rollout.site
        row = DeploymentRow(
            site.deployment, plan.project, plan.revision, plan.kind, now(), None, self.git, os.getpid(), "preparing", None, "",
            {**plan.data(), "whole": self.whole},
        )  # fmt: skip
        self.journal.begin(row)
        try:
            async with site.step("", "keep what runs now"):
                await keep(site.api, self.project, _foreign(plan.changes, plan.revision, seen))
        except ToolError as error:
            self.journal.end(site.deployment, "abandoned", str(error), time.monotonic() - began)
            return self._ended(row, plan.stays, began, rollout, problem=str(error))
        self.journal.phase(site.deployment, "rolling", os.getpid())
        with _going_on(self.watcher):
            for wave in plan.waves:
                if rollout.failed:
                    rollout.untouched(wave)
                    continue
                await rollout.apply(wave, files)
                await rollout.wait(wave)
            await self._undone_as_a_whole(row, plan.changes, rollout)
            return await self._committed(row, plan.stays, began, rollout)

    async def _undone_as_a_whole(self, row: DeploymentRow, changes: Sequence[Change], rollout: Rollout) -> None:
        """Undo what was good as well, where something was not and the deployment is one that is to be undone then."""
        if rollout.failed and row.plan.get("whole") is True:
            rollout.site.note(lambda: self.journal.phase(row.id, "undoing", os.getpid()), must=False)
            await rollout.undo_deployed(changes)

    async def finish(self, row: DeploymentRow) -> Result:
        """Find out what has become of a deployment that nobody is at work on any more, and wait for what is under way.

        What the managers were not told of a deployment is not told now: what it consisted of is in the files, and not in the
        journal. A rollback is gone on with, as the managers keep what it consists of. What was being undone is undone, and so
        is the whole of what is to be undone as a whole, where a service of it is not good.
        """
        if row.phase == "undoing":
            return await self.undo(row)
        began = time.monotonic()
        rollout, seen = await self._taken_up(row)
        changes = read_changes(row.plan)
        told = [change for change in changes if _was_told(change, seen.services.get(change.service), row)]
        for change in told:
            service = seen.services.get(change.service)
            if service is not None and change.kind != REMOVE:
                rollout.since[change.service] = service.since
        rest = [change for change in changes if change not in told]
        with _going_on(self.watcher):
            if row.kind == "rollback":
                await keep(rollout.site.api, self.project, _foreign(rest, row.revision, seen))
                rollout.planned = seen
                await rollout.apply(rest, None)
                told, rest = [*changes], []
            await rollout.wait(told)
            await self._undone_as_a_whole(row, told, rollout)
            rollout.untouched(rest, _NOT_TOLD)
            return await self._committed(row, {}, began, rollout)

    async def undo(self, row: DeploymentRow) -> Result:
        """Make every service as it was before a deployment that nobody is at work on any more."""
        began = time.monotonic()
        rollout, seen = await self._taken_up(row)
        self.journal.phase(row.id, "undoing", os.getpid())
        changes = read_changes(row.plan)
        told = [each for each in changes if _was_told(each, seen.services.get(each.service), row)]
        rollout.untouched([each for each in changes if each not in told], _NOT_TOLD)
        with _going_on(self.watcher):
            await rollout.back_to_before(told, "it was undone")
            return await self._committed(row, {}, began, rollout)

    async def _taken_up(self, row: DeploymentRow) -> tuple[Rollout, Seen]:
        """A deployment that was left, and what the managers know of it."""
        rollout = self._rollout(row.id, row.revision)
        if any(step.seconds is None for step in self.journal.steps(row.id)):
            await anyio.sleep(_OUTLIVED)
        rollout.waiting.seen = await look(rollout.site.api, self.project)
        return rollout, rollout.waiting.seen

    async def _committed(self, row: DeploymentRow, stays: Mapping[str, str], began: float, rollout: Rollout) -> Result:
        """Keep what is good, forget what is too old, and note how it has ended."""
        site = rollout.site
        seen = rollout.waiting.seen = await look(site.api, self.project)
        deployed = [
            name for name, each in rollout.outcomes.items() if each.outcome is Outcome.DEPLOYED and name in seen.services
        ]
        good = {name: seen.services[name] for name in deployed if is_of(seen.services[name], row.id)}
        own = {(name, row.revision): each.spec for name, each in good.items() if each.revision == each.source == row.revision}
        try:
            await keep(site.api, self.project, own)
            await retain(site.api, seen, await kept_revisions(site.api, self.project), self.kept)
        except ToolError as error:
            rollout.warnings.append(f"it cannot be gone back to: {error}")
        return self._ended(row, stays, began, rollout)

    def _ended(
        self, row: DeploymentRow, stays: Mapping[str, str], began: float, rollout: Rollout, problem: str = ""
    ) -> Result:  # fmt: skip
        plan = Plan(self.project, row.revision, row.kind, stays=stays)
        outcomes = rollout.outcomes
        self.unwell = unwell(rollout.waiting.seen, unchanged(stays))
        warnings = tuple(dict.fromkeys([*rollout.warnings, *self.unwell, *_lost(rollout.waiting.seen)]))
        result = Result(row.id, plan, outcomes, time.monotonic() - began, problem=problem, warnings=warnings)
        if not problem:
            reasons = (f"{name}: {each.reason}" for name, each in outcomes.items() if each.outcome is not Outcome.DEPLOYED)
            self.journal.end(row.id, result.outcome, "; ".join(reasons), result.seconds)
        self.result = result
        return result


def is_left_open(row: DeploymentRow, result: Result) -> bool:
    """Whether a deployment that was left has come to a good end but for services that the managers had not been told of.

    Those are for a new deployment then. Where something was not good, or was undone, a new one would only do the same again.
    """
    found = {each.outcome for each in result.services.values()}
    forward = row.kind == "deploy" and row.phase != "undoing"
    return forward and Outcome.UNTOUCHED in found and found <= {Outcome.DEPLOYED, Outcome.UNTOUCHED}


@contextmanager
def _going_on(watcher: Watcher) -> Generator[None]:
    """Says, when the deployment is interrupted, that the swarm is not."""
    try:
        yield
    except anyio.get_cancelled_exc_class():
        watcher.told(
            "", "the swarm goes on by itself: `trimtab deploy --resume` says how it ends, `trimtab rollback` undoes it"
        )
        raise


def _foreign(changes: Sequence[Change], revision: int, seen: Seen) -> dict[tuple[str, int], Mapping[str, object]]:
    """What the services are that change: kept, so that it can be gone back to, whoever has made it."""
    found: dict[tuple[str, int], Mapping[str, object]] = {}
    for change in changes:
        service = seen.services.get(change.service)
        if service is not None and not service.is_job:
            found[change.service, before_revision(change, revision)] = service.spec
    return found


def _was_told(change: Change, service: Service | None, row: DeploymentRow) -> bool:
    """Whether the managers were told of a change: the service has its revision, or has changed since, as after a rollback."""
    if change.kind == REMOVE:
        return service is None
    if service is None:
        return False
    return is_of(service, row.id) if service.revision == row.revision else service.number != change.number


def _lost(seen: Seen) -> list[str]:
    return [f"the node {node.name} is {node.state}: the managers cannot reach it" for node in seen.lost]
