"""The single steps of putting a container in its place and of taking it out again.

Every step looks at what it was given and does only what is left to do, so that a step may be done twice, and whoever comes
after an interrupted deployment can go on with it or undo it. The container before is renamed and stopped, never removed,
until the whole deployment is committed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.deploy import names
from trimtab.deploy.fresh import policy_before
from trimtab.deploy.plan import Move, Strategy
from trimtab.deploy.ready import Bad, Good, until_ended, until_good
from trimtab.deploy.site import Site
from trimtab.docker.containers import Container, timestamp

_NO: Mapping[str, object] = {"Name": "no"}


@dataclass(frozen=True, slots=True)
class Pair:
    """The two containers of a place while a deployment is under way."""

    new: Container | None
    before: Container | None


async def pair(site: Site, move: Move) -> Pair:
    """Both containers as they are now, by their names and marks."""
    slot = move.slot
    wanted = [slot.name, slot.fresh(site.revision), slot.before(site.revision), move.before_name or slot.name]
    found = await site.containers.inspected(list(dict.fromkeys(wanted)))
    ours = [each for each in found if each.labels.get(names.REVISION) == str(site.revision)]
    others = [each for each in found if each not in ours and move.before in {each.id, None}]
    return Pair(next(iter(ours), None), next(iter(others), None))


async def restarts_off(site: Site, move: Move, before: Container) -> None:
    """An engine that is started again midway would otherwise bring the container before back beside the new one."""
    if before.restart_policy != "no":
        async with site.step(move.slot.title, "switch its restarts off"):
            await site.containers.restart_policy(before.id, _NO)


async def stop_before(site: Site, move: Move, before: Container) -> None:
    """Stop the container before, by its own signal and with its own grace."""
    if before.running:
        async with site.step(move.slot.title, "stop the one before"):
            await site.containers.stop(before.id, move.grace)


async def move_aside(site: Site, move: Move, before: Container) -> None:
    """Give the name of the container before away."""
    aside = move.slot.before(site.revision)
    if before.name != aside:
        async with site.step(move.slot.title, "move the one before aside"):
            await site.containers.rename(before.id, aside)


async def take_name(site: Site, move: Move, new: Container) -> None:
    """Call the new container by the name of the place."""
    if new.name != move.slot.name:
        async with site.step(move.slot.title, "take the name"):
            await site.containers.rename(new.id, move.slot.name)


async def start_new(site: Site, move: Move, new: Container) -> None:
    """Start the new container."""
    if not new.running:
        async with site.step(move.slot.title, "start the new one"):
            await site.containers.start(new.id)


async def validated(site: Site, move: Move, name: str, *, bake: bool = True) -> Good | Bad:
    """Wait until the new container is good, and stays so for the bake time, or a job has ended well."""
    async with site.step(move.slot.title, "run to the end" if move.strategy is Strategy.JOB else "wait until it is good"):
        if move.strategy is Strategy.JOB:
            return await until_ended(site, name)
        return await until_good(site, name, move.slot.service, bake=bake)


async def stop_new(site: Site, move: Move, new: Container | None) -> None:
    """Stop the new container, and keep it from being started again."""
    if new is not None and new.running:
        async with site.step(move.slot.title, "stop the new one", "back"):
            await site.containers.restart_policy(new.id, _NO)
            await site.containers.stop(new.id, move.grace)


async def name_away(site: Site, move: Move, new: Container | None) -> None:
    """Take the name of the place from the new container."""
    if new is not None and new.name == move.slot.name:
        async with site.step(move.slot.title, "take its name away", "back"):
            await site.containers.rename(new.id, move.slot.fresh(site.revision))


async def named_again(site: Site, move: Move, before: Container, new: Container | None) -> None:
    """Give the container before its name and its restarts back."""
    title, name = move.slot.title, move.before_name or move.slot.name
    if before.name != name:
        async with site.step(title, "give the one before its name back", "back"):
            await site.containers.rename(before.id, name)
    policy = policy_before(new) if new else _NO
    if policy.get("Name") not in {"", before.restart_policy}:
        async with site.step(title, "switch its restarts on", "back"):
            await site.containers.restart_policy(before.id, policy)


async def start_again(site: Site, move: Move, before: Container) -> None:
    """Start the container before, where it ran."""
    if move.before_ran and not before.running:
        async with site.step(move.slot.title, "start the one before", "back"):
            await site.containers.start(before.id)


async def good_again(site: Site, move: Move, before: Container) -> Good | Bad:
    """Start the container before where it ran, and wait until it is good, for its bake time too where it had ended."""
    if not move.before_ran:
        return Good(0, "the one before did not run")
    ran = before.running
    await start_again(site, move, before)
    async with site.step(move.slot.title, "wait until it is good again", "back"):
        return await until_good(site, before.id, move.slot.service, bake=not ran)


async def away(site: Site, move: Move) -> float | None:
    """Seconds between the end of the container before and the start of the new one, by the engine's clock; None without both.

    Nothing is 0 that was not seen: a container before that still runs has no end.
    """
    now = await pair(site, move)
    if now.new is None or now.before is None:
        return None
    began, ended = timestamp(now.new.started), timestamp(now.before.finished)
    return max(0.0, began - ended) if began and ended and not now.before.running else None


def none_before(move: Move) -> Good | Bad:
    """What going back comes to where no container before is found."""
    return Good(0, "there was none before it") if move.before is None else Bad("the container before is gone")


async def no_trial(site: Site, move: Move) -> None:
    """Remove the container that a new version was tried in, if one is there. Its volumes stay."""
    tried = await site.containers.find(move.slot.trial(site.revision))
    if tried is not None:
        async with site.step(move.slot.title, "remove the one that was tried by itself"):
            await site.containers.stop(tried.id, move.grace)
            await site.containers.remove(tried.id)


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
