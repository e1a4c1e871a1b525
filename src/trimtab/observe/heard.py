"""What the engine tells of containers while it happens.

An `oom` event comes when the kernel kills a process for want of memory, also for a child whose container lives on;
the container's own mark, `OOMKilled`, is cleared by its next start, and says that of any number of times only once.
"""

import math

import anyio

from trimtab.docker.command import Command, events
from trimtab.docker.labels import COMPOSE_PROJECT
from trimtab.docker.runner import Runner
from trimtab.fleet.plain import mapping
from trimtab.observe.sample import Happened
from trimtab.syntax.data import read_json

_TWICE = 1.0
"""Seconds before the last event for which it is remembered what came; a reading begins anew less than that before it."""
_ONE_KILL = 1.0
"""Seconds after a container's `oom` event in which others of it are of the same kill. With cgroups of version 1 the engine
tells of it each time memory is short until the killed process has gone: up to 24 times a kill, over 0.17 s, where measured."""


def read_event(line: str) -> tuple[str, float, Happened] | None:
    """A line of `docker events` as the container's id, the time in seconds since 1970, and what it counts for.

    None for what is no event, or one that counts for nothing. A container's first health, of its start, is a change, too.
    """
    try:
        data = mapping(read_json(line))
    except ValueError:
        return None
    actor, nanoseconds = str(mapping(data.get("Actor")).get("ID") or ""), data.get("timeNano")
    action = str(data.get("Action") or "")
    if not actor or not isinstance(nanoseconds, int):
        return None
    happened = Happened(ooms=int(action == "oom"), health_changes=int(action.startswith("health_status")))
    return (actor, nanoseconds / 1e9, happened) if happened != Happened() else None


class Heard:
    """What was heard since it was last asked for, by the container's id; nothing is lost from one question to the next."""

    def __init__(self, since: float) -> None:
        self._since = since
        self._rest = b""
        self._found: dict[str, Happened] = {}
        self._ids: set[tuple[str, float, Happened]] = set()
        self._kills: dict[str, float] = {}
        self._killed = anyio.Event()

    def command(self, project: str) -> Command:
        """What to read them from, from where the last reading broke off."""
        self._rest = b""
        return events(f"{COMPOSE_PROJECT}={project}", math.floor(self._since * 1000) / 1000, "oom", "health_status")

    def chunk(self, data: bytes) -> None:
        """Take in what has come, whole lines or not."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            event = read_event(line.decode("utf-8", "replace"))
            # One of the very moment that the reading begins anew may come twice.
            if event is not None and event not in self._ids:
                self._take(event)

    def _take(self, event: tuple[str, float, Happened]) -> None:
        container, at, happened = event
        self._since = max(self._since, at)
        self._ids = {each for each in self._ids if each[1] > self._since - _TWICE} | {event}
        if happened.ooms:
            if at - self._kills.get(container, -math.inf) < _ONE_KILL:
                return
            self._kills[container] = at
            self._killed.set()
        before = self._found.get(container, Happened())
        self._found[container] = Happened(before.ooms + happened.ooms, before.health_changes + happened.health_changes)

    def taken(self) -> dict[str, Happened]:
        """What was heard, which is then given away."""
        found, self._found = self._found, {}
        self._killed = anyio.Event()
        return found

    async def rest(self, seconds: float) -> None:
        """Wait so long, or until a process was killed for want of memory of which nobody has taken note yet."""
        with anyio.move_on_after(seconds):
            await self._killed.wait()


async def listen(runner: Runner, project: str, heard: Heard, pause: float = 5.0) -> None:
    """Listen until it is cancelled; where the engine goes away, begin anew after a pause in seconds.

    Raises:
        ToolError: there is no docker client.
    """
    while True:
        await runner.stream(heard.command(project), heard.chunk)
        await anyio.sleep(pause)
