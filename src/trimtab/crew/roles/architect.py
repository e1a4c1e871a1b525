"""The architect: limits, networks, start-up, bases, pipeline and monitoring as proposals; nothing is applied."""

from collections.abc import Iterator, Mapping

from trimtab.crew.conclude import Claims, conclude
from trimtab.crew.instructions import Topic
from trimtab.crew.model import Brief, Do, Done, Left, Report, Role, Standing, Step
from trimtab.crew.roles.implementer import PIPELINE
from trimtab.crew.roles.ops import ALERTS
from trimtab.fleet.plain import items, mapping

_COMPOSE = (Topic.COMPOSE, Topic.CONTAINERS, Topic.DEPLOYMENT)
_NO_GAIN = 0.5
"""Seconds of a start that `trimtab startup` does not call a gain either."""


async def architect(brief: Brief, do: Do) -> Report:
    """Makes the proposals that are asked for, each as data and with the command that applies it."""
    folder = brief.role_folder(Role.ARCHITECT)
    steps = [await do(step) for step in _steps(brief, str(folder / "monitoring"))]
    if not steps:
        asked = ", ".join(brief.instruction.topics)
        left = [Left(asked, "no design of trimtab's is about that", "ask for resources, networks, start-up, CI or monitoring")]
        return conclude(Role.ARCHITECT, "nothing of what was asked for is designed", (), standing=Standing.UNCHANGED, left=left)
    claims, left = Claims(brief, Role.ARCHITECT), list[Left]()
    for done in steps:
        _claim(claims, done)
        left.extend(_proposals(brief, done))
    names = ", ".join(done.step.name for done in steps)
    return conclude(Role.ARCHITECT, f"designed as proposals: {names}", steps, claims=claims.found, left=left)


def _steps(brief: Brief, monitoring: str) -> Iterator[Step]:
    where, settings = str(brief.tree), brief.settings
    if brief.asks(Topic.RESOURCES, *_COMPOSE):
        yield Step("resources", ("resources", *_compose_files(brief, Topic.RESOURCES), *settings))
    if brief.asks(Topic.NETWORKS, *_COMPOSE):
        yield Step("networks", ("networks", *_compose_files(brief, Topic.NETWORKS), *settings))
    if brief.asks(Topic.START_UP, Topic.HEALTH_CHECKS, *_COMPOSE):
        yield Step("startup", ("startup", *_compose_files(brief, Topic.START_UP, Topic.HEALTH_CHECKS), *settings))
    if brief.asks(Topic.BASE_IMAGES, Topic.SIZE, Topic.CONTAINERS):
        yield Step("bases", ("bases", where, *settings))
    if brief.asks(Topic.CI, Topic.BUILD_PROCESS, Topic.BUILD_TIME):
        yield Step("pipeline", ("ci", where, "--dry-run", *settings))
    if brief.asks(Topic.MONITORING):
        yield Step("monitoring", ("alerts", where, "--output-dir", monitoring, *settings))


def _compose_files(brief: Brief, *topics: Topic) -> tuple[str, ...]:
    """The compose files that the words name for one of some topics, else the tree: each command then takes all projects."""
    about = [each.reach for each in brief.instruction.intents if each.topic in {*topics, *_COMPOSE}]
    named = (name for reach in (*about, brief.instruction.reach) for name in reach.only if name.endswith((".yml", ".yaml")))
    files = dict.fromkeys(str(brief.tree / name) for name in named if (brief.tree / name).is_file())
    return tuple(files) or (str(brief.tree),)


def _claim(claims: Claims, done: Done) -> None:
    for number, each in enumerate(items(mapping(done.data).get("projects"))):
        file = ", ".join(str(one) for one in items(mapping(each).get("files")))
        if done.step.name == "startup":
            claims.add(done, f"predicted start of {file}", "projects", number, "predicted", "before", unit="seconds")
        if done.step.name == "networks":
            claims.add(done, f"networks proposed for {file}", "projects", number, "networks", counted=True)
        if done.step.name == "resources":
            claims.add(done, f"services sized in {file}", "projects", number, "services", counted=True)
            claims.add(done, f"memory limits of {file}", "projects", number, "limits", unit="bytes")
    if done.step.name in {"pipeline", "monitoring"}:
        claims.add(done, f"files of the {done.step.name}", "files", counted=True)
    if done.step.name == "bases":
        claims.add(done, "Dockerfiles on Python or Node", "files", counted=True)


_APPLIED_BY = {
    "resources": "`trimtab resources --apply`; from real use after `trimtab observe`",
    "networks": "`trimtab networks --apply`",
    "startup": "`trimtab startup --prove --apply`",
    "bases": "`standard` in trimtab.toml, then `trimtab optimize`",
    "pipeline": "`trimtab ci`",
    "monitoring": "`trimtab alerts`",
}


def _proposals(brief: Brief, done: Done) -> Iterator[Left]:
    """What is proposed and stays a proposal: nothing where there is nothing to propose, or where a later role does it."""
    name = done.step.name
    if done.trouble is None and _proposes(done) and not _done_later(brief, name):
        yield Left(name, "a proposal: nothing of it is applied", _APPLIED_BY[name])


def _proposes(done: Done) -> bool:
    """Whether the result has anything that is not there already."""
    projects = [mapping(each) for each in items(mapping(done.data).get("projects"))]
    if done.step.name == "resources":
        services = (mapping(each) for project in projects for each in items(project.get("services")))
        return any(each.get("before") != each.get("after") for each in services)
    if done.step.name == "networks":
        return any(items(project.get("networks")) for project in projects)
    if done.step.name == "startup":
        return any(_saved(mapping(project.get("predicted"))) > _NO_GAIN for project in projects)
    if done.step.name == "bases":
        return any(mapping(each).get("proposal") for each in items(mapping(done.data).get("files")))
    return True


def _saved(predicted: Mapping[str, object]) -> float:
    before, after = predicted.get("before"), predicted.get("after")
    return before - after if isinstance(before, int | float) and isinstance(after, int | float) else 0.0


def _done_later(brief: Brief, name: str) -> bool:
    """Whether a later role of the same workflow does it, or says in its own report why not."""
    later = {
        "bases": bool(brief.instruction.standard),
        "pipeline": brief.asks(*PIPELINE),
        "monitoring": brief.asks(*ALERTS),
    }
    return bool(brief.branch) and later.get(name, False)
