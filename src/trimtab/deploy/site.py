"""What carrying out a deployment works with: the engine, the journal, and whoever watches."""

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

import anyio

from trimtab.deploy.lease import Lease
from trimtab.deploy.names import COMPOSE_PROJECT, PROJECT
from trimtab.deploy.observed import Observed, observe
from trimtab.docker.api import Api
from trimtab.docker.containers import Containers
from trimtab.docker.runner import Runner
from trimtab.errors import StateError
from trimtab.history.deployments import Deployments

Direction = Literal["forward", "back"]
T = TypeVar("T")


class Watcher(Protocol):
    """Is told what happens while it happens."""

    def step(self, place: str, text: str, direction: Direction) -> None:
        """A step of one place is begun; the place is empty for what concerns all."""
        ...

    def told(self, place: str, text: str) -> None:
        """Something worth knowing, which is no step."""
        ...

    def failed(self, service: str, reason: str, tail: str) -> None:
        """A service's new version is not good; the tail is what it printed last, for the terminal only."""
        ...


@dataclass(frozen=True)
class Checks:
    """How it is found out whether a new container is good."""

    smoke: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """By service, a program to run inside its container, which has to end with 0."""
    timeout: float | None = None
    """Seconds to become healthy; None for what the health check's own settings allow."""
    settle: float = 5.0
    """Seconds for which a container without a health check has to stay alive."""
    bake: float = 0.0
    """Seconds for which a container has to stay good after that."""
    drain: float = 30.0
    """Seconds that a container behind the holder has to finish what it is at before that is cut off."""


@dataclass(frozen=True)
class Site:
    """One deployment's tools."""

    runner: Runner
    api: Api
    containers: Containers
    journal: Deployments
    deployment: str
    project: str
    revision: int
    watcher: Watcher
    checks: Checks = Checks()
    lease: Lease | None = None
    """What gives the right to do it; None where nobody else can be at it."""
    _lanes: dict[int, anyio.Lock] = field(default_factory=dict[int, anyio.Lock])

    def lane(self, number: int) -> anyio.Lock:
        """What only one service of a lane may have at a time: HAProxy's configuration names all of them."""
        return self._lanes.setdefault(number, anyio.Lock())

    @asynccontextmanager
    async def step(self, place: str, text: str, direction: Direction = "forward", detail: str = "") -> AsyncGenerator[None]:
        """One step: noted on the disk before it is done, and noted again when it is.

        Raises:
            Superseded: another deployer is at it; nothing is noted or done.
        """
        await self.confirm()
        began = time.monotonic()
        must = direction == "forward"
        number = self.note(lambda: self.journal.intend(self.deployment, place, text, direction, detail), must=must)
        self.watcher.step(place, text, direction)
        yield
        if number is not None:
            self.note(lambda: self.journal.done(self.deployment, number, time.monotonic() - began), must=must)

    async def confirm(self) -> None:
        """Make sure that nobody else is at it.

        Raises:
            Superseded: somebody is.
        """
        if self.lease is not None:
            await self.lease.confirm()

    def note(self, write: Callable[[], T], *, must: bool) -> T | None:
        """Write to the journal. On the way back it need not succeed: a full disk is no reason to leave a service down.

        Raises:
            StateError: it must, and did not.
        """
        try:
            return write()
        except StateError as error:
            if must:
                raise
            self.watcher.told("", str(error))
            return None

    async def observe(self) -> Observed:
        """The project as the engine has it now."""
        return await observed(self.containers, self.project)


async def observed(containers: Containers, project: str) -> Observed:
    """A project as the engine has it now."""
    found = await containers.labelled(f"{COMPOSE_PROJECT}={project}", f"{PROJECT}={project}")
    return observe(project, found)
