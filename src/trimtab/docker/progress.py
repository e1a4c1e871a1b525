"""BuildKit's `--progress=rawjson`, read so that its numbers mean what they say.

The stream is `client.SolveStatus` of moby/buildkit, one JSON object a line, many of them partial. Three traps are dealt
with here: a vertex is announced several times with different intervals (they are summed, overlaps once); cached
vertices have no duration; and `FROM`, `[internal]` and export vertices can never be cached, so they must not count when
a hit rate is formed (4 of 4 cached steps are otherwise shown as 4/10).
"""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from trimtab.syntax.data import read_json

_STEP = re.compile(r"^\[(?P<where>[^\]]*)\] (?P<text>(?P<keyword>[A-Z]+)\b.*)$", re.DOTALL)
_OF_TARGET = re.compile(r"^\[(?P<target>[\w-]+)(?: (?P<where>[^\]]*))?\] (?P<text>.*)$", re.DOTALL)
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
    started: float = 0.0
    """Seconds since the epoch, by the builder's clock; 0 for a step that has not begun."""

    @property
    def label(self) -> str:
        """The name without its place among the others, which moves when a line is added: `RUN pip install`."""
        match = _STEP.match(self.name)
        return match["text"] if match else self.name

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
    pulled_bytes: int = 0
    """Bytes of base layers that the builder fetched."""

    @property
    def worked(self) -> float:
        """Seconds in which at least one step was being done; steps of one build run beside each other."""
        return _covered((step.started, step.started + step.seconds) for step in self.steps if step.completed)

    @property
    def first_missed(self) -> Step | None:
        """The first step that a cache could hold and that was done."""
        missed = [step for step in self.steps if step.cacheable and step.completed and not step.cached]
        return min(missed, key=lambda step: step.started, default=None)

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
    open: bool = False
    intervals: set[tuple[float, float]] = field(default_factory=set[tuple[float, float]])


class _Joiner:
    """Puts objects together that are printed over several lines: buildx 0.13 indents them, 0.29 gives a line to each."""

    def __init__(self) -> None:
        self._open: list[str] = []

    def take(self, line: str) -> Mapping[str, object] | str | None:
        """An object that is complete with this line, the line itself when it is plain text, None while more is to come."""
        if not self._open and line != "{":
            return line if (status := _object(line)) is None else status
        self._open.append(line)
        if line != "}":
            return None
        text, self._open = "\n".join(self._open), []
        return text if (status := _object(text)) is None else status


class ProgressReader:
    """A rawjson stream that is read as it comes. Lines that are no JSON are kept as log text."""

    def __init__(self) -> None:
        self._joiner = _Joiner()
        self._vertices: dict[str, _Vertex] = {}
        self._transferred: dict[str, int] = {}
        self._pulled: dict[str, int] = {}
        self._logs: list[str] = []

    def take(self, line: str) -> None:
        """Read one line."""
        status = self._joiner.take(line)
        if isinstance(status, str):
            self._logs.append(status + "\n")
        elif status is not None:
            self.take_status(status)

    def take_status(self, status: Mapping[str, object]) -> None:
        """Read one object of the stream."""
        for vertex in _items(status, "vertexes"):
            _take_vertex(self._vertices, vertex)
        for item in _items(status, "statuses"):
            _take_transfer(self._vertices, self._transferred, item)
            _take_pull(self._pulled, item)
        for item in _items(status, "logs"):
            self._logs.append(_printed(item.get("data")))

    @property
    def current(self) -> str:
        """The step that began last and has not ended; empty when there is none."""
        open_ones = [vertex for vertex in self._vertices.values() if vertex.open]
        return open_ones[-1].name if open_ones else ""

    @property
    def counts(self) -> tuple[int, int, int]:
        """Dockerfile steps that are cached, done, and known of."""
        steps = [step for digest, vertex in self._vertices.items() if (step := _step(digest, vertex)).cacheable]
        return sum(step.cached for step in steps), sum(step.completed for step in steps), len(steps)

    @property
    def log(self) -> BuildLog:
        """What is known so far."""
        steps = tuple(_step(digest, vertex) for digest, vertex in self._vertices.items())
        error = next((step.error for step in steps if step.error), "")
        return BuildLog(steps, sum(self._transferred.values()), "".join(self._logs), error, sum(self._pulled.values()))


