"""One deployer at a time, on whatever machine and from whatever folder: the engine itself keeps the lease.

The lease is a container that is never started. Its name can be given once, which makes taking it atomic; its labels say whose
it is, and a file in it says that its holder is alive. Of a holder on the same machine the kernel knows whether it lives; one
elsewhere is taken for dead when its file has not changed for `PATIENCE` seconds by the watcher's own clock, so that no two
clocks are compared. Every step confirms the lease first: a deployer that was asleep for that long does nothing more.
"""

import io
import json
import os
import secrets
import socket
import tarfile
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import anyio

from trimtab.deploy import names
from trimtab.docker.api import Api, Request, container_path
from trimtab.docker.command import Command, docker
from trimtab.docker.containers import Container, Containers
from trimtab.docker.runner import Runner
from trimtab.errors import EngineRefused, StateError, ToolError
from trimtab.fleet.plain import mapping_of

BEAT, PATIENCE = 10.0, 45.0
"""Seconds between two signs of life, and without one until a holder elsewhere is taken for dead."""
_LOOK = 0.5
_ENDED = frozenset("ZXx")
_IMAGE = "trimtab/lease:1"
_LABEL = "io.trimtab.lease"
_FILE = "beat"


class Superseded(StateError):
    """Another deployer has taken the lease: this one was not heard of for too long."""


@dataclass
class Lease:
    """The right to deploy a project."""

    api: Api
    identity: str
    """The id of its container."""
    beaten: float = field(default_factory=time.monotonic)

    async def confirm(self) -> None:
        """Make sure that it still is ours.

        Raises:
            Superseded: it is not.
            EngineMissing: the engine does not answer.
        """
        if time.monotonic() - self.beaten >= BEAT:
            await self.beat()

    async def beat(self) -> None:
        """Give a sign of life; errors as for `confirm`."""
        began = time.monotonic()
        request = Request("PUT", container_path(self.identity, "/archive"), {"path": "/"}, _tar(secrets.token_hex(8)))
        answer = await self.api.ask(request, allow=(404,))
        if answer.status == 404:
            raise Superseded("Another deployer has taken over: this one was not heard of for too long. It does nothing more.")
        self.beaten = began


@asynccontextmanager
async def deploying(runner: Runner, project: str, what: str, patience: float = 0.0) -> AsyncGenerator[Lease]:
    """Hold the lease of a project.

    Args:
        runner: Starts the docker client.
        project: The compose project.
        what: What the lease is for, as others are told.
        patience: Seconds to wait for another deployer.

    Raises:
        StateError: another one holds it.
        EngineMissing: the engine does not answer.
    """
    api = Api(runner)
    lease = await _taken(runner, api, project, what, patience)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_beating, lease)
            try:
                yield lease
            finally:
                group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            # Where that fails, the next deployer finds a lease whose holder is dead.
            with suppress(ToolError):
                await Containers(api).remove(lease.identity, with_own_volumes=True)


async def _beating(lease: Lease) -> None:
    while True:
        await anyio.sleep(BEAT)
        try:
            await lease.beat()
        except Superseded:
            return
        except ToolError:
            # The engine is away; the next step finds out whether the lease outlived that.
            continue


async def _taken(runner: Runner, api: Api, project: str, what: str, patience: float) -> Lease:
    await _image(runner, api)
    name, ends = f"{project}.lease", time.monotonic() + patience
    watched = _Watched()
    while True:
        identity = await _created(api, project, name, what)
        if identity is not None:
            lease = Lease(api, identity)
            await lease.beat()
            return lease
        holder = await Containers(api).find(name)
        if holder is None:
            continue
        told = mapping_of(holder.labels.get(_LABEL) or "{}")
        if await _is_dead(api, holder, told, watched):
            # By its id: whoever comes second removes nothing that is not the dead one's.
            await Containers(api).remove(holder.id, with_own_volumes=True)
        elif time.monotonic() >= ends and (watched.lives or _is_here(told)):
            raise StateError(f"Another deployer is at work: {_said(told)}. Wait for it, or pass --wait SECONDS.")
        else:
            await anyio.sleep(_LOOK)


async def _image(runner: Runner, api: Api) -> None:
    """An image with nothing in it, for a container that never runs. It comes from no registry."""
    answer = await api.ask(Request("GET", f"/images/{_IMAGE}/json"), allow=(404,))
    if answer.status == 404:
        command = docker("import", "--message", "the lease of a deployment", "-", _IMAGE)
        (await runner.run(Command(command.argv, command.env, _tar("")), timeout=60)).checked()


async def _created(api: Api, project: str, name: str, what: str) -> str | None:
    labels = {names.PROJECT: project, names.ROLE: names.LEASE, _LABEL: json.dumps(_holder(what))}
    body = {"Image": _IMAGE, "Cmd": ["-"], "Labels": labels, "HostConfig": {"NetworkMode": "none"}}
    try:
        return await Containers(api).create(name, body)
    except EngineRefused as error:
        if error.status == 409:
            return None
        raise


@dataclass
class _Watched:
    """How long a holder elsewhere has given no sign of life."""

    holder: str = ""
    beat: bytes = b""
    since: float = 0.0
    lives: bool = False
    """Whether a sign of life was seen to come."""

    def seen(self, holder: str, beat: bytes) -> float:
        """Seconds since the last change."""
        if (holder, beat) != (self.holder, self.beat):
            self.lives = holder == self.holder
            self.holder, self.beat, self.since = holder, beat, time.monotonic()
        return time.monotonic() - self.since


async def _is_dead(api: Api, holder: Container, told: Mapping[str, object], watched: _Watched) -> bool:
    if _is_here(told):
        return process_start(int(str(told.get("pid") or 0))) != told.get("started")
    answer = await api.ask(Request("GET", container_path(holder.id, "/archive"), {"path": f"/{_FILE}"}), allow=(404,))
    return watched.seen(holder.id, answer.data) >= PATIENCE


def _is_here(told: Mapping[str, object]) -> bool:
    """Whether a process of this very system is meant, of which the kernel knows whether it lives."""
    mine = system()
    return mine is not None and told.get("system") == mine


def system() -> str | None:
    """This system since its last start, and what its process numbers are about; None where the kernel does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return None


def process_start(pid: int) -> str | None:
    """When a process was started, in clock ticks since the system was; None when none of this number runs.

    Together with its number that tells it from a later process (proc(5), fields 3 and 22 of `/proc/PID/stat`). One that was
    killed and that nobody has asked about yet does nothing more, though its number is still there.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in _ENDED else fields[19]


def _holder(what: str) -> dict[str, object]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    pid = os.getpid()
    return {
        "host": socket.gethostname(), "system": system(), "pid": pid, "started": process_start(pid), "since": since,
        "what": what,
    }  # fmt: skip


def _said(told: Mapping[str, object]) -> str:
    return f"{told.get('what')}, process {told.get('pid')} on {told.get('host')} since {told.get('since')}"


def _tar(beat: str) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        entry = tarfile.TarInfo(_FILE)
        entry.size = len(beat)
        archive.addfile(entry, io.BytesIO(beat.encode()))
    return data.getvalue()
