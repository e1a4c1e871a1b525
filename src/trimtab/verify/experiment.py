"""One Dockerfile's experiment: build, compare, run."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import anyio

from trimtab.build import BuildResult
from trimtab.docker import ImageConfig, ImageTree, search_tree
from trimtab.errors import EngineOutage
from trimtab.fleet import Service
from trimtab.fleet.copies import CopiedFiles
from trimtab.rules import Effects
from trimtab.verify.behave import start_options
from trimtab.verify.bundled import Bundled
from trimtab.verify.closure import failing_addons, failing_imports, missing_libraries, node_addons, python_modules
from trimtab.verify.company import Shared, Volumes
from trimtab.verify.compare import TreeComparison, unstable_paths
from trimtab.verify.configs import compare_configs, start_names
from trimtab.verify.evidence import Behaviour, Difference, Trial, Verdict, VerdictKind
from trimtab.verify.intent import Intent, lost_variables
from trimtab.verify.losses import Losses, may_open, opened_libraries
from trimtab.verify.reach import health_texts, started_programs, unreachable
from trimtab.verify.rounds import compared
from trimtab.verify.staged import Staged

_LARGEST_SEARCHED = 4_000_000
"""Bytes: files that could open a library by name are searched up to this size."""
_LARGEST_OWN = 500_000


@dataclass(frozen=True)
class Candidate:
    """A rewritten text and what it may change."""

    rules: tuple[str, ...]
    text: str
    effects: Effects
    staged: Staged | None = None
    """Another context to build it from, already staged; None for the original's."""


@dataclass(frozen=True)
class _Built:
    """An image with everything that is compared of it."""

    config: ImageConfig
    tree: ImageTree


