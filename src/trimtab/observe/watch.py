"""Watching a project for a while: rounds at a steady pace, minutes on the disk as they end, and what it cost."""

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import anyio

from trimtab.docker.api import Api
from trimtab.docker.runner import Runner
from trimtab.errors import EngineMissing, StateError
from trimtab.history.containers import Place
from trimtab.history.usage import HOUR, Subject, Usage, UsageHistory, join
from trimtab.observe.callers import Ask, count_callers
from trimtab.observe.fold import Folder
from trimtab.observe.heard import Heard, listen
from trimtab.observe.sampler import Sampler, Seen, engine_clock, place_of

_FIRST = 1.0
"""Seconds from the first round to the second, so that there is something to see at once."""
_PATIENCE = 3
"""Rounds without a sign of life after which another observer may take over."""


_NOTED = 30.0


class Watcher(Protocol):
    """Is told what is seen while it is seen."""

    def round(self, at: float, seen: Sequence[Seen]) -> None:
        """A round was made; the time is the engine's, in seconds since 1970."""
        ...

    def told(self, text: str) -> None:
        """Something worth knowing."""
        ...


@dataclass(frozen=True, slots=True)
class Cost:
    """What observing took: processor seconds of this process and of the docker client, over so many seconds and rounds."""

    cpu: float
    seconds: float
    rounds: int

    @property
    def share(self) -> float:
        """Of one processor core."""
        return self.cpu / self.seconds if self.seconds > 0 else 0.0


@dataclass
class Observation:
    """A watch over one project, and what it has found out so far."""

    runner: Runner
    project: str
    watcher: Watcher
    history: UsageHistory | None = None
    """None keeps nothing."""
    every: float = 10.0
    """Seconds from one round to the next."""
    ask: Ask | None = None
    """Asks the holder what callers got; None where nobody wants to know."""
    rounds: int = 0
    missed: int = 0
    """Rounds in which the engine did not answer."""
    found: dict[Subject, Usage] = field(default_factory=dict[Subject, Usage])
    """Everything since the beginning, one row a container, once it has ended."""
    cost: Cost = Cost(0.0, 0.0, 0)
    _folder: Folder = field(default_factory=Folder)
    _compacted: float = 0.0
    _counted: list[Place] = field(default_factory=list[Place])
    _noted: object = None
    _noted_at: float = 0.0

    async def watch(self, seconds: float) -> None:
        """Watch for so long, `math.inf` for as long as nobody cancels it. However it ends, what was seen is kept.

        Raises:
            EngineMissing: the engine does not answer at the beginning; later, rounds are missed until it does.
            StateError: somebody else observes the project, or what was seen cannot be written.
        """
        began, spent = time.monotonic(), _spent()
        name = f"{os.getpid()}-{time.time_ns()}"
        ahead = await engine_clock(Api(self.runner), time.time())
        self._claim(name)
        try:
            async with anyio.create_task_group() as group:
                heard = Heard(time.time() + ahead)
                group.start_soon(listen, self.runner, self.project, heard)
                if self.ask is not None and self.history is not None:
                    group.start_soon(count_callers, self.ask, self.project, self.history)
                await self._rounds(began + seconds, ahead, heard, name)
                group.cancel_scope.cancel()
        finally:
            self._keep(math.inf)
            if self.history is not None:
                self.history.note(self._counted)
                self.history.release(self.project, name)
            self.cost = Cost(_spent() - spent, time.monotonic() - began, self.rounds)

    async def _rounds(self, until: float, ahead: float, heard: Heard, name: str) -> None:
        sampler = Sampler(Api(self.runner), self.project)
        following = time.monotonic()
        while True:
            now = time.time() + ahead
            try:
                seen = await sampler.round(now, heard.taken())
            except EngineMissing as error:
                self._missed(error)
            else:
                self._take(now, seen)
                self._claim(name)
            if time.monotonic() >= until:
                return
            step = _FIRST if self.rounds == 1 else self.every
            following = max(following + step, time.monotonic())
            await anyio.sleep_until(anyio.current_time() + min(following, until) - time.monotonic())

    def _missed(self, error: EngineMissing) -> None:
        if self.rounds == 0:
            raise error
        self.missed += 1
        if self.missed == 1:
            self.watcher.told(f"{error} Observing goes on when it answers.")

    def _take(self, now: float, seen: Sequence[Seen]) -> None:
        self.rounds += 1
        for each in seen:
            self._folder.add(each.reading.subject, each.sample)
        self.watcher.round(now, seen)
        if self.history is not None:
            self._note(now, seen, self.history)
        # A sample is of the moment that the engine read it, which may be a moment after the round's own.
        self._keep(now - 1)

    def _note(self, now: float, seen: Sequence[Seen], history: UsageHistory) -> None:
        """Keep how the containers are: when that has changed or something has happened, and else every half minute.

        A write waits for the disk; what is counted meanwhile is written with the next one.
        """
        self._counted += [place_of(each, now) for each in seen]
        how = [(each.reading.subject, each.reading.state, each.reading.health) for each in seen]
        happened = any(each.sample.ooms or each.sample.restarts for each in seen)
        if how != self._noted or happened or now - self._noted_at >= _NOTED:
            history.note(self._counted)
            self._counted, self._noted, self._noted_at = [], how, now

    def _keep(self, now: float) -> None:
        rows = self._folder.over(now)
        for subject, usage in rows:
            self.found[subject] = join(self.found[subject], usage) if subject in self.found else usage
        if self.history is None:
            return
        if rows:
            self.history.add(rows)
        if now < math.inf and now - self._compacted >= HOUR:
            self._compacted = now
            self.history.compact(now)

    def _claim(self, name: str) -> None:
        held = 30 + _PATIENCE * self.every
        if self.history is not None and not self.history.claim(self.project, name, time.time(), held):
            raise StateError(
                f"`{self.project}` is being observed already, and everything would count twice. End the other"
                f" `trimtab observe`, or wait {held:.0f} s where it was killed."
            )


def _spent() -> float:
    """Processor seconds of this process, and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
