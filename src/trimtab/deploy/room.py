"""Whether the engine's host has room for what a deployment does: two versions that run at once, images and containers."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trimtab.deploy.plan import Change, Plan, Strategy
from trimtab.docker.api import Api, Request
from trimtab.docker.machine import memory
from trimtab.docker.usage import working_set

LEAST_DISK = 1_000_000_000
"""Bytes that have to be free where the engine keeps its data: a container's own layer and its log need some of it."""


@dataclass(frozen=True, slots=True)
class Host:
    """What is left on the engine's host; None for what cannot be known, as of another machine."""

    memory: int | None
    disk: int | None


@dataclass(frozen=True, slots=True)
class Room:
    """What keeps a plan from succeeding, and what is not known about it."""

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def host_of(folder: Path | None) -> Host:
    """What is left where the engine is; `folder` is where it keeps its data, None on another machine."""
    if folder is None:
        return Host(None, None)
    now = memory()
    try:
        return Host(now.available if now else None, shutil.disk_usage(folder).free)
    except OSError:
        return Host(now.available if now else None, None)


async def memory_in_use(api: Api, plan: Plan) -> Mapping[str, int]:
    """What the containers use now that will run beside their successors, by their ids; those that do not run are left out."""
    ids = [change.before.container.id for change in _doubled(plan) if change.before]
    query = {"stream": "false", "one-shot": "true"}
    answers = await api.all([Request("GET", f"/containers/{each}/stats", query) for each in ids])
    found = {each: working_set(answer.json) for each, answer in zip(ids, answers, strict=True) if answer.status == _OK}
    return {each: used for each, used in found.items() if used is not None}


_OK = 200


def _doubled(plan: Plan) -> Sequence[Change]:
    """What runs in both versions for a while. One service is switched after the other."""
    return [change for change in plan.changes if change.strategy is Strategy.SWITCH and change.before]


def room_for(plan: Plan, used: Mapping[str, int], host: Host) -> Room:
    """Whether there is room for a plan.

    A new version is taken to need what the one before uses now, page cache left out: limits are what may be used, and their sum
    is more than most hosts have.
    """
    problems: list[str] = []
    notes: list[str] = []
    if plan.changes and host.disk is not None and host.disk < LEAST_DISK:
        problems.append(f"only {_size(host.disk)} are free where the engine keeps its data: make room, or move it")
    for service in dict.fromkeys(change.slot.service for change in _doubled(plan)):
        ids = [c.before.container.id for c in _doubled(plan) if c.slot.service == service and c.before]
        need = sum(used.get(each, 0) for each in ids)
        both = f"`{service}`: both versions run for a while"
        if host.memory is None:
            notes.append(f"{both}; how much memory is free on the engine's host is not known")
        elif need > host.memory:
            free = f"the old one uses {_size(need)}, and {_size(host.memory)} are free"
            problems.append(f"{both}; {free}. Make room, or name it in `stop-first`")
    return Room(tuple(problems), tuple(notes))


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
