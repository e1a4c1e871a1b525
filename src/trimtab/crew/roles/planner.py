"""The planner: what is to be done, in which order, and what each batch will be proven by."""

from trimtab.crew.conclude import Claims, conclude
from trimtab.crew.instructions import Topic
from trimtab.crew.model import Brief, Do, Done, Report, Role, Step
from trimtab.crew.policy import changing_rules
from trimtab.fleet.plain import items, mapping

_BUILDS = (Topic.PARALLEL_BUILDS, Topic.BUILD_TIME, Topic.BUILD_PROCESS, Topic.BUILD_CACHING, Topic.CI)
_DEPLOYMENTS = (Topic.DEPLOYMENT, Topic.ZERO_DOWNTIME, Topic.ROLLBACK, Topic.GRACEFUL_SHUTDOWN)


async def planner(brief: Brief, do: Do) -> Report:
    """Lists the changes in batches, the images in waves, and what a deployment would do; changes nothing."""
    claims = Claims(brief, Role.PLANNER)
    # What is only to be looked at is planned as well: a plan changes nothing.
    rules = changing_rules(brief.instruction) or brief.instruction.rules
    chosen = ("--select", ",".join(rules)) if rules else ()
    plan = await do(Step("plan", ("plan", *brief.where, *chosen, *brief.settings)))
    said = f"{len(items(mapping(plan.data).get('batches')))} batches of changes"
    for number, each in enumerate(items(mapping(plan.data).get("batches"))):
        claims.add(plan, str(mapping(each).get("title")), "batches", number, "items", counted=True)
    steps, optional = [plan], list[Done]()
    if brief.asks(*_BUILDS) and not brief.files:
        waves = await do(Step("builds", ("ci", str(brief.tree), "--plan", *brief.settings)))
        claims.add(waves, "images to build", "targets", counted=True)
        claims.add(waves, "waves of images that need nothing of each other", "waves", counted=True)
        steps.append(waves)
        said += f"; waves of images: {len(items(mapping(waves.data).get('waves')))}"
    if brief.asks(*_DEPLOYMENTS) and not brief.files:
        deployment = await do(Step("deployment", ("deploy", str(brief.tree), "--dry-run", *brief.settings)))
        claims.add(deployment, "operations of a deployment", "moves", counted=True)
        optional.append(deployment)
    return conclude(Role.PLANNER, said, steps, claims=claims.found, optional=optional)
