"""The order in which targets are built: the one with the longest chain of work behind it first.

List scheduling by the longest remaining path (Graham, "Bounds on multiprocessing timing anomalies", 1969; Hu, 1961).
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Needs = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Placed:
    """When one target is built, in seconds from the start, and by which of the workers."""

    name: str
    start: float
    end: float
    worker: int


def remaining(seconds: Mapping[str, float], needs: Needs) -> dict[str, float]:
    """For each target the seconds from its start to the end of the longest chain that begins with it."""
    dependants: dict[str, list[str]] = {name: [] for name in seconds}
    for name, each in needs.items():
        for provider in each:
            if provider in dependants and name in dependants:
                dependants[provider].append(name)
    found: dict[str, float] = {}
    for wave in reversed(waves(seconds, needs)):
        for name in wave:
            found[name] = seconds[name] + max((found[other] for other in dependants[name]), default=0.0)
    return found


def waves(names: Iterable[str], needs: Needs) -> list[list[str]]:
    """The targets in steps, each of which needs only earlier ones. Targets on a circle are in none."""
    left = dict.fromkeys(names)
    found: list[list[str]] = []
    while left:
        wave = [name for name in left if not any(provider in left for provider in needs.get(name, ()))]
        if not wave:
            break
        found.append(wave)
        for name in wave:
            del left[name]
    return found


def critical_path(seconds: Mapping[str, float], needs: Needs) -> tuple[str, ...]:
    """The chain of targets that takes longest, in the order of building."""
    longest = remaining(seconds, needs)
    path: list[str] = []
    candidates = [name for name in longest if not any(provider in longest for provider in needs.get(name, ()))]
    while candidates:
        path.append(max(candidates, key=lambda name: longest[name]))
        candidates = [name for name in longest if path[-1] in needs.get(name, ())]
    return tuple(path)


def bound(seconds: Mapping[str, float], needs: Needs, jobs: int) -> float:
    """The seconds that no order can go below: the critical path, and all work spread evenly over the jobs."""
    if not seconds:
        return 0.0
    longest = max(remaining(seconds, needs).values(), default=0.0)
    return max(longest, sum(seconds.values()) / jobs)


def simulate(seconds: Mapping[str, float], needs: Needs, jobs: int, priority: Mapping[str, float]) -> list[Placed]:
    """What becomes of the targets when every free worker takes the ready one of the highest priority."""
    waiting = {name: {provider for provider in needs.get(name, ()) if provider in seconds} for name in seconds}
    ready = [(-priority[name], name) for name, each in waiting.items() if not each]
    heapq.heapify(ready)
    free = list(range(jobs))
    running: list[tuple[float, int, str]] = []
    placed: list[Placed] = []
    now = 0.0
    while ready or running:
        while ready and free:
            _, name = heapq.heappop(ready)
            worker = heapq.heappop(free)
            heapq.heappush(running, (now + seconds[name], worker, name))
            placed.append(Placed(name, now, now + seconds[name], worker))
        now, worker, done = heapq.heappop(running)
        heapq.heappush(free, worker)
        for name, each in waiting.items():
            if done in each:
                each.discard(done)
                if not each:
                    heapq.heappush(ready, (-priority[name], name))
    return placed
