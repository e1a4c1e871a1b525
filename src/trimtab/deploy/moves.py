"""Which way a move is carried out, forward and back."""

from trimtab.deploy import place
from trimtab.deploy.holder import behind, shared
from trimtab.deploy.plan import Move, Strategy
from trimtab.deploy.ready import Bad, Good
from trimtab.deploy.site import Site
from trimtab.deploy.steps import validated


async def forward(site: Site, move: Move) -> Good | Bad:
    """Carry a move out; whether the new container is good in its place."""
    if move.strategy is Strategy.START:
        return await _started(site, move)
    if move.strategy is Strategy.SHARE:
        return await shared.forward(site, move)
    return await (behind.forward if move.letter else place.forward)(site, move)


async def back(site: Site, move: Move) -> Good | Bad:
    """Undo a move, wherever it has stopped; whether the container before is good in its place."""
    if move.strategy is Strategy.START:
        async with site.step(move.slot.title, "stop", "back"):
            await site.containers.stop(move.before or move.slot.name, move.grace)
        return Good(0, "stopped again, as it was")
    if move.strategy is Strategy.SHARE:
        return await shared.back(site, move)
    return await (behind.back if move.letter else place.back)(site, move)


async def _started(site: Site, move: Move) -> Good | Bad:
    """What is there is started, and callers of the holder are let on to it."""
    name = move.before or move.slot.name
    async with site.step(move.slot.title, "start"):
        await site.containers.start(name)
    found = await validated(site, move, name)
    if isinstance(found, Good) and move.letter:
        await behind.led_again(site, move)
    return found
