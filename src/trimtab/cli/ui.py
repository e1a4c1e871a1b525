"""`trimtab ui`."""

import ipaddress
import re
import secrets
import socket
import sqlite3
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from cyclopts import Parameter

from trimtab.addresses import bracketed, is_loopback, read_address
from trimtab.cli import serving
from trimtab.cli.app import CLEAN
from trimtab.cli.options import Common, Loaded, RuleChoice, load
from trimtab.cli.report import gather, links
from trimtab.cli.review import reviewed
from trimtab.errors import TrimtabError, UsageError
from trimtab.history import history_folder
from trimtab.report.overview.page import report_page
from trimtab.report.pages import script
from trimtab.review import Review

_PORT = 9466
_HTML = "text/html; charset=utf-8"
_RUN_PAGE = re.compile(r"/(runs/[\w-]+/(?:evidence|build)\.html)")
_LOOKS, _ALIVE, _SETTLED = 0.5, 15.0, 1.0
"""Seconds between two looks at the history, between two signs of life, and between two changes that are told."""
_REVIEWED = 60.0
"""Seconds for which a review of the files is not made anew."""
_FOLLOWERS = 16
"""How many may follow at once: each has a thread of its own."""
_COOKIE = "trimtab"
_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def ui(
    path: Annotated[Path, Parameter(help="The fleet's folder.")] = Path(),
    /,
    *,
    listen: Annotated[str, Parameter(help="Where it is served; where others can reach it, it asks for a token.")] = "",
    open_: Annotated[bool, Parameter(name="--open", negative="", help="Show the page in a browser.")] = False,
    choice: RuleChoice | None = None,
    common: Common | None = None,
) -> int:
    """Serve the report of `trimtab report` on this machine, and keep it up to date while builds, proofs and deployments run.

    Nothing can be changed through it. On an address that others can reach, whoever has no token is turned away; the token is
    new for each start, and told once. Ctrl-C ends it.
    """
    common = common or Common()
    if not path.is_dir():
        raise UsageError(f"`{path}` is no folder.")
    address = read_address("--listen", listen or f":{_PORT}", _PORT)
    token = "" if address.is_loopback else secrets.token_urlsafe(32)
    fleet = Fleet(path, choice, common)
    fleet.review()
    door = Door(address.host, token)
    server = serving.listen(address, handler(fleet, door))
    door.port = server.server_port

    def begun() -> None:
        place = f"http://{replace(address, port=server.server_port).authority}/"
        # The token is no message that `--quiet` may leave out: without it nobody can look.
        if token or not common.quiet:
            told = f"{place}?token={token}" if token else place
            common.messages.print(f"serving {told} until Ctrl-C", markup=False, soft_wrap=True)
        # A browser's command line can be read by everybody on this machine.
        if open_ and not webbrowser.open(f"{place}?token={door.once()}" if token else place):
            common.messages.print("no browser could be started", markup=False)

    serving.serve(server, begun)
    return CLEAN


class Fleet:
    """One fleet's report, made anew from its history each time, and from its files when they were not looked at lately."""

    def __init__(self, path: Path, choice: RuleChoice | None, common: Common) -> None:
        self._path, self._choice, self._common = path, choice, common
        self._lock = threading.Lock()
        self._known: tuple[float, Loaded, Review] | None = None
        self.folder = history_folder(path.resolve())

    def review(self) -> tuple[Loaded, Review]:
        """The fleet and its review, a minute old at most."""
        with self._lock:
            if self._known is None or time.monotonic() - self._known[0] > _REVIEWED:
                loaded = load((self._path,), self._common, self._choice)
                self._known = (time.monotonic(), loaded, reviewed(loaded))
            return self._known[1:]

    def page(self) -> str:
        """The page as it is now.

        Raises:
            TrimtabError: files or history cannot be read.
        """
        loaded, review = self.review()
        made = gather(loaded, review)
        return report_page(made, links(made, loaded.root, self.folder / "report.html"), live="/live.js")

    def run_page(self, name: str) -> str | None:
        """The page of one run; None where there is none, or where it is not below the fleet's own folder."""
        file = self.folder / name
        try:
            if not file.resolve().is_relative_to(self.folder.resolve()):
                return None
            return file.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None


