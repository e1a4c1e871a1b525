"""Rebuild times of two texts of one Dockerfile, in interleaved pairs, alone on the engine."""

import re
import secrets
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from trimtab.build import BuildResult
from trimtab.fleet.copies import copied_files, manifest_files, source_file
from trimtab.verify.evidence import Measurement, Pair, Scenario, StepTime
from trimtab.verify.link import slow_link
from trimtab.verify.replay import Commit, checkout, last_commits
from trimtab.verify.staged import Staged

_CACHE_MOUNT = re.compile(r"--mount=(?P<options>(?:[^\s\"',]+,)*type=cache[^\s\"']*)")
_TARGETS = ("target=", "dst=", "destination=")


@dataclass
class Measurer:
    """Measures an original and what became of it, in every scenario that is asked for and that there is time for."""

    staged: Staged
    before: str
    after: str

    async def run(self) -> tuple[tuple[Measurement, ...], tuple[str, ...]]:
        """The measurements, and a sentence for each that was left out."""
        laboratory = self.staged.laboratory
        found: list[Measurement] = []
        left: list[str] = []
        if laboratory.measures.repeats == 0:
            return (), ()
        for scenario, edited in self._scenarios():
            if not laboratory.in_time:
                left.append(f"{scenario}: the budget was used up")
                continue
            self.staged.tell(f"measuring: {scenario}")
            measurement = await self._measured(scenario, edited)
            if isinstance(measurement, Measurement):
                found.append(measurement)
            else:
                left.append(f"{scenario}: {measurement}")
        if laboratory.measures.replay and laboratory.in_time:
            replayed = await self._replay(laboratory.measures.replay)
            if isinstance(replayed, Measurement):
                found.append(replayed)
            else:
                left.append(f"{Scenario.REPLAY}: {replayed}")
        return tuple(found), tuple(left)

    def _scenarios(self) -> Iterator[tuple[Scenario, str]]:
        measures = self.staged.laboratory.measures
        file, context = self.staged.file, self.staged.context
        yield Scenario.NO_CHANGE, ""
        source = source_file(file, context)
        if source:
            yield Scenario.SOURCE_EDIT, source
        manifests = manifest_files(file, context)
        if manifests:
            yield Scenario.DEPENDENCY_EDIT, manifests[0]
            if measures.fresh_runner:
                yield Scenario.FRESH_RUNNER, manifests[0]
            if measures.link_mbit:
                yield Scenario.SLOW_LINK, manifests[0]
        if measures.cold:
            yield Scenario.COLD, ""

    async def _measured(self, scenario: Scenario, edited: str) -> Measurement | str:
        pairs: list[Pair] = []
        steps: tuple[tuple[StepTime, ...], tuple[StepTime, ...]] = ((), ())
        async with self._link(scenario) as proxies:
            if proxies is None:
                return "the engine's network cannot be reached from here"
            for turn in range(self.staged.laboratory.measures.repeats):
                built = await self._pair(scenario, edited, turn, proxies)
                if built is not None:
                    pairs.append(Pair(built[0].seconds, built[1].seconds))
                    steps = _steps(built[0]), _steps(built[1])
        return Measurement(scenario, edited, tuple(pairs), None, *steps) if pairs else "a build failed"

    @asynccontextmanager
    async def _link(self, scenario: Scenario) -> AsyncGenerator[Mapping[str, str] | None]:
        mbit = self.staged.laboratory.measures.link_mbit
        if scenario is Scenario.SLOW_LINK and mbit:
            async with slow_link(self.staged.runner, mbit) as proxies:
                yield proxies
        else:
            yield {}

    async def _pair(
        self, scenario: Scenario, edited: str, turn: int, proxies: Mapping[str, str]
    ) -> tuple[BuildResult, BuildResult] | None:
        """Both texts rebuilt after one edit. They take turns in going first: the first one also sends the edited file."""
        async with self.staged.slots.all():
            if edited:
                self.staged.workspace.edit(edited)
            texts = {"original": self.before, "candidate": self.after}
            if scenario in {Scenario.COLD, Scenario.FRESH_RUNNER}:
                mark = secrets.token_hex(4)
                from_line = 0 if scenario is Scenario.COLD else self._line_of_copy(edited)
                texts = {name: with_new_mounts(text, f"{mark}-{name}", from_line) for name, text in texts.items()}
            cold = scenario is Scenario.COLD
            built = {
                name: await self.staged.build_now(name, texts[name], no_cache=cold, proxies=proxies)
                for name in sorted(texts, reverse=turn % 2 == 0)
            }
        before, after = built["original"], built["candidate"]
        return (before, after) if before.ok and after.ok else None

    def _line_of_copy(self, path: str) -> int:
        """The line of the first COPY of the original that brings a file: what stands above it stays cached after an edit."""
        for stage in self.staged.file.stages:
            for copy in stage.copies:
                if path in copied_files(copy, self.staged.context).values():
                    return copy.instruction.start_line
        return 0

    async def _replay(self, count: int) -> Measurement | str:
        """The last commits that touched the context, each built on top of the one before, with both texts."""
        root, context = self.staged.laboratory.root, self.staged.context
        commits = await last_commits(self.staged.runner, root, context.root, count + 1)
        if len(commits) < 2:
            return "git has no two commits that touch its context"
        pairs: list[Pair] = []
        for turn, commit in enumerate(commits):
            if not self.staged.laboratory.in_time:
                break
            self.staged.tell(f"measuring: commit {turn} of {len(commits) - 1}")
            pair = await self._replayed(commit, turn)
            # The first commit only fills the cache.
            pairs += [pair] if pair is not None and turn else []
        if not pairs:
            return "the Dockerfile does not build in its older contexts"
        return Measurement(Scenario.REPLAY, f"{len(pairs)} commits", tuple(pairs), _per_week(commits))

    async def _replayed(self, commit: Commit, turn: int) -> Pair | None:
        async with self.staged.slots.all():
            await checkout(self.staged.runner, self.staged.laboratory.root, commit, self.staged.workspace, self.staged.context)
            texts = {"original": self.before, "candidate": self.after}
            built = {name: await self.staged.build_now(name, texts[name]) for name in sorted(texts, reverse=turn % 2 == 0)}
        before, after = built["original"], built["candidate"]
        return Pair(before.seconds, after.seconds) if before.ok and after.ok else None


