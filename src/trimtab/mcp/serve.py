"""Serving over standard input and output, or over HTTP."""

import hmac
import os
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import anyio
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from trimtab.addresses import Address, bracketed
from trimtab.errors import UsageError

_SHORTEST = 16
"""Characters of a token. Shorter ones can be guessed."""
_SESSIONS = 100


def checked_token(address: Address, token: str) -> str | None:
    """The token that clients have to show; None where nobody but this machine can reach the server and none is set.

    Raises:
        UsageError: others can reach it and there is none, or it is too short to be one.
    """
    if token and len(token) < _SHORTEST:
        raise UsageError(f"The token has {len(token)} characters; it needs {_SHORTEST} or more that nobody can guess.")
    if not token and not address.is_loopback:
        raise UsageError(
            f"Others can reach `{address.host}`, and every tool would be theirs. Set TRIMTAB_MCP_TOKEN to what clients have"
            " to show as `Authorization: Bearer …`, or listen on 127.0.0.1."
        )
    return token or None


async def serve_stdio(server: Server[Any]) -> None:
    """Serve one client until it closes our input, or a signal asks for the end. Commands that still run are ended first."""
    async with stdio_server() as (read, write):
        asked = False
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                nonlocal asked
                with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    async for _ in signals:
                        asked = True
                        group.cancel_scope.cancel()

            group.start_soon(watch)
            await server.run(read, write, server.create_initialization_options())
            group.cancel_scope.cancel()
        if asked:
            # All is done but for the SDK's thread that waits for a line of input, which nothing can take back.
            os._exit(0)


def application(server: Server[Any], address: Address, token: str | None, names: tuple[str, ...] = ()) -> ASGIApp:
    """The server as an ASGI application: `/mcp`, for hosts that are named here and no others.

    A page in a browser that was led to this address under another name is refused, and so is one of another origin.
    """
    port = address.port
    hosts = [f"{bracketed(each)}:{port}" for each in {address.host, "127.0.0.1", "localhost", "::1"}] + list(names)
    security = TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=[f"http://{each}" for each in hosts])
    app = server.streamable_http_app(transport_security=security, max_sessions=_SESSIONS)
    return app if token is None else _Guard(app, token)


def listening(address: Address) -> tuple[socket.socket, Address]:
    """A socket that listens, and where it really does.

    Raises:
        UsageError: nobody can listen there.
    """
    try:
        kind, _, _, _, where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        found = socket.create_server((str(where[0]), address.port), family=kind)
    except OSError as error:
        raise UsageError(f"Nobody can listen on `{address.authority}`: {error.strerror or error}.") from error
    return found, Address(address.host, int(found.getsockname()[1]))


async def serve_http(app: ASGIApp, place: socket.socket, told: Callable[[], object]) -> None:
    """Serve clients until a signal asks for the end. Commands that still run are ended first."""
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=1, ws="none", server_header=False
    )  # fmt: skip
    await _Web(config, told).serve([place])


class _Web(uvicorn.Server):
    """Tells when it serves, and leaves a signal at that once it has ended well."""

    def __init__(self, config: uvicorn.Config, told: Callable[[], object]) -> None:
        super().__init__(config)
        self._told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._told()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Guard:
    """Lets nobody in without the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            shown = Headers(scope=scope).get("authorization", "")
            kind, _, value = shown.partition(" ")
            if kind.lower() != "bearer" or not hmac.compare_digest(value.strip().encode(), self._token):
                refused = PlainTextResponse("a token is needed", 401, {"WWW-Authenticate": "Bearer"})
                await refused(scope, receive, send)
                return
        await self._app(scope, receive, send)
