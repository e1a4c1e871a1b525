"""What is built from what: services, their targets and stages, and the images of the fleet that others start from."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from trimtab.build.options import BuildOptions, read_options
from trimtab.build.target import Link, Target
from trimtab.build.triggers import with_triggers
from trimtab.fleet import Build, BuildContext, ComposeProject, Fleet, FleetFile, Service, is_variant
from trimtab.fleet.bake import with_siblings
from trimtab.fleet.needed import normal_reference
from trimtab.fleet.plain import items
from trimtab.fleet.told_apart import project_name
from trimtab.syntax.dockerfile import parse
from trimtab.text import Source

_NO_NAME = re.compile(r"[^a-z0-9_-]+")
_SHOWN = 8
_NO_REPOSITORY = re.compile(r"[^a-z0-9._/-]+")


@dataclass(frozen=True)
class Graph:
    """Targets by name, and what they need of each other."""

    targets: Mapping[str, Target]
    links: tuple[Link, ...] = ()
    problems: tuple[str, ...] = ()
    circular: frozenset[str] = frozenset()
    """Targets that wait for themselves, which cannot be built."""
    left_out: tuple[str, ...] = ()
    """Dockerfiles that nothing names and nobody asked for."""

    @cached_property
    def needs(self) -> Mapping[str, frozenset[str]]:
        """The targets that each one is built from."""
        found: dict[str, set[str]] = {name: set() for name in self.targets}
        for link in self.links:
            found[link.consumer].add(link.provider)
        return {name: frozenset(each) for name, each in found.items()}

    @cached_property
    def dependants(self) -> Mapping[str, frozenset[str]]:
        """The targets that are built from each one."""
        found: dict[str, set[str]] = {name: set() for name in self.targets}
        for link in self.links:
            found[link.provider].add(link.consumer)
        return {name: frozenset(each) for name, each in found.items()}

    def links_of(self, name: str) -> tuple[Link, ...]:
        return tuple(link for link in self.links if link.consumer == name)

    def with_needs(self, names: Iterable[str]) -> tuple[str, ...]:
        """The targets of some names and all that they are built from, in the graph's order."""
        found: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending.extend(self.needs[name])
        return tuple(name for name in self.targets if name in found)


@dataclass(frozen=True)
class Wanted:
    """Which targets are meant."""

    files: frozenset[str] | None = None
    """Compose files, bake files and Dockerfiles; None for everything that starts by default."""
    services: tuple[str, ...] = ()
    """Names of services or targets; empty for all."""
    everything: bool = False
    """Variant compose files and Dockerfiles that nothing names, too."""


@dataclass(frozen=True)
class _Asked:
    """A service or file that asks for an image."""

    name: str
    build: Build
    origin: str
    tags: tuple[str, ...]
    options: BuildOptions
    services: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def build_graph(fleet: Fleet, root_name: str, wanted: Wanted | None = None) -> Graph:
    """The graph of a fleet. `root_name` is the name of the fleet's folder, as compose names a project after it.

    Everything that is wrong becomes a problem of the graph: a circle, a context of a service that does not exist, a base
    that the fleet builds under another tag.
    """
    wanted = wanted or Wanted()
    asked = list(_asked(fleet, root_name, wanted))
    alone, left_out = _alone(fleet, root_name, wanted, asked)
    targets = _targets(fleet, [*asked, *alone])
    links, problems = _links(targets)
    problems += _same_tags(targets)
    targets = with_triggers(targets, links, fleet.outside.triggers)
    circular = _circular(targets, links)
    problems += [f"{', '.join(sorted(circular))} wait for each other: none of them can be built"] if circular else []
    graph = Graph(targets, tuple(links), tuple(problems), frozenset(circular), left_out)
    return graph if not wanted.services else _narrowed(graph, wanted.services)


def _asked(fleet: Fleet, root_name: str, wanted: Wanted) -> Iterator[_Asked]:
    of_projects: set[int] = set()
    for project in fleet.projects:
        of_projects.update(id(service) for service in project.services)
        if not _is_meant(fleet, project, wanted):
            continue
        prefix = project_name(project, root_name)
        for service in project.services:
            if service.build is not None:
                folder = posixpath.dirname(service.origin)
                options = read_options(service.build.options, project.secrets, folder)
                yield _of_service(service, service.build, f"{prefix}-{service.name}", options)
    for service in fleet.services:
        if id(service) not in of_projects and service.build is not None and _names(wanted, service.origin):
            options = read_options(service.build.options, {}, posixpath.dirname(service.origin))
            yield _of_service(service, service.build, service.name, options)


