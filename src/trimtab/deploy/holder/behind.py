"""A service behind the holder goes from one version to the next, and back.

Start first: the new version is good before anything is sent to it, the old one answers what it has begun, and is stopped
when nothing is left. Stop first: callers wait in HAProxy while one version ends and the other starts. Either way every step
looks at what is there and does only what is left to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import anyio

from trimtab.deploy import names, steps
from trimtab.deploy.holder.holding import standing
from trimtab.deploy.holder.layout import Held, SlotName
from trimtab.deploy.holder.runtime import is_resolved, of_slot, ready
from trimtab.deploy.holder.speech import HolderFailed
from trimtab.deploy.holder.station import Station
from trimtab.deploy.holder.switch import Step, hold_back, let_on, other, retreat, start_first
from trimtab.deploy.holder.trial import Trial
from trimtab.deploy.plan import Move, Strategy
from trimtab.deploy.ready import Bad, Good, no_more_good, until_bad
from trimtab.deploy.site import Direction, Site
from trimtab.deploy.together import together
from trimtab.docker.containers import Container


async def station_of(site: Site, lane: int) -> Station:
    """The lane that has this number and runs.

    Raises:
        HolderFailed: there is none.
    """
    for each in standing(await site.observe()):
        if each.track.lane.number == lane and each.proxy is not None and each.proxy.running:
            return Station(site, each.track, each.proxy.name)
    raise HolderFailed(f"the holder's lane {lane} does not run")


@dataclass(frozen=True)
class _Work:
    """One service of a lane under way."""

    site: Site
    move: Move
    station: Station

    @property
    def to(self) -> SlotName:
        """The new container's slot."""
        return cast("SlotName", self.move.letter)

    @property
    def title(self) -> str:
        return self.move.slot.title

    async def held(self, live: SlotName | None) -> Held:
        """Have a newly started HAProxy lead to this slot; the service as HAProxy is to know it."""
        return (await self.station.write({self.move.slot.service: live}))[self.move.slot.service]

    async def carried(self, plan: Sequence[Step], one: Held) -> None:
        """Take every step."""
        for step in plan:
            await self.station.carry(step, one)

    def host(self, container: Container) -> str:
        return names.host(self.move.slot.service, int(container.labels.get(names.REVISION, "0")))

    async def addresses(self, container: Container) -> tuple[str, ...]:
        """Where a container is, as it runs now."""
        found = await self.site.containers.find(container.id)
        return tuple(each.address for each in found.endpoints.values() if each.address) if found else ()

    async def led_to(self, container: Container, letter: SlotName, direction: Direction) -> None:
        """Let those who wait, and all others, on to a container that is good; nothing when they are already."""
        one = await self.held(letter)
        addresses = await self.addresses(container)
        stats = await self.station.stats()
        if is_resolved(stats, one, letter, addresses) and all(each.is_ready for each in of_slot(stats, one, letter)):
            return
        async with self.site.step(self.title, "let callers on", direction):
            await self.carried(let_on(one, letter, self.host(container), addresses), one)


async def forward(site: Site, move: Move) -> Good | Bad:
    """Bring the new version behind the holder into use; whether it is good there."""
    work = _Work(site, move, await station_of(site, move.lane))
    now = await steps.pair(site, move)
    if now.new is None:
        return Bad("its new container is gone")
    if move.strategy is Strategy.SWITCH and now.before is not None and now.before.running:
        return await _switched(work, now.new, now.before)
    async with site.lane(move.lane):
        return await _held(work, now.new, now.before)


async def _switched(work: _Work, new: Container, before: Container) -> Good | Bad:
    """Both run; what is new goes to the new one, and the one before ends when it has nothing left to do."""
    site, move = work.site, work.move
    await steps.start_new(site, move, new)
    found = await steps.validated(site, move, new.id, bake=False)
    if isinstance(found, Bad):
        return found
    async with site.lane(move.lane):
        return await _led_over(work, new, before, found)