@dataclass
class Door:
    """Who may come in."""

    host: str
    token: str = field(repr=False)
    """Empty where nobody is asked for one."""
    port: int = 0
    _once: str = field(default="", repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def names_us(self, header: str) -> bool:
        """Whether a request's `Host` is an address of ours: a name that somebody has made point here is none.

        Against DNS rebinding: a page of another site, whose name suddenly leads to this machine, still sends that name.
        """
        name, _, port = header.rpartition(":") if re.search(r":\d+$", header) else (header, "", "80")
        if port != str(self.port):
            return False
        if is_loopback(self.host):
            return name in {"localhost", "127.0.0.1", "[::1]", bracketed(self.host)}
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return name.lower() in {each.lower() for each in (self.host, socket.gethostname(), socket.getfqdn())}
        return True

    def knows(self, offered: str | None) -> bool:
        """Whether a token is the right one; the comparison takes as long for every wrong one."""
        return not self.token or _same(offered or "", self.token)

    def once(self) -> str:
        """A token that lets in the first who shows it, and nobody after that."""
        self._once = secrets.token_urlsafe(32)
        return self._once

    def admits(self, offered: str) -> bool:
        """Whether a token that stands in an address is the right one, or the one for once, which has served with that."""
        with self._lock:
            if self._once and _same(offered, self._once):
                self._once = ""
                return True
        return self.knows(offered)


def _same(offered: str, token: str) -> bool:
    return secrets.compare_digest(offered.encode(), token.encode())


class Pages(serving.Handler):
    """The report, the pages of runs, and word of changes; all to read."""

    fleet: Fleet
    door: Door
    followers: threading.BoundedSemaphore

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if not self.door.names_us(self.headers.get("Host", "")):
            self.answer(421, "This server is not called that.\n", headers=_HEADERS)
            return
        given = parse_qs(asked.query).get("token", [None])[0]
        if given is not None and self.door.token and self.door.admits(given):
            cookie = f"{_COOKIE}={self.door.token}; HttpOnly; SameSite=Strict; Path=/"
            self.answer(303, "", headers={**_HEADERS, "Location": "/", "Set-Cookie": cookie})
            return
        if not self.door.knows(_cookie(self.headers.get("Cookie", ""))):
            self.answer(401, "Open the address with the token that was told when this was started.\n", headers=_HEADERS)
            return
        self._show(asked.path)

    def _show(self, path: str) -> None:
        if path == "/events":
            self._follow()
            return
        found = _RUN_PAGE.fullmatch(path)
        try:
            body = self.fleet.page() if path == "/" else self.fleet.run_page(found[1]) if found else None
        except (TrimtabError, sqlite3.Error) as error:
            self.answer(503, f"{error}\n", headers=_HEADERS)
            return
        if path == "/live.js":
            self.answer(200, script("live.js"), "text/javascript; charset=utf-8", _HEADERS)
        elif body is None:
            self.answer(404, "There is no such page.\n", headers=_HEADERS)
        else:
            self.answer(200, body, _HTML, _HEADERS)

    def _follow(self) -> None:
        if not self.followers.acquire(blocking=False):
            self.answer(503, "Too many follow already.\n", headers=_HEADERS)
            return
        try:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.end_headers()
            for event in changes(self.fleet.folder / "history.db", threading.Event().wait):
                self.wfile.write(event)
                self.wfile.flush()
        except (OSError, sqlite3.Error):
            # It has gone, or the history has: the browser asks again.
            return
        finally:
            self.followers.release()


def handler(fleet: Fleet, door: Door) -> type[Pages]:
    """What answers the requests for one fleet."""

    class Ours(Pages):
        """The pages of this fleet."""

    Ours.fleet, Ours.door, Ours.followers = fleet, door, threading.BoundedSemaphore(_FOLLOWERS)
    return Ours


def _cookie(header: str) -> str | None:
    try:
        found = SimpleCookie(header).get(_COOKIE)
    except CookieError:
        return None
    return found.value if found else None


def changes(database: Path, wait: Callable[[float], object]) -> Iterator[bytes]:
    """Events for a browser, without an end: one at the beginning, one after each change of the history, and signs of life.

    SQLite tells whether another connection has written (`PRAGMA data_version`), whoever it was and whatever it wrote.
    """
    yield b"event: changed\ndata: begin\n\n"
    quiet = 0.0
    # A database that is not there yet is waited for.
    while not database.is_file():
        wait(_LOOKS)
        quiet += _LOOKS
        if quiet >= _ALIVE:
            yield b": alive\n\n"
            quiet = 0.0
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
        seen = _version(connection)
        while True:
            wait(_LOOKS)
            quiet += _LOOKS
            now = _version(connection)
            if now != seen:
                yield b"event: changed\ndata: history\n\n"
                seen, quiet = now, 0.0
                wait(_SETTLED)
            elif quiet >= _ALIVE:
                yield b": alive\n\n"
                quiet = 0.0


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])