def _steps(built: BuildResult) -> tuple[StepTime, ...]:
    return tuple(StepTime(step.name[:120], round(step.seconds, 3), step.cached) for step in built.log.steps if step.cacheable)


def _per_week(commits: list[Commit]) -> float | None:
    """Commits a week over the time that they span; None for less than a day."""
    days = (commits[-1].time - commits[0].time) / 86400
    return 7 * (len(commits) - 1) / days if days >= 1 else None


def with_new_mounts(text: str, mark: str, from_line: int = 0) -> str:
    """A Dockerfile whose cache mounts, from a line on, are ones that no build has used before.

    A cache mount is known by its `id`, which is its target where none is given (Dockerfile reference, `RUN --mount`); mounts
    that shared one before still do.
    """

    def replaced(match: "re.Match[str]") -> str:
        options = match["options"].split(",")
        known = next((option[3:] for option in options if option.startswith("id=")), None)
        target = next(
            (option.partition("=")[2] for option in options if option.startswith(("target=", "dst=", "destination="))), ""
        )
        kept = [option for option in options if not option.startswith("id=")]
        return f"--mount={','.join(kept)},id={known or target}-{mark}"

    lines = text.split("\n")
    head, tail = lines[: max(0, from_line - 1)], lines[max(0, from_line - 1) :]
    return "\n".join([*head, *(_CACHE_MOUNT.sub(replaced, line) for line in tail)])
