"""One Dockerfile's experiment: build, compare, run, measure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio.to_thread

from trimtab.build import BuildRequest, BuildResult, Slots, build_image
from trimtab.docker import ImageConfig, ImageTree, Runner, read_tree
from trimtab.fleet import Build, BuildContext, FleetFile, Service
from trimtab.fleet.copies import manifest_files, source_file
from trimtab.rules import Effects
from trimtab.verify.behave import compare_behaviours, missing_libraries, observe, start_options
from trimtab.verify.compare import TreeComparison, compare_configs, unstable_paths
from trimtab.verify.evidence import Behaviour, Difference, Measurement, Pair, Scenario, Trial, Verdict, VerdictKind
from trimtab.verify.workspace import Workspace

Progress = Callable[[str, str], None]
"""Told the Dockerfile's path and what is being done about it."""


@dataclass(frozen=True)
class Laboratory:
    """What all experiments of one run share."""

    runner: Runner
    run: str
    root: Path
    folder: Path
    """Where contexts are staged; empty before and after."""
    slots: Slots
    services: Sequence[Service]
    progress: Progress
    repeats: int = 3


@dataclass(frozen=True)
class Candidate:
    """A rewritten text and what it may change."""

    rules: tuple[str, ...]
    text: str
    effects: Effects


