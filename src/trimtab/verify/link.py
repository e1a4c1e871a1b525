"""A slow link, without any right of an administrator: a proxy that lets only so many bits a second through.

The predefined proxy arguments of a build are known to every RUN and are no part of any cache key (Docker's reference,
"Predefined ARGs"), so a build over the link and one without it share their layers.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import SocketAttribute, SocketStream

from trimtab.docker import Runner
from trimtab.docker import command as argv

_CHUNK = 16 * 1024
_HEAD = 64 * 1024


@dataclass
class _Bucket:
    """Lets bytes through at a rate, in the order in which they are asked for."""

    rate: float
    """Bytes a second."""
    free_at: float = 0.0
    lock: anyio.Lock = field(default_factory=anyio.Lock)

    async def take(self, count: int) -> None:
        async with self.lock:
            now = time.monotonic()
            self.free_at = max(self.free_at, now) + count / self.rate
            await anyio.sleep(max(0.0, self.free_at - now))


@asynccontextmanager
async def slow_link(runner: Runner, mbit: float) -> AsyncGenerator[dict[str, str] | None]:
    """The build arguments that send a build's traffic over a link of so many Mbit/s.

    None where the engine's bridge has no address that this machine can listen on, as with an engine in a virtual machine.
    """
    address = (await runner.run(argv.bridge_gateway())).text
    bucket = _Bucket(mbit * 1_000_000 / 8)
    try:
        listener = await anyio.create_tcp_listener(local_host=address or "no.bridge.invalid", local_port=0)
    except OSError:
        yield None
        return
    async with listener, anyio.create_task_group() as group:
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610  no Django here

        async def serve(client: SocketStream) -> None:
            await _serve(client, bucket)

        group.start_soon(listener.serve, serve)
        proxy = f"http://{address}:{port}"
        yield dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), proxy)
        group.cancel_scope.cancel()


async def _serve(client: SocketStream, bucket: _Bucket) -> None:
    """One connection: `CONNECT` as a tunnel, anything else passed on to the host that it names."""
    async with client:
        try:
            head = await _head(client)
            method, target, version = head.split(b"\r\n", 1)[0].split(b" ")
            if method == b"CONNECT":
                host, _, port = target.decode().rpartition(":")
                first = b""
            else:
                host, port, path = _absolute(target.decode())
                first = head.replace(b" ".join((method, target, version)), b" ".join((method, path.encode(), version)), 1)
            async with await anyio.connect_tcp(host, int(port)) as server:
                await (client.send(b"HTTP/1.1 200 Connection established\r\n\r\n") if not first else server.send(first))
                async with anyio.create_task_group() as group:
                    group.start_soon(_copy, client, server, None)
                    await _copy(server, client, bucket)
                    group.cancel_scope.cancel()
        except (OSError, ValueError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            return


async def _head(client: SocketStream) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        head += await client.receive(_CHUNK)
        if len(head) > _HEAD:
            raise ValueError("a request without end")
    return head


def _absolute(url: str) -> tuple[str, str, str]:
    rest = url.removeprefix("http://")
    place, _, path = rest.partition("/")
    host, _, port = place.partition(":")
    return host, port or "80", "/" + path


async def _copy(source: SocketStream, sink: SocketStream, bucket: _Bucket | None) -> None:
    try:
        while True:
            data = await source.receive(_CHUNK)
            if bucket:
                await bucket.take(len(data))
            await sink.send(data)
    except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        return
