"""Whether the engine's host has room for what a deployment does: two versions that run at once, images and containers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from trimtab.deploy.plan import BOTH_RUN, Plan
from trimtab.docker.api import Api, Request
from trimtab.docker.containers import Container
from trimtab.docker.machine import memory, shortage
from trimtab.docker.usage import working_set
from trimtab.fleet.sizes import size_text

LEAST_DISK = 1_000_000_000
"""Bytes that have to be free where the engine keeps its data: a container's own layer and its log need some of it."""


@dataclass(frozen=True, slots=True)
class Host:
    """What is left on the engine's host; None for what cannot be known, as of another machine."""

    memory: int | None
    short: str | None = None
    """That too little is free on the disk where the engine keeps its data, and how much."""


@dataclass(frozen=True, slots=True)
class Room:
    """What keeps a plan from succeeding, what is not known about it, and how many services may run twice at once."""

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    parallel: int = 1


def host_of(folder: Path | None) -> Host:
    """What is left where the engine is; `folder` is where it keeps its data, None on another machine."""
    now = memory() if folder is not None else None
    return Host(now.available if now else None, shortage([folder], LEAST_DISK))


async def memory_in_use(api: Api, plan: Plan) -> Mapping[str, int]:
    """What the containers use now that will run beside their successors, by their ids, where the engine tells it."""
    ids = [container.id for _, container in _doubled(plan)]
    query = {"stream": "false", "one-shot": "true"}
    answers = await api.all([Request("GET", f"/containers/{each}/stats", query) for each in ids])
    found = {each: working_set(answer.json) for each, answer in zip(ids, answers, strict=True) if answer.status == _OK}
    return {each: used for each, used in found.items() if used is not None}


_OK = 200


def _doubled(plan: Plan) -> Sequence[tuple[str, Container]]:
    """The containers that will run beside their successors for a while, by service."""
    behind = [change for change in plan.changes if change.strategy in BOTH_RUN and change.before]
    pairs = [(change.slot.service, change.before.container) for change in behind if change.before]
    return [(service, container) for service, container in pairs if container.running]


def room_for(plan: Plan, used: Mapping[str, int], host: Host, parallel: int = 1) -> Room:
    """Whether there is room for a plan, and for how many services at once, which is `parallel` at most.

    A new version is taken to need what the one before uses now, page cache left out: limits are what may be used, and their sum
    is more than most hosts have. Where it is not known what is used or what is free, one service changes after the other.
    """
    problems: list[str] = []
    notes: list[str] = []
    needs: list[int] = []
    if plan.changes and host.short:
        problems.append(f"{host.short}, where the engine keeps its data: make room, or move it")
    for service in dict.fromkeys(service for service, _ in _doubled(plan)):
        ids = [container.id for name, container in _doubled(plan) if name == service]
        need = sum(used.get(each, 0) for each in ids)
        needs.append(need)
        both = f"`{service}`: both versions run for a while"
        if host.memory is None:
            notes.append(f"{both}; how much memory is free on the engine's host is not known")
        elif need > host.memory:
            free = f"the old one uses {size_text(need)}, and {size_text(host.memory)} are free"
            problems.append(f"{both}; {free}. Make room, or name it in `stop-first`")
        elif not used.keys() >= {*ids}:
            notes.append(f"{both}; how much memory the old one uses is not known: the engine does not say")
    return Room(tuple(problems), tuple(notes), 1 if notes else _at_once(needs, host.memory or 0, parallel))


def _at_once(needs: Sequence[int], free: int, most: int) -> int:
    """How many services may run twice at once, whichever of them these are."""
    return max(1, sum(together <= free for together in accumulate(sorted(needs, reverse=True)[:most])))
