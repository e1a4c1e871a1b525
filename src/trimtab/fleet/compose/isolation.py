"""Which service goes on which network, by who talks to whom, as a proposal.

Each store gets a network of its own with the services that talk to it; everything else stays where it is. A store without
ports of the host gets an internal network, from which nothing leads to the outside.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from trimtab.fleet.compose.addresses import talks_to
from trimtab.fleet.compose.apply import Want
from trimtab.fleet.compose.facts import ComposeFacts, published_ports
from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.model import Service
from trimtab.fleet.tree import Unreadable, below, is_own

_READ = (
    ".py", ".js", ".ts", ".mjs", ".json", ".yaml", ".yml", ".toml", ".conf", ".ini", ".env", ".go", ".java", ".rb", ".php",
    ".cfg", ".xml", ".properties", ".sh", ".tmpl",
)  # fmt: skip
_LARGEST = 200_000


@dataclass(frozen=True)
class Edge:
    """One service talks to another, and why that is believed."""

    service: str
    other: str
    why: str


@dataclass(frozen=True)
class Segment:
    """A network for one store and those who use it."""

    name: str
    store: str
    members: tuple[Edge, ...]
    internal: bool


@dataclass(frozen=True)
class NetworkPlan:
    """The networks that a project would have."""

    segments: tuple[Segment, ...]
    shared: tuple[str, ...]
    """The networks that are there and stay."""
    left: tuple[str, ...]
    """Why a store stays where it is, a sentence each."""
    apart: tuple[str, ...]
    """The stores that only their users can reach already."""
    wants: tuple[Want, ...]


def edges(facts: ComposeFacts) -> Iterator[Edge]:
    """Who talks to whom: by addresses in the environment, by dependencies, and by names in the service's own files."""
    for service in facts.project.services:
        found: dict[str, str] = {}
        for address, other in talks_to(facts, service):
            found.setdefault(other.name, f"`{address.variable}`")
        for name in service.depends_on:
            found.setdefault(name, "`depends_on`")
        for name, path in _named_in_files(facts, service):
            found.setdefault(name, f"`{path}`")
        yield from (Edge(service.name, other, why) for other, why in found.items() if other != service.name)


def _named_in_files(facts: ComposeFacts, service: Service) -> Iterator[tuple[str, str]]:
    """Stores that the service's own files name as a host: those in its image, and those that are mounted into it."""
    stores = {name: other for name, other in facts.by_name.items() if facts.store_port(other) is not None}
    if not stores:
        return
    names = "|".join(re.escape(name) for name in stores)
    pattern = re.compile(
        rf"(?:://(?:[^\s/@]*@)?|[\"'@])(?P<name>{names})(?::\d+|[\"'/])|(?<![^\s=,])(?P<plain>{names}):\d{{2,5}}(?![\w.:-])"
    )
    for path, text in (*_copied(facts, service), *_mounted(facts, service)):
        for match in pattern.finditer(text):
            yield stores[match["name"] or match["plain"]].name, path


def _is_read(path: str, size: int) -> bool:
    return size <= _LARGEST and path.endswith(_READ) and "node_modules/" not in path


def _copied(facts: ComposeFacts, service: Service) -> Iterator[tuple[str, str]]:
    image = facts.image(service)
    if image is None or not image[0].contexts:
        return
    context = image[0].contexts[0]
    for path in sorted(set(CopiedFiles.of(image[0].lineage(image[1]), context).paths.values())):
        entry = context.visible.get(path)
        if entry is not None and _is_read(path, entry.size):
            yield context.tree_path(path), context.read(path) or ""


def _mounted(facts: ComposeFacts, service: Service) -> Iterator[tuple[str, str]]:
    """The files that are mounted from the fleet's own folders; not where all of the fleet is, which says nothing."""
    folder = posixpath.dirname(service.origin)
    sources = {posixpath.normpath(posixpath.join(folder, each.source)) for each in service.mounts if each.kind == "bind"}
    tree = facts.fleet.tree
    for each in sorted(sources - {"."}):
        itself = tree.entries.get(each)
        for entry in (*([itself] if itself else ()), *below(tree, each, partial(is_own, tree))):
            source = tree.read(entry.path) if entry.kind == "file" and _is_read(entry.path, entry.size) else None
            if source is not None and not isinstance(source, Unreadable):
                yield entry.path, source.text


def plan(facts: ComposeFacts) -> NetworkPlan:
    """The proposal for one project. A project without stores, or whose stores are apart already, stays as it is."""
    every = list(edges(facts))
    segments: list[Segment] = []
    left: list[str] = []
    apart: list[str] = []
    shared: dict[str, None] = {}
    for service in facts.project.services:
        shared.update(dict.fromkeys(sorted(facts.networks(service) or ())))
    for store in facts.project.services:
        if facts.store_port(store) is None:
            continue
        own = facts.networks(store)
        users = tuple(edge for edge in every if edge.other == store.name)
        reason = _obstacle(facts, store, own, users)
        if reason:
            left.append(f"`{store.name}`: {reason}")
        elif _is_apart(facts, store, users):
            apart.append(store.name)
        else:
            segments.append(Segment(f"{store.name}-users", store.name, users, not any(published_ports(store))))
    return NetworkPlan(tuple(segments), tuple(shared), tuple(left), tuple(apart), tuple(_wants(facts, segments, every)))


def _obstacle(facts: ComposeFacts, store: Service, own: frozenset[str] | None, users: tuple[Edge, ...]) -> str | None:
    if own is None:
        return "it uses another network than compose's"
    if not users:
        return "nothing in the compose files or the services' own files says who uses it"
    elsewhere = {service.name for service in facts.project.services if facts.networks(service) is None}
    outside = [edge.service for edge in users if edge.service in elsewhere]
    return f"`{outside[0]}` uses it and is on another network than compose's" if outside else None


def _is_apart(facts: ComposeFacts, store: Service, users: tuple[Edge, ...]) -> bool:
    """Whether only its users share a network with a store."""
    own = facts.networks(store) or frozenset[str]()
    names = {edge.service for edge in users} | {store.name}
    others = [service for service in facts.project.services if service.name not in names]
    return not any(own & (facts.networks(service) or frozenset[str]()) for service in others)


def _wants(facts: ComposeFacts, segments: list[Segment], every: list[Edge]) -> Iterator[Want]:
    joined: dict[str, list[str]] = {}
    stores = {segment.store: segment for segment in segments}
    for segment in segments:
        for edge in segment.members:
            joined.setdefault(edge.service, []).append(segment.name)
    for service in facts.project.services:
        networks: Mapping[str, object] | list[str]
        own = sorted(facts.networks(service) or ())
        if service.name in stores:
            # A store that itself talks to others stays on their network, too.
            calls = any(edge.service == service.name for edge in every)
            names = [*(own if calls else []), *joined.get(service.name, []), stores[service.name].name]
        elif service.name in joined:
            names = [*own, *joined[service.name]]
        else:
            continue
        networks = list(dict.fromkeys(names))
        yield Want(service.name, ("networks",), networks)
    for segment in segments:
        settings: dict[str, object] = {"internal": True} if segment.internal else {}
        yield Want("", ("networks", segment.name), settings)
