"""Callers of a service, at a steady rate whatever the answers (open loop), and what became of their requests."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from holder_servers import DATA, GOAWAY, HEADERS, PING, PREFACE, RESET, SETTINGS, frame, read_frame

LIMIT = 60.0
"""Seconds that a caller waits for an answer."""


@dataclass
class Tally:
    """What became of one kind of request."""

    answers: Counter[str] = field(default_factory=Counter[str])
    failures: list[str] = field(default_factory=list[str])
    longest: float = 0.0
    reconnects: int = 0

    @property
    def total(self) -> int:
        return sum(self.answers.values()) + len(self.failures)


class Load:
    """All kinds of callers at once."""

    def __init__(self, address: str, port: int, greeting_port: int, http_port: int) -> None:
        self.address, self.port, self.greeting_port, self.http_port = address, port, greeting_port, http_port
        self.tallies: dict[str, Tally] = {}
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.begun = time.monotonic()

    def start(self, rate: float = 15.0) -> "Load":
        self._steady("close", rate, lambda: self._close(self.port, "/"))
        self._steady("declared http", rate, lambda: self._close(self.http_port, "/"))
        self._steady("slow", 3, lambda: self._close(self.port, "/slow?3"))
        self._steady("lines", rate, self._lines)
        self._steady("greeting", rate, self._greeting)
        for n in range(4):
            self._tasks.append(asyncio.create_task(self._keep_alive(n / 40)))
        for _ in range(2):
            self._tasks.append(asyncio.create_task(self._http2()))
            self._tasks.append(asyncio.create_task(self._websocket()))
        return self

    async def stop(self) -> dict[str, Tally]:
        self._stop.set()
        await asyncio.gather(*self._tasks)
        return self.tallies

    def tally(self, kind: str) -> Tally:
        return self.tallies.setdefault(kind, Tally())

    def _steady(self, kind: str, rate: float, request: Callable[[], Awaitable[str]]) -> None:
        async def run() -> None:
            begun, sent, running = time.monotonic(), 0, set[asyncio.Task[bool]]()
            while not self._stop.is_set():
                task = asyncio.create_task(self._one(kind, request))
                running.add(task)
                task.add_done_callback(running.discard)
                sent += 1
                await self._pause(begun + sent / rate - time.monotonic())
            await asyncio.gather(*running)

        self._tasks.append(asyncio.create_task(run()))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), max(seconds, 0.001))

    async def _one(self, kind: str, request: Callable[[], Awaitable[str]]) -> bool:
        tally, begun = self.tally(kind), time.monotonic()
        try:
            async with asyncio.timeout(LIMIT):
                tally.answers[await request()] += 1
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            tally.failures.append(f"{begun - self.begun:.2f} s, after {time.monotonic() - begun:.2f} s: {error!r}")
            return False
        finally:
            tally.longest = max(tally.longest, time.monotonic() - begun)
        return True

    async def _close(self, port: int, path: str) -> str:
        reader, writer = await asyncio.open_connection(self.address, port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n".encode())
            return (await answer(reader))[1]
        finally:
            writer.close()

    async def _lines(self) -> str:
        return await self._talk(self.port, greeting=False)

    async def _greeting(self) -> str:
        return await self._talk(self.greeting_port, greeting=True)

    async def _talk(self, port: int, *, greeting: bool) -> str:
        reader, writer = await asyncio.open_connection(self.address, port)
        try:
            if greeting:
                line = await reader.readline()
                if not line.startswith(b"220 "):
                    raise EOFError(f"greeting {line!r}")
            writer.write(b"hello\n")
            words = (await reader.readline()).decode().split()
            if len(words) != 2 or words[1] != "hello":
                raise EOFError(f"line {words}")
            return words[0]
        finally:
            writer.close()

    async def _keep_alive(self, offset: float) -> None:
        """Asks every 100 ms on one connection; a connection that ended with an answer, or while idle, is opened anew."""
        await self._pause(offset)
        reader, writer = await self._connected("keep-alive")
        while not self._stop.is_set():
            if reader.at_eof() or writer.is_closing():
                writer.close()
                self.tally("keep-alive").reconnects += 1
                reader, writer = await self._connected("keep-alive")
            if not await self._one("keep-alive", lambda r=reader, w=writer: self._again(r, w)):
                writer.close()
            await self._pause(0.1)
        writer.close()

    async def _connected(self, kind: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection; every one that is refused before it counts as a failure."""
        while True:
            begun = time.monotonic()
            try:
                return await asyncio.open_connection(self.address, self.port)
            except OSError as error:
                self.tally(kind).failures.append(f"{begun - self.begun:.2f} s: {error!r}")
                await self._pause(0.1)

    async def _again(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        writer.write(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
        closing, name = await answer(reader)
        if closing:
            writer.close()
        return name

    async def _websocket(self) -> None:
        tally, first = self.tally("websocket"), True
        while not self._stop.is_set():
            tally.reconnects += 0 if first else 1
            first = False
            reader, writer = await self._connected("websocket")
            writer.write(
                b"GET /ws HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            with suppress(OSError, EOFError):
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 101"):
                    tally.failures.append(f"{time.monotonic() - self.begun:.2f} s: {head!r}")
                    writer.close()
                    continue
                while not self._stop.is_set():
                    writer.write(bytes([0x81, 0x84, 0, 0, 0, 0]) + b"ping")
                    begun = time.monotonic()
                    length = (await reader.readexactly(2))[1]
                    tally.answers[(await reader.readexactly(length)).decode()] += 1
                    tally.longest = max(tally.longest, time.monotonic() - begun)
                    await self._pause(0.2)
            writer.close()

    async def _http2(self) -> None:
        """Asks every 100 ms on one connection with prior knowledge; after GOAWAY it opens another (RFC 9113, 6.8)."""
        while not self._stop.is_set():
            reader, writer = await self._connected("http/2")
            writer.write(PREFACE + frame(SETTINGS, 0, 0, b""))
            await self._streams(reader, writer)
            writer.close()
            self.tally("http/2").reconnects += 0 if self._stop.is_set() else 1

    async def _streams(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = 1
        while not self._stop.is_set() and not reader.at_eof():
            leaving = list[bool]()
            if not await self._one("http/2", lambda s=stream, x=leaving: exchange(reader, writer, s, x)):
                await self._pause(0.1)
                return
            if leaving:
                return
            stream += 2
            await self._pause(0.1)


async def answer(reader: asyncio.StreamReader) -> tuple[bool, str]:
    """Whether the connection ends with this answer, and its text; ValueError unless it is 200."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    if not head.startswith("http/1.1 200"):
        raise ValueError(head.partition("\r\n")[0])
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    return "connection: close" in head, (await reader.readexactly(length)).decode()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stream: int, leaving: list[bool]) -> str:
    """One request of HTTP/2 and its answer; `leaving` is filled when the server takes no further ones."""
    # GET, http, / of the static table, and `:authority: web` as a literal (RFC 7541, 6.1 and 6.2.2).
    writer.write(frame(HEADERS, 5, stream, b"\x82\x86\x84\x01\x03web"))
    body = b""
    while True:
        kind, flags, at, payload = await read_frame(reader)
        if kind == SETTINGS and not flags & 1:
            writer.write(frame(SETTINGS, 1, 0, b""))
        elif kind == PING and not flags & 1:
            writer.write(frame(PING, 1, 0, payload))
        elif kind == GOAWAY:
            leaving.append(True)
            if int.from_bytes(payload[:4], "big") < stream:
                return "not taken"
        elif kind == RESET and at == stream:
            raise EOFError("stream reset")
        elif kind == HEADERS and at == stream and not payload.lstrip(b"\x20\x3f").startswith(b"\x88"):
            raise ValueError(f"headers {payload[:8]!r}")
        elif kind == DATA and at == stream:
            body += payload
            if flags & 1:
                return body.decode()
