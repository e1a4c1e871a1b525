"""BuildKit's `--progress=rawjson`, read so that its numbers mean what they say.

The stream is `client.SolveStatus` of moby/buildkit, one JSON object a line, many of them partial. Three traps are dealt
with here: a vertex is announced several times with different intervals (they are summed, overlaps once); cached
vertices have no duration; and `FROM`, `[internal]` and export vertices can never be cached, so they must not count when
a hit rate is formed (4 of 4 cached steps are otherwise shown as 4/10).
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

_STEP = re.compile(r"^\[(?P<where>[^\]]*)\] (?P<text>(?P<keyword>[A-Z]+)\b.*)$", re.DOTALL)
_CONTEXT = re.compile(r"^\[.*internal.*\] load build context$|^\[context .*\] load from client$")
_TIME = re.compile(r"^(.*?)(\.\d+)?(Z|[+-]\d\d:\d\d)$")


@dataclass(frozen=True, slots=True)
class Step:
    """One vertex of the build. Times in seconds."""

    digest: str
    name: str
    keyword: str
    """The Dockerfile instruction, empty for what BuildKit does of its own."""
    cached: bool
    seconds: float
    error: str
    completed: bool

    @property
    def cacheable(self) -> bool:
        """A Dockerfile step that a cache can hold: everything but FROM."""
        return self.keyword not in {"", "FROM"}


@dataclass(frozen=True)
class BuildLog:
    """What one build did."""

    steps: tuple[Step, ...]
    context_bytes: int
    """Bytes of build context that the client sent."""
    log: str
    """Everything the build printed, in order."""
    error: str

    @property
    def cacheable_steps(self) -> int:
        return sum(step.cacheable for step in self.steps)

    @property
    def cached_steps(self) -> int:
        return sum(step.cacheable and step.cached for step in self.steps)


@dataclass
class _Vertex:
    name: str = ""
    cached: bool = False
    error: str = ""
    intervals: set[tuple[float, float]] = field(default_factory=set[tuple[float, float]])


def read_progress(lines: Iterable[str]) -> BuildLog:
    """Read a rawjson stream. Lines that are no JSON are kept as log text: the client prints its own errors plainly."""
    vertices: dict[str, _Vertex] = {}
    transferred: dict[str, int] = {}
    logs: list[str] = []
    for line in lines:
        status = _object(line)
        if status is None:
            logs.append(line + "\n")
            continue
        for vertex in _items(status, "vertexes"):
            _take_vertex(vertices, vertex)
        for item in _items(status, "statuses"):
            _take_transfer(vertices, transferred, item)
        for item in _items(status, "logs"):
            logs.append(base64.b64decode(str(item.get("data", ""))).decode("utf-8", "replace"))
    steps = tuple(_step(digest, vertex) for digest, vertex in vertices.items())
    error = next((step.error for step in steps if step.error), "")
    return BuildLog(steps, sum(transferred.values()), "".join(logs), error)


def _object(line: str) -> Mapping[str, object] | None:
    if not line.startswith("{"):
        return None
    try:
        value = cast("object", json.loads(line))
    except ValueError:
        return None
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else None


def _items(status: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    return cast("list[Mapping[str, object]]", status.get(key) or [])


def _take_vertex(vertices: dict[str, _Vertex], item: Mapping[str, object]) -> None:
    vertex = vertices.setdefault(str(item.get("digest")), _Vertex())
    vertex.name = str(item.get("name") or vertex.name)
    vertex.cached = vertex.cached or item.get("cached") is True
    vertex.error = str(item.get("error") or vertex.error)
    started, completed = item.get("started"), item.get("completed")
    if isinstance(started, str) and isinstance(completed, str):
        vertex.intervals.add((_seconds(started), _seconds(completed)))


def _take_transfer(vertices: Mapping[str, _Vertex], transferred: dict[str, int], item: Mapping[str, object]) -> None:
    """The largest count seen of each context transfer; each status repeats it as it grows."""
    vertex = vertices.get(str(item.get("vertex")))
    name = str(item.get("id") or "")
    if vertex is None or not name.startswith("transferring") or not _CONTEXT.match(vertex.name):
        return
    current = item.get("current")
    if isinstance(current, int):
        key = f"{item.get('vertex')}"
        transferred[key] = max(transferred.get(key, 0), current)


def _step(digest: str, vertex: _Vertex) -> Step:
    match = _STEP.match(vertex.name)
    internal = match is None or match["where"].startswith(("internal", "auth", "context"))
    keyword = "" if internal or match is None else match["keyword"]
    return Step(digest, vertex.name, keyword, vertex.cached, _covered(vertex.intervals), vertex.error, bool(vertex.intervals))


def _covered(intervals: Iterable[tuple[float, float]]) -> float:
    """The time that intervals cover together."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted(intervals):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


def _seconds(text: str) -> float:
    """An RFC 3339 time with nanoseconds, which `datetime` does not take before Python 3.12."""
    match = _TIME.match(text)
    if match is None:
        return 0.0
    zone = "+00:00" if match[3] == "Z" else match[3]
    return datetime.fromisoformat(match[1] + zone).timestamp() + float(match[2] or 0)
