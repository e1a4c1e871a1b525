"""`trimtab metrics`."""

import ipaddress
import signal
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Annotated

from cyclopts import Parameter

from trimtab.cli.app import CLEAN
from trimtab.cli.options import Common, write_text
from trimtab.errors import TrimtabError, UsageError
from trimtab.history import history_folder, open_store
from trimtab.observe.exposition import CONTENT_TYPE, render
from trimtab.observe.metrics import Known, families
from trimtab.rewrite.write import WriteError, write_file

_ALL = 100_000


def metrics(
    path: Annotated[Path, Parameter(help="The fleet's folder.")] = Path(),
    /,
    *,
    textfile: Annotated[
        Path | None, Parameter(help="Write them into this file at once, for the node exporter's collector of text files.")
    ] = None,
    listen: Annotated[str, Parameter(help="Serve `/metrics` on this address of this machine, `127.0.0.1:9464`.")] = "",
    common: Common | None = None,
) -> int:
    """Print what the history knows as metrics for Prometheus: containers, builds, deployments, scans, scores and proofs.

    Nothing is measured by this: containers are those that `trimtab observe` sees. Served only on a loopback address, as the
    metrics name images and services and ask for no password.
    """
    common = common or Common()
    folder = path.resolve()
    if not (history_folder(folder) / "history.db").is_file():
        raise UsageError(f"`{path}` has no history yet. `trimtab observe`, `build`, `scan` and `deploy` make one.")
    if textfile is not None and listen:
        raise UsageError("`--textfile` and `--listen` are two ways to the same metrics: name one.")
    if listen:
        return _serve(folder, *_address(listen), common)
    text = exposition(folder)
    if textfile is None:
        write_text(common, text)
        return CLEAN
    if textfile.suffix != ".prom":
        raise UsageError(f"`{textfile}`: the node exporter reads only files that end in `.prom`.")
    try:
        write_file(textfile, text)
    except WriteError as error:
        raise UsageError(str(error)) from error
    return CLEAN


def exposition(folder: Path) -> str:
    """The metrics of a fleet, as text.

    Raises:
        StateError: the history cannot be read.
    """
    store = open_store(folder)
    try:
        known = Known(
            store.usage.places(), store.ledger.builds(limit=_ALL), store.deployments.rows(_ALL), store.scans.rows(limit=_ALL),
            store.scans.scores(limit=1), store.verdicts(),
        )  # fmt: skip
    finally:
        store.close()
    return render(families(known, time.time()))


def _address(text: str) -> tuple[str, int]:
    """Address and port.

    Raises:
        UsageError: it is none, or not one of this machine alone.
    """
    host, _, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]").replace("localhost", "127.0.0.1"))
    except ValueError as error:
        raise UsageError(f"`--listen {text}` is no address; write `127.0.0.1:9464`.") from error
    if not address.is_loopback:
        raise UsageError(f"`--listen {text}` could be read by others; only an address such as `127.0.0.1` is served.")
    if not port.isdecimal() or int(port) > 65_535:
        raise UsageError(f"`--listen {text}` has no port; write `{host}:9464`.")
    return str(address), int(port)


def _handler(text: Callable[[], str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers `/metrics`, and nothing else."""

        server_version, sys_version, timeout = "trimtab", "", 10

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self._answer(404, "There is only /metrics.\n")
                return
            try:
                self._answer(200, text(), CONTENT_TYPE)
            except TrimtabError as error:
                self._answer(503, f"{error}\n")

        def _answer(self, status: int, body: str, kind: str = "text/plain; charset=utf-8") -> None:
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: a scrape every few seconds is no news."""

    return Handler


def _serve(folder: Path, host: str, port: int, common: Common) -> int:
    class Server(ThreadingHTTPServer):
        """Of the family that the address is of."""

        daemon_threads = True
        address_family = _family(host)

    try:
        server = Server((host, port), _handler(lambda: exposition(folder)))
    except OSError as error:
        raise UsageError(f"`{host}:{port}` cannot be served: {error.strerror or error}.") from error

    def ended(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, ended)
    try:
        with server:
            if not common.quiet:
                shown = f"[{host}]" if ":" in host else host
                common.messages.print(f"serving http://{shown}:{server.server_port}/metrics until Ctrl-C", markup=False)
            server.serve_forever()
    except KeyboardInterrupt:
        return CLEAN
    finally:
        signal.signal(signal.SIGTERM, before)
    return CLEAN


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
