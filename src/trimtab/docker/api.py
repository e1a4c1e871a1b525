"""The engine's own API, spoken through the docker client.

`docker system dial-stdio` joins its standard input and output to the engine, whatever the client's context is: a socket, TLS
or SSH. One process carries any number of requests, one behind the other, and the engine answers them in that order (RFC 9112
§9.3.2). What is asked this way has no equal among the client's commands, or needs an answer that a program can read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import quote, urlencode

import h11

from trimtab.docker.command import Command, docker
from trimtab.docker.runner import Runner
from trimtab.errors import EngineMissing, EngineRefused
from trimtab.syntax.data import read_json

Method = Literal["GET", "POST", "PUT", "DELETE"]
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """One question to the engine. The body may hold credentials, and is part of no log."""

    method: Method
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: object = field(default=None, repr=False)
    """What is sent as JSON, or bytes as they are."""

    @property
    def target(self) -> str:
        return self.path + (f"?{urlencode(self.query)}" if self.query else "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine said to one request."""

    status: int
    data: bytes = field(repr=False)

    @property
    def json(self) -> object:
        return read_json(self.data) if self.data.strip() else None

    @property
    def message(self) -> str:
        """The engine's reason for a refusal."""
        try:
            found = read_json(self.data)
        except ValueError:
            return self.data.decode("utf-8", "replace").strip()
        return str(cast("Mapping[str, object]", found).get("message", "")) if isinstance(found, dict) else ""


def container_path(container: str, rest: str = "") -> str:
    """The API's path of a container, whatever its name has in it."""
    return f"/containers/{quote(container, safe='')}{rest}"


def call(requests: Sequence[Request]) -> Command:
    """Requests one behind the other over one connection, which the engine closes after the last."""
    texts = [_written(request, last=request is requests[-1]) for request in requests]
    command = docker("system", "dial-stdio")
    # With its standard input at an end, the client closes its half of the connection, and the engine then drops what it is
    # still at work on: `/info` was answered with `null`, and a container might be created or not.
    return Command(command.argv, command.env, b"".join(texts), keeps_stdin=True)


def _written(request: Request, *, last: bool) -> bytes:
    connection = h11.Connection(h11.CLIENT)
    return b"".join(connection.send(event) or b"" for event in _events(request, last=last))


def _events(request: Request, *, last: bool) -> Iterator[h11.Event]:
    raw = request.body if isinstance(request.body, bytes) else None
    body = raw if raw is not None else b"" if request.body is None else json.dumps(request.body).encode()
    headers = [("Host", "docker"), ("Content-Length", str(len(body)))]
    headers += [("Content-Type", "application/json" if raw is None else "application/x-tar")] if body else []
    headers += [("Connection", "close")] if last else []
    yield h11.Request(method=request.method, target=request.target, headers=headers)
    if body:
        yield h11.Data(body)
    yield h11.EndOfMessage()


def read_answers(data: bytes, requests: Sequence[Request]) -> list[Answer]:
    """The answers in the order of their requests; fewer when the connection broke."""
    found: list[Answer] = []
    for request in requests:
        connection = h11.Connection(h11.CLIENT)
        for event in _events(request, last=False):
            connection.send(event)
        connection.receive_data(data)
        answer = _next_answer(connection)
        if answer is None:
            break
        found.append(answer)
        data = connection.trailing_data[0]
    return found


def _next_answer(connection: h11.Connection) -> Answer | None:
    status, parts = 0, bytearray()
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(b"")
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                parts += event.data
            elif isinstance(event, h11.EndOfMessage):
                return Answer(status, bytes(parts))
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                return None
    except h11.RemoteProtocolError:
        return None


class Api:
    """The engine, by its API."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def all(self, requests: Sequence[Request], *, timeout: float = _SECONDS) -> list[Answer]:
        """Every answer, refusals among them.

        Args:
            requests: What is asked, in order; one that fails does not keep the engine from the next.
            timeout: Seconds.

        Raises:
            EngineMissing: the engine does not answer, or went away in between.
        """
        if not requests:
            return []
        try:
            result = await self._runner.run(call(requests), timeout=timeout)
        except TimeoutError as error:
            raise EngineMissing(f"The Docker engine did not answer `{requests[0].path}` within {timeout:g} s.") from error
        answers = read_answers(result.stdout, requests)
        if len(answers) < len(requests):
            why = result.stderr.strip().splitlines()[-1:] or ["the connection ended"]
            raise EngineMissing(f"The Docker engine does not answer: {why[0]}. Start it, and run this again.")
        return answers

    async def ask(self, request: Request, *, allow: Sequence[int] = (), timeout: float = _SECONDS) -> Answer:
        """The answer to one request.

        Args:
            request: What is asked.
            allow: Refusals that are an answer here, such as 404.
            timeout: Seconds.

        Raises:
            EngineMissing: as in `all`.
            EngineRefused: the engine says no, with its reason.
        """
        answer = (await self.all([request], timeout=timeout))[0]
        return answer if answer.status in allow else checked(request, answer)


def checked(request: Request, answer: Answer) -> Answer:
    """The answer itself.

    Raises:
        EngineRefused: it is a refusal.
    """
    if answer.status >= 400:
        raise EngineRefused(f"{request.method} {request.path}", answer.status, answer.message)
    return answer
