"""Which service goes on which network, by who talks to whom, as a proposal.

Each store gets a network of its own with the services that talk to it; everything else stays where it is. A store without
ports of the host gets an internal network, from which nothing leads to the outside.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trimtab.fleet.compose.addresses import talks_to
from trimtab.fleet.compose.apply import Want
from trimtab.fleet.compose.facts import ComposeFacts, published_ports, store_port
from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.model import Service

_READ = (".py", ".js", ".ts", ".mjs", ".json", ".yaml", ".yml", ".toml", ".conf", ".ini", ".env", ".go", ".java", ".rb", ".php")
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
    """Stores that the service's own files name as a host."""
    image = facts.image(service)
    stores = {name: other for name, other in facts.by_name.items() if store_port(other) is not None}
    if image is None or not stores or not image[0].contexts:
        return
    names = "|".join(re.escape(name) for name in stores)
    pattern = re.compile(rf"(?:://(?:[^\s/@]*@)?|[\"'@])(?P<name>{names})(?::\d+|[\"'/])")
    context = image[0].contexts[0]
    for path in sorted(set(CopiedFiles.of(image[0].lineage(image[1]), context).paths.values())):
        entry = context.visible.get(path)
        if entry is None or entry.size > _LARGEST or not path.endswith(_READ) or "node_modules/" in path:
            continue
        for match in pattern.finditer(context.read(path) or ""):
            yield stores[match["name"]].name, context.tree_path(path)


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
        if store_port(store) is None:
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
    outside = [edge.service for edge in users if facts.networks(_of(facts, edge.service)) is None]
    return f"`{outside[0]}` uses it and is on another network than compose's" if outside else None


def _of(facts: ComposeFacts, name: str) -> Service:
    found = facts.project.service(name)
    if found is None:
        raise KeyError(name)
    return found


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
