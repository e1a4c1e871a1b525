"""Giving running containers other limits, watching what comes of it, and taking back what does them harm.

`POST /containers/{id}/update` changes a limit and takes none away: the engine reads 0 as no change. So a limit is changed where
there is one, and a container without one is left for the files and the next deployment.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from trimtab.docker.api import Api, Request, container_path
from trimtab.docker.containers import Container, Containers
from trimtab.docker.labels import COMPOSE_PROJECT
from trimtab.docker.runner import Runner
from trimtab.errors import EngineMissing, EngineRefused
from trimtab.fleet.plain import mapping
from trimtab.fleet.sizes import size_text
from trimtab.observe.heard import Heard, listen
from trimtab.observe.sample import cores_of, subject_of
from trimtab.observe.sampler import Sampler, Seen, engine_clock
from trimtab.observe.sizing import HELD_BACK, Given

_ENOUGH = 100
"""Scheduler periods, ten seconds of a busy core, before a share of them says anything."""
_KILLED = "a process was killed for want of memory"
Body = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Change:
    """Other limits for one container, and the way back."""

    container: str
    name: str
    project: str
    service: str
    forward: Body
    back: Body
    smaller_memory: bool
    smaller_cpus: bool
    says: str

    @property
    def smaller(self) -> bool:
        """Whether it gets less of anything."""
        return self.smaller_memory or self.smaller_cpus


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of a change: kept, or why not."""

    change: Change
    kept: bool
    reason: str


@dataclass
class _Held:
    """What was seen of a container since its limits were changed."""

    change: Change
    periods: int = 0
    throttled: int = 0
    ooms: int = 0

    @property
    def held_back(self) -> str:
        """In how many of the periods it was held back, where that is noticeable."""
        share = self.throttled / self.periods if self.periods >= _ENOUGH else 0.0
        return f"it was held back in {share:.0%} of the periods" if share > HELD_BACK else ""

    @property
    def still(self) -> str:
        """What is not good for all that it got; empty for nothing."""
        return f"{_KILLED} for all that: it needs more" if self.ooms else self.held_back


@dataclass
class Trial:
    """Changes that are made, watched, and taken back where they do harm."""

    runner: Runner
    project: str
    told: Callable[[str], object]
    every: float = 10.0
    """Seconds from one look to the next; a process that is killed for want of memory is looked at at once."""
    results: list[Changed] = field(default_factory=list[Changed])
    _open: dict[str, _Held] = field(default_factory=dict[str, _Held])

    async def run(self, changes: Sequence[Change], seconds: float) -> list[Changed]:
        """Make the changes, watch for so long, and say of each whether it is kept.

        A container with less memory in which a process is then killed for want of it gets all back that it had, and so does
        one with fewer processors that is held back in more than one period of twenty. When it is cancelled, everything
        that got less gets it back: it was not watched to the end.

        Raises:
            EngineMissing: the engine does not answer any more.
        """
        api = Api(self.runner)
        try:
            for change in changes:
                await self._make(api, change)
            if self._open:
                await self._watch(api, seconds)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._give_up(api)
            raise
        self._close("held for the whole time that it was watched")
        return self.results

    async def _make(self, api: Api, change: Change) -> None:
        try:
            await _update(api, change.container, change.forward)
        except EngineRefused as error:
            self.results.append(Changed(change, kept=False, reason=error.reason))
            self.told(f"{change.name}: not changed: {error.reason}")
            return
        self._open[change.container] = _Held(change)
        self.told(f"{change.name}: {change.says}")

    async def _watch(self, api: Api, seconds: float) -> None:
        until = time.monotonic() + seconds
        ahead = await engine_clock(api, time.time())
        sampler, heard = Sampler(api, self.project), Heard(time.time() + ahead)
        async with anyio.create_task_group() as group:
            group.start_soon(listen, self.runner, self.project, heard)
            while True:
                await self._look(api, await sampler.round(time.time() + ahead, heard.taken()))
                left = until - time.monotonic()
                if left <= 0 or not self._open:
                    break
                await heard.rest(min(self.every, left))
            group.cancel_scope.cancel()

    async def _look(self, api: Api, seen: Sequence[Seen]) -> None:
        for each in seen:
            held = self._open.get(each.reading.id)
            if held is None:
                continue
            held.periods += each.sample.periods
            held.throttled += each.sample.throttled
            held.ooms += each.sample.ooms
            reason = _harm(held)
            if reason:
                await self._restore(api, held, reason)

    async def _restore(self, api: Api, held: _Held, reason: str) -> None:
        del self._open[held.change.container]
        try:
            await _update(api, held.change.container, held.change.back)
        except EngineRefused as error:
            reason = f"{reason}; and what it had cannot be given back: {error.reason}"
        self.results.append(Changed(held.change, kept=False, reason=reason))
        self.told(f"{held.change.name}: taken back: {reason}")

    async def _give_up(self, api: Api) -> None:
        for held in list(self._open.values()):
            if held.change.smaller:
                try:
                    await self._restore(api, held, "it was not watched to the end")
                except EngineMissing as error:
                    self.told(f"{held.change.name}: could not be given back what it had: {error}")
        self._close("got no less than it had")

    def _close(self, reason: str) -> None:
        self.results += [Changed(each.change, kept=True, reason=each.still or reason) for each in self._open.values()]
        self._open.clear()