def _of_service(service: Service, build: Build, default: str, options: BuildOptions) -> _Asked:
    more = (str(tag) for tag in items(build.options.get("tags")))
    tags = tuple(dict.fromkeys((service.image or default, *more)))
    return _Asked(service.name, build, service.origin, tags, options, (service.name,), service.groups)


def _is_meant(fleet: Fleet, project: ComposeProject, wanted: Wanted) -> bool:
    """Whether a project's services are built: named ones, else those that `docker compose up` would read in their folder."""
    if wanted.files is not None:
        return bool(wanted.files & set(project.files))
    if wanted.everything or fleet.options.compose or not is_variant(project.files[-1]):
        return True
    folder = posixpath.dirname(project.files[0])
    same = (other for other in fleet.projects if posixpath.dirname(other.files[0]) == folder)
    return (
        all(is_variant(other.files[-1]) for other in same) or posixpath.basename(project.files[-1]).split(".")[-2] == "override"
    )


def _names(wanted: Wanted, path: str) -> bool:
    return wanted.files is None or with_siblings(wanted.files, path)


def _alone(fleet: Fleet, root_name: str, wanted: Wanted, asked: Sequence[_Asked]) -> tuple[list[_Asked], tuple[str, ...]]:
    """Dockerfiles that are built for themselves, and those that are left out."""
    used = {each.build.dockerfile for each in asked}
    others = [file for file in fleet.files if file.path not in used]
    if wanted.files is not None:
        others = [file for file in others if file.path in wanted.files]
        return [_of_file(file, root_name) for file in others], ()
    # A Dockerfile of a variant project has a build of its own there, which is asked for by naming the project.
    if wanted.everything or not asked:
        return [_of_file(file, root_name) for file in others], ()
    return [], tuple(file.path for file in others if not file.services)


def _of_file(file: FleetFile, root_name: str) -> _Asked:
    build = file.builds[0]
    folder, _, name = file.path.rpartition("/")
    suffix = re.sub(r"^(docker|container)file\.?|\.(docker|container)file$", "", name, flags=re.IGNORECASE)
    stem = "-".join(part for part in (posixpath.basename(folder) or root_name, suffix) if part)
    tag = _NO_REPOSITORY.sub("-", stem.lower()).strip("-._/") or "image"
    return _Asked(tag, build, file.path, (tag,), BuildOptions())


def _targets(fleet: Fleet, asked: Sequence[_Asked]) -> dict[str, Target]:
    same: dict[tuple[object, ...], list[_Asked]] = {}
    for each in asked:
        same.setdefault((*each.build.key, repr(each.options.without_caches)), []).append(each)
    taken: dict[str, Target] = {}
    for alike in same.values():
        first = alike[0]
        name = _free_name(first, taken)
        services = tuple(dict.fromkeys(name for each in alike for name in each.services))
        tags = tuple(dict.fromkeys(tag for each in alike for tag in each.tags))
        groups = tuple(dict.fromkeys(name for each in alike for name in each.groups))
        taken[name] = Target(name, first.build, tags, first.options, services, first.origin, _file(fleet, first), groups)
    return taken


def _file(fleet: Fleet, asked: _Asked) -> FleetFile | None:
    """The Dockerfile of an image; one that stands in the compose or bake file is read as if it lay there."""
    build, inline = asked.build, asked.options.inline
    if inline:
        contexts = (BuildContext(build.context, asked.origin, fleet.tree),) if build.context is not None else ()
        return FleetFile(parse(Source(asked.origin, inline)), (build,), (), contexts)
    return fleet.file(build.dockerfile) if build.dockerfile is not None else None


def _free_name(asked: _Asked, taken: Mapping[str, Target]) -> str:
    name = _NO_NAME.sub("-", asked.name.lower()).strip("-") or "image"
    if name not in taken:
        return name
    name = f"{name}-{_NO_NAME.sub('-', asked.origin.lower()).strip('-')}"
    number = 2
    while name in taken:
        name, number = f"{name.rstrip('0123456789').rstrip('-')}-{number}", number + 1
    return name


