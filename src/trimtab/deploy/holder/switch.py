"""The steps by which a service goes from one version to the next, for someone else to take.

Start first: the new version is up and healthy before step one, and both serve for the time of the trial. A connection
that the new one refuses during the trial is taken by the old one, so a trial that ends in `retreat` has cost no request.
Stop first (`hold_back`, then the old version is stopped and the new one started, then `let_on`): callers wait in HAProxy
for `Held.hold_seconds` at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trimtab.deploy.holder.layout import Held, SlotName
from trimtab.deploy.holder.runtime import (
    ServerStat,
    cut,
    drain,
    is_resolved,
    open_sessions,
    point,
    ready,
    rest,
    wait_off,
    wait_on,
)

RESOLVING_SECONDS = 10.0
"""How long a slot may take to find its version by name. Measured: 0.5 to 1.1 s."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The slot leads to the version, which has these addresses in the holder's networks."""

    slot: SlotName
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing is on its way on the slot."""

    slot: SlotName


@dataclass(frozen=True, slots=True)
class Elapsed:
    """The time of a trial has passed; whoever waits watches the slot's counters meanwhile."""

    slot: SlotName


Until = Resolved | Idle | Elapsed


@dataclass(frozen=True, slots=True)
class Step:
    """Commands, all at once, and what to wait for after them."""

    name: Literal["point", "trial", "drain", "finish"]
    commands: tuple[str, ...]
    until: Until | None = None
    seconds: float = 0.0
    """How long to wait for it. For a trial: how long it takes."""
    at_limit: Literal["give up", "go on"] = "go on"
    """Whether the rollout ends when the time is up, with `retreat`, or goes on with the next step."""


def other(slot: SlotName) -> SlotName:
    """The slot that is not this one."""
    return "b" if slot == "a" else "a"


def start_first(
    held: Held, to: SlotName, host: str, addresses: Sequence[str], *, trial_seconds: float, drain_seconds: float
) -> tuple[Step, ...]:
    """From the other slot to the version `host` in slot `to`. After the last step the old version may be stopped."""
    return (
        _point(held, to, host, addresses),
        Step("trial", ready(held, to), Elapsed(to), trial_seconds),
        *_leave(held, other(to), drain_seconds),
    )


def hold_back(held: Held, old: SlotName, *, drain_seconds: float) -> tuple[Step, ...]:
    """New callers wait; after the last step nothing reaches the old version, which may be stopped."""
    first, *left = _leave(held, old, drain_seconds)
    return (Step("drain", (*wait_on(held), *first.commands), first.until, first.seconds), *left)


def let_on(held: Held, to: SlotName, host: str, addresses: Sequence[str]) -> tuple[Step, ...]:
    """Those who wait, and all others, go to the version `host`, which is up: the new one, or the old one again."""
    return (_point(held, to, host, addresses), Step("finish", (*ready(held, to), *wait_off(held))))


def retreat(held: Held, to: SlotName, *, drain_seconds: float) -> tuple[Step, ...]:
    """Back to slot `to`, which still has its version, from any step of `start_first`."""
    first, *left = _leave(held, other(to), drain_seconds)
    return (Step("drain", (*ready(held, to), *first.commands), first.until, first.seconds), *left)


def reached(until: Until, stats: Sequence[ServerStat], held: Held) -> bool:
    """Whether what a step waits for has come; a trial only ends with its time."""
    if isinstance(until, Resolved):
        return is_resolved(stats, held, until.slot, until.addresses)
    return isinstance(until, Idle) and open_sessions(stats, held, until.slot) == 0


def _point(held: Held, slot: SlotName, host: str, addresses: Sequence[str]) -> Step:
    commands = (*rest(held, slot), *point(held, slot, host))
    return Step("point", commands, Resolved(slot, tuple(addresses)), RESOLVING_SECONDS, "give up")


def _leave(held: Held, slot: SlotName, seconds: float) -> tuple[Step, Step]:
    return (
        Step("drain", drain(held, slot), Idle(slot), seconds),
        Step("finish", (*cut(held, slot), *rest(held, slot))),
    )
