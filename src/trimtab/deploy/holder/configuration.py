"""The text of HAProxy's configuration for one lane, for HAProxy 2.6 and later.

What every service gets:

* a request on a connection that was opened before a switch goes to the version that is live when it arrives: the
  connection to a version ends with each answer (`http-server-close`), which also leaves no idle connection that a version
  could close while a request is on its way;
* a connection that is refused or that times out is tried again; a request that a version may have seen is not, with one
  exception: while two versions have callers, one of a safe method (RFC 9110, 9.2.1) that a version cut off without an
  answer, or answered with a status of 500, 502, 503 or 504, is asked of the other. Where both fail it, they are asked by
  turns, four times in all, and the last answer is the caller's. (HTTP/2 without TLS: 3.2.26 answers 502 to a refused
  connection, where 2.6.12 tries again, see haproxy/haproxy#2751;)
* no timeout cuts a slow request or an idle connection of a database; dead peers are found by TCP keepalive. A connection
  of HTTP on which nothing is asked ends after 75 s, as nginx has it, so that a HAProxy that leaves is gone by then;
* a service that may be held waits inside HAProxy while no slot is ready, without any attempt at a connection.

The configuration names the live slot, so HAProxy comes up right after any end.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from trimtab.deploy.holder.layout import Entry, Held, Slot

Kind = Literal["http", "h2", "tcp"]

CONFIGURATION_FILE: Final = "haproxy.cfg"
HOLD_FILE: Final = "hold.lua"
SOCKET_FILE: Final = "admin.sock"

SERVER_FIRST: Final = frozenset({21, 22, 25, 110, 119, 143, 587, 873, 1025, 2525, 3306, 4190, 4222, 5900, 33060})
"""Ports whose protocol lets the server speak first (FTP, SSH, SMTP, POP3, NNTP, IMAP, rsync, MySQL, ManageSieve, NATS,
VNC, and the ports that mail catchers use): waiting for the client to speak would delay every connection to them."""

INSPECT_DELAY: Final = "500ms"
"""How long an undeclared port waits for the client's first bytes. A client that speaks later, or never, gets plain TCP."""

_ASKED_AGAIN: Final = "retry-on conn-failure empty-response 500 502 503 504"
_SAFE: Final = "GET HEAD OPTIONS"

_NOWHERE: Final = "nowhere.invalid"
"""The name of an empty slot: a server needs one to be given another by the runtime API, and this one never resolves
(RFC 2606)."""

WAITING: Final = "wait"
"""The third server of a backend of plain TCP that may be held: nobody listens there, and every second it is tried again."""

HOLD_LUA: Final = """\
-- Waits until a backend has a slot that is ready, for so many seconds at most.
core.register_action("hold", { "http-req" }, function(txn, backend, seconds)
  local until_second = core.now().sec + tonumber(seconds)
  while tonumber(txn.f:nbsrv(backend)) == 0 and core.now().sec < until_second do
    core.msleep(50)
  end
end, 2)
"""
"""What `HOLD_FILE` has to contain."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where HAProxy finds what it shares with others, and its bounds."""

    process: str
    """Tells this process from the one that takes over from it: `description` in the answer to `show info`."""
    folder: str
    """Absolute, as HAProxy sees it: the configuration, `HOLD_FILE` and the unix socket lie in it."""
    admin: int
    """The port on loopback for the runtime API, for those who have no client for unix sockets."""
    nameserver: str = "127.0.0.11:53"
    """The engine's own DNS, as containers of its networks reach it."""
    listen: str = "*"
    """The address to listen on; `*` for all, those of IPv6 too when a service has a network of IPv6."""
    connections: int = 4000
    """Client connections at once, over all services; more wait in the kernel's queue."""
    threads: int = 1


def backend(service: str, port: int, kind: Kind) -> str:
    """The name of a backend, as `show stat` and the runtime API have it."""
    return f"{service}.{port}.{kind}"


def kinds(entry: Entry) -> tuple[Kind, ...]:
    """The ways in which connections at an entry are passed on."""
    if is_plain(entry):
        return ("tcp",)
    return ("http", "h2") if entry.protocol == "http" else ("http", "h2", "tcp")


def is_plain(entry: Entry) -> bool:
    """Whether connections are passed on byte by byte, without a look at them."""
    return entry.protocol == "tcp" or (entry.protocol == "detect" and entry.port in SERVER_FIRST)


def haproxy_cfg(held: Sequence[Held], settings: Settings) -> str:
    """The configuration of a lane: deterministic, and the same for the same services in any order."""
    ordered = sorted(held, key=lambda each: each.service)
    sixth = any(":" in subnet for one in ordered for entry in one.entries for subnet in entry.subnets)
    binds = (f"{settings.listen}:{{}}", *(("[::]:{} v6only",) if sixth and settings.listen == "*" else ()))
    sections = [_global(ordered, settings), _DEFAULTS, _resolvers(settings)]
    for one in ordered:
        for entry in sorted(one.entries, key=lambda each: each.port):
            sections.append(_frontend(one, entry, binds))
            sections += [_backend(one, entry, kind) for kind in kinds(entry)]
    return "\n".join(sections)


