"""Carrying out the moves of a deployment; what fails is undone, by itself or with all the others.

What is away while it changes does so alone. What has no container before it, and what runs in both versions meanwhile, changes
side by side with others of its kind, each as soon as what it needs is good.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import anyio

from trimtab.deploy.holder.exchange import Exchange
from trimtab.deploy.holder.holding import HolderPlan
from trimtab.deploy.holder.station import refit, remove_holder, start_lane, unfit
from trimtab.deploy.moves import back, forward
from trimtab.deploy.outcome import Outcome, ServiceOutcome
from trimtab.deploy.plan import BOTH_RUN, Move, Strategy
from trimtab.deploy.ready import Bad, Good
from trimtab.deploy.revisions import forget
from trimtab.deploy.site import Site
from trimtab.deploy.steps import away, clear, settle
from trimtab.deploy.together import together
from trimtab.errors import EngineMissing, EngineRefused, ToolError
from trimtab.history.deployments import ServiceRow

T = TypeVar("T")
_LOOK = 0.2
_ENGINE_BACK = 120.0
"""Seconds for which an engine that went away is waited for: a restart of dockerd with some thirty containers takes 10-30."""


@dataclass
class Roll:
    """One deployment under way."""

    site: Site
    moves: tuple[Move, ...]
    whole: bool = False
    """Whether one service's failure undoes the whole deployment."""
    holder: HolderPlan = field(default_factory=HolderPlan)
    parallel: int = 1
    """Services that may run in both versions at once."""
    outcomes: dict[str, ServiceOutcome] = field(default_factory=dict[str, ServiceOutcome])
    problem: str = ""
    """Why the holder could not be made ready; no service was touched then."""
    busy: int = 0
    """Units that are neither carried out nor undone: of none, it may be said how it ended."""

    async def run(self) -> dict[str, ServiceOutcome]:
        """Carry out every move in order, up to the first service that fails.

        When this returns or raises, every service runs its new version or the one before, unless the engine is gone.
        """
        self.problem = await self._fitted()
        for batch in [] if self.problem else self._batches():
            left = [unit for unit in batch if any(service not in self.outcomes for service in unit.services)]
            failed = await (self._together(left) if len(left) > 1 else self._each(left))
            if failed:
                if self.whole:
                    await self.undo_deployed(f"`{failed.services[0]}` failed")
                break
        self.untouched(self.problem or "an earlier one failed")
        return self.outcomes

    def _batches(self) -> list[list["_Unit"]]:
        """What is carried out side by side: neighbours of one kind of which nothing is away meanwhile."""
        found: list[list[_Unit]] = []
        for unit in self.units():
            if found and unit.beside and unit.beside == found[-1][0].beside:
                found[-1].append(unit)
            else:
                found.append([unit])
        return found

    async def _each(self, units: Sequence["_Unit"]) -> "_Unit | None":
        """One after the other; the first that failed."""
        for unit in units:
            if not await self._unit(unit):
                return unit
        return None

    async def _together(self, units: Sequence["_Unit"]) -> "_Unit | None":
        """Each as soon as those that it needs are good; the first that failed. After one, no other is begun that would replace
        something."""
        ended = {service: anyio.Event() for unit in units for service in unit.services}
        failed: list[_Unit] = []
        at_once = anyio.CapacityLimiter(len(units) if units[0].is_first else self.parallel)

        async def one(unit: "_Unit") -> None:
            for need in unit.needs & set(ended):
                await ended[need].wait()
            for need in unit.after & set(ended):
                await self._started(need, ended[need])
            async with at_once:
                hopeless = any(not unit.is_first or set(other.services) & unit.needs for other in failed)
                if hopeless or not await self._unit(unit):
                    failed.append(unit)
            for service in unit.services:
                ended[service].set()

        await together(partial(one, unit) for unit in units)
        return failed[0] if failed else None

    async def _started(self, service: str, ended: anyio.Event) -> None:
        """Wait until a service of this deployment runs, or is at its end."""
        while not ended.is_set():
            mine = [move for move in self.moves if move.slot.service == service]
            now = await self.site.containers.inspected([move.slot.name for move in mine])
            if len(now) == len(mine) and all(each.running for each in now):
                return
            await anyio.sleep(_LOOK)

    def units(self) -> list["_Unit"]:
        """What is carried out together, in order: each service, and all that change over with the holder as one.

        Those come where the last of them would: what runs of them until then is their old versions.
        """
        services = list(dict.fromkeys(move.slot.service for move in self.moves))
        found = {name: _Unit(tuple(move for move in self.moves if move.slot.service == name)) for name in services}
        over = [name for name in services if found[name].moves[0].strategy is Strategy.EXCHANGE]
        together = _Unit(tuple(move for name in over for move in found[name].moves))
        return [together if name in over else found[name] for name in services if name not in over[:-1]]

    async def _fitted(self) -> str:
        """Lanes that nothing changes over to are started, and others get their new configuration; why not, if they do not."""
        if all(move.strategy is not Strategy.EXCHANGE for move in self.moves):
            for number in self.holder.new:
                if problem := await self._tried(partial(start_lane, self.site, self.holder.holding, number, {})):
                    return problem
        for number in self.holder.refit:
            if problem := await self._tried(partial(refit, self.site, self.holder.holding, number)):
                return problem
        return ""

    async def _tried(self, does: Callable[[], Awaitable[object]]) -> str:
        found = await self._patiently("", does)
        return found.reason if isinstance(found, Bad) else ""

    def untouched(self, reason: str) -> None:
        """Note of every service that nothing else is noted of that it runs what it ran."""
        for move in self.moves:
            name = move.slot.service
            if name not in self.outcomes:
                made = ServiceOutcome(name, move.strategy, Outcome.UNTOUCHED, reason)
                self._note(replace(made, before=move.before_image, after=move.image_id))

    async def _unit(self, unit: "_Unit") -> bool:
        """Carry a unit out, and undo it where it is not good; whether it is deployed."""
        began = time.monotonic()
        self.busy += 1
        try:
            found = await self._forward(unit)
        except EngineMissing:
            raise
        except BaseException:
            # Interrupted: nobody is to be left without a version that works.
            with anyio.CancelScope(shield=True):
                await self._undone(unit, {}, "it was interrupted", began)
            self.busy -= 1
            raise
        bad = {name: each for name, each in found.items() if isinstance(each, Bad)}
        for name, each in bad.items():
            self.site.watcher.failed(name, each.reason, each.tail)
        if bad:
            await self._undone(unit, found, f"`{min(bad)}` failed", began)
            self.busy -= 1
            return False
        for name, each in found.items():
            first = unit.first(name)
            seen = each.seen if isinstance(each, Good) else ""
            outcome = ServiceOutcome(name, first.strategy, Outcome.DEPLOYED, seen, time.monotonic() - began, passed=each.passed)
            healthy = each.seconds if isinstance(each, Good) else None
            gone = [await away(self.site, move) for move in unit.moves if move.slot.service == name and move.before_ran]
            seconds = max((each for each in gone if each is not None), default=None)
            self._note(replace(outcome, healthy=healthy, away=seconds, before=first.before_image, after=first.image_id))
        self.busy -= 1
        return True

    async def _forward(self, unit: "_Unit") -> Mapping[str, Good | Bad]:
        """How each service of a unit was found; after the first that is not good, nothing is said of the rest."""
        if unit.is_exchange:
            return await self._group(unit, Exchange(self.site, unit.moves, self.holder).forward)
        found: Good | Bad = Good(0, "")
        for move in unit.moves:
            found = await self._patiently(move.slot.title, partial(forward, self.site, move))
            if isinstance(found, Bad):
                break
        return {unit.moves[0].slot.service: found}

    async def _backward(self, unit: "_Unit") -> Mapping[str, Good | Bad]:
        if unit.is_exchange:
            return await self._group(unit, Exchange(self.site, unit.moves, self.holder).back)
        found: list[Good | Bad] = []
        for move in reversed(unit.moves):
            found.append(await self._patiently(move.slot.title, partial(back, self.site, move)))
        bad = [each for each in found if isinstance(each, Bad)]
        return {unit.moves[0].slot.service: bad[-1] if bad else found[-1]}

    async def _group(self, unit: "_Unit", does: Callable[[], Awaitable[dict[str, Good | Bad]]]) -> Mapping[str, Good | Bad]:
        found = await self._patiently("", does)
        return dict.fromkeys(unit.services, found) if isinstance(found, Bad) else found

    async def _undone(self, unit: "_Unit", forth: Mapping[str, Good | Bad], otherwise: str, began: float) -> None:
        """Undo a unit, and note of each service how it was found before, or the other reason."""
        found = await self._backward(unit)
        for service in unit.services:
            first, each, was = unit.first(service), found.get(service), forth.get(service)
            reason = was.reason if isinstance(was, Bad) else otherwise
            problem = f"; and the one before is not good either: {each.reason}" if isinstance(each, Bad) else ""
            outcome = Outcome.FAILED if problem else Outcome.ROLLED_BACK
            made = ServiceOutcome(service, first.strategy, outcome, f"{reason}{problem}", time.monotonic() - began)
            passed = was.passed if was is not None else self._passed(service)
            self._note(replace(made, before=first.before_image, after=first.image_id, passed=passed))

    def _passed(self, service: str) -> bool | None:
        """What is noted of a version that was deployed before it is taken back for another's sake."""
        return self.outcomes[service].passed if service in self.outcomes else None

    async def undo_deployed(self, reason: str) -> None:
        """Make every service as it was before that has got its new version in this deployment, the last first."""
        for unit in reversed(self.units()):
            done = [name for name in unit.services if name in self.outcomes and self.outcomes[name].outcome is Outcome.DEPLOYED]
            if done:
                await self._undone(unit, {}, reason, time.monotonic())

    async def undo(self) -> None:
        """Make everything as it was before, the last first. Where a new HAProxy cannot take over, the one before serves on."""
        for number in self.holder.refit:
            await self._tried(partial(unfit, self.site, self.holder.holding, number))
        for unit in reversed(self.units()):
            await self._undone(unit, {}, "it was asked for", time.monotonic())

    async def _patiently(self, place: str, does: Callable[[], Awaitable[T]]) -> T | Bad:
        """Something that may be done twice; an engine that goes away in between is waited for, and it is gone on with."""
        while True:
            try:
                return await does()
            except EngineMissing:
                self.site.watcher.told(place, "the engine does not answer; waiting for it")
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
            outcome.reason, outcome.seconds, outcome.away, outcome.healthy, outcome.passed,
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
        done = all(each.outcome is Outcome.DEPLOYED for each in self.outcomes.values())
        await self._sorted_out(done=done)
        if done:
            for identity, name in removals:
                async with self.site.step(name, "remove it, no file names it"):
                    await self.site.containers.stop(identity)
                    await self.site.containers.remove(identity)
        for name, each in self.outcomes.items():
            if each.outcome is not Outcome.DEPLOYED:
                await forget(self.site, name, self.site.revision)

    async def _sorted_out(self, *, done: bool) -> None:
        """Remove what the holder has no more use for: what was before, or what was made for nothing."""
        deployed = [name for name, each in self.outcomes.items() if each.outcome is Outcome.DEPLOYED]
        over = {move.slot.service for move in self.moves if move.strategy is Strategy.EXCHANGE}
        if over <= set(deployed) if over else done:
            await remove_holder(self.site, self.holder.ends)
        else:
            # Lanes that nothing changed over to were started before all else; what is behind them by now needs them.
            used = [] if over else deployed
            await remove_holder(self.site, self.holder.makes(self.site.project, self.site.revision, used))