@dataclass
class Experiment:
    """The original and its candidates, built from one staged context."""

    staged: Staged
    shared: Shared
    text: str
    """The original's text."""
    baseline: BuildResult | None = None
    original: _Built | None = None
    noise: frozenset[str] | None = None
    seen: tuple[Behaviour, ...] = ()
    """How the original behaved, once for each round."""
    runs: int = 0

    @cached_property
    def service(self) -> Service | None:
        """The service whose container is started: the first that uses this build."""
        key = self.staged.build.key
        return next((service for service in self.staged.file.services if service.build and service.build.key == key), None)

    async def prepare(self) -> Verdict | None:
        """Stage the context and build the original; a verdict when that is not possible.

        Raises:
            EngineOutage: the network or the disk failed, so that the same may succeed later.
        """
        values = self.staged.build.additional_contexts.values()
        external = next((value for value in values if value.startswith(("service:", "target:"))), None)
        if external:
            return Verdict(VerdictKind.INCONCLUSIVE, f"it needs `{external}` to be built first")
        await self.staged.stage()
        self.staged.tell("building the original")
        self.baseline = await self.staged.built("original", self.text)
        if self.baseline.outage is not None:
            raise EngineOutage(f"{self.baseline.outage}: {self.baseline.reason}")
        if self.baseline.image is None:
            return Verdict(VerdictKind.INCONCLUSIVE, f"the original does not build: {self.baseline.reason}")
        return None

    async def try_out(self, candidate: Candidate) -> Trial:
        """Build a candidate and compare it with the original in every respect. Of one that does not hold no image is left.

        Raises:
            CommandFailed: the engine failed, which says nothing about the candidate.
            EngineOutage: so did the network, or the disk is full.
        """
        self.staged.tell(f"building with {', '.join(candidate.rules)}")
        staged = candidate.staged or self.staged
        built = await staged.built("candidate", candidate.text)
        if built.image is None:
            if built.outage is not None:
                raise EngineOutage(f"{built.outage}: {built.reason}")
            return Trial(candidate.rules, Verdict(VerdictKind.REJECTED, f"it does not build: {built.reason}"))
        trial = await self._judged(candidate, built.image)
        if trial.verdict.kind is not VerdictKind.ACCEPTED:
            # Bisecting the changes of an image of 6.4 GB left three of them behind, under no name any more, until the end.
            await staged.forget("candidate")
        return trial

    async def _judged(self, candidate: Candidate, image: ImageConfig) -> Trial:
        """What comes of comparing a candidate's image."""
        self.staged.tell("comparing the images")
        before = await self._original()
        after = _Built(image, await self.staged.tree(image.id))
        differences = await self._compare(before, after, candidate)
        unexplained = [each for each in differences if not each.explained_by]
        if unexplained:
            return Trial(candidate.rules, Verdict(VerdictKind.REJECTED, _summary(unexplained)), tuple(differences))
        self.staged.tell(f"running with {', '.join(candidate.rules)}")
        return await self._run_both(candidate, before, after, differences)

    async def _original(self) -> _Built:
        if self.baseline is None or self.baseline.image is None:
            raise ValueError("prepare() has not built the original")
        if self.original is None:
            image = self.baseline.image
            self.original = _Built(image, await self.staged.tree(image.id))
        return self.original

    async def _compare(self, before: _Built, after: _Built, candidate: Candidate) -> list[Difference]:
        effects = candidate.effects
        was, now = self.intent, Intent(candidate.text, self.staged.build.args, self.staged.build.target)
        configs = [
            *compare_configs(before.config, after.config, effects, self._own_texts, was.labels), *lost_variables(was, now)
        ]  # fmt: skip
        base = await self._base()
        own = frozenset(self._own_paths)
        users = _user_of(before, self.service), _user_of(after, self.service)
        known = (users[0], users[1]) if users[0] and users[1] else None
        retired = start_names(before.config) - start_names(after.config)
        comparison = TreeComparison(
            before.tree, after.tree, effects, own=own, retired=retired, users=known, base=base if effects.another_base else None
        )
        found = comparison.differences()
        if any(not each.explained_by for each in found):
            # Only now is a second build of the original worth its time: does it differ by itself?
            comparison = replace(comparison, noise=await self._noise(before))
            found = comparison.differences()
        found += unreachable((before.tree, before.config), (after.tree, after.config), self.service)
        losses = self._losses(before, after, (was, now), effects, base)
        found += list(losses.differences())
        if _is_large(effects) and all(each.explained_by for each in found):
            found += await self._asked_of_images(losses, before, after)
        return [*configs, *found]

    async def _noise(self, before: _Built) -> frozenset[str]:
        if self.noise is None:
            self.staged.tell("building the original again, to see what differs by itself")
            again = await self.staged.built("again", self.text, no_cache=True)
            self.noise = frozenset()
            if again.image is not None:
                self.noise = unstable_paths(before.tree, await self.staged.tree(again.image.id))
        return self.noise

    async def _base(self) -> ImageTree | None:
        """The files of the image that the original starts from, None when the engine does not have it by its name."""
        return await self.shared.base(self.intent.lineage[0].base)

    @cached_property
    def intent(self) -> Intent:
        """What the original's text asks for."""
        return Intent(self.text, self.staged.build.args, self.staged.build.target)

    @cached_property
    def _own_paths(self) -> Mapping[str, str]:
        """Image path to context path of what the image's own stages copy."""
        return CopiedFiles.of(self.intent.lineage, self.staged.context).paths

    @cached_property
    def _own_texts(self) -> Mapping[str, str]:
        """The text of everything that any stage copies from the context: what was left in a stage may still be compiled in."""
        context = self.staged.context
        paths = {**CopiedFiles.of(self.intent.stages, context).paths, **self._own_paths}
        small = {path: source for path, source in paths.items() if source in context.visible}
        found = {path: context.read(source) for path, source in small.items() if context.visible[source].size < _LARGEST_OWN}
        return {path: text for path, text in found.items() if text is not None}

    def _losses(
        self, before: _Built, after: _Built, intents: tuple[Intent, Intent], effects: Effects, base: ImageTree | None
    ) -> Losses:
        was, now = intents
        old, new = (
            frozenset(name.rpartition("/")[2] for name in started_programs(each.config, self.service))
            for each in (before, after)
        )
        asked, done_with = was.packages - now.packages, (was.build_programs | old) - new
        return Losses(
            before.tree, after.tree, self._own_texts, effects.another_base, dict(effects.upgrades), asked, done_with, base,
        )  # fmt: skip

    async def _asked_of_images(self, losses: Losses, before: _Built, after: _Built) -> list[Difference]:
        self.staged.tell("resolving every library and module")
        async with self.staged.slots.one():
            return [*await self._opened(losses, after), *await self._closure(before, after)]

    async def _opened(self, losses: Losses, after: _Built) -> list[Difference]:
        """Libraries that are gone and that a file opens by name which neither a system package nor the base has brought."""
        gone = set(losses.gone_libraries.values())
        owned = frozenset(path for paths in after.tree.owners.values() for path in paths)
        base: Mapping[str, object] = losses.base.entries if losses.base else {}
        carried = Bundled(after.tree.entries)
        found: list[Difference] = []

        def wanted(path: str) -> bool:
            known = path in owned or base.get(path) == after.tree.entries.get(path)
            return not known and may_open(path)

        def search(path: str, content: bytes) -> None:
            for stem in sorted((opened_libraries(content) & gone) - carried.by(path, content)):
                found.append(Difference(f"library `{stem}`", "there", f"gone, and {path} opens it"))

        if gone:
            run = self.staged.laboratory.run
            await search_tree(self.staged.runner, after.config.id, run, wanted, search, _LARGEST_SEARCHED)
        return found[:5]

    async def _closure(self, before: _Built, after: _Built) -> list[Difference]:
        """Libraries, modules and addons that could be loaded and cannot any more."""
        runner, run = self.staged.runner, self.staged.laboratory.run
        old, new = before.config.id, after.config.id
        was = await missing_libraries(runner, old, run)
        now = await missing_libraries(runner, new, run)
        # What another base brings along need not be whole: only programs that were there before count.
        now = now and frozenset(each for each in now if each.partition(":")[0] in before.tree.entries)
        found = _lost("library", was, now)
        if was is None:
            found.append(Difference("libraries", "could not be checked", "could not be checked"))
        modules = sorted(set(python_modules(before.tree)[1]) & set(python_modules(after.tree)[1]))
        if modules:
            imports = [await failing_imports(runner, each.config.id, run, each.tree, modules) for each in (before, after)]
            found += _lost("module", *imports)
        workdir = str(before.config.values.get("WorkingDir") or "/")
        if node_addons(before.tree) or f"{workdir}/package.json" in before.tree.entries:
            loaded = [await failing_addons(runner, each.config.id, run, each.tree, workdir) for each in (before, after)]
            found += _lost("Node module", *loaded)
        return found

    async def _run_both(self, candidate: Candidate, before: _Built, after: _Built, differences: list[Difference]) -> Trial:
        changed, behaviours = await compared(
            lambda number: self._observed(before, after, number),
            candidate.effects.config,
            lambda seconds: self._longer(before, seconds),
        )
        found = (*differences, *changed)
        unexplained = [each for each in changed if not each.explained_by]
        if unexplained:
            return Trial(candidate.rules, Verdict(VerdictKind.REJECTED, _summary(unexplained)), found, behaviours)
        last = behaviours[1]
        if _needs_run(candidate.effects) and not last.works:
            reason = f"the service does not run here ({last.state}), so that the change is harmless cannot be shown"
            return Trial(candidate.rules, Verdict(VerdictKind.INCONCLUSIVE, reason), found, behaviours)
        note = "" if last.works else f"; started {_with(last)}, both end as `{last.state}`"
        reason = f"same files, configuration and behaviour but for what is declared{note}"
        return Trial(candidate.rules, Verdict(VerdictKind.ACCEPTED, reason), found, behaviours)

    async def _observed(self, before: _Built, after: _Built, number: int) -> tuple[Behaviour, Behaviour]:
        """Both images run once, the rewritten one on the volumes that the original has left behind."""
        name, volumes = self._next_run()
        async with self.staged.slots.one():
            mounted = await volumes.prepare(self.service) if self.service else ()
            if number < len(self.seen) and not mounted:
                old = self.seen[number]
                return old, await self._observe(after.config, mounted, name, in_company=bool(old.company))
            if mounted or self.service is None or self.service.depends_on:
                old = await self._observe(before.config, mounted, name)
                new = await self._observe(after.config, mounted, name, in_company=bool(old.company))
            else:
                # Nothing is shared between the two, and most of the time they only wait.
                old, new = await gathered(self._observe(before.config, (), name), self._observe(after.config, (), f"{name}-b"))
            self.seen = (*self.seen[:number], old, *self.seen[number + 1 :])
            return old, new

    async def _longer(self, before: _Built, seconds: float) -> Behaviour:
        """The original once more, as it ran before, watched for so long at least."""
        name, volumes = self._next_run()
        async with self.staged.slots.one():
            mounted = await volumes.prepare(self.service) if self.service else ()
            company = bool(self.seen[0].company)
            return await self._observe(before.config, mounted, name, in_company=company, at_least=seconds)

    def _next_run(self) -> tuple[str, Volumes]:
        staged = self.staged
        self.runs += 1
        name, folder = f"{staged.number}-{self.runs}", staged.workspace.folder / f"run-{self.runs}"
        return name, Volumes(staged.runner, staged.laboratory.run, name, staged.laboratory.root, folder)

    async def _observe(
        self, image: ImageConfig, volumes: Sequence[str], name: str, *, in_company: bool | None = None, at_least: float = 0.0
    ) -> Behaviour:
        """An image run alone, and with what it depends on when it does not work alone; or as `in_company` says."""
        laboratory = self.staged.laboratory
        service = self.service
        options = start_options(service, laboratory.fleet.services)
        checks = health_texts(image)
        smoke = laboratory.smoke.get(service.name) if service else None
        asker = self.original.config.id if self.original else None
        placement = replace(options.placement, volumes=volumes)
        options = replace(options, checks=checks, smoke=smoke, placement=placement, asker=asker, at_least=at_least)
        return await self.shared.behaviour(image.id, options, name, in_company=in_company)


