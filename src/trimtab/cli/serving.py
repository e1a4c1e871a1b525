"""Serving over HTTP from this machine: what `trimtab metrics` and `trimtab ui` have in common."""

import signal
import socket
import sys
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType

from trimtab.addresses import Address
from trimtab.errors import UsageError

PLAIN = "text/plain; charset=utf-8"


class Handler(BaseHTTPRequestHandler):
    """Answers requests, says nothing of them, and not what it is written in."""

    server_version, sys_version, timeout = "trimtab", "", 10

    def answer(self, status: int, body: str, kind: str = PLAIN, headers: Mapping[str, str] | None = None) -> None:
        """Send a whole answer."""
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a request every few seconds is no news, and an address may hold a token."""


class _Server(ThreadingHTTPServer):
    """Does not wait for connections that stay open, and says nothing of those that went away."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Tell what went wrong with a request, unless it is only that a browser was closed before its answer."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Server6(_Server):
    """The same for addresses of version 6."""

    address_family = socket.AF_INET6


def listen(address: Address, handler: type[Handler]) -> ThreadingHTTPServer:
    """A server that is bound and not yet at work.

    Raises:
        UsageError: the address cannot be had.
    """
    try:
        return (_Server6 if ":" in address.host else _Server)((address.host, address.port), handler)
    except OSError as error:
        raise UsageError(f"`{address.authority}` cannot be served: {error.strerror or error}.") from error


def serve(server: ThreadingHTTPServer, begun: Callable[[], None]) -> None:
    """Answer until Ctrl-C or a request to end, which both end it well; `begun` is called once it can be reached."""

    def ended(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, ended)
    try:
        with server:
            begun()
            server.serve_forever()
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)
