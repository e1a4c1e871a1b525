"""Versions of a service and a name server on loopback, for a HAProxy to lead to."""

import asyncio
import base64
import hashlib
import struct
from collections.abc import Awaitable, Callable
from typing import Literal

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7


class NameServer(asyncio.DatagramProtocol):
    """Answers A questions about the names it has; every other name is unknown (RFC 1035)."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> int:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self._transport = transport
        return int(transport.get_extra_info("sockname")[1])

    def stop(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        end, labels = 12, list[str]()
        while data[end]:
            labels.append(data[end + 1 : end + 1 + data[end]].decode())
            end += 1 + data[end]
        kind = int.from_bytes(data[end + 1 : end + 3], "big")
        address = self.names.get(".".join(labels).lower())
        answers = b""
        if address is not None and kind == 1:
            answers = struct.pack(">HHHIH4B", 0xC00C, 1, 1, 60, 4, *(int(part) for part in address.split(".")))
        code = 0 if address is not None else 3
        head = data[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, 1 if answers else 0, 0, 0)
        assert self._transport is not None
        self._transport.sendto(head + data[12 : end + 5] + answers, addr)


class Version:
    """One version: HTTP/1.1, HTTP/2 with prior knowledge, websockets and lines on one port; a greeting on another.

    It stops as good servers do: the listener closes, idle connections close, requests on their way are finished.
    """

    def __init__(self, name: str, address: str, port: int, greeting_port: int) -> None:
        self.name, self.address, self.ports = name, address, (port, greeting_port)
        self.served = 0
        self.asked = 0
        """Requests of HTTP/1.1 that it has read."""
        self.fails: Literal["", "cut", "error"] = ""
        """How it treats requests of HTTP: well, by closing the connection once it has read them, or with a status of 500."""
        self.shares_ports = False
        self._servers: list[asyncio.Server] = []
        self._open: dict[asyncio.StreamWriter, bool] = {}

    async def start(self) -> "Version":
        handlers: tuple[Handler, Handler] = (self._any, self._greeting)
        for port, handler in zip(self.ports, handlers, strict=True):
            self._servers.append(
                await asyncio.start_server(
                    self._counted(handler), self.address, port, backlog=512, reuse_port=self.shares_ports
                )
            )
        return self

    async def stop(self) -> None:
        """Ends once nothing is being answered; connections that are open for ever are cut."""
        for server in self._servers:
            server.close()
        self._servers = []
        deadline = asyncio.get_running_loop().time() + 5
        while any(self._open.values()) and asyncio.get_running_loop().time() < deadline:
            self._close(idle_only=True)
            await asyncio.sleep(0.01)
        self._close(idle_only=False)

    def _close(self, *, idle_only: bool) -> None:
        for writer, busy in list(self._open.items()):
            if not (idle_only and busy):
                writer.close()

    def _counted(self, handler: Handler) -> Handler:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._open[writer] = False
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                del self._open[writer]
                writer.close()

        return run

    async def _any(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readline()
        if first == b"PRI * HTTP/2.0\r\n":
            await self._http2(reader, writer)
        elif b" HTTP/1." in first:
            await self._http1(first, reader, writer)
        elif first:
            await self._lines(first, reader, writer)

    async def _http1(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while first:
            self._open[writer] = True
            head = await reader.readuntil(b"\r\n\r\n") if first != b"\r\n" else b""
            self.asked += 1
            if self.fails:
                writer.write(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n" if self.fails == "error" else b"")
                return
            path = first.split(b" ")[1].decode()
            if b"upgrade: websocket" in head.lower():
                await self._websocket(head, reader, writer)
                return
            await asyncio.sleep(float(path.partition("?")[2] or 0))
            closing = b"connection: close" in head.lower() or not self._servers
            body = self.name.encode()
            extra = b"Connection: close\r\n" if closing else b""
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), extra, body))
            await writer.drain()
            self.served += 1
            self._open[writer] = False
            first = b"" if closing else await reader.readline()

    async def _websocket(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = next(line.partition(b": ")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept
        )
        self._open[writer] = False
        while True:
            frame = await reader.readexactly(6)  # a text of fewer than 126 bytes, masked (RFC 6455, 5.2)
            await reader.readexactly(frame[1] & 127)
            writer.write(bytes([0x81, len(self.name)]) + self.name.encode())

    async def _http2(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(PREFACE) - 16)
        writer.write(frame(SETTINGS, 0, 0, b""))
        while True:
            kind, flags, stream, payload = await read_frame(reader)
            if kind == SETTINGS and not flags & 1:
                writer.write(frame(SETTINGS, 1, 0, b""))
            elif kind == PING and not flags & 1:
                writer.write(frame(PING, 1, 0, payload))
            elif kind == HEADERS and self.fails == "cut":
                return
            elif kind == HEADERS and self.fails:
                writer.write(frame(HEADERS, 5, stream, b"\x8e"))  # `:status: 500`, and nothing after it
            elif kind == HEADERS:
                # 0x88 is `:status: 200` of HPACK's static table (RFC 7541, appendix A).
                writer.write(frame(HEADERS, 4, stream, b"\x88") + frame(DATA, 1, stream, self.name.encode()))
                self.served += 1
            elif kind == GOAWAY:
                return

    async def _lines(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = first
        while line:
            writer.write(f"{self.name} {line.decode().strip()}\n".encode())
            self.served += 1
            line = await reader.readline()

    async def _greeting(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"220 {self.name}\n".encode())
        await self._lines(await reader.readline(), reader, writer)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame of HTTP/2 (RFC 9113, 4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, int, int, bytes]:
    head = await reader.readexactly(9)
    payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
    return head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF, payload
