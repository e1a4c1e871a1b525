"""The services of one deployment to a swarm, wave by wave: told, waited for, and taken back where they are not good."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from trimtab.deploy.names import DEPLOYMENT, REVISION, SOURCE
from trimtab.deploy.outcome import Outcome, ServiceOutcome
from trimtab.deploy.plan import Strategy
from trimtab.deploy.site import Direction, Site
from trimtab.deploy.targets.swarm.applying import Files, apply_files, apply_spec, go_back, last_words, remove
from trimtab.deploy.targets.swarm.cluster import Seen, Service, look
from trimtab.deploy.targets.swarm.kept import Kept, kept_revisions
from trimtab.deploy.targets.swarm.plan import CREATE, REMOVE, Change
from trimtab.deploy.targets.swarm.verdict import Judgement, Verdict, held_up, is_of, left_behind
from trimtab.deploy.targets.swarm.waiting import Waited, Waiting
from trimtab.errors import EngineRefused
from trimtab.fleet.plain import mapping, text, whole
from trimtab.history.deployments import ServiceRow

_OVERTAKEN = "somebody else has changed it since this was planned, and it is left as it is"


@dataclass
class Rollout:
    """The services of one deployment, as far as they have come."""

    site: Site
    waiting: Waiting
    planned: Seen | None = None
    """What the plan was made from; None for a deployment that was left, of which only the plan is known."""
    outcomes: dict[str, ServiceOutcome] = field(default_factory=dict[str, ServiceOutcome])
    since: dict[str, str] = field(default_factory=dict[str, str])
    refused: dict[str, str] = field(default_factory=dict[str, str])
    """Why the managers did not take a service's change."""
    warnings: list[str] = field(default_factory=list[str])
    began: float = field(default_factory=time.monotonic)

    @property
    def seen(self) -> Seen:
        return self.waiting.seen

    @property
    def failed(self) -> bool:
        return any(each.outcome is not Outcome.DEPLOYED for each in self.outcomes.values())

    def untouched(self, changes: Sequence[Change], why: str = "an earlier one failed") -> None:
        for change in changes:
            self._note(change, Outcome.UNTOUCHED, why)

    async def apply(self, wave: Sequence[Change], files: Files | None) -> None:
        """Tell the managers what a wave is to be."""
        self.began = time.monotonic()
        seen = self.waiting.seen = await look(self.site.api, self.site.project)
        wave = [change for change in wave if not self._overtaken(change)]
        from_files = [change.service for change in wave if change.source is None and change.kind != REMOVE]
        if files is not None and from_files:
            async with self.site.step("", f"tell the managers of {', '.join(from_files)}"):
                why = await apply_files(self.site.runner, files, from_files, self.site.revision, self.site.deployment)
            self.refused.update(dict.fromkeys(from_files, why) if why else {})
        kept = await kept_revisions(self.site.api, self.site.project) if any(change.source for change in wave) else ()
        for change in wave:
            service = seen.services.get(change.service)
            if change.kind == REMOVE and service is not None:
                self._refuses(
                    change, await self._told(change, "remove it; its volumes stay", self._removal(service), "forward")
                )
            elif change.source is not None:
                await self._restore(change, kept)
        after = self.waiting.seen = await look(self.site.api, self.site.project)
        self.since.update(
            {change.service: after.services[change.service].updated for change in wave if change.service in after.services}
        )

    def _overtaken(self, change: Change) -> bool:
        """Whether a service is not what it was planned from, as when somebody at another manager deploys, too."""
        if self.planned is None:
            return False
        then, now = (seen.services.get(change.service) for seen in (self.planned, self.seen))
        if (then and then.spec) == (now and now.spec) or (change.kind == REMOVE and now is None):
            return False
        self.refused[change.service] = _OVERTAKEN
        return True

    async def _restore(self, change: Change, kept: Sequence[Kept]) -> None:
        spec = next((each.spec for each in kept if (each.service, each.revision) == (change.service, change.source)), None)
        if spec is None:
            self.refused[change.service] = f"revision {change.source} of it is not kept any more"
            return
        labels = {REVISION: str(self.site.revision), SOURCE: str(change.source), DEPLOYMENT: self.site.deployment}
        service = self.seen.services.get(change.service)
        text = f"make it as in revision {change.source}"
        self._refuses(change, await self._told(change, text, lambda: apply_spec(self.site.api, service, spec, labels)))

    def _refuses(self, change: Change, why: str) -> None:
        self.refused.update({change.service: why} if why else {})

    async def _told(
        self, change: Change, text: str, tell: Callable[[], Awaitable[None]], direction: Direction = "back"
    ) -> str:  # fmt: skip
        """Why the managers do not take one step, which is no reason to leave the others out; empty where they take it."""
        try:
            async with self.site.step(change.service, text, direction):
                await tell()
        except EngineRefused as error:
            return str(error)
        return ""

    def _removal(self, service: Service) -> Callable[[], Awaitable[None]]:
        return lambda: remove(self.site.api, service)

    async def wait(self, wave: Sequence[Change]) -> None:
        """Wait for a wave's verdicts, and take back what is not good and does not go back by itself."""
        for change in wave:
            if change.kind == REMOVE:
                self._removed(change)
        told = {change.service: change for change in wave if change.kind != REMOVE}
        waited: dict[str, Waited] = {}
        for name, change in told.items():
            service = self.seen.services.get(name)
            if name in self.refused and (service is None or not self._is_mine(service)):
                self._stayed(change)
            else:
                waited[name] = Waited(self.site.revision, self.since.get(name, ""), self.site.deployment)
        for name, found in (await self.waiting.until_known(waited)).items():
            await self._decided(told[name], found)

    def _is_mine(self, service: Service) -> bool:
        return service.revision == self.site.revision and is_of(service, self.site.deployment)

    def _removed(self, change: Change) -> None:
        if change.service in self.refused:
            self._stayed(change)
        else:
            self._note(change, Outcome.DEPLOYED, "")

    def _stayed(self, change: Change) -> None:
        """Its change was not told, or the managers did not take it."""
        why = self.refused[change.service]
        as_before = change.service in self.seen.services and why != _OVERTAKEN
        self._note(change, Outcome.ROLLED_BACK if as_before else Outcome.UNTOUCHED, why)
        self.site.watcher.failed(change.service, why, "")

    async def _decided(self, change: Change, found: Judgement) -> None:
        if found.verdict is Verdict.GOOD:
            self._note(change, Outcome.DEPLOYED, "")
            self._left(change.service)
            return
        self.site.watcher.failed(
            change.service, found.reason, await last_words(self.site.runner, self.site.project, change.service)
        )
        if found.verdict is Verdict.BACK:
            self._note(change, Outcome.ROLLED_BACK, found.reason)
        elif found.verdict is Verdict.BAD and not change.job:
            await self._taken_back(change, found.reason)
        else:
            self._note(change, Outcome.FAILED, found.reason)

    async def _taken_back(self, change: Change, reason: str) -> None:
        """Have a service as it was before its change: not there, or by the swarm's own rollback."""
        service = self.seen.services.get(change.service)
        if change.kind == CREATE:
            why = await self._told_to_go(change, service)
            end = f"and it is still there: {why}" if why else "there was none of it before, and it was removed again"
            self._note(change, Outcome.FAILED if why else Outcome.ROLLED_BACK, f"{reason}; {end}")
            return
        if service is None:
            self._note(change, Outcome.FAILED, f"{reason}; and somebody has removed it")
            return
        if why := await self._told(change, "have the swarm go back", lambda: go_back(self.site.api, service)):
            self._note(change, Outcome.FAILED, f"{reason}; and {why}")
            return
        waited = Waited(self.site.revision, service.updated, self.site.deployment)
        found = (await self.waiting.until_known({change.service: waited}))[change.service]
        done = found.verdict is Verdict.BACK
        self._note(change, Outcome.ROLLED_BACK if done else Outcome.FAILED, reason if done else f"{reason}; and {found.reason}")

    async def undo_deployed(self, changes: Sequence[Change]) -> None:
        """Take back what was good, as something else was not."""
        good = [each for each in changes if _is(self.outcomes.get(each.service), Outcome.DEPLOYED)]
        bad = next((name for name, each in self.outcomes.items() if each.outcome is not Outcome.DEPLOYED), "")
        await self.back_to_before(good, f"`{bad}` failed")

    async def back_to_before(self, changes: Sequence[Change], why: str) -> None:
        """Make services as they were before this deployment, by what was kept of them."""
        kept = {(each.service, each.revision): each.spec for each in await kept_revisions(self.site.api, self.site.project)}
        waited: dict[str, Waited] = {}
        for change in changes:
            service = self.seen.services.get(change.service)
            spec = kept.get((change.service, before_revision(change, self.site.revision)))
            if change.kind == CREATE or change.job:
                await self._gone(change, service, why)
            elif service is not None and service.revision == self.site.revision and not self._is_mine(service):
                self._note(change, Outcome.FAILED, f"{why}, and somebody else has updated it since")
            elif spec is None:
                self._note(change, Outcome.FAILED, f"{why}, and what it was before is not kept")
            elif refused := await self._told(change, "make it as it was before", self._former(service, spec)):
                self._note(change, Outcome.FAILED, f"{why}, and {refused}")
            else:
                former = mapping(spec.get("Labels"))
                waited[change.service] = Waited(whole(former.get(REVISION)), "", text(former.get(DEPLOYMENT)) or "")
        self.waiting.seen = await look(self.site.api, self.site.project)
        for name, found in (await self.waiting.until_known(waited)).items():
            change = next(each for each in changes if each.service == name)
            good = found.verdict is Verdict.GOOD
            self._note(change, Outcome.ROLLED_BACK if good else Outcome.FAILED, why if good else f"{why}, and {found.reason}")

    def _former(self, service: Service | None, spec: Mapping[str, object]) -> Callable[[], Awaitable[None]]:
        return lambda: apply_spec(self.site.api, service, spec, {})

    async def _gone(self, change: Change, service: Service | None, why: str) -> None:
        if change.job and change.kind != CREATE:
            self._note(change, Outcome.FAILED, f"{why}; what a job has done is not undone by going back")
            return
        refused = await self._told_to_go(change, service)
        self._note(change, Outcome.FAILED if refused else Outcome.ROLLED_BACK, f"{why}, and {refused}" if refused else why)

    async def _told_to_go(self, change: Change, service: Service | None) -> str:
        """Remove what was not there before; why it is not removed, empty where it is gone."""
        if service is None:
            return ""
        return await self._told(change, "remove it again; its volumes stay", self._removal(service))

    def _left(self, name: str) -> None:
        """Say where the version before may go on serving, because nobody can tell it to stop."""
        service = self.seen.services.get(name)
        for task in held_up(self.seen, service) if service else ():
            place = self.seen.place(task)
            self.warnings.append(f"`{name}`: the swarm calls its update unfinished until the node {place} is back")
        for task in left_behind(self.seen, service) if service else ():
            place = self.seen.place(task)
            self.warnings.append(
                f"`{name}`: the node {place} cannot be reached: what ran there may go on until it is back, or is off"
            )

    def _note(self, change: Change, outcome: Outcome, reason: str) -> None:
        strategy = Strategy.JOB if change.job else Strategy.ROLLING if change.image_before else Strategy.FIRST
        seconds = time.monotonic() - self.began if outcome is not Outcome.UNTOUCHED else 0.0
        before, after = mark(change.image_before), mark(change.image)
        if outcome is Outcome.ROLLED_BACK:
            after = before
        self.outcomes[change.service] = ServiceOutcome(
            change.service, strategy, outcome, reason, seconds, before=before, after=after
        )  # fmt: skip
        row = ServiceRow(self.site.deployment, change.service, strategy, before, after, outcome, reason, seconds)
        self.site.note(lambda: self.site.journal.service(row), must=False)


def mark(image: str) -> str:
    """What of a reference tells two images apart."""
    return image.rpartition("@")[2]


def _is(outcome: ServiceOutcome | None, which: Outcome) -> bool:
    return outcome is not None and outcome.outcome is which


def before_revision(change: Change, revision: int) -> int:
    """The number under which is kept what a service was: the one below the deployment's for what no deployment has made."""
    return revision - 1 if change.before is None else change.before
