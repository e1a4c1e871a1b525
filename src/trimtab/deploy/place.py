"""One container takes the place of another by a swap: the old one ends before the new one starts."""

from trimtab.deploy import steps
from trimtab.deploy.fresh import make_fresh
from trimtab.deploy.plan import Move
from trimtab.deploy.ready import Bad, Good
from trimtab.deploy.site import Site
from trimtab.deploy.steps import pair


async def forward(site: Site, move: Move) -> Good | Bad:
    """Put the new container in its place; whether it is good there."""
    now = await pair(site, move)
    if now.new is None and move.joins:
        await make_fresh(site, move)
        now = await pair(site, move)
    if now.new is None:
        return Bad("its new container is gone")
    if now.before is not None:
        await steps.restarts_off(site, move, now.before)
        await steps.stop_before(site, move, now.before)
        await steps.move_aside(site, move, now.before)
    await steps.take_name(site, move, now.new)
    await steps.start_new(site, move, now.new)
    return await steps.validated(site, move, move.slot.name)


async def back(site: Site, move: Move) -> Good | Bad:
    """Make it as it was before; whether that is good. The new container is left, stopped and under its first name."""
    now = await pair(site, move)
    await steps.stop_new(site, move, now.new)
    await steps.name_away(site, move, now.new)
    if now.before is None:
        return steps.none_before(move)
    await steps.named_again(site, move, now.before, now.new)
    return await steps.good_again(site, move, now.before)
