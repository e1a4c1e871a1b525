"""The texts of HAProxy's runtime API for one service, and what its answers say.

One command a line; the answer ends when HAProxy closes the connection. HAProxy answers a command that it obeyed with
nothing (or, for `fqdn`, with what changed), and one that it did not obey with a text, never with a code.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final

from trimtab.deploy.holder.configuration import WAITING, backend, kinds
from trimtab.deploy.holder.layout import Held, SlotName
from trimtab.errors import ToolError

SHOW_STAT: Final = "show stat -1 4 -1"
"""The counters of every server; `servers` reads the answer."""
SHOW_INFO: Final = "show info"
"""HAProxy's version, process and uptime; `information` reads the answer."""

_OBEYED: Final = re.compile(r"changed its FQDN from|no need to change the F(QDN|DQN)")
"""Its answers to `fqdn`; the second has its own spelling in 2.6."""


class Disobeyed(ToolError):
    """HAProxy did not do what it was told; the message holds its answer."""


def point(held: Held, slot: SlotName, host: str) -> tuple[str, ...]:
    """Gives a slot to a version by its name. It resolves within about a second; until then it is `MAINT`."""
    return _each(held, slot, f"fqdn {host}")


def ready(held: Held, slot: SlotName) -> tuple[str, ...]:
    """New requests and connections may go to the slot."""
    return _each(held, slot, "state ready")


def drain(held: Held, slot: SlotName) -> tuple[str, ...]:
    """Nothing new goes to the slot; what is there goes on."""
    return _each(held, slot, "state drain")


def rest(held: Held, slot: SlotName) -> tuple[str, ...]:
    """Nothing new goes to the slot, and it is left out of account."""
    return _each(held, slot, "state maint")


def wait_on(held: Held) -> tuple[str, ...]:
    """New connections of plain TCP wait; HTTP does so by itself while no slot is ready."""
    return tuple(f"set server {name}/{WAITING} state ready" for name in _waiting(held))


def wait_off(held: Held) -> tuple[str, ...]:
    """New connections wait no more."""
    return tuple(f"set server {name}/{WAITING} state maint" for name in _waiting(held))


def _waiting(held: Held) -> tuple[str, ...]:
    """The backends that have a place to wait at."""
    if held.hold_seconds <= 0:
        return ()
    return tuple(backend(held.service, entry.port, "tcp") for entry in held.entries if "tcp" in kinds(entry))


def cut(held: Held, slot: SlotName) -> tuple[str, ...]:
    """Ends what is still on the slot: websockets, tunnels and requests are cut."""
    return tuple(f"shutdown sessions server {name}/{slot}" for name in backends(held))


def backends(held: Held) -> tuple[str, ...]:
    """The names of the service's backends; every one has both slots."""
    return tuple(backend(held.service, entry.port, kind) for entry in held.entries for kind in kinds(entry))


def check_answer(command: str, answer: str) -> None:
    """Raises `Disobeyed` unless the answer to a command that changes something says that it was obeyed."""
    lines = [line for line in answer.splitlines() if line.strip()]
    wrong = next((line for line in lines if not _OBEYED.search(line)), None)
    if wrong is not None:
        raise Disobeyed(f"HAProxy answered `{command}` with: {wrong.strip()}")


def _each(held: Held, slot: SlotName, words: str) -> tuple[str, ...]:
    return tuple(f"set server {name}/{slot} {words}" for name in backends(held))


