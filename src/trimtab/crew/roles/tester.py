"""The tester: whether everything builds, and whether the whole starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trimtab.crew.conclude import Claims, conclude
from trimtab.crew.instructions import Topic
from trimtab.crew.model import Brief, Do, Done, Left, Report, Role, Standing, Step
from trimtab.fleet.plain import items, mapping

_STARTS = (Topic.DEPLOYMENT, Topic.ZERO_DOWNTIME, Topic.START_UP, Topic.HEALTH_CHECKS, Topic.NETWORKS, Topic.TESTS)
_GOOD = ("built", "skipped")
"""What is skipped did not have to be built."""
_UNTRIED = "cancelled"
"""What of a run that ended early, as where the disk was full, nothing is known."""


async def tester(brief: Brief, do: Do) -> Report:
    """Builds every image of the changed tree; what fails there and not in what the branch began with fails the tester; what
    was not tried there was not looked at.

    Where starting matters, the project is started, too; one that does not start is listed, and the tester is not done then. One
    that started before the changes fails the tester.
    """
    build = await do(Step("build", ("build", str(brief.tree), *brief.settings), environment=brief.images))
    claims, left = Claims(brief, Role.TESTER), list[Left]()
    claims.add(build, "images built", "targets", only=("outcome", "built"), counted=True)
    claims.add(build, "builds that failed", "targets", only=("outcome", "failed"), counted=True)
    claims.add(build, "time of the build", "seconds", unit="seconds")
    claims.add(build, "cache hit rate", "cache_hit_rate")
    steps = [build]
    failed, untried = _unbuilt(build, tried=True), _unbuilt(build, tried=False)
    if failed and brief.before is not None:
        was = await do(Step("build-before", _again(await brief.before(), brief, failed), environment=brief.images))
        steps.append(was)
        also = _unbuilt(was, tried=True)
        left.extend(Left(name, f"builds neither before nor after: {why}") for name, why in failed.items() if name in also)
        failed = {name: why for name, why in failed.items() if name not in also}
    left.extend(Left(name, f"does not build: {why}") for name, why in failed.items())
    left.extend(Left(name, f"not looked at: {why}") for name, why in untried.items())
    started = _Started()
    if not failed and not untried and build.trouble is None and brief.asks(*_STARTS):
        started = await _start(brief, do, claims)
        left.extend(started.left)
    done = len(items(mapping(build.data).get("targets")))
    worse = (
        f"{len(failed)} of {done} images do not build" if failed else f"{', '.join(started.stopped)} does not start any more"
    )
    looked = f"{done - len(untried)} of {done} images were looked at" if untried else f"{done} images were looked at"
    good = f"{looked}, and none has stopped building" + ("; not every project could be started" if started.unknown else "")
    standing = Standing.UNKNOWN if untried or started.unknown else Standing.DONE
    said = good
    if failed or started.stopped:
        standing, said = Standing.FAILED, worse
    return conclude(Role.TESTER, said, steps, standing=standing, claims=claims.found, left=left, optional=started.steps)


@dataclass(frozen=True)
class _Started:
    """What came of starting the projects."""

    steps: tuple[Done, ...] = ()
    left: tuple[Left, ...] = ()
    stopped: tuple[str, ...] = ()
    """Projects that started before the changes and do not now."""
    unknown: bool = False
    """Whether of some nobody has seen that they start."""


async def _start(brief: Brief, do: Do, claims: Claims) -> _Started:
    after = await do(_start_of("start", brief.tree, brief))
    claims.add(after, "project as a whole becomes ready in", "projects", 0, "measured", 0, 0, unit="seconds")
    down = _unstarted(after)
    if not down or brief.before is None:
        left = tuple(Left(f"start of {name}", why) for name, why in down.items())
        return _Started((after,), left, unknown=bool(down or after.trouble or after.gap))
    was = await do(_start_of("start-before", await brief.before(), brief))
    before, seen = _unstarted(was), not (was.trouble or was.gap)
    left = tuple(
        Left(f"start of {name}", f"neither before nor after: {why}" if name in before else why) for name, why in down.items()
    )
    stopped = tuple(name for name in down if seen and name not in before)
    return _Started((after, was), left, stopped, unknown=True)


def _start_of(name: str, tree: Path, brief: Brief) -> Step:
    return Step(name, ("startup", str(tree), "--prove", "--repeats", "1", *brief.settings))


def _unstarted(start: Done) -> Mapping[str, str]:
    """The projects that do not start as they are, by their files, with the reason."""
    found = [mapping(each) for each in items(mapping(start.data).get("projects"))]
    return {", ".join(map(str, items(each.get("files")))): str(each["problem"]) for each in found if each.get("problem")}


def _unbuilt(build: Done, *, tried: bool) -> Mapping[str, str]:
    """What was not built, with the reason: what does not build, or what may or may not, because the run ended before."""
    found = [mapping(each) for each in items(mapping(build.data).get("targets"))]
    bad = [each for each in found if each.get("outcome") not in _GOOD and (each.get("outcome") != _UNTRIED) is tried]
    return {str(each.get("target")): str(each.get("reason") or each.get("outcome")) for each in bad}


def _again(before: Path, brief: Brief, names: Mapping[str, str]) -> tuple[str, ...]:
    chosen = (word for name in names for word in ("--service", name))
    return ("build", str(before), *chosen, *brief.settings)