async def _led_over(work: _Work, new: Container, before: Container, found: Good) -> Good | Bad:
    """Callers go over to a new version that is good, and the one before ends."""
    site, move = work.site, work.move
    one = await work.held(other(work.to))
    # A switch that was interrupted may have left the old one without callers; pointing the slot anew would leave them nowhere.
    await work.station.tell(ready(one, other(work.to)))
    plan = start_first(
        one, work.to, work.host(new), await work.addresses(new), trial_seconds=site.checks.bake, drain_seconds=site.checks.drain
    )
    async with site.step(work.title, "lead callers to both"):
        await work.carried(plan[:1], one)
        trial = await _tried(work, plan[1], one, new)
    if isinstance(trial, Bad):
        # What only its callers noticed, its health check has passed.
        return trial if trial.passed is False else replace(trial, passed=found.passed)
    one = await work.held(work.to)
    await steps.restarts_off(site, move, before)
    await steps.move_aside(site, move, before)
    await steps.take_name(site, move, new)
    async with site.step(work.title, "lead callers to the new one; the one before finishes"):
        await work.carried(plan[2:], one)
    await steps.stop_before(site, move, before)
    return replace(found, seen=f"{found.seen}, {trial.text}") if trial.new.sessions else found


async def _tried(work: _Work, step: Step, one: Held, new: Container) -> Trial | Bad:
    """What was counted while both have callers; it ends early where the new version is no more good."""
    seen: list[Trial | Bad] = []
    with anyio.CancelScope() as both:

        async def counts() -> None:
            seen.append(await work.station.trial(step, one, work.to))
            both.cancel()

        async def watches() -> None:
            seen.append(await until_bad(work.site, new.id))
            both.cancel()

        await together((counts, watches))
    found = seen[0]
    if isinstance(found, Trial):
        found = await no_more_good(work.site, new.id) or (Bad(found.worse) if found.worse else found)
    return found


async def _held(work: _Work, new: Container, before: Container | None) -> Good | Bad:
    """Callers wait while the one before ends and the new one starts."""
    site, move = work.site, work.move
    if before is not None:
        await steps.restarts_off(site, move, before)
        await steps.move_aside(site, move, before)
        if before.running:
            one = await work.held(None)
            async with site.step(work.title, "keep callers waiting; the one before finishes"):
                await work.carried(hold_back(one, other(work.to), drain_seconds=site.checks.drain), one)
        await steps.stop_before(site, move, before)
    await steps.take_name(site, move, new)
    await steps.start_new(site, move, new)
    found = await steps.validated(site, move, new.id)
    if isinstance(found, Good):
        await work.led_to(new, work.to, "forward")
    return found


async def back(site: Site, move: Move) -> Good | Bad:
    """Make it as it was before; whether that is good. The new container is left, stopped and under its first name."""
    async with site.lane(move.lane):
        return await _back(_Work(site, move, await station_of(site, move.lane)))


async def _back(work: _Work) -> Good | Bad:
    site, move = work.site, work.move
    now = await steps.pair(site, move)
    if now.before is None:
        await steps.stop_new(site, move, now.new)
        await steps.name_away(site, move, now.new)
        return steps.none_before(move)
    # One that did not run gets no callers: there is nobody to lead back.
    if move.strategy is Strategy.SWITCH and move.before_ran:
        return await _retreated(work, now.new, now.before)
    if now.new is not None and now.new.running:
        one = await work.held(None)
        async with site.step(work.title, "keep callers waiting", "back"):
            await work.carried(hold_back(one, work.to, drain_seconds=site.checks.drain), one)
    await steps.stop_new(site, move, now.new)
    await steps.name_away(site, move, now.new)
    await steps.named_again(site, move, now.before, now.new)
    found = await steps.good_again(site, move, now.before)
    if isinstance(found, Good) and move.before_ran:
        await work.led_to(now.before, other(work.to), "back")
    return found


async def _retreated(work: _Work, new: Container | None, before: Container) -> Good | Bad:
    """The one before gets all callers back before the new one ends: good or not, it is what will be there."""
    site, move = work.site, work.move
    was = before.running
    found = await steps.good_again(site, move, before)
    if isinstance(found, Good) and not was:
        await work.led_to(before, other(work.to), "back")
    one = await work.held(other(work.to))
    async with site.step(work.title, "lead callers to the one before", "back"):
        await work.carried(retreat(one, other(work.to), drain_seconds=site.checks.drain), one)
    await steps.stop_new(site, move, new)
    await steps.name_away(site, move, new)
    await steps.named_again(site, move, before, new)
    return found


async def led(site: Site, move: Move) -> None:
    """Let callers on to a new container that is good."""
    now = await steps.pair(site, move)
    if now.new is not None:
        work = _Work(site, move, await station_of(site, move.lane))
        await work.led_to(now.new, work.to, "forward")


async def led_again(site: Site, move: Move) -> None:
    """Let callers on to a container that was there already, and has been started."""
    found = await site.containers.find(move.before or move.slot.name)
    if found is not None:
        work = _Work(site, move, await station_of(site, move.lane))
        await work.led_to(found, work.to, "forward")