@dataclass
class Experiment:
    """The original and its candidates, built from one staged context."""

    laboratory: Laboratory
    file: FleetFile
    build: Build
    context: BuildContext
    number: int
    workspace: Workspace = field(init=False)
    baseline: BuildResult | None = None
    tree: ImageTree | None = None
    behaviour: Behaviour | None = None
    noise: frozenset[str] | None = None
    built: int = 0

    def __post_init__(self) -> None:
        folder = self.laboratory.folder / str(self.number)
        self.workspace = Workspace(folder, self.laboratory.root, self.context)

    @property
    def service(self) -> Service | None:
        """The service whose container is started: the first that uses this build."""
        keys = (service for service in self.file.services if service.build and service.build.key == self.build.key)
        return next(keys, None)

    def tell(self, doing: str) -> None:
        self.laboratory.progress(self.file.path, doing)

    async def prepare(self) -> Verdict | None:
        """Stage the context and build the original; a verdict when that is not possible."""
        external = next((v for v in self.build.additional_contexts.values() if v.startswith(("service:", "target:"))), None)
        if external:
            return Verdict(VerdictKind.INCONCLUSIVE, f"it needs `{external}` to be built first")
        async with self.laboratory.slots.one():
            self.tell("staging the context")
            await anyio.to_thread.run_sync(self.workspace.stage)
        self.tell("building the original")
        self.baseline = await self._built("original", self.file.dockerfile.source.text)
        if self.baseline.image is None:
            return Verdict(VerdictKind.INCONCLUSIVE, f"the original does not build: {self.baseline.reason}")
        return None

    async def try_out(self, candidate: Candidate) -> Trial:
        """Build a candidate and compare it with the original in every respect."""
        names = ", ".join(candidate.rules)
        self.tell(f"building with {names}")
        built = await self._built("candidate", candidate.text)
        if built.image is None:
            return Trial(candidate.rules, Verdict(VerdictKind.REJECTED, f"it does not build: {built.reason}"))
        differences = await self._compare(candidate, built.image)
        unexplained = [each for each in differences if not each.explained_by]
        if unexplained:
            return Trial(candidate.rules, Verdict(VerdictKind.REJECTED, _summary(unexplained)), tuple(differences))
        self.tell(f"running with {names}")
        return await self._run_both(candidate, built.image, differences)

    async def _compare(self, candidate: Candidate, image: ImageConfig) -> list[Difference]:
        if self.baseline is None or self.baseline.image is None:
            raise ValueError("prepare() has not built the original")
        self.tell("comparing the images")
        configs = compare_configs(self.baseline.image, image, candidate.effects)
        if self.tree is None:
            self.tree = await self._tree(self.baseline.image)
        tree = await self._tree(image)
        comparison = TreeComparison(self.tree, tree, candidate.effects)
        differences = comparison.differences()
        if any(not each.explained_by for each in differences):
            # Only now is a second build of the original worth its time: does it differ by itself?
            comparison = replace(comparison, noise=await self._noise())
            differences = comparison.differences()
        return [*configs, *differences]

    async def _noise(self) -> frozenset[str]:
        if self.noise is None and self.tree is not None:
            self.tell("building the original again, to see what differs by itself")
            again = await self._built("again", self.file.dockerfile.source.text, no_cache=True)
            self.noise = frozenset() if again.image is None else unstable_paths(self.tree, await self._tree(again.image))
        return self.noise or frozenset()

    async def _tree(self, image: ImageConfig) -> ImageTree:
        async with self.laboratory.slots.one():
            return await read_tree(self.laboratory.runner, image.id, self.laboratory.run)

    async def _run_both(self, candidate: Candidate, image: ImageConfig, differences: list[Difference]) -> Trial:
        if self.baseline is None or self.baseline.image is None:
            raise ValueError("prepare() has not built the original")
        laboratory = self.laboratory
        options = start_options(self.service, laboratory.services)
        async with laboratory.slots.one():
            if self.behaviour is None:
                self.behaviour = await observe(laboratory.runner, self.baseline.image.id, laboratory.run, options)
            after = await observe(laboratory.runner, image.id, laboratory.run, options)
        changed = compare_behaviours(self.behaviour, after, user_may_change="User" in candidate.effects.config)
        if candidate.effects.packages_removed:
            changed += await self._libraries(self.baseline.image.id, image.id)
        found = (*differences, *changed)
        behaviours = (self.behaviour, after)
        unexplained = [each for each in changed if not each.explained_by]
        if unexplained:
            return Trial(candidate.rules, Verdict(VerdictKind.REJECTED, _summary(unexplained)), found, behaviours)
        if _needs_run(candidate.effects) and not after.works:
            reason = f"the service does not run alone ({after.state}), so that the change is harmless cannot be shown"
            return Trial(candidate.rules, Verdict(VerdictKind.INCONCLUSIVE, reason), found, behaviours)
        note = "" if after.works else f"; started alone, both end as `{after.state}`"
        reason = f"same files, configuration and behaviour but for what is declared{note}"
        return Trial(candidate.rules, Verdict(VerdictKind.ACCEPTED, reason), found, behaviours)

    async def _libraries(self, before: str, after: str) -> list[Difference]:
        self.tell("resolving every library")
        async with self.laboratory.slots.one():
            old = await missing_libraries(self.laboratory.runner, before, self.laboratory.run)
            new = await missing_libraries(self.laboratory.runner, after, self.laboratory.run)
        if old is None or new is None:
            return [Difference("libraries", "could not be checked", "could not be checked")]
        return [Difference(f"library {each}", "found", "not found") for each in sorted(new - old)]

    async def _built(self, name: str, text: str, *, no_cache: bool = False) -> BuildResult:
        async with self.laboratory.slots.one():
            return await self._build(name, text, no_cache=no_cache)

    async def _build(self, name: str, text: str, *, no_cache: bool = False) -> BuildResult:
        self.built += 1
        laboratory = self.laboratory
        request = BuildRequest(
            context=str(self.workspace.context_path),
            dockerfile=self.workspace.dockerfile(name, text),
            tag=f"trimtab-{laboratory.run}:{self.number}-{name}",
            run=laboratory.run,
            target=self.build.target,
            args=self.build.args,
            contexts={key: self._context_value(value) for key, value in self.build.additional_contexts.items()},
            no_cache=no_cache,
        )
        return await build_image(laboratory.runner, request)

    def _context_value(self, value: str) -> str:
        return value if "://" in value else str(self.laboratory.root / self.context.root / value)

    async def measure(self, text: str) -> tuple[Measurement, ...]:
        """Rebuild times of both texts in each scenario, alone on the engine, in interleaved pairs."""
        found: list[Measurement] = []
        for scenario, path in self._scenarios():
            self.tell(f"measuring: {scenario}")
            pairs = [await self._pair(text, path, original_first=turn % 2 == 0) for turn in range(self.laboratory.repeats)]
            kept = tuple(pair for pair in pairs if pair is not None)
            if kept:
                found.append(Measurement(scenario, path, kept))
        return tuple(found)

    def _scenarios(self) -> list[tuple[Scenario, str]]:
        found = [(Scenario.NO_CHANGE, "")]
        source = source_file(self.file, self.context)
        if source:
            found.append((Scenario.SOURCE_EDIT, source))
        manifests = manifest_files(self.file, self.context)
        if manifests:
            found.append((Scenario.DEPENDENCY_EDIT, manifests[0]))
        return found

    async def _pair(self, text: str, edited: str, *, original_first: bool) -> Pair | None:
        """Both texts rebuilt after one edit. They take turns in going first: the first one also sends the edited file."""
        async with self.laboratory.slots.all():
            if edited:
                self.workspace.edit(edited)
            texts = {"original": self.file.dockerfile.source.text, "candidate": text}
            built = {name: await self._build(name, texts[name]) for name in sorted(texts, reverse=original_first)}
        before, after = built["original"], built["candidate"]
        return Pair(before.seconds, after.seconds) if before.ok and after.ok else None

    async def sent(self, name: str, text: str) -> BuildResult:
        """A build to which the whole context has to be sent; with everything else cached, it costs little."""
        async with self.laboratory.slots.one():
            self.workspace.make_unknown()
            return await self._build(name, text)


def _needs_run(effects: Effects) -> bool:
    """Whether the declared effects can only be judged by seeing the service work."""
    return "User" in effects.config or effects.packages_removed


def _summary(unexplained: Sequence[Difference]) -> str:
    first = unexplained[0]
    more = f", and {len(unexplained) - 1} more" if len(unexplained) > 1 else ""
    return f"{first.subject}: {first.before} → {first.after}{more}"
