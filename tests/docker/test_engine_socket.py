"""The engine's socket in place of the docker client: what is asked, what is made of the answers, and what cannot be had."""

import json
import os
import socket
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import anyio
import h11
import pytest
from anyio.abc import SocketStream

from trimtab.docker import Command, ProcessRunner, engine_version
from trimtab.docker.api import Api, Request
from trimtab.docker.command import docker, events, execute
from trimtab.docker.engine_socket import EngineSocket, chosen_runner, said_through
from trimtab.errors import CommandTimedOut, EngineMissing, ToolError


class Listening:
    """A socket that answers like an engine, and remembers what it was asked."""

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, object]] = []

    async def serve(self, stream: SocketStream) -> None:
        async with stream:
            reading = h11.Connection(h11.SERVER)
            asked, body = h11.Request(method="GET", target="/", headers=[("Host", "docker")]), b""
            while True:
                event = reading.next_event()
                if event is h11.NEED_DATA:
                    reading.receive_data(await stream.receive())
                elif isinstance(event, h11.Request):
                    asked, body = event, b""
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    target = f"{asked.method.decode()} {asked.target.decode()}"
                    self.asked.append((target, json.loads(body) if body else None))
                    await stream.send(self.answers[target.partition("?")[0]])
                    if dict(asked.headers).get(b"connection") == b"close":
                        return
                    reading.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                    reading.send(h11.EndOfMessage())
                    reading.start_next_cycle()


def answer(data: object, status: str = "200 OK") -> bytes:
    body = json.dumps(data).encode()
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


def chunked(*parts: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts)


@contextmanager
def place() -> Generator[Path]:
    # A socket's path has 107 bytes at most, which a test's own folder may be longer than.
    with TemporaryDirectory(prefix="trimtab-") as folder:
        yield Path(folder) / "docker.sock"


T = TypeVar("T")


def talk(answers: Mapping[str, bytes], does: Callable[[EngineSocket], Awaitable[T]]) -> tuple[T, list[tuple[str, object]]]:
    engine = Listening(answers)
    found: list[T] = []

    async def scenario() -> T:
        async with await anyio.create_unix_listener(path) as listener, anyio.create_task_group() as group:
            group.start_soon(listener.serve, engine.serve)
            found.append(await does(EngineSocket(path, ProcessRunner())))
            group.cancel_scope.cancel()
        return found[0]

    with place() as path:
        return anyio.run(scenario), engine.asked


def test_several_questions_go_through_one_connection() -> None:
    async def ask(runner: EngineSocket) -> list[object]:
        return [each.json for each in await Api(runner).all([Request("GET", "/a"), Request("GET", "/b", {"all": "1"})])]

    found, asked = talk({"GET /a": answer({"a": 1}), "GET /b": answer([])}, ask)
    assert found == [{"a": 1}, []]
    assert asked == [("GET /a", None), ("GET /b?all=1", None)]
    assert talk({"GET /version": answer({"Version": "28.5.2"})}, engine_version)[0] == "28.5.2"


def test_events_come_as_they_happen_and_end_as_those_of_the_client_do() -> None:
    came: list[bytes] = []

    async def listen(runner: EngineSocket) -> tuple[int, str]:
        done = await runner.stream(events("a.label=shop", 1.5, "oom", "health_status"), came.append)
        return done.code, done.stderr

    (code, _), asked = talk({"GET /events": chunked(b'{"Action":', b'"oom"}\n')}, listen)
    assert (code, b"".join(came)) == (1, b'{"Action":"oom"}\n')
    ((target, _),) = asked
    assert target.startswith("GET /events?since=1.500&filters=")
    assert "%22event%22%3A+%5B%22oom%22%2C+%22health_status%22%5D" in target
    came.clear()
    (code, why), _ = talk({"GET /events": answer({"message": "no"}, "400 Bad Request")}, listen)
    assert (code, came) == (1, [])
    assert "400" in why


