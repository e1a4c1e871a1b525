"""Carrying out the moves of a deployment, one after the other; what fails is undone, by itself or with all the others."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import anyio

from trimtab.deploy.outcome import Outcome, ServiceOutcome
from trimtab.deploy.place import back, clear, forward, settle
from trimtab.deploy.plan import Move
from trimtab.deploy.ready import Bad, Good
from trimtab.deploy.revisions import forget
from trimtab.deploy.site import Site
from trimtab.errors import EngineMissing, EngineRefused, ToolError
from trimtab.history.deployments import ServiceRow

_ENGINE_BACK = 120.0
"""Seconds for which an engine that went away is waited for: a restart of dockerd with some thirty containers takes 10-30."""


@dataclass
class Roll:
    """One deployment under way."""

    site: Site
    moves: tuple[Move, ...]
    whole: bool = False
    """Whether one service's failure undoes the whole deployment."""
    outcomes: dict[str, ServiceOutcome] = field(default_factory=dict[str, ServiceOutcome])

    async def run(self) -> dict[str, ServiceOutcome]:
        """Carry out every move in order, up to the first service that fails.

        When this returns or raises, every service runs its new version or the one before, unless the engine is gone.
        """
        for service in dict.fromkeys(move.slot.service for move in self.moves):
            if self.outcomes.get(service):
                continue
            found = await self._service(service)
            self._note(found)
            if found.outcome is not Outcome.DEPLOYED:
                await self._after_failure(service)
                break
        self.untouched("an earlier one failed")
        return self.outcomes

    def untouched(self, reason: str) -> None:
        """Note of every service that nothing else is noted of that it runs what it ran."""
        for move in self.moves:
            name = move.slot.service
            if name not in self.outcomes:
                made = ServiceOutcome(name, move.strategy, Outcome.UNTOUCHED, reason)
                self._note(replace(made, before=move.before_image, after=move.image_id))

    async def _service(self, service: str) -> ServiceOutcome:
        """One service's places, one after the other."""
        began = time.monotonic()
        mine = [move for move in self.moves if move.slot.service == service]
        found: Good | Bad = Good(0, "")
        try:
            for move in mine:
                found = await self._patiently(forward, move)
                if isinstance(found, Bad):
                    break
        except EngineMissing:
            raise
        except BaseException:
            # Interrupted: nobody is to be left without a version that works.
            with anyio.CancelScope(shield=True):
                self._note(await self._undone(mine, "it was interrupted", began))
            raise
        if isinstance(found, Bad):
            self.site.watcher.failed(service, found.reason, found.tail)
            return await self._undone(mine, found.reason, began)
        outcome = ServiceOutcome(service, mine[0].strategy, Outcome.DEPLOYED, found.seen, time.monotonic() - began)
        return replace(outcome, healthy=found.seconds, before=mine[0].before_image, after=mine[0].image_id)

    async def _undone(self, moves: Sequence[Move], reason: str, began: float) -> ServiceOutcome:
        problem = ""
        for move in reversed(moves):
            found = await self._patiently(back, move)
            if isinstance(found, Bad):
                problem = f"; and the one before is not good either: {found.reason}"
        first = moves[0]
        outcome = Outcome.FAILED if problem else Outcome.ROLLED_BACK
        made = ServiceOutcome(first.slot.service, first.strategy, outcome, f"{reason}{problem}", time.monotonic() - began)
        return replace(made, before=first.before_image, after=first.image_id)

    async def _after_failure(self, failed: str) -> None:
        if not self.whole:
            return
        deployed = [name for name, each in self.outcomes.items() if each.outcome is Outcome.DEPLOYED]
        for service in reversed(deployed):
            await self.undo_service(service, f"`{failed}` failed")

    async def undo_service(self, service: str, reason: str = "it was asked for") -> None:
        """Make a service as it was before."""
        mine = [move for move in self.moves if move.slot.service == service]
        self._note(await self._undone(mine, reason, time.monotonic()))

    async def _patiently(self, does: Callable[[Site, Move], Awaitable[Good | Bad]], move: Move) -> Good | Bad:
        """One direction of a move; an engine that goes away in between is waited for, and the move gone on with."""
        while True:
            try:
                return await does(self.site, move)
            except EngineMissing:
                self.site.watcher.told(move.slot.title, "the engine does not answer; waiting for it")
                await self._engine_back()
            except EngineRefused as error:
                return Bad(f"the engine refused it: {error.reason}")
            except ToolError as error:
                return Bad(str(error))

    async def _engine_back(self) -> None:
        ends = time.monotonic() + _ENGINE_BACK
        while True:
            try:
                await self.site.observe()
            except EngineMissing:
                if time.monotonic() > ends:
                    raise
                await anyio.sleep(1)
            else:
                return

    def _note(self, outcome: ServiceOutcome) -> None:
        self.outcomes[outcome.service] = outcome
        row = ServiceRow(
            self.site.deployment, outcome.service, str(outcome.strategy), outcome.before, outcome.after, str(outcome.outcome),
            outcome.reason, outcome.seconds, outcome.away, outcome.healthy,
        )  # fmt: skip
        self.site.note(lambda: self.site.journal.service(row), must=outcome.outcome is Outcome.DEPLOYED)

    async def commit(self, removals: Sequence[tuple[str, str]] = ()) -> None:
        """Remove what nobody needs any more: what was before, what failed, what no file names.

        Args:
            removals: Ids and names of containers that no file has a place for. Nothing of them goes after a failure.
        """
        for move in self.moves:
            if self.outcomes[move.slot.service].outcome is Outcome.DEPLOYED:
                await settle(self.site, move)
            else:
                await clear(self.site, move)
        if all(each.outcome is Outcome.DEPLOYED for each in self.outcomes.values()):
            for identity, name in removals:
                async with self.site.step(name, "remove it, no file names it"):
                    await self.site.containers.stop(identity)
                    await self.site.containers.remove(identity)
        for name, each in self.outcomes.items():
            if each.outcome is not Outcome.DEPLOYED:
                await forget(self.site, name, self.site.revision)


async def undo(site: Site, moves: Sequence[Move]) -> dict[str, ServiceOutcome]:
    """Undo a deployment that nobody is at work on any more, wherever it has stopped."""
    roll = Roll(site, tuple(moves))
    for service in reversed(list(dict.fromkeys(move.slot.service for move in moves))):
        await roll.undo_service(service)
    await roll.commit()
    return roll.outcomes