@dataclass(frozen=True)
class _Unit:
    """Moves that succeed or fail together."""

    moves: tuple[Move, ...]

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(move.slot.service for move in self.moves))

    @property
    def needs(self) -> frozenset[str]:
        """Services that have to be good before."""
        return frozenset(need for move in self.moves for need in move.needs) - set(self.services)

    @property
    def after(self) -> frozenset[str]:
        """Services that have to be started before."""
        return frozenset(need for move in self.moves for need in move.after) - set(self.services) - self.needs

    @property
    def is_first(self) -> bool:
        return all(move.before is None for move in self.moves)

    @property
    def beside(self) -> str:
        """Of which kind it is that changes side by side; empty for what changes alone."""
        if self.is_first:
            return "first"
        return "both run" if all(move.strategy in BOTH_RUN for move in self.moves) else ""

    @property
    def is_exchange(self) -> bool:
        return any(move.strategy is Strategy.EXCHANGE for move in self.moves)

    def first(self, service: str) -> Move:
        return next(move for move in self.moves if move.slot.service == service)


async def undo(site: Site, moves: Sequence[Move], holder: HolderPlan) -> dict[str, ServiceOutcome]:
    """Undo a deployment that nobody is at work on any more, wherever it has stopped."""
    roll = Roll(site, tuple(moves), holder=holder)
    await roll.undo()
    await roll.commit()
    return roll.outcomes
