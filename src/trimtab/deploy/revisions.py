"""Revisions: which there are, which one a rollback goes to, and which ones are forgotten. Pure but for `retain`."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from trimtab.deploy import names
from trimtab.deploy.holder.holding import HolderPlan, Holding, letter_of, standing
from trimtab.deploy.holder.switch import other as other_slot
from trimtab.deploy.names import Slot
from trimtab.deploy.observed import Instance, Kept, Observed
from trimtab.deploy.plan import Change, Plan, Strategy
from trimtab.deploy.site import Site
from trimtab.docker.command import untag


def next_revision(observed: Observed, last: int) -> int:
    """The number for the next deployment.

    Args:
        observed: The project, whose containers carry the numbers they were made under.
        last: The highest number in the journal.

    One more is left free where something runs that no deployment has made: that becomes the revision to go back to.
    """
    given = [last, *(each.revision for each in observed.kept), *(each.revision or 0 for each in observed.instances)]
    found = any(each.revision is None for each in observed.instances)
    return max(given) + (2 if found else 1)


def plan_rollback(
    observed: Observed, revision: int, services: Collection[str] = (), to: int | None = None
) -> Plan:  # fmt: skip
    """The plan that leads back.

    Args:
        observed: The project as it is.
        revision: The number that the rollback gets.
        services: Services to go back with; none means those of the last deployment, or all where a revision is named.
        to: The revision to go to; None means, for each service, the one before what it runs.
    """
    every = {each.service for each in observed.instances}
    latest = max((each.revision or 0 for each in observed.instances), default=0)
    last = {each.service for each in observed.instances if each.revision == latest and latest}
    meant = set(services) or (every if to is not None else last)
    stays: dict[str, str] = {}
    changes: list[Change] = []
    for service in ordered(observed, sorted(every)):
        mine = observed.of(service)
        target = _target(observed, service, to, mine) if service in meant else "not asked for"
        if isinstance(target, str):
            stays[service] = target
            continue
        changes += [_change(observed, each, target) for each in mine]
    changed = {change.slot.service for change in changes}
    tracks = tuple(each.track for each in standing(observed))
    planned = tuple(_with_needs(change, changed, observed) for change in changes)
    return Plan(observed.project, revision, "rollback", planned, stays=stays, holder=HolderPlan(Holding("", tracks)))


def _target(observed: Observed, service: str, to: int | None, mine: Collection[Instance]) -> Kept | str:
    current = max((each.source or 0 for each in mine), default=0)
    if any(each.container.labels.get(names.STRATEGY) == Strategy.JOB for each in mine):
        return "a job is not done again by going back"
    below = [
        each for each in observed.revisions(service) if (each.revision <= to if to is not None else each.revision < current)
    ]
    if not below:
        return "no earlier revision of it is kept" if to is None else f"no revision of it up to {to} is kept"
    return below[-1] if below[-1].revision != current else f"it runs revision {current} already"


def _change(observed: Observed, instance: Instance, target: Kept) -> Change:
    slot = Slot(observed.project, instance.service, instance.number, instance.container.name)
    image = target.container.labels.get(names.IMAGE, "")
    made = Change(slot, Strategy.SWAP, "going back", image, target.container.image, instance, source=target.revision)
    letter = letter_of(instance)
    track = next((each.track for each in standing(observed) if each.track.of(instance.service)), None)
    behind = track.of(instance.service) if track else None
    if track is not None and behind is not None and behind.shared:
        return replace(made, strategy=Strategy.SHARE, lane=track.lane.number, shared=True)
    if letter is None or track is None or behind is None:
        return made
    strategy = Strategy.HOLD if behind.stop_first else Strategy.SWITCH
    return replace(made, strategy=strategy, letter=other_slot(letter), lane=track.lane.number, early=not behind.stop_first)


def _with_needs(change: Change, changed: Collection[str], observed: Observed) -> Change:
    """The change with the services of the plan that it has to come after."""
    instance = next(iter(observed.of(change.slot.service)))
    return replace(change, needs=tuple(name for name in needs_of(instance) if name in changed))


def needs_of(instance: Instance) -> tuple[str, ...]:
    """The services that a container's one depends on, as compose has noted on it."""
    listed = instance.container.labels.get(names.COMPOSE_DEPENDS, "")
    return tuple(each.split(":")[0] for each in listed.split(",") if each)


def ordered(observed: Observed, services: Iterable[str]) -> tuple[str, ...]:
    """Services after those that they depend on."""
    first = {each.service: each for each in reversed(observed.instances)}
    found: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in found or name in above or name not in first:
            return
        for other in needs_of(first[name]):
            visit(other, (*above, name))
        found[name] = None

    for name in services:
        visit(name, ())
    return tuple(found)


def barred(observed: Observed, plan: Plan, contract: Collection[str]) -> tuple[str, ...]:
    """Why a rollback must not be made: it goes behind a job after which older versions do not work any more.

    Args:
        observed: The project as it is.
        plan: The rollback.
        contract: Jobs of which the user says so: they take away what only older versions need.
    """
    done = {
        job: [*(each.revision for each in observed.revisions(job)), *(each.source or 0 for each in observed.of(job))]
        for job in contract
    }
    return behind(done, {change.slot.service: change.source for change in plan.changes})


def behind(done: Mapping[str, Iterable[int]], targets: Mapping[str, int | None]) -> tuple[str, ...]:
    """Which services would go to a revision from before a job, and why that must not be.

    Args:
        done: The jobs after which older versions do not work any more, with the revisions of which they have run.
        targets: The services that go back, and the revisions that they go back to.
    """
    last = {job: max(revisions, default=0) for job, revisions in done.items()}
    return tuple(
        f"`{service}`: revision {source} does not work any more, since `{job}` of revision {newest} has run"
        for job, newest in last.items()
        for service, source in targets.items()
        if (source or 0) < newest
    )


def surplus(observed: Observed, retain: int) -> tuple[Kept, ...]:
    """Kept revisions that may be forgotten: older than the newest so many of their service, and not the one in use."""
    found: list[Kept] = []
    for service in {each.service for each in observed.kept}:
        used = {each.source for each in observed.of(service)}
        mine = observed.revisions(service)
        old = mine[: max(0, len(mine) - retain)]
        found += [each for each in old if each.revision not in used]
    return tuple(sorted(found, key=lambda each: (each.service, each.revision)))


async def retain(site: Site, number: int) -> Mapping[str, int]:
    """Forget revisions beyond a number; how many of each service were forgotten."""
    gone: dict[str, int] = {}
    for each in surplus(await site.observe(), number):
        async with site.step(each.service, f"forget revision {each.revision}"):
            await forget(site, each.service, each.revision)
        gone[each.service] = gone.get(each.service, 0) + 1
    return gone


async def forget(site: Site, service: str, revision: int) -> None:
    """Remove what is kept of a revision, if anything is. An image that has no other name, and is not in use, goes with it."""
    kept = await site.containers.find(names.kept(site.project, service, revision))
    if kept is not None:
        await site.containers.remove(kept.id, with_own_volumes=True)
    await site.runner.run(untag(names.tag(site.project, service, revision)), timeout=60)
