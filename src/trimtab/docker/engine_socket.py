"""The engine's own socket in place of the docker client, for the questions that are asked most often.

The client is 40 MB and starts for each question, and one that is older than the engine's least API version is refused: the
image of trimtab has none. A round of questions about thirty containers took 102 ms of processor time through it, and 27
without.
"""

import json
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import h11
from anyio.abc import SocketStream

from trimtab.docker.api import Api, Request, call, container_path
from trimtab.docker.command import Command, engine_address
from trimtab.docker.runner import Completed, ProcessRunner, Runner, engine_version, in_time
from trimtab.errors import EngineRefused, ToolError
from trimtab.fleet.plain import mapping

SOCKET = "/var/run/docker.sock"
"""Where the engine listens when nothing else is said."""
_HEADER = 8
"""Bytes before each piece of what a program says: which output, three zeros, four of the length (Engine API, attach)."""
_OUTPUT, _ERRORS = 1, 2


async def engine_runner() -> Runner:
    """What asks an engine that answers.

    Raises:
        EngineMissing: no engine answers.
    """
    runner = await chosen_runner()
    await engine_version(runner)
    return runner


async def chosen_runner() -> Runner:
    """The engine's socket, where the client would ask one that may be opened here; else the client.

    Without a client it is the socket that `DOCKER_HOST` names, or the engine's usual one, if it is there.
    """
    client = ProcessRunner()
    address = os.environ.get("DOCKER_HOST", "") or await _address(client)
    path = Path(address.removeprefix("unix://"))
    if address.startswith("unix://") and os.access(path, os.R_OK | os.W_OK) and path.is_socket():
        return EngineSocket(path, client)
    return client


async def _address(client: Runner) -> str:
    """Where the client would ask; empty where it cannot say."""
    if shutil.which("docker") is None:
        return f"unix://{SOCKET}"
    done = await client.run(engine_address(), timeout=10)
    return done.text if done.code == 0 else ""


class EngineSocket:
    """A runner that asks a socket what `docker version`, `events`, `exec` and `system dial-stdio` would; it gives all other
    commands to another runner."""

    def __init__(self, path: Path, others: Runner) -> None:
        self._path, self._others = path, others

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        match command.argv:
            case ("docker", "system", "dial-stdio"):
                asked = self._joined(command)
            case ("docker", "version", *_):
                asked = self._version(command)
            case ("docker", "exec", container, *words):
                asked = self._execute(command, container, words)
            case _:
                return await self._others.run(command, on_line=on_line, timeout=timeout)
        return await in_time(command, timeout, asked)

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        if command.argv[:2] != ("docker", "events"):
            return await self._others.stream(command, sink)
        return await in_time(command, None, self._events(command, sink))

    @asynccontextmanager
    async def _connected(self, data: bytes) -> AsyncGenerator[SocketStream]:
        async with await anyio.connect_unix(self._path) as stream:
            await stream.send(data)
            yield stream

    async def _joined(self, command: Command) -> Completed:
        """What the engine says until it closes the connection."""
        found = bytearray()
        try:
            async with self._connected(command.stdin) as stream:
                async for chunk in stream:
                    found += chunk
        except (OSError, anyio.BrokenResourceError) as error:
            return self._failed(command, error, bytes(found))
        return Completed(command.argv, 0, bytes(found), "")

    async def _version(self, command: Command) -> Completed:
        try:
            answer = await Api(self).ask(Request("GET", "/version"))
        except ToolError as error:
            return Completed(command.argv, 1, b"", str(error))
        return Completed(command.argv, 0, str(mapping(answer.json).get("Version", "")).encode(), "")

    async def _execute(self, command: Command, container: str, words: Sequence[str]) -> Completed:
        api, body = Api(self), {"AttachStdout": True, "AttachStderr": True, "Cmd": list(words)}
        try:
            made = await api.ask(Request("POST", container_path(container, "/exec"), body=body))
            place = f"/exec/{mapping(made.json).get('Id')}"
            said = await api.ask(Request("POST", f"{place}/start", body={"Detach": False, "Tty": False}))
            ended = await api.ask(Request("GET", f"{place}/json"))
        except EngineRefused as error:
            return Completed(command.argv, 1, b"", str(error))
        code = mapping(ended.json).get("ExitCode")
        errors = said_through(said.data, _ERRORS).decode("utf-8", "replace")
        return Completed(command.argv, code if isinstance(code, int) else 1, said_through(said.data, _OUTPUT), errors)

    async def _events(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        """Events as they come; like the client, it has failed when they end."""
        request = events_request(command)
        reading = h11.Connection(h11.CLIENT)
        reading.send(h11.Request(method="GET", target=request.target, headers=[("Host", "docker")]))
        reading.send(h11.EndOfMessage())
        try:
            async with self._connected(call([request]).stdin) as stream:
                async for chunk in stream:
                    reading.receive_data(chunk)
                    for data in _bodies(reading):
                        sink(data)
        except (OSError, anyio.BrokenResourceError, h11.RemoteProtocolError) as error:
            return self._failed(command, error)
        return Completed(command.argv, 1, b"", "the events have ended")

    def _failed(self, command: Command, error: Exception, found: bytes = b"") -> Completed:
        return Completed(command.argv, 1, found, f"the engine does not answer at {self._path}: {error}")


def _bodies(reading: h11.Connection) -> Iterator[bytes]:
    """What has come of an answer's body; nothing of a refusal's."""
    while (event := reading.next_event()) is not h11.NEED_DATA and not isinstance(event, h11.EndOfMessage):
        if isinstance(event, h11.Response) and event.status_code >= 400:
            raise h11.RemoteProtocolError(f"the engine refuses to tell events ({event.status_code})")
        if isinstance(event, h11.Data):
            yield bytes(event.data)


def events_request(command: Command) -> Request:
    """The question behind `docker events --since … --filter …`."""
    words = command.argv[2:]
    options = list(zip(words[::2], words[1::2], strict=True))
    filters: dict[str, list[str]] = {}
    for name, value in (value.split("=", 1) for option, value in options if option == "--filter"):
        filters.setdefault(name, []).append(value)
    return Request("GET", "/events", {"since": dict(options)["--since"], "filters": json.dumps(filters)})


def said_through(data: bytes, output: int) -> bytes:
    """What a program has written to one of its outputs, 1 or 2, of what the engine tells of both."""
    found, at = bytearray(), 0
    while at + _HEADER <= len(data):
        # Only the piece itself is copied: with all that is left of 80 MB cut off anew for each piece it took three minutes.
        begin, at = at, at + _HEADER + int.from_bytes(data[at + 4 : at + _HEADER], "big")
        found += data[begin + _HEADER : at] if data[begin] == output else b""
    return bytes(found)
