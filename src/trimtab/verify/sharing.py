"""A shared base proven: every member's image stays what it is, and the fleet as a whole is smaller and built faster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from trimtab.build import BuildRequest, BuildResult, build_image
from trimtab.docker import ImageConfig
from trimtab.errors import EngineOutage
from trimtab.fleet.shared_base import Member, SharedBase
from trimtab.rules import Effects
from trimtab.verify.company import Shared
from trimtab.verify.evidence import Measurement, Pair, Scenario, Trial, Verdict, VerdictKind
from trimtab.verify.experiment import Candidate, Experiment
from trimtab.verify.laboratory import Laboratory
from trimtab.verify.staged import Staged

_EFFECTS = Effects(stages=True, installs=True)


@dataclass(frozen=True)
class SharingEvidence:
    """What was seen of one shared base."""

    verdict: Verdict
    trials: tuple[tuple[str, Trial], ...] = ()
    unique_bytes: tuple[int, int] | None = None
    """Bytes of all distinct layers of the members' images, before and after."""
    cold: Measurement | None = None
    """All members built with nothing cached; with the shared base itself, afterwards."""


@dataclass
class SharingProof:
    """Builds a fleet's members on their own bases and on the shared one."""

    laboratory: Laboratory
    shared: Shared
    plan: SharedBase
    repeats: int
    trials: list[tuple[str, Trial]] = field(default_factory=list[tuple[str, Trial]])
    layers: tuple[dict[str, int], dict[str, int]] = field(default_factory=lambda: ({}, {}))

    async def run(self) -> SharingEvidence:
        """The evidence.

        Raises:
            CommandFailed: the engine failed.
            EngineOutage: so did the network, or the disk is full.
            OSError: a context could not be staged.
        """
        base = await self._build_base()
        if base.outage is not None:
            raise EngineOutage(f"{base.outage}: {base.reason}")
        if not base.ok:
            return SharingEvidence(Verdict(VerdictKind.REJECTED, f"the shared base does not build: {base.reason}"))
        pairs: list[tuple[Staged, Staged, Member]] = []
        try:
            for number, member in enumerate(self.plan.members):
                pair = self._staged(member, number)
                pairs.append((*pair, member))
                verdict = await self._prove(*pair, member)
                if verdict is not None:
                    return SharingEvidence(verdict, tuple(self.trials))
            unique = sum(self.layers[0].values()), sum(self.layers[1].values())
            cold = await self._cold(pairs)
        finally:
            for before, after, _ in pairs:
                before.workspace.remove()
                after.workspace.remove()
        return SharingEvidence(judge(unique, cold), tuple(self.trials), unique, cold)

    @property
    def _tag(self) -> str:
        return f"trimtab-{self.laboratory.run}:{self.plan.name}"

    async def _build_base(self, *, no_cache: bool = False) -> BuildResult:
        folder = self.laboratory.folder / self.plan.name
        folder.mkdir(parents=True, exist_ok=True)
        dockerfile = folder / "Dockerfile"
        dockerfile.write_text(self.plan.text, encoding="utf-8")
        request = BuildRequest(str(folder), str(dockerfile), self._tag, self.laboratory.run, no_cache=no_cache)
        return await build_image(self.laboratory.runner, request)

    def _staged(self, member: Member, number: int) -> tuple[Staged, Staged]:
        build = next(each for each in member.file.builds if each.context is not None)
        context = next(each for each in member.file.contexts if each.root == build.context)
        based = replace(build, additional_contexts={self.plan.name: f"docker-image://{self._tag}"})
        return (
            Staged(self.laboratory, member.file, build, context, number * 2),
            Staged(self.laboratory, member.file, based, context, number * 2 + 1),
        )

    async def _prove(self, before: Staged, after: Staged, member: Member) -> Verdict | None:
        """None when a member's image is the same on the shared base."""
        experiment = Experiment(before, self.shared, member.file.dockerfile.source.text)
        verdict = await experiment.prepare()
        if verdict is not None:
            return replace(verdict, reason=f"`{member.file.path}`: {verdict.reason}")
        await after.stage()
        trial = await experiment.try_out(Candidate((self.plan.name,), member.text, _EFFECTS, after))
        self.trials.append((member.file.path, trial))
        if trial.verdict.kind is not VerdictKind.ACCEPTED:
            return replace(trial.verdict, reason=f"`{member.file.path}`: {trial.verdict.reason}")
        texts = member.file.dockerfile.source.text, member.text
        for side, (staged, text) in enumerate(zip((before, after), texts, strict=True)):
            built = await staged.built("measured", text)
            if built.image is not None:
                self.layers[side].update(await _layer_sizes(staged, built.image))
        return None

    async def _cold(self, pairs: Sequence[tuple[Staged, Staged, Member]]) -> Measurement:
        found: list[Pair] = []
        for turn in range(self.repeats):
            seconds: dict[int, float] = {}
            async with self.laboratory.slots.all():
                for side in (0, 1) if turn % 2 == 0 else (1, 0):
                    seconds[side] = await self._all_cold(pairs, side)
            found.append(Pair(seconds[0], seconds[1]))
        return Measurement(Scenario.COLD, "", tuple(found))

    async def _all_cold(self, pairs: Sequence[tuple[Staged, Staged, Member]], side: int) -> float:
        builds = [await self._build_base(no_cache=True)] if side else []
        for before, after, member in pairs:
            staged, text = (after, member.text) if side else (before, member.file.dockerfile.source.text)
            builds.append(await staged.build_now("cold", text, no_cache=True))
        failed = next((built for built in builds if not built.ok), None)
        if failed is not None:
            # It has built before: a failure is quick, and would count as speed.
            raise EngineOutage(f"a build that worked before failed: {failed.reason}")
        return sum(built.seconds for built in builds)


async def _layer_sizes(staged: Staged, image: ImageConfig) -> Mapping[str, int]:
    """Bytes by layer, so that equal layers of several images count once."""
    layers = (await staged.layers(image.id)).layers
    return {digest: layer.size for digest, layer in zip(image.layers, layers, strict=True)}


def judge(unique: tuple[int, int], cold: Measurement) -> Verdict:
    """A shared base has to save bytes over the whole fleet, and time when everything is built anew."""
    before, after = unique
    times = f"{cold.before:.1f} → {cold.after:.1f} s" if cold.pairs else "not measured"
    said = f"unique bytes {before} → {after}, cold builds {times}"
    if after >= before:
        return Verdict(VerdictKind.REJECTED, f"it saves no bytes over the fleet: {said}")
    if not cold.pairs or not cold.conclusive:
        return Verdict(VerdictKind.INCONCLUSIVE, f"it saves bytes, and the pairs do not settle the time: {said}")
    if cold.after >= cold.before:
        return Verdict(VerdictKind.REJECTED, f"it makes cold builds slower: {said}")
    return Verdict(VerdictKind.ACCEPTED, said)
