"""A fleet built: the longest chain first, as many at once as the machine takes, and one failure never ends the rest."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import anyio
import anyio.abc
import anyio.to_thread

from trimtab.build.calls import layout_folder, target_call
from trimtab.build.failures import Outage
from trimtab.build.graph import Graph
from trimtab.build.image import BuildResult
from trimtab.build.outcome import Done, Outcome, RunResult
from trimtab.build.patience import patiently
from trimtab.build.redact import redacted, redactor, take_facts
from trimtab.build.schedule import bound, critical_path, remaining
from trimtab.build.seen import Seen, cause, look, seen_from
from trimtab.build.settings import Settings
from trimtab.build.together import Checked, check_together, likely_unchanged, may_be_asked_together
from trimtab.docker import Builder, ProgressReader, Runner, read_config
from trimtab.docker.building import TargetCall, target_build
from trimtab.docker.command import image_id
from trimtab.docker.machine import MemoryWatch, memory, shortage
from trimtab.errors import ToolError
from trimtab.fleet.plain import items, mapping
from trimtab.history import Ledger

LEAST_FREE = 1_000_000_000
"""Bytes below which no further build is begun: an engine whose disk is full fails in ways that look like something else."""
_UNKNOWN_SECONDS = 30.0
"""What a target is taken to need that has never been built here and of whose Dockerfile nothing is known."""


class Watcher(Protocol):
    """Who is told what happens while it happens."""

    def started(self, name: str, builder: str) -> None: ...

    def moved(self, name: str, reader: ProgressReader) -> None: ...

    def told(self, name: str, text: str) -> None: ...

    def ended(self, done: Done) -> None: ...


@dataclass
class FleetBuild:
    """One run. `names` are built in the order of what they need; `skip` are left out, each with a reason."""

    runner: Runner
    root: Path
    graph: Graph
    names: tuple[str, ...]
    settings: Settings
    watcher: Watcher
    run_id: str
    folder: Path
    """Where the run keeps logs and what it has to write; it exists."""
    ledger: Ledger | None = None
    skip: Mapping[str, str] = field(default_factory=dict[str, str])
    estimates: Mapping[str, float] = field(default_factory=dict[str, float])
    keep: Callable[[Done, Seen | None], None] = lambda _done, _seen: None
    """Called with each end before the watcher, to write it down."""
    _done: dict[str, Done] = field(default_factory=dict[str, Done])
    _running: dict[str, Builder] = field(default_factory=dict[str, Builder])
    _changed: anyio.Event = field(default_factory=anyio.Event)
    _stopped: str = ""
    """Why nothing more is begun."""
    _asked: frozenset[str] = frozenset()
    """The targets that one call is being asked about."""
    _scope: anyio.CancelScope | None = None
    _start: float = 0.0

    async def run(self) -> RunResult:
        """Build everything; failures are part of the result."""
        self._start = time.monotonic()
        watch = MemoryWatch()
        interrupted = False
        try:
            async with anyio.create_task_group() as helpers:
                helpers.start_soon(watch.watch)
                async with anyio.create_task_group() as builds:
                    self._scope = builds.cancel_scope
                    await self._begin_together(builds)
                    await self._schedule(builds)
                helpers.cancel_scope.cancel()
        except anyio.get_cancelled_exc_class():
            interrupted = True
            raise
        finally:
            for name in self.names:
                if name not in self._done:
                    self._end(Done(name, Outcome.CANCELLED, "the run was interrupted" if interrupted else "the run ended"))
        return self._result(watch.peak)

    async def _begin_together(self, builds: anyio.abc.TaskGroup) -> None:
        """Ask in one call about what is likely to have changed in nothing, beside the builds of everything else."""
        names = [name for name in self.names if name not in self.skip and name not in self.graph.circular]
        before = {name: seen for name in names if (seen := self._before(name)) is not None}
        if not before or not may_be_asked_together(self.settings):
            return
        likely = await anyio.to_thread.run_sync(likely_unchanged, self.root, self.graph, before)
        if likely:
            self._asked = frozenset(likely)
            builds.start_soon(self._check_together, likely, before)

    async def _check_together(self, likely: tuple[str, ...], before: Mapping[str, Seen]) -> None:
        builder = self.settings.builders[0]
        calls = {name: await self._call(name, builder) for name in likely}
        for name in likely:
            self.watcher.started(name, builder.name)
        begins, started = time.monotonic() - self._start, time.time()
        settled: Mapping[str, Checked] = {}
        # Where it fails each is built by a call of its own, which says what is wrong.
        with suppress(ToolError, OSError):
            settled = await check_together(self.runner, self.root, self.graph, calls, self.folder, before)
        # By the clock that nobody sets: a negative time would be one that was saved.
        took = time.monotonic() - self._start - begins
        for name, checked in settled.items():
            log = redacted(checked.log, redactor(self.root, self.graph.targets[name]))
            blank = Done(name, Outcome.BUILT, "", builder.name, begins, min(log.worked, took), started=started)
            self._end(*await self._noted(blank, builder, BuildResult(blank.seconds, log, checked.image), checked.facts, 1))
        self._asked = frozenset()
        self._changed.set()

    async def _call(self, name: str, builder: Builder) -> TargetCall:
        folder, provided = self.folder / name, await self._provided(name)
        return target_call(self.root, self.graph, name, self.settings, builder, folder, provided)

    def partial(self) -> RunResult:
        """What there is of a run that was interrupted."""
        return replace(self._result(None), interrupted=True)

    def _result(self, peak: int | None) -> RunResult:
        seconds = {name: done.seconds for name, done in self._done.items() if done.outcome in {Outcome.BUILT, Outcome.FAILED}}
        jobs = self.settings.jobs * len(self.settings.builders)
        least = bound(seconds, self.graph.needs, jobs)
        chain = critical_path(seconds, self.graph.needs)
        done = tuple(self._done[name] for name in self.names if name in self._done)
        return RunResult(self.run_id, done, time.monotonic() - self._start, least, jobs, peak, chain, folder=self.folder)

    async def _schedule(self, builds: anyio.abc.TaskGroup) -> None:
        priority = remaining({name: self.estimates.get(name, _UNKNOWN_SECONDS) for name in self.names}, self.graph.needs)
        waiting = sorted(self.names, key=lambda name: -priority.get(name, 0.0))
        while waiting:
            self._changed = anyio.Event()
            began = False
            for name in (each for each in list(waiting) if each not in self._asked):
                if name in self._done or self._settle(name):
                    waiting.remove(name)
                    began = True
                elif self._is_ready(name) and (builder := self._free_builder(name)) is not None:
                    waiting.remove(name)
                    self._running[name] = builder
                    builds.start_soon(self._build, name, builder)
                    began = True
            if not began:
                with anyio.move_on_after(1):
                    # Memory comes back without a build of ours ending, so this waits for no more than a second.
                    await self._changed.wait()

    def _settle(self, name: str) -> bool:
        """Whether a target has ended without being built."""
        if name in self.graph.circular:
            self._end(Done(name, Outcome.BLOCKED, "it waits for itself"))
        elif name in self.skip:
            self._end(Done(name, Outcome.SKIPPED, self.skip[name]))
        elif self._stopped:
            self._end(Done(name, Outcome.CANCELLED, self._stopped))
        elif bad := next((each for each in self._needs(name) if self._has_failed(each)), None):
            self._end(Done(name, Outcome.BLOCKED, f"`{bad}`, which it is built from, was not built"))
        else:
            return False
        return True

    def _needs(self, name: str) -> list[str]:
        return [each for each in self.graph.needs[name] if each in self.names]

    def _has_failed(self, name: str) -> bool:
        done = self._done.get(name)
        return done is not None and done.outcome not in {Outcome.BUILT, Outcome.SKIPPED}

    def _is_ready(self, name: str) -> bool:
        return all(each in self._done for each in self._needs(name))

    def _free_builder(self, name: str) -> Builder | None:
        """The builder for a target: the one that made what it starts from, which then has its layers, else the idlest."""
        short = shortage((self.settings.engine_folder, self.folder), LEAST_FREE)
        if short is not None:
            self._stopped = f"not tried: {short}; `docker builder prune` makes room"
            return None
        now = memory() if self.settings.engine_folder is not None else None
        if self._running and now is not None and now.is_short:
            return None
        loads = {each.name: sum(other.name == each.name for other in self._running.values()) for each in self.settings.builders}
        free = [each for each in self.settings.builders if loads[each.name] < self.settings.jobs]
        near = {self._done[each].builder for each in self._needs(name)}
        return min(free, key=lambda each: (each.name not in near, loads[each.name]), default=None)

    async def _build(self, name: str, builder: Builder) -> None:
        self.watcher.started(name, builder.name)
        begins, started = time.monotonic() - self._start, time.time()
        blank = Done(name, Outcome.CANCELLED, "the run was interrupted", builder.name, begins, started=started)
        seen: Seen | None = None
        try:
            done, seen = await self._built(name, builder, blank)
        except (ToolError, OSError) as error:
            done = replace(blank, outcome=Outcome.FAILED, reason=str(error))
        except anyio.get_cancelled_exc_class():
            self._running.pop(name, None)
            reason = self._stopped or "the run was interrupted"
            self._end(replace(blank, reason=reason, seconds=time.monotonic() - self._start - begins))
            raise
        self._running.pop(name, None)
        if done.outcome is Outcome.FAILED:
            if self.settings.fail_fast:
                self._stopped = f"`{name}` failed"
                self._end(done, seen)
                if self._scope is not None:
                    self._scope.cancel()
                return
            if done.log is not None and outage_of(done) is Outage.NO_SPACE:
                self._stopped = "not tried: the disk is full; `docker builder prune` makes room"
        self._end(done, seen)

    async def _built(self, name: str, builder: Builder, blank: Done) -> tuple[Done, Seen | None]:
        call = await self._call(name, builder)
        hide = redactor(self.root, self.graph.targets[name])

        async def attempt() -> BuildResult:
            reader = ProgressReader()

            def take(line: str) -> None:
                reader.take(line)
                self.watcher.moved(name, reader)

            begun = time.monotonic()
            done = await self.runner.run(target_build(call), on_line=take)
            config = None
            if done.code == 0 and builder.in_engine and call.tags:
                config = await read_config(self.runner, call.tags[0])
            return BuildResult(time.monotonic() - begun, redacted(reader.log, hide), config, done.code == 0)

        result, attempts = await patiently(
            self.runner, attempt, lambda text: self.watcher.told(name, text), retries=self.settings.retries
        )
        facts: Mapping[str, object] = take_facts(Path(call.metadata_file)) if result.ok else {}
        done = replace(
            blank,
            outcome=Outcome.BUILT if result.ok else Outcome.FAILED,
            reason="" if result.ok else hide.text(result.reason),
            seconds=time.monotonic() - self._start - blank.begins,
        )
        return await self._noted(done, builder, result, facts, attempts)

    async def _noted(
        self, done: Done, builder: Builder, result: BuildResult, facts: Mapping[str, object], attempts: int
    ) -> tuple[Done, Seen | None]:
        """The end with everything that is known of the build; its log is kept."""
        log_path = self.folder / done.name / "build.log"
        log_path.write_text(result.log.log, encoding="utf-8", errors="replace")
        seen = await self._look(done.name, builder, facts)
        config = result.image
        known = replace(
            done,
            attempts=attempts,
            log=result.log,
            image=str(facts.get("containerimage.digest") or (config.id if config else "")),
            image_bytes=config.size if config else None,
            layers=len(config.layers) if config else None,
            log_path=log_path,
            record=str(facts.get("buildx.build.ref") or ""),
            fingerprint=seen.fingerprint,
        )
        return self._explained(known, seen), seen if result.ok else None

    async def _look(self, name: str, builder: Builder, facts: Mapping[str, object]) -> Seen:
        """What the target was built from, its files read beside the other builds."""
        before = self._before(name)
        bases = _bases(facts)
        for link in self.graph.links_of(name):
            # One that was left out is what it was when this target was last built on it.
            provider = self._done.get(link.provider)
            image = (provider.image if provider else "") or (before.bases.get(link.context) if before else None)
            bases |= {link.context: image} if image else {}
        target = self.graph.targets[name]
        return await anyio.to_thread.run_sync(look, self.root, target, bases, builder.name, before)

    def _before(self, name: str) -> Seen | None:
        return seen_from(self.ledger.inputs(name)) if self.ledger else None

    def _explained(self, done: Done, seen: Seen) -> Done:
        """The end with why its first step had to be done, and what the cache saved."""
        step = done.log.first_missed if done.log else None
        if done.log is None:
            return done
        known = self.ledger.step_seconds(done.name) if self.ledger else {}
        saved = sum(known.get(each.label, 0.0) for each in done.log.steps if each.cacheable and each.cached)
        why = ""
        if step is not None:
            target = self.graph.targets[done.name]
            uncached = self.settings.no_cache or target.options.no_cache
            why = "`--no-cache`" if uncached else cause(target, step, self._before(done.name), seen)
        return replace(done, saved=saved, cause=why)

    async def _provided(self, name: str) -> Mapping[str, str]:
        """Where the images are that a target is built from, as `--build-context` takes them."""
        return {each: await self._place(each) for each in self.graph.needs[name]}

    async def _place(self, provider: str) -> str:
        if provider in self.settings.given:
            return self.settings.given[provider]
        done = self._done.get(provider)
        tag = self.graph.targets[provider].tags[0]
        builders = {each.name: each for each in self.settings.builders}
        made_by = builders.get(done.builder if done else "", self.settings.builders[0])
        image = done.image if done is not None else ""
        if made_by.containerd and not image:
            image = (await self.runner.run(image_id(tag))).text
        if image and (self.settings.push or made_by.containerd):
            # By digest: an engine with the containerd store asks the registry first, which may have an older image of that tag.
            return f"docker-image://{tag}@{image}"
        if made_by.in_engine or not image:
            return f"docker-image://{tag}"
        return f"oci-layout://{layout_folder(self.folder / provider)}@{image}"

    def _end(self, done: Done, seen: Seen | None = None) -> None:
        self._done[done.name] = done
        self.keep(done, seen)
        self.watcher.ended(done)
        self._changed.set()


def outage_of(done: Done) -> Outage | None:
    """What failed beside the build that failed."""
    return BuildResult(0, done.log, None).outage if done.log else None


def _bases(facts: Mapping[str, object]) -> dict[str, str]:
    """The images that a build took from elsewhere, by the provenance that buildx puts into its metadata."""
    found: dict[str, str] = {}
    for item in items(mapping(facts.get("buildx.build.provenance")).get("materials")):
        material = mapping(item)
        digest = next((str(value) for value in mapping(material.get("digest")).values()), "")
        name, at, version = str(material.get("uri")).removeprefix("pkg:docker/").partition("?")[0].rpartition("@")
        if digest:
            found[f"{name}:{version}" if at and ":" not in version else name + at + version] = digest
    return found
