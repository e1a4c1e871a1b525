"""The plan that leads back to what services of a swarm were. Pure."""

from collections.abc import Collection, Sequence

from trimtab.deploy.revisions import behind
from trimtab.deploy.targets.swarm.cluster import Seen, Service
from trimtab.deploy.targets.swarm.kept import Kept
from trimtab.deploy.targets.swarm.plan import UPDATE, Change, SwarmPlan, nodes_said


def plan_back(
    seen: Seen, kept: Sequence[Kept], revision: int, services: Collection[str] = (), to: int | None = None
) -> SwarmPlan:  # fmt: skip
    """The plan of a rollback.

    Args:
        seen: The project as it is.
        kept: What its services were, by service and revision.
        revision: The number that the rollback gets.
        services: Services to go back with; none means those of the last deployment, or all where a revision is named.
        to: The revision to go to; None means, for each service, the one before what it runs.
    """
    latest = max((each.revision or 0 for each in seen.services.values()), default=0)
    last = {name for name, each in seen.services.items() if each.revision == latest and latest}
    meant = set(services) or (set(seen.services) if to is not None else last)
    changes: list[Change] = []
    stays: dict[str, str] = {}
    for name, service in seen.services.items():
        target = _target(service, [each for each in kept if each.service == name], to) if name in meant else "not asked for"
        if isinstance(target, str):
            stays[name] = target
            continue
        changes.append(
            Change(
                name, UPDATE, "going back", target.image, service.image, source=target.revision, before=service.source,
                number=service.number,
            )
        )  # fmt: skip
    return SwarmPlan(seen.project, revision, "rollback", nodes_said(seen), tuple(changes), stays)


def barred(seen: Seen, kept: Sequence[Kept], plan: SwarmPlan, contract: Collection[str]) -> tuple[str, ...]:
    """Why a rollback must not be made: it goes behind a job after which older versions do not work any more.

    Args:
        seen: The project as it is.
        kept: What its services were.
        plan: The rollback.
        contract: Jobs of which the user says so.
    """
    standing = {name: each.source or 0 for name, each in seen.services.items()}
    done = {job: [standing.get(job, 0), *(each.revision for each in kept if each.service == job)] for job in contract}
    return behind(done, {change.service: change.source for change in plan.changes})


def _target(service: Service, kept: Sequence[Kept], to: int | None) -> Kept | str:
    if service.is_job:
        return "a job is not done again by going back"
    current = service.source or 0
    below = [each for each in kept if (each.revision <= to if to is not None else each.revision < current)]
    if not below:
        own = f"; `docker service rollback {service.name}` goes to the one that the swarm has" if service.previous else ""
        return ("no earlier revision of it is kept" if to is None else f"no revision of it up to {to} is kept") + own
    return below[-1] if below[-1].revision != current else f"it runs revision {current} already"