def read_progress(lines: Iterable[str]) -> BuildLog:
    """Read a rawjson stream. Lines that are no JSON are kept as log text: the client prints its own errors plainly."""
    reader = ProgressReader()
    for line in lines:
        reader.take(line)
    return reader.log


class GroupReader:
    """The progress of several targets that bake builds in one go, taken apart again.

    Bake puts the target's name in front of what each step is called (`util/progress/multiwriter.go` of docker/buildx); a step
    that several targets share has one digest and comes once with each name. Lines that name no target belong to all.
    """

    def __init__(self, targets: Iterable[str]) -> None:
        self._joiner = _Joiner()
        self._readers = {name: ProgressReader() for name in targets}
        self._owners: dict[str, set[str]] = {}

    def take(self, line: str) -> None:
        """Read one line."""
        status = self._joiner.take(line)
        if isinstance(status, str):
            for reader in self._readers.values():
                reader.take(status)
        elif status is not None:
            for name, share in self._shares(status).items():
                self._readers[name].take_status(share)

    def log(self, target: str) -> BuildLog:
        """What is known of one target."""
        return self._readers[target].log

    def _shares(self, status: Mapping[str, object]) -> Mapping[str, dict[str, list[Mapping[str, object]]]]:
        found: dict[str, dict[str, list[Mapping[str, object]]]] = {}
        for vertex in _items(status, "vertexes"):
            match = _OF_TARGET.match(str(vertex.get("name")))
            if match is not None and match["target"] in self._readers:
                rest = f"[{match['where']}] {match['text']}" if match["where"] else match["text"]
                self._owners.setdefault(str(vertex.get("digest")), set()).add(match["target"])
                found.setdefault(match["target"], {}).setdefault("vertexes", []).append({**vertex, "name": rest})
        for kind in ("statuses", "logs"):
            for item in _items(status, kind):
                for name in self._owners.get(str(item.get("vertex")), ()):
                    found.setdefault(name, {}).setdefault(kind, []).append(item)
        return found


def _object(line: str) -> Mapping[str, object] | None:
    if not line.startswith("{"):
        return None
    try:
        value = read_json(line)
    except ValueError:
        return None
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else None


def _items(status: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    found = status.get(key)
    every = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("Mapping[str, object]", each) for each in every if isinstance(each, dict)]


def _printed(data: object) -> str:
    """A piece of a step's output; what is not encoded as it should be is shown as it came."""
    try:
        return base64.b64decode(str(data or "")).decode("utf-8", "replace")
    except ValueError:
        return str(data)


def _take_vertex(vertices: dict[str, _Vertex], item: Mapping[str, object]) -> None:
    vertex = vertices.setdefault(str(item.get("digest")), _Vertex())
    vertex.name = str(item.get("name") or vertex.name)
    vertex.cached = vertex.cached or item.get("cached") is True
    vertex.error = str(item.get("error") or vertex.error)
    started, completed = item.get("started"), item.get("completed")
    vertex.open = isinstance(started, str) and not isinstance(completed, str)
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


def _take_pull(pulled: dict[str, int], item: Mapping[str, object]) -> None:
    """The bytes of one base layer; the status of a layer that is there already has no total."""
    name, current, total = str(item.get("id") or ""), item.get("current"), item.get("total")
    if name.startswith("sha256:") and isinstance(current, int) and isinstance(total, int) and total > 0:
        pulled[name] = max(pulled.get(name, 0), current)


def _step(digest: str, vertex: _Vertex) -> Step:
    match = _STEP.match(vertex.name)
    internal = match is None or match["where"].startswith(("internal", "auth", "context"))
    keyword = "" if internal or match is None else match["keyword"]
    begun = min((start for start, _ in vertex.intervals), default=0.0)
    worked, done = _covered(vertex.intervals), bool(vertex.intervals)
    return Step(digest, vertex.name, keyword, vertex.cached, worked, vertex.error, done, begun)


def _covered(intervals: Iterable[tuple[float, float]]) -> float:
    """The time that intervals cover together."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted(intervals):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


def _seconds(text: str) -> float:
    """An RFC 3339 time with nanoseconds, which `datetime` does not take before Python 3.12; 0 for what is none."""
    match = _TIME.match(text)
    if match is None:
        return 0.0
    zone = "+00:00" if match[3] == "Z" else match[3]
    try:
        return datetime.fromisoformat(match[1] + zone).timestamp() + float(match[2] or 0)
    except (ValueError, OverflowError):
        # A day that there is not, or one before the year 1 once its zone is taken off.
        return 0.0
