"""What services are called where all of them stand in one list, and two projects may have one of the same name."""

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from trimtab.fleet.model import ComposeProject, Fleet, Service


@dataclass(frozen=True)
class Told:
    """What stands under one name: a service, in each of the files that define it."""

    name: str
    """`api`; `shop/api` where another project has an `api`, too."""
    service: str
    """What its files call it."""
    project: str
    """Empty where no other project has a service of that name: whatever is called like it is meant then."""
    services: tuple[Service, ...]
    files: frozenset[str] = frozenset()
    """What it is made from: the project's files, and Dockerfiles."""


def project_name(project: ComposeProject, root_name: str) -> str:
    """The name that compose gives a project: its own, or its folder's in lower case (compose-go, `NormalizeProjectName`)."""
    folder = posixpath.basename(posixpath.dirname(project.files[0])) or root_name
    return re.sub(r"[^a-z0-9_-]", "", (project.name or folder).lower()).lstrip("_-") or "project"


def told_apart(fleet: Fleet) -> Mapping[str, Told]:
    """Every service by the name that tells it from all others, in the order of the files.

    Several files of one project, as a variant for production beside the default, are about the same service. A bake target is
    the service that is made by its Dockerfile.
    """
    key = ("told apart",)
    if key not in fleet.memo:
        fleet.memo[key] = _told_apart(fleet)
    return cast("Mapping[str, Told]", fleet.memo[key])


def _told_apart(fleet: Fleet) -> dict[str, Told]:
    projects = _projects(fleet)
    of_name: dict[str, dict[str, None]] = {}
    for service in fleet.services:
        if id(service) in projects:
            of_name.setdefault(service.name, {})[project_name(projects[id(service)], fleet.tree.name)] = None
    shared = {name for name, mine in of_name.items() if len(mine) > 1}
    names: dict[str, Told] = {}
    for service in sorted(fleet.services, key=lambda each: id(each) not in projects):
        project = projects.get(id(service))
        for told in _names(service, project, shared, names.values(), fleet.tree.name):
            before = names.get(told.name, told)
            services = (*before.services, service) if told.name in names else (service,)
            names[told.name] = replace(before, services=services, files=before.files | told.files)
    order = {id(service): number for number, service in enumerate(fleet.services)}
    return dict(sorted(names.items(), key=lambda pair: order[id(pair[1].services[0])]))


def _projects(fleet: Fleet) -> dict[int, ComposeProject]:
    return {id(service): project for project in fleet.projects for service in project.services}


def _names(
    service: Service, project: ComposeProject | None, shared: set[str], known: Iterable[Told], root_name: str
) -> list[Told]:
    """Where a service belongs; a bake target to every service that is made alike, and else to itself."""
    made = {service.build.dockerfile} if service.build and service.build.dockerfile else set[str]()
    alone = Told(service.name, service.name, "", (service,), frozenset({service.origin, *made}))
    if service.name not in shared:
        return [alone]
    if project is None:
        return [each for each in known if each.service == service.name and made & each.files] or [alone]
    owner = project_name(project, root_name)
    files = frozenset({service.origin, *project.files, *made})
    return [Told(f"{owner}/{service.name}", service.name, owner, (service,), files)]


def about(told: Mapping[str, Told], names: Iterable[str], path: str) -> list[str]:
    """Who is meant where services are named beside a file: those that are made from it, and all of a name where none is."""
    found: list[str] = []
    for name in dict.fromkeys(names):
        if name in told:
            found.append(name)
            continue
        called = [each for each in told.values() if each.service == name]
        found += [each.name for each in called if path in each.files] or [each.name for each in called]
    return found