def _links(targets: Mapping[str, Target]) -> tuple[list[Link], list[str]]:
    by_tag = {normal_reference(tag): name for name, target in targets.items() for tag in target.tags}
    by_service = {service: name for name, target in targets.items() for service in (name, *target.services)}
    paths: dict[str, str] = {}
    for tag, name in by_tag.items():
        paths.setdefault(tag.rpartition(":")[0], name)
    links: dict[tuple[str, str], Link] = {}
    problems: list[str] = []
    for name, target in targets.items():
        for context, value in target.build.additional_contexts.items():
            kind, _, named = value.partition(":")
            provider = by_service.get(named) if kind in {"service", "target"} else by_tag.get(normal_reference(value))
            if provider is not None:
                links[name, context] = Link(name, provider, context, "additional context")
            elif kind in {"service", "target"}:
                problems.append(f"{name}: its context `{context}` is `{value}`, which nothing here builds")
        given = {normal_reference(context) for context in target.build.additional_contexts}
        for reference, how in target.references.items():
            normal = normal_reference(reference)
            if normal in given or reference in target.build.additional_contexts:
                continue
            provider = by_tag.get(normal)
            if provider is not None and provider != name:
                links[name, reference] = Link(name, provider, reference, how)
            else:
                near = provider or ("" if "@" in normal else paths.get(normal.rpartition(":")[0], ""))
                problems += _unlinked(name, how, reference, targets, near)
    return list(links.values()), problems


def _unlinked(name: str, how: str, reference: str, targets: Mapping[str, Target], near: str) -> list[str]:
    """What is odd about an image that no link stands for; `near` is built under that name, or one with another tag."""
    if not near or (near == name and reference not in targets[name].tags):
        return []
    if near == name:
        # Compose builds it, too: from the image that the registry has, or that the build before has left.
        return [f"{name}: {how} `{reference}` is its own tag, which the engine may have from the build before"]
    return [
        f"{name}: {how} `{reference}` is not what `{near}` is built as (`{targets[near].tags[0]}`); the engine"
        " takes whatever image has that tag"
    ]


def _same_tags(targets: Mapping[str, Target]) -> list[str]:
    """Tags that several images get, of which only the one that is built last keeps it."""
    makers: dict[str, list[str]] = {}
    for name, target in targets.items():
        for tag in dict.fromkeys(normal_reference(tag) for tag in target.tags):
            makers.setdefault(tag, []).append(name)
    shared = ((targets[names[0]].tags, tag, names) for tag, names in makers.items() if len(names) > 1)
    return [
        f"{', '.join(names)} are different images of one tag, `{next(each for each in tags if normal_reference(each) == tag)}`:"
        " the one that is built last keeps it"
        for tags, tag, names in shared
    ]


def _circular(targets: Iterable[str], links: Sequence[Link]) -> set[str]:
    """The targets that are on a circle, or wait for one."""
    needs: dict[str, set[str]] = {name: set() for name in targets}
    for link in links:
        needs[link.consumer].add(link.provider)
    ready = {name for name, each in needs.items() if not each}
    pending = list(ready)
    while pending:
        done = pending.pop()
        for name, each in needs.items():
            if name not in ready and each <= ready and done in each:
                ready.add(name)
                pending.append(name)
    return set(needs) - ready


def _narrowed(graph: Graph, names: Sequence[str]) -> Graph:
    """The named targets with what they need.

    A name that stands for nothing is a problem: the caller decides what becomes of it.
    """
    found = [name for name, target in graph.targets.items() if not target.called.isdisjoint(names)]
    known = {each for name in found for each in graph.targets[name].called}
    there = ", ".join(list(graph.targets)[:_SHOWN]) + (" …" if len(graph.targets) > _SHOWN else "")
    unknown = [f"nothing is built for `{name}`; there are {there}" for name in names if name not in known]
    kept = graph.with_needs(found)
    return replace(
        graph,
        targets={name: graph.targets[name] for name in kept},
        links=tuple(link for link in graph.links if link.consumer in kept),
        problems=(*graph.problems, *unknown),
        circular=graph.circular & set(kept),
    )
