"""Putting one container in its place, and taking it out again.

Every step looks at the engine first and does only what is left to do, so that a step may be done twice, and whoever comes
after an interrupted deployment can go on with it or undo it. The container before is renamed and stopped, never removed,
until the whole deployment is committed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.deploy import names
from trimtab.deploy.fresh import make_fresh, policy_before
from trimtab.deploy.plan import Move, Strategy
from trimtab.deploy.ready import Bad, Good, until_ended, until_good
from trimtab.deploy.site import Site
from trimtab.docker.containers import Container

_NO: Mapping[str, object] = {"Name": "no"}


@dataclass(frozen=True, slots=True)
class Pair:
    """The two containers of a place while a deployment is under way."""

    new: Container | None
    before: Container | None


async def pair(site: Site, move: Move) -> Pair:
    """Both containers as they are now, by their names and marks."""
    slot = move.slot
    wanted = [
        slot.name,
        slot.fresh(site.revision),
        slot.before(site.revision),
        *([move.before_name] if move.before_name else []),
    ]
    found = await site.containers.inspected(list(dict.fromkeys(wanted)))
    ours = [each for each in found if each.labels.get(names.REVISION) == str(site.revision)]
    others = [each for each in found if each not in ours and move.before in {each.id, None}]
    return Pair(next(iter(ours), None), next(iter(others), None))


async def forward(site: Site, move: Move) -> Good | Bad:
    """Put the new container in its place; whether it is good there."""
    title = move.slot.title
    if move.strategy is Strategy.START:
        async with site.step(title, "start"):
            await site.containers.start(move.before or move.slot.name)
        return await _validated(site, move)
    now = await pair(site, move)
    if now.new is None and move.joins:
        await make_fresh(site, move)
        now = await pair(site, move)
    if now.new is None:
        return Bad("its new container is gone")
    await _step_aside(site, move, now.before)
    if now.new.name != move.slot.name:
        async with site.step(title, "take the name"):
            await site.containers.rename(now.new.id, move.slot.name)
    if not now.new.running:
        async with site.step(title, "start the new one"):
            await site.containers.start(now.new.id)
    return await _validated(site, move)


async def _step_aside(site: Site, move: Move, before: Container | None) -> None:
    """Stop the container before, and give its name away."""
    if before is None:
        return
    title, aside = move.slot.title, move.slot.before(site.revision)
    if before.restart_policy != "no":
        # An engine that is started again midway would otherwise bring it back beside the new one.
        async with site.step(title, "switch its restarts off"):
            await site.containers.restart_policy(before.id, _NO)
    if before.running:
        async with site.step(title, "stop the one before"):
            await site.containers.stop(before.id, move.grace)
    if before.name != aside:
        async with site.step(title, "move the one before aside"):
            await site.containers.rename(before.id, aside)


async def _validated(site: Site, move: Move) -> Good | Bad:
    async with site.step(move.slot.title, "run to the end" if move.strategy is Strategy.JOB else "wait until it is good"):
        if move.strategy is Strategy.JOB:
            return await until_ended(site, move.slot.name)
        return await until_good(site, move.slot.name, move.slot.service)


async def back(site: Site, move: Move) -> Good | Bad:
    """Make it as it was before; whether that is good. The new container is left, stopped and under its first name."""
    title = move.slot.title
    if move.strategy is Strategy.START:
        async with site.step(title, "stop", "back"):
            await site.containers.stop(move.before or move.slot.name, move.grace)
        return Good(0, "stopped again, as it was")
    now = await pair(site, move)
    if now.new is not None and now.new.running:
        async with site.step(title, "stop the new one", "back"):
            await site.containers.restart_policy(now.new.id, _NO)
            await site.containers.stop(now.new.id, move.grace)
    if now.new is not None and now.new.name == move.slot.name:
        async with site.step(title, "take its name away", "back"):
            await site.containers.rename(now.new.id, move.slot.fresh(site.revision))
    if now.before is None:
        return Good(0, "there was none before it") if move.before is None else Bad("the container before is gone")
    return await _restored(site, move, now.before, now.new)


async def _restored(site: Site, move: Move, before: Container, new: Container | None) -> Good | Bad:
    title, name = move.slot.title, move.before_name or move.slot.name
    if before.name != name:
        async with site.step(title, "give the one before its name back", "back"):
            await site.containers.rename(before.id, name)
    policy = policy_before(new) if new else _NO
    if policy.get("Name") not in {"", before.restart_policy}:
        async with site.step(title, "switch its restarts on", "back"):
            await site.containers.restart_policy(before.id, policy)
    if not move.before_ran:
        return Good(0, "the one before did not run")
    if not before.running:
        async with site.step(title, "start the one before", "back"):
            await site.containers.start(before.id)
    async with site.step(title, "wait until it is good again", "back"):
        return await until_good(site, before.id, move.slot.service)


async def settle(site: Site, move: Move) -> None:
    """The end of a place that stays changed: the container before is removed. Its volumes stay."""
    before = await site.containers.find(move.slot.before(site.revision))
    if before is not None and before.labels.get(names.REVISION) != str(site.revision):
        async with site.step(move.slot.title, "remove the one before"):
            await site.containers.remove(before.id)


async def clear(site: Site, move: Move) -> None:
    """The end of a place that stays as it was: the container that was to have it is removed. Its volumes stay.

    One that has never been started has only empty volumes of its own; they go with it.
    """
    fresh = await site.containers.find(move.slot.fresh(site.revision))
    if fresh is not None and fresh.labels.get(names.REVISION) == str(site.revision):
        async with site.step(move.slot.title, "remove the new one", "back"):
            await site.containers.remove(fresh.id, with_own_volumes=fresh.state == "created")