@dataclass(frozen=True, slots=True)
class Counters:
    """What HAProxy counted at one place, or between two looks at it."""

    sessions: int = 0
    """Requests of HTTP, and connections of plain TCP, that were given to it."""
    refused: int = 0
    """Of them, how many HAProxy could not connect for, after all retries."""
    retried: int = 0
    """Failures after which HAProxy tried again: no caller saw these. A request of HTTP that the other slot was asked for
    counts here and in `passed_on`, a connection in only one."""
    passed_on: int = 0
    """What it failed and the other slot was given: connections that it refused, requests that it cut off or answered with an
    error while two versions had callers."""
    broken: int = 0
    """Answers that ended early or made no sense. HAProxy 3.2 counts a request that was cut off and passed on here as well:
    9 of 9, where 2.6 counts none of 19."""
    server_errors: int = 0
    """Answers with a status of 500 to 599, by the version itself."""
    client_aborts: int = 0
    """Callers that left before the end: their own doing, or their patience."""

    @property
    def failed(self) -> int:
        """Requests that went wrong for a caller, through no fault of the caller's; by HAProxy 3.2 some that were passed on."""
        return self.refused + self.broken + self.server_errors

    @property
    def error_rate(self) -> float | None:
        """The share of requests that failed for a caller, 0 to 1; None when there were none."""
        return min(1.0, self.failed / self.sessions) if self.sessions else None

    @property
    def not_done(self) -> int:
        """Requests that it did not do, whether a caller saw that or the other slot did them: at least so many.

        What is broken and what is passed on are the same requests or not, by HAProxy's version, and are not counted twice.
        """
        return min(self.sessions, self.refused + self.server_errors + max(self.broken, self.passed_on))

    def since(self, before: "Counters") -> "Counters":
        """What was counted since an earlier look; everything, when HAProxy was started anew in between."""
        pairs = {each.name: (getattr(self, each.name), getattr(before, each.name)) for each in fields(self)}
        if any(now < then for now, then in pairs.values()):
            return self
        return Counters(**{name: now - then for name, (now, then) in pairs.items()})

    def __add__(self, other: "Counters") -> "Counters":
        return Counters(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})


@dataclass(frozen=True, slots=True)
class ServerStat:
    """One slot of one backend as HAProxy has it."""

    backend: str
    slot: str
    status: str
    """`no check` (ready), `DRAIN`, `MAINT` or `MAINT (resolution)`; `UP` where something checks it."""
    address: str
    """`address:port`; empty when its name is not resolved."""
    current: int
    """Requests and connections on it now."""
    counters: Counters

    @property
    def is_ready(self) -> bool:
        return self.status == "no check" or self.status.startswith("UP")


def servers(answer: str) -> tuple[ServerStat, ...]:
    """The rows of `SHOW_STAT`'s answer. Raises `Disobeyed` when the answer is no table."""
    lines = [line for line in answer.splitlines() if line.strip()]
    if not lines or not lines[0].startswith("# pxname,svname,"):
        raise Disobeyed(f"HAProxy answered `{SHOW_STAT}` with: {answer.strip()[:200] or 'nothing'}")
    rows = csv.DictReader([lines[0].removeprefix("# "), *lines[1:]])
    return tuple(_server(row) for row in rows if row["svname"] != WAITING)


def _server(row: dict[str, str]) -> ServerStat:
    def number(name: str) -> int:
        value = row.get(name) or "0"
        return int(value) if value.isdigit() else 0

    counters = Counters(
        sessions=number("stot"),
        refused=number("econ"),
        retried=number("wretr"),
        passed_on=number("wredis"),
        broken=number("eresp"),
        server_errors=number("hrsp_5xx"),
        client_aborts=number("cli_abrt"),
    )
    return ServerStat(
        row["pxname"], row["svname"], row.get("status") or "", row.get("addr") or "", number("scur"), counters
    )  # fmt: skip


def of_slot(stats: Iterable[ServerStat], held: Held, slot: SlotName) -> tuple[ServerStat, ...]:
    """The rows of one slot of a service. Raises `Disobeyed` when HAProxy has not all of its backends."""
    names = backends(held)
    found = {each.backend: each for each in stats if each.slot == slot and each.backend in names}
    missing = [name for name in names if name not in found]
    if missing:
        raise Disobeyed(f"HAProxy has no slot {slot} in {', '.join(missing)}: it runs with another configuration")
    return tuple(found[name] for name in names)


def counted(stats: Iterable[ServerStat], held: Held, slot: SlotName) -> Counters:
    """The counters of one slot over all ports and protocols of its service."""
    return sum((each.counters for each in of_slot(stats, held, slot)), Counters())


def open_sessions(stats: Iterable[ServerStat], held: Held, slot: SlotName) -> int:
    """Requests on their way and open connections; an idle connection of a caller is on no slot."""
    return sum(each.current for each in of_slot(stats, held, slot))


def is_resolved(stats: Iterable[ServerStat], held: Held, slot: SlotName, addresses: Sequence[str]) -> bool:
    """Whether all of the slot's servers lead to one of the version's addresses by now."""
    return all(each.address.rpartition(":")[0].strip("[]") in addresses for each in of_slot(stats, held, slot))


def information(answer: str) -> dict[str, str]:
    """The fields of `SHOW_INFO`'s answer."""
    return dict(line.split(": ", 1) for line in answer.splitlines() if ": " in line)
