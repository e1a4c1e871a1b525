"""A service whose versions share their ports (`SO_REUSEPORT`) goes from one version to the next, and back.

All versions are in the network of the lane's anchor, which owns names and published ports, and the kernel gives each new
connection to one of the sockets that listen. No hop is between callers and service, and nothing can hold a bad version back
once it listens. So a new version is tried by itself first, where nobody asks for it, with the same checks; only then is it
started beside the one before, seen to listen on the same ports, and the one before is told to end. The program has to set
`SO_REUSEPORT`, to listen only when it is ready, and to finish what it has begun when it is told to end.
"""

import secrets
import time
from collections.abc import Mapping, Set
from dataclasses import replace

import anyio

from trimtab.deploy import place, steps
from trimtab.deploy.fresh import make_trial
from trimtab.deploy.holder.holding import Standing, image_of, standing
from trimtab.deploy.holder.speech import HolderFailed
from trimtab.deploy.plan import Move
from trimtab.deploy.ready import Bad, Good, allowance, until_good
from trimtab.deploy.site import Site
from trimtab.docker.command import execute, run_beside
from trimtab.docker.containers import Container
from trimtab.docker.sockets import TABLES, listeners

_SECONDS = 60.0
_LOOK = 0.2
Sockets = Mapping[int, Set[int]]


async def forward(site: Site, move: Move) -> Good | Bad:
    """Bring the new version into use beside the one before; whether it is good there."""
    now = await steps.pair(site, move)
    if now.new is None:
        return Bad("its new container is gone")
    if now.before is None or not now.before.running:
        return await place.forward(site, move)
    if now.new.running:
        # Of sockets that are there already it cannot be told whose they are.
        async with site.step(move.slot.title, "stop the new one, to see it begin"):
            await site.containers.stop(now.new.id, move.grace)
        return await forward(site, move)
    lane = await _lane(site, move)
    alone = await _tried(site, move, lane)
    if isinstance(alone, Bad):
        return alone
    before = await _sockets_of(site, lane)
    if missing := [port for port in _published(lane) if port in before and port not in alone]:
        return Bad(f"it does not listen on port {missing[0]}, which a port of the host leads to")
    common = {port: before[port] for port in alone if port in before}
    if not common:
        return Bad("it was not seen to listen on any port of the one before")
    await steps.start_new(site, move, now.new)
    silent = await _silent(site, move, lane, now.new, common)
    found = await steps.validated(site, move, now.new.id)
    if isinstance(found, Bad):
        return found
    if silent is not None:
        return Bad(f"it does not listen on port {silent} beside the one before: its program has to set SO_REUSEPORT")
    await steps.restarts_off(site, move, now.before)
    await steps.move_aside(site, move, now.before)
    await steps.take_name(site, move, now.new)
    await steps.stop_before(site, move, now.before)
    return replace(found, seen=f"{found.seen}, by itself and beside the one before")


async def back(site: Site, move: Move) -> Good | Bad:
    """Make it as it was before; whether that is good. The new container is left, stopped and under its first name."""
    await steps.no_trial(site, move)
    now = await steps.pair(site, move)
    if now.before is None or not move.before_ran:
        return await place.back(site, move)
    found = await steps.good_again(site, move, now.before)
    if isinstance(found, Bad):
        return found
    await steps.stop_new(site, move, now.new)
    await steps.name_away(site, move, now.new)
    await steps.named_again(site, move, now.before, now.new)
    return found


async def _lane(site: Site, move: Move) -> Standing:
    for each in standing(await site.observe()):
        if each.track.of(move.slot.service) is not None and each.anchor.running:
            return each
    raise HolderFailed(f"the anchor of `{move.slot.service}` does not run")


def _published(lane: Standing) -> list[int]:
    return sorted(lane.track.shared.published) if lane.track.shared else []


async def _tried(site: Site, move: Move, lane: Standing) -> Sockets | Bad:
    """The new version by itself: what it listens on once it is good, or that it is not."""
    await steps.no_trial(site, move)
    identity = await make_trial(site, move)
    async with site.step(move.slot.title, "try the new one by itself"):
        await site.containers.start(identity)
        found = await until_good(site, identity, move.slot.service, bake=False)
        seen: Sockets = {}
        if isinstance(found, Good):
            beside = run_beside(identity, image_of(lane.anchor), f"ports-{secrets.token_hex(4)}", "cat", TABLES)
            seen = listeners((await site.runner.run(beside, timeout=_SECONDS)).text, reachable=True)
    await steps.no_trial(site, move)
    return found if isinstance(found, Bad) else seen


async def _sockets_of(site: Site, lane: Standing) -> Sockets:
    """Every socket that listens in the lane's network."""
    done = await site.runner.run(execute(lane.anchor.id, "cat", *TABLES), timeout=_SECONDS)
    return listeners(done.text, reachable=True)


async def _silent(site: Site, move: Move, lane: Standing, new: Container, before: Sockets) -> int | None:
    """Wait until every port has a socket more than before; a port that has not when the time is up or the new one ended."""
    ends = time.monotonic() + allowance(new, site.checks)
    async with site.step(move.slot.title, "wait until it listens beside the one before"):
        while True:
            now = await _sockets_of(site, lane)
            silent = next((port for port, sockets in sorted(before.items()) if not now.get(port, set()) - sockets), None)
            there = await site.containers.find(new.id)
            if silent is None or time.monotonic() > ends or there is None or not there.running or there.restarts:
                return silent
            await anyio.sleep(_LOOK)
