"""What one run of a pipeline has to do: images in waves, tests, and what is deployed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trimtab.build import Graph
from trimtab.build.affected import Reach
from trimtab.build.schedule import waves
from trimtab.errors import UsageError
from trimtab.fleet import ComposeProject, Fleet
from trimtab.fleet.told_apart import project_name
from trimtab.pipelines.suites import Suite

MOST = 256
"""Jobs that a matrix of GitHub Actions may have (its documentation, "Running variations of jobs")."""
EVERYTHING = "everything is built: there is nothing to compare with"


@dataclass(frozen=True)
class Plan:
    """One run."""

    reasons: Mapping[str, tuple[str, ...]]
    """Every target of the fleet, to why it is built; no reason means that it is not."""
    waves: tuple[tuple[str, ...], ...]
    """What is built, in steps, each of which needs only earlier ones."""
    bases: tuple[str, ...]
    """What is built first and handed over, because others that are built start from it; in order."""
    images: Mapping[str, str]
    """Each image that is looked at and kept, to its first tag."""
    tests: tuple[Suite, ...]
    deployed: tuple[tuple[str, str], ...]
    """Target and tag of every image that the deployed project runs, built in this run or not."""

    @property
    def built(self) -> tuple[str, ...]:
        return tuple(name for name, reasons in self.reasons.items() if reasons)


def plan(
    fleet: Fleet, graph: Graph, root_name: str, suites: Sequence[Suite], reaches: Mapping[str, Reach] | None,
    changed: Iterable[str] = (),
) -> Plan:  # fmt: skip
    """The plan for a change; pure.

    Args:
        fleet: The fleet.
        graph: Its targets.
        root_name: The name of its folder, after which compose names a project.
        suites: The tests that there are.
        reaches: What the change reaches; None where nothing is known to compare with: then everything is in.
        changed: The paths that differ, from the fleet's root.

    Raises:
        UsageError: targets wait for each other, a tag could not be handed on, or there are more jobs than a matrix takes.
    """
    if graph.circular:
        raise UsageError(next(problem for problem in graph.problems if "wait for each other" in problem))
    reasons = {name: (EVERYTHING,) if reaches is None else reaches[name].reasons for name in graph.targets}
    built = [name for name, each in reasons.items() if each]
    steps = waves(built, {name: graph.needs[name] & set(built) for name in built})
    bases = [name for step in steps for name in step if graph.dependants[name] & set(built)]
    paths = tuple(changed)
    tests = [each for each in suites if reaches is None or reasons[each.target] or _lies_in(each.folder, paths)]
    images = {name: _tag(graph.targets[name].tags[0]) for name in built if _is_used(graph, name)}
    if max(len(images), len(tests)) > MOST:
        raise UsageError(f"{max(len(images), len(tests))} jobs are more than the {MOST} that a matrix takes.")
    return Plan(
        reasons, tuple(map(tuple, steps)), tuple(bases), images, tuple(tests), tuple(_deployed(fleet, graph, root_name))
    )


def _lies_in(folder: str, paths: Iterable[str]) -> bool:
    return any(not folder or path.startswith(f"{folder}/") for path in paths)


def _is_used(graph: Graph, name: str) -> bool:
    """Whether an image is run by a service, or is nobody's base: a base alone needs no job of its own."""
    return bool(graph.targets[name].services) or not graph.dependants[name]


def _tag(tag: str) -> str:
    """A tag that can be handed from job to job.

    Raises:
        UsageError: it has a variable or a space in it.
    """
    if any(each.isspace() or each in "$=\"'\\" for each in tag):
        raise UsageError(f"`{tag}` is no name for an image that a pipeline can hand on: give its variables defaults.")
    return tag


def deployed_project(fleet: Fleet) -> ComposeProject | None:
    """The project that `trimtab deploy` takes where none is named; None where it would ask which."""
    meant = fleet.meant_projects
    return meant[0] if len(meant) == 1 else None


def _deployed(fleet: Fleet, graph: Graph, root_name: str) -> Iterable[tuple[str, str]]:
    project = deployed_project(fleet)
    if project is None:
        return
    by_service = {(service, target.origin): name for name, target in graph.targets.items() for service in target.services}
    any_origin = {service: name for (service, _), name in reversed(by_service.items())}
    prefix = project_name(project, root_name)
    for service in project.services:
        if service.build is None:
            continue
        target = by_service.get((service.name, service.origin)) or any_origin.get(service.name)
        if target is not None:
            yield target, _tag(service.image or f"{prefix}-{service.name}")


def plan_data(planned: Plan, since: str | None) -> Mapping[str, object]:
    """`trimtab ci --plan --format json`."""
    return {
        "schema": "trimtab.pipeline/1",
        "since": since,
        "targets": {name: list(reasons) for name, reasons in planned.reasons.items()},
        "waves": [list(step) for step in planned.waves],
        "bases": list(planned.bases),
        "images": dict(planned.images),
        "tests": [_suite_data(each, "") for each in planned.tests],
        "deployed": [{"target": target, "tag": tag} for target, tag in planned.deployed],
    }


def _suite_data(suite: Suite, inside: str) -> Mapping[str, str]:
    folder = "/".join(part for part in (inside, suite.folder) if part) or "."
    return {
        "target": suite.target, "folder": folder, "language": suite.language, "version": suite.version,
        "install": " ".join(suite.install), "manager": suite.manager,
    }  # fmt: skip


def github_outputs(planned: Plan, inside: str) -> str:
    """The plan as lines for `$GITHUB_OUTPUT`; `inside` is the fleet's folder from the repository's top."""
    images = [{"target": target, "tag": tag} for target, tag in planned.images.items()]
    return "".join(
        f"{name}={value}\n"
        for name, value in {
            "any": "true" if planned.images else "false",
            "bases": " ".join(planned.bases),
            "images": json.dumps(images, separators=(",", ":")),
            "tests": json.dumps([_suite_data(each, inside) for each in planned.tests], separators=(",", ":")),
            "deployed": _pairs(planned),
        }.items()
    )


def gitlab_variables(planned: Plan) -> str:
    """The plan as lines for a dotenv report of GitLab; a job looks for its own name between spaces."""
    return "".join(
        f"{name}={value}\n"
        for name, value in {
            "BASES": " ".join(planned.bases),
            "IMAGES": " ".join(f"{target}={tag}" for target, tag in planned.images.items()),
            "TESTS": " ".join(f"{each.target}:{each.language}" for each in planned.tests),
            "DEPLOYED": _pairs(planned),
        }.items()
    )


def _pairs(planned: Plan) -> str:
    return " ".join(f"{target}={tag}" for target, tag in planned.deployed)