def _harm(held: _Held) -> str:
    if held.change.smaller_memory and held.ooms:
        return _KILLED
    return held.held_back if held.change.smaller_cpus else ""


async def _update(api: Api, container: str, body: Body) -> None:
    await api.ask(Request("POST", container_path(container, "/update"), {}, dict(body)))


async def changes_for(containers: Containers, project: str, wanted: Mapping[str, Given]) -> tuple[list[Change], list[str]]:
    """The changes that running containers need to have what is wanted, by service; and why others are left alone."""
    changes: list[Change] = []
    left: list[str] = []
    for each in await containers.labelled(f"{COMPOSE_PROJECT}={project}"):
        subject = subject_of(each)
        if subject is None or subject.service not in wanted or each.state != "running":
            continue
        change, why = change_of(each, project, subject.service, wanted[subject.service])
        changes += [change] if change is not None else []
        left += [f"{each.name}: {reason}" for reason in why]
    return changes, left


def change_of(container: Container, project: str, service: str, wanted: Given) -> tuple[Change | None, list[str]]:
    """What one container's limits need to be as wanted, None for nothing; and what cannot be done while it runs."""
    host = mapping(container.body.get("HostConfig"))
    memory, reserved = _memory(host, wanted.memory), _number(host, "MemoryReservation")
    cpus = _processors(host, wanted.cpus)
    left = [
        f"has no {what} limit, and the engine could not take one away again: write it with --apply, and deploy"
        for what, limit, new in (("memory", _number(host, "Memory"), wanted.memory), ("processor", cores_of(host), wanted.cpus))
        if new and not limit
    ]
    forward = {**memory, **cpus}
    if memory and reserved > memory["Memory"]:
        forward["MemoryReservation"] = memory["Memory"]
    if not forward:
        return None, left
    back = {key: _number(host, key) for key in forward}
    had, now = cores_of(host), cores_of({**host, **forward})
    says = [f"memory {size_text(back['Memory'])} → {size_text(forward['Memory'])}"] if memory else []
    says += [f"cores {had:g} → {now:g}"] if cpus and had and now else []
    change = Change(
        container.id, container.name, project, service, forward, back, bool(memory) and forward["Memory"] < back["Memory"],
        bool(cpus) and (now or 0) < (had or 0), ", ".join(says),
    )  # fmt: skip
    return change, left


def _memory(host: Mapping[str, object], wanted: int | None) -> dict[str, int]:
    limit, swap = _number(host, "Memory"), _number(host, "MemorySwap")
    if not wanted or not limit or wanted == limit:
        return {}
    # The engine refuses a limit above that of memory and swap together, so both change, in the relation that they had.
    together = -1 if swap < 0 else wanted if swap == limit else 2 * wanted if swap == 2 * limit else max(swap, wanted)
    return {"Memory": wanted, "MemorySwap": together}


def _processors(host: Mapping[str, object], wanted: float | None) -> dict[str, int]:
    limit = cores_of(host)
    if not wanted or not limit or wanted == limit:
        return {}
    if _number(host, "NanoCpus"):
        return {"NanoCpus": round(wanted * 1e9)}
    period = _number(host, "CpuPeriod") or 100_000
    return {"CpuPeriod": period, "CpuQuota": round(wanted * period)}


def _number(host: Mapping[str, object], key: str) -> int:
    value = host.get(key)
    return value if isinstance(value, int) else 0
