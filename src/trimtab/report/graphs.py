"""Who waits for whom, as boxes in columns and lines between them: the geometry of a dependency graph.

Boxes stand in the column of their longest chain of dependencies, and in it near what they depend on (the barycentre of their
neighbours: Sugiyama, Tagawa and Toda, 1981). Many services that wait for the same ones are one box.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BOX_WIDTH, BOX_HEIGHT = 150.0, 24.0
_COLUMN, _ROW = 210.0, 32.0
_ALIKE, _MOST = 3, 120
"""How many services with the same neighbours become one box, and how many boxes are drawn."""
_LABEL = 21


@dataclass(frozen=True, slots=True)
class Node:
    """One box; `members` are the services that it stands for."""

    x: float
    y: float
    label: str
    members: tuple[str, ...]
    critical: bool


@dataclass(frozen=True, slots=True)
class Link:
    """A line from a dependency to what waits for it, as an SVG path."""

    path: str
    critical: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph with its size; `alone` wait for nobody and nobody for them, `left_out` did not fit."""

    nodes: Sequence[Node]
    links: Sequence[Link]
    width: float
    height: float
    alone: tuple[str, ...]
    left_out: int


def draw(depends: Mapping[str, Sequence[str]], path: Sequence[str]) -> Drawing:
    """The graph of dependencies, with a critical path that is marked. Circles are cut where they are met."""
    wanted = {name: tuple(dict.fromkeys(each for each in needs if each in depends)) for name, needs in depends.items()}
    needed = {each for needs in wanted.values() for each in needs}
    alone = tuple(name for name, needs in wanted.items() if not needs and name not in needed and name not in path)
    groups = _groups({name: needs for name, needs in wanted.items() if name not in alone}, frozenset(path))
    edges, left_out = _trimmed(_edges(wanted, groups), groups, frozenset(path))
    columns = _ordered(_columns(edges), edges)
    places = {
        name: (number * _COLUMN + 1, row * _ROW + 1) for number, column in enumerate(columns) for row, name in enumerate(column)
    }
    members: dict[str, list[str]] = {}
    for service, group in groups.items():
        members.setdefault(group, []).append(service)
    nodes = [Node(*places[name], _label(name, members[name]), tuple(members[name]), name in path) for name in places]
    pairs = set(itertools.pairwise(path))
    links = [Link(_curve(places[need], places[name]), (need, name) in pairs) for name, needs in edges.items() for need in needs]
    tallest = max(map(len, columns), default=0)
    width = max(len(columns) * _COLUMN - (_COLUMN - BOX_WIDTH) + 2, 1.0)
    return Drawing(nodes, sorted(links, key=lambda each: each.critical), width, max(tallest * _ROW - 6, 1.0), alone, left_out)


def _groups(wanted: Mapping[str, tuple[str, ...]], path: frozenset[str]) -> dict[str, str]:
    """Each service to the one that stands for it: itself, or the first of many with the same neighbours."""
    waiting: dict[str, list[str]] = {name: [] for name in wanted}
    for name, needs in wanted.items():
        for need in needs:
            waiting[need].append(name)
    alike: dict[tuple[frozenset[str], frozenset[str]], list[str]] = {}
    for name, needs in wanted.items():
        if name not in path:
            alike.setdefault((frozenset(needs), frozenset(waiting[name])), []).append(name)
    found = {name: name for name in wanted}
    for names in alike.values():
        if len(names) >= _ALIKE:
            found.update(dict.fromkeys(names, names[0]))
    return found


def _edges(wanted: Mapping[str, tuple[str, ...]], groups: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(dict.fromkeys(groups[need] for need in wanted[name])) for name in dict.fromkeys(groups.values())}


def _trimmed(
    edges: Mapping[str, tuple[str, ...]], groups: Mapping[str, str], path: frozenset[str]
) -> tuple[dict[str, tuple[str, ...]], int]:
    """The boxes that are drawn, those with the most neighbours, and how many services are not."""
    degree = {name: len(needs) for name, needs in edges.items()}
    for needs in edges.values():
        for need in needs:
            degree[need] += 1
    kept = frozenset(sorted(edges, key=lambda name: (name not in path, -degree[name], name))[:_MOST])
    left_out = sum(group not in kept for group in groups.values())
    return {name: tuple(n for n in needs if n in kept) for name, needs in edges.items() if name in kept}, left_out


def _columns(edges: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """Boxes by the length of their longest chain."""
    depth: dict[str, int] = {}

    def visit(name: str, above: frozenset[str]) -> int:
        if name not in depth:
            below = [visit(need, above | {name}) for need in edges[name] if need not in above and need != name]
            depth[name] = 1 + max(below, default=-1)
        return depth[name]

    for name in edges:
        visit(name, frozenset())
    found: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in edges:
        found[depth[name]].append(name)
    return found


def _ordered(columns: list[list[str]], edges: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """Each column in the order that keeps lines short, by two sweeps from left to right and one back."""
    around: dict[str, list[str]] = {name: list(needs) for name, needs in edges.items()}
    for name, needs in edges.items():
        for need in needs:
            around[need].append(name)
    places = {name: float(row) for column in columns for row, name in enumerate(column)}
    for sweep in (columns, columns[::-1], columns):
        for column in sweep:
            column.sort(key=lambda name: sum(places[n] for n in around[name]) / len(around[name]) if around[name] else 0.0)
            places.update({name: float(row) for row, name in enumerate(column)})
    return columns


def _label(name: str, members: Sequence[str]) -> str:
    rest = f" and {len(members) - 1} more" if len(members) > 1 else ""
    room = _LABEL - len(rest)
    return (name if len(name) <= room else f"{name[: max(room - 1, 4)]}…") + rest


def _curve(start: tuple[float, float], end: tuple[float, float]) -> str:
    x, y = start[0] + BOX_WIDTH, start[1] + BOX_HEIGHT / 2
    to_x, to_y = end[0], end[1] + BOX_HEIGHT / 2
    bend = max((to_x - x) / 2, 20.0)
    return f"M{x:.0f} {y:.0f}C{x + bend:.0f} {y:.0f} {to_x - bend:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