def test_a_program_in_a_container_gives_its_outputs_apart_and_its_code() -> None:
    said = b"\x01\0\0\0\0\0\0\x03one" + b"\x02\0\0\0\0\0\0\x04oops" + b"\x01\0\0\0\0\0\0\x04 two"
    start = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n\r\n" + said
    answers = {
        "POST /containers/c1/exec": answer({"Id": "e1"}, "201 Created"), "POST /exec/e1/start": start,
        "GET /exec/e1/json": answer({"ExitCode": 3}),
    }  # fmt: skip
    done, asked = talk(answers, lambda runner: runner.run(execute("c1", "sh", "-c", "true")))
    assert (done.code, done.stdout, done.stderr) == (3, b"one two", "oops")
    assert asked[0] == ("POST /containers/c1/exec", {"AttachStdout": True, "AttachStderr": True, "Cmd": ["sh", "-c", "true"]})
    refused = {"POST /containers/c1/exec": answer({"message": "it is paused"}, "409 Conflict")}
    done, _ = talk(refused, lambda runner: runner.run(execute("c1", "true")))
    assert (done.code, done.stdout) == (1, b"")
    assert "it is paused" in done.stderr
    assert said_through(said[:5], 1) == b""


def test_a_program_that_says_much_is_read_in_one_go() -> None:
    """What is left is not copied for each piece: of 16 MB that took seconds, in which nothing else of trimtab went on."""
    piece = b"\x01\0\0\0" + (4096).to_bytes(4, "big") + b"x" * 4096
    began = time.process_time()
    assert len(said_through(piece * 4096, 1)) == 4096 * 4096
    assert time.process_time() - began < 1


def test_the_rest_is_the_clients_and_an_engine_that_has_gone_is_missed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    client = tmp_path / "docker"
    client.write_text('#!/bin/sh\necho "$1 of $2"\n')
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
    with place() as path:
        runner = EngineSocket(path, ProcessRunner())
        said: list[bytes] = []
        assert anyio.run(runner.run, docker("build", "x")).text == "build of x"
        assert anyio.run(runner.stream, docker("save", "x"), said.append).code == 0
        assert said == [b"save of x\n"]
        client.unlink()
        with pytest.raises(ToolError, match="`docker` is not installed, or not on PATH"):
            anyio.run(runner.run, docker("build", "x"))
        with pytest.raises(EngineMissing, match="does not answer"):
            anyio.run(Api(runner).ask, Request("GET", "/info"))
        with pytest.raises(EngineMissing):
            anyio.run(engine_version, runner)
        assert anyio.run(runner.stream, events("l", 0.0), print).code == 1


def test_one_that_does_not_answer_in_time_is_given_up() -> None:
    async def never(runner: EngineSocket) -> None:
        await runner.run(Command(("docker", "system", "dial-stdio"), stdin=b"GET / HTTP/1.1\r\n", seconds=0.1))

    with pytest.raises(ExceptionGroup) as caught:
        talk({}, never)
    assert caught.group_contains(CommandTimedOut)


def test_the_socket_is_taken_where_there_is_no_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with place() as path, socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        assert isinstance(anyio.run(chosen_runner), ProcessRunner)
        listening.bind(os.fspath(path))
        assert isinstance(anyio.run(chosen_runner), EngineSocket)
        monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2375")
        assert isinstance(anyio.run(chosen_runner), ProcessRunner)


@pytest.mark.parametrize(
    ("says", "taken"),
    [
        ("echo unix://{path}", EngineSocket), ("echo unix://{path}.gone", ProcessRunner), ("echo ssh://host", ProcessRunner),
        ("echo none; exit 1", ProcessRunner), ("echo tcp://127.0.0.1:2375", ProcessRunner),
    ],
)  # fmt: skip
def test_the_socket_is_taken_where_the_client_would_ask_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str, taken: type
) -> None:
    with place() as path, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(path))
        client = tmp_path / "docker"
        client.write_text(f'#!/bin/sh\n[ "$1 $2" = "context inspect" ] || exit 9\n{says.format(path=path)}\n')
        client.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
        monkeypatch.delenv("DOCKER_HOST", raising=False)
        assert isinstance(anyio.run(chosen_runner), taken)
