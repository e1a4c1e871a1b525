"""Counting what callers of services behind the holder get, for as long as a project is observed."""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import anyio

from trimtab.errors import ToolError
from trimtab.history.callers import Callers
from trimtab.history.usage import UsageHistory

PAUSE = 30.0
"""Seconds from one question to the next: it takes a process for each lane, and observing has to cost next to nothing."""


@dataclass(frozen=True, slots=True)
class Got:
    """What HAProxy has counted of one service since its process began."""

    requests: int
    failed: int


Ask = Callable[[], Awaitable[Mapping[str, Got | None]]]
"""Asks the holder about every service behind it; None for one of which nobody knows."""


def grown(before: Mapping[str, Got], now: Mapping[str, Got | None]) -> dict[str, Got]:
    """How much each service's counts have grown. One that was not asked about before has grown by nothing.

    Counts that are lower than before are those of a new process, and all of them count.
    """
    found: dict[str, Got] = {}
    for service, got in now.items():
        if got is not None:
            old = before.get(service, got)
            anew = got.requests < old.requests or got.failed < old.failed
            found[service] = got if anew else Got(got.requests - old.requests, got.failed - old.failed)
    return found


async def count_callers(ask: Ask, project: str, history: UsageHistory, pause: float = PAUSE) -> None:
    """Keep what callers got, until it is cancelled. A holder that does not answer is asked again after the pause.

    Raises:
        StateError: it could not be written.
    """
    before: dict[str, Got] = {}
    while True:
        now: Mapping[str, Got | None] = {}
        with suppress(ToolError):
            now = await ask()
        at = time.time()
        history.note_callers(
            [Callers(project, service, at, got.requests, got.failed) for service, got in grown(before, now).items()]
        )
        before |= {service: got for service, got in now.items() if got is not None}
        await anyio.sleep(pause)