async def gathered(one: Awaitable[Behaviour], other: Awaitable[Behaviour]) -> tuple[Behaviour, Behaviour]:
    """Both results, awaited at the same time."""
    found: dict[int, Behaviour] = {}

    async def keep(number: int, waiting: Awaitable[Behaviour]) -> None:
        found[number] = await waiting

    async with anyio.create_task_group() as group:
        group.start_soon(keep, 0, one)
        group.start_soon(keep, 1, other)
    return found[0], found[1]


def _user_of(built: _Built, service: Service | None) -> tuple[int, int] | None:
    """The numbers that an image's process 1 runs as; None for a name that the image does not know."""
    user, _, group = str((service.user if service else None) or built.config.values.get("User") or "0").partition(":")
    known = built.tree.accounts.get(user)
    if known is None and user.isdigit():
        known = next((each for each in built.tree.accounts.values() if each[0] == int(user)), (int(user), 0))
    return (known[0], int(group)) if known and group.isdigit() else known


def _is_large(effects: Effects) -> bool:
    """Whether so much may differ that what is left has to be asked what it needs."""
    return effects.packages_removed or effects.stages or effects.another_base or effects.installs


def _needs_run(effects: Effects) -> bool:
    """Whether the declared effects can only be judged by seeing the service work."""
    return "User" in effects.config or effects.packages_removed


def _with(behaviour: Behaviour) -> str:
    return f"with {', '.join(behaviour.company)}" if behaviour.company else "alone"


def _lost(kind: str, old: frozenset[str] | None, new: frozenset[str] | None) -> list[Difference]:
    if old is None:
        return []
    if new is None:
        return [Difference(f"{kind}s", "could be checked", "cannot be checked any more")]
    return [Difference(f"{kind} {each}", "found", "not found") for each in sorted(new - old)]


def _summary(unexplained: Sequence[Difference]) -> str:
    first = unexplained[0]
    more = f", and {len(unexplained) - 1} more" if len(unexplained) > 1 else ""
    return f"{first.subject}: {first.before} → {first.after}{more}"