def _global(held: Sequence[Held], settings: Settings) -> str:
    lines = [
        "# Written by trimtab; changes made here are lost.",
        "global",
        f"    description {settings.process}",
        f"    nbthread {settings.threads}",
        f"    maxconn {settings.connections}",
        f"    stats socket {settings.folder}/{SOCKET_FILE} mode 600 level admin expose-fd listeners",
        f"    stats socket ipv4@127.0.0.1:{settings.admin} level admin",
        "    stats timeout 1m",
    ]
    if any(one.hold_seconds > 0 for one in held):
        lines += [
            ".if version_atleast(3.1)",  # asks for an explicit choice; the hold reads no boolean
            "    tune.lua.bool-sample-conversion normal",
            ".endif",
            f"    lua-load {settings.folder}/{HOLD_FILE}",
        ]
    return _section(lines)


_DEFAULTS: Final = """\
defaults
    timeout connect 3s
    timeout client 24h
    timeout server 24h
    timeout tunnel 7d
    timeout http-keep-alive 75s
    timeout queue 1m
    retries 3
    option redispatch 1
    option tcpka
    option http-server-close
    balance roundrobin
"""


def _resolvers(settings: Settings) -> str:
    # A version whose name is unknown for a while is starting again: it keeps its address, and connections are tried. One
    # that has another address by then is led to at once, which a time for `obsolete` would put off.
    lines = [
        "resolvers engine",
        f"    nameserver engine {settings.nameserver}",
        "    accepted_payload_size 8192",
        "    resolve_retries 3",
        "    timeout resolve 1s",
        "    timeout retry 1s",
        "    hold valid 1s",
        *(f"    hold {state} 7d" for state in ("nx", "other", "refused", "timeout")),
    ]
    return _section(lines)


def _frontend(held: Held, entry: Entry, binds: Sequence[str]) -> str:
    name = f"{held.service}.{entry.port}"
    http, h2, tcp = (backend(held.service, entry.port, kind) for kind in ("http", "h2", "tcp"))
    lines = [f"frontend {name}"]
    lines += [f"    bind {bind.format(port)}" for port in (entry.port, *entry.doors) for bind in binds]
    lines.append(f"    mode {'http' if entry.protocol == 'http' else 'tcp'}")
    lines.append(f"    tcp-request connection reject if {{ dst_port {entry.port} }}{_outside(entry)}")
    if is_plain(entry):
        return _section([*lines, f"    default_backend {tcp}"])
    lines.append("    option idle-close-on-response")
    if entry.protocol == "detect":
        lines += [
            f"    tcp-request inspect-delay {INSPECT_DELAY}",
            "    tcp-request content switch-mode http if HTTP",
        ]
    lines += [
        f"    use_backend {h2} if HTTP {{ fc_http_major 2 }}",
        f"    use_backend {http} if HTTP" if entry.protocol == "detect" else f"    default_backend {http}",
    ]
    return _section([*lines, *([f"    default_backend {tcp}"] if entry.protocol == "detect" else [])])


def _outside(entry: Entry) -> str:
    return f" !{{ src {' '.join(entry.subnets)} }}" if entry.subnets else ""


def _backend(held: Held, entry: Entry, kind: Kind) -> str:
    name = backend(held.service, entry.port, kind)
    lines = [f"backend {name}", f"    mode {'tcp' if kind == 'tcp' else 'http'}"]
    if kind != "tcp":
        lines += ["    option forwardfor if-none", "    option http-no-delay"]
        lines += _asked_again(held, name)
    lines += _hold(held, name, kind)
    lines += [_server(held, entry, slot, kind) for slot in held.slots]
    return _section(lines)


def _asked_again(held: Held, name: str) -> list[str]:
    if held.hold_seconds > 0:
        return []  # never two versions at once
    # By one version alone a request could be asked that has just ended it; and what asks again keeps every request in memory.
    return [f"    {_ASKED_AGAIN}", f"    http-request disable-l7-retry if !{{ method {_SAFE} }} || !{{ nbsrv({name}) gt 1 }}"]


def _hold(held: Held, name: str, kind: Kind) -> Iterator[str]:
    if held.hold_seconds <= 0:
        return
    seconds = max(1, round(held.hold_seconds))
    if kind == "tcp":
        # Not by Lua: of some hundred connections of plain TCP that waited there, HAProxy 2.6 never woke one or two again.
        yield f"    retries {seconds}"
        yield f"    server {WAITING} 127.0.0.1:1{'' if held.live is None else ' disabled'}"
        return
    # A process that finishes its connections after SIGUSR1 counts no slot as ready, although it still leads to them.
    yield f"    http-request lua.hold {name} {seconds} if !{{ stopping }} {{ nbsrv({name}) eq 0 }}"


def _server(held: Held, entry: Entry, slot: Slot, kind: Kind) -> str:
    words = [f"    server {slot.name} {slot.host or _NOWHERE}:{entry.port}"]
    words += ["proto h2 pool-max-conn 0"] if kind == "h2" else []  # what `http-server-close` is to HTTP/1
    live = slot.name == held.live and slot.host is not None
    # The name of a slot that is not live may be unknown by now, and each such look-up would delay the start.
    words += [f"resolvers engine resolve-prefer ipv4 init-addr {'last,libc,none' if live else 'none'}"]
    words += [] if live else ["disabled"]
    return " ".join(words)


def _section(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"
