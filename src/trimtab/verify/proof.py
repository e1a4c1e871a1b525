"""The experiments about one Dockerfile: everything at once, bisected when that fails, then measured."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from trimtab.build import BuildResult
from trimtab.errors import CommandFailed, EngineOutage
from trimtab.fleet import Build, FleetFile
from trimtab.rewrite import FileChange, rewrite
from trimtab.rules import Rule
from trimtab.verify.bisect import largest_holding
from trimtab.verify.company import Shared
from trimtab.verify.evidence import Evidence, ImageUse, Trial, Verdict, VerdictKind
from trimtab.verify.experiment import Candidate, Experiment
from trimtab.verify.gain import NOT_MEASURED, PAIRS_OF_A_GAIN, judge_gain
from trimtab.verify.laboratory import Laboratory
from trimtab.verify.layers import image_use
from trimtab.verify.measure import Measurer
from trimtab.verify.memory import Proof, builds_of
from trimtab.verify.staged import Staged


@dataclass
class DockerfileProof:
    """Proves the planned change of one Dockerfile, or as much of it as holds."""

    laboratory: Laboratory
    shared: Shared
    file: FleetFile
    change: FileChange
    number: int
    unsafe: bool
    rules: Sequence[Rule] | None
    tried: dict[str, Trial] = field(default_factory=dict[str, Trial])
    """Text to what came of it: two sets of rules may make the same text."""

    async def run(self) -> Proof:
        """The evidence, and the accepted text.

        Raises:
            CommandFailed: the engine failed at something that is no rewrite's fault.
            OSError: the context could not be staged; a TimeoutError is the engine's.
        """
        builds = builds_of(self.file)
        if not builds:
            return self._ended(Verdict(VerdictKind.INCONCLUSIVE, "its context is outside the fleet"))
        experiment = self._experiment(builds[0], 0)
        try:
            return await self._first(experiment, builds[1:])
        finally:
            experiment.staged.workspace.remove()
            # Beside two large services of HomeIQ 40 GB were there at once. A run that is cancelled removes all by itself.
            await experiment.staged.forget_all()

    def _experiment(self, build: Build, index: int) -> Experiment:
        context = next(context for context in self.file.contexts if context.root == build.context)
        staged = Staged(self.laboratory, self.file, build, context, self.number * 100 + index)
        return Experiment(staged, self.shared, self.file.dockerfile.source.text)

    async def _first(self, experiment: Experiment, others: Sequence[Build]) -> Proof:
        verdict = await experiment.prepare()
        if verdict is not None:
            return self._ended(verdict)
        accepted, trials = await self._bisect(experiment)
        if accepted is not None:
            accepted, others_trials = await self._hold_elsewhere(accepted, others)
            trials += others_trials
        for rule in self.change.rules_to_gain:
            accepted, more = await self._with_gain(experiment, accepted, rule, others)
            trials += more
        if accepted is None:
            kinds = {trial.verdict.kind for trial in trials}
            kind = VerdictKind.REJECTED if VerdictKind.REJECTED in kinds else VerdictKind.INCONCLUSIVE
            reason = next((trial.verdict.reason for trial in trials if trial.verdict.kind is kind), "nothing was left to try")
            return self._ended(Verdict(kind, reason), tuple(trials))
        return await self._measured(experiment, accepted, trials)

    def _candidate(self, rules: Collection[str]) -> Candidate | None:
        if tuple(rules) == self.change.rules:
            return Candidate(self.change.rules, self.change.text, self.change.effects)
        changes = rewrite(
            self.laboratory.fleet, unsafe=self.unsafe, proof=self.unsafe, only=rules, paths=[self.file.path], rules=self.rules
        )
        change = next((each for each in changes.files if each.path == self.file.path), None)
        return Candidate(change.rules, change.text, change.effects) if change and change.changed else None

    async def _bisect(self, experiment: Experiment) -> tuple[Candidate | None, list[Trial]]:
        """The largest set of changes that holds, and a trial for everything that was tried and blamed."""

        async def test(rules: Sequence[str]) -> Trial | None:
            candidate = self._candidate(rules)
            if candidate is None:
                return None
            if candidate.text not in self.tried:
                self.tried[candidate.text] = await experiment.try_out(candidate)
            return self.tried[candidate.text]

        to_gain = self.change.rules_to_gain
        kept, failed = await largest_holding([rule for rule in self.change.rules if rule not in to_gain], test)
        candidate = self._candidate(kept) if kept else None
        return candidate, [*failed, *([self.tried[candidate.text]] if candidate else [])]

    async def _with_gain(
        self, experiment: Experiment, accepted: Candidate | None, rule: str, others: Sequence[Build]
    ) -> tuple[Candidate | None, list[Trial]]:
        """What is kept when one more rule is tried whose change has to gain something, and what was seen of it."""
        candidate = self._candidate([*(accepted.rules if accepted else ()), rule])
        text = accepted.text if accepted else self.file.dockerfile.source.text
        if candidate is None or candidate.text == text:
            return accepted, []
        if self.laboratory.measures.repeats < PAIRS_OF_A_GAIN:
            return accepted, [Trial((rule,), Verdict(VerdictKind.INCONCLUSIVE, NOT_MEASURED))]
        trial = await experiment.try_out(candidate)
        trial = replace(trial, rules=(rule,))
        if trial.verdict.kind is not VerdictKind.ACCEPTED:
            return accepted, [trial]
        held, elsewhere = await self._hold_elsewhere(candidate, others)
        if held is None:
            return accepted, elsewhere
        judged = replace(trial, verdict=await self._gain(experiment.staged, text, candidate.text))
        return (candidate if judged.verdict.kind is VerdictKind.ACCEPTED else accepted), [judged]

    async def _gain(self, staged: Staged, before: str, after: str) -> Verdict:
        old, new = [await staged.sent(name, text) for name, text in (("original", before), ("candidate", after))]
        measurements, _ = await Measurer(staged, before, after).run()
        sizes = (old.image.size, new.image.size) if old.image and new.image else (0, 0)
        return judge_gain(sizes, measurements)

    async def _hold_elsewhere(self, accepted: Candidate, others: Sequence[Build]) -> tuple[Candidate | None, list[Trial]]:
        """The other builds of the same file: a build that worked before must still give the same image."""
        trials: list[Trial] = []
        for index, build in enumerate(others, start=1):
            experiment = self._experiment(build, index)
            try:
                if await experiment.prepare() is None:
                    trial = await experiment.try_out(accepted)
                    if trial.verdict.kind is not VerdictKind.ACCEPTED:
                        return None, [*trials, trial]
            finally:
                experiment.staged.workspace.remove()
                await experiment.staged.forget_all()
        return accepted, trials

    async def _measured(self, experiment: Experiment, accepted: Candidate, trials: Sequence[Trial]) -> Proof:
        staged, original = experiment.staged, self.file.dockerfile.source.text
        baseline = await staged.sent("original", original)
        result = await staged.sent("candidate", accepted.text)
        outage = baseline.outage or result.outage
        if outage is not None:
            raise EngineOutage(f"{outage}: {(result if baseline.ok else baseline).reason}")
        if baseline.image is None or result.image is None:
            reason = f"it built before and does not now: {(result if baseline.ok else baseline).reason}"
            return self._ended(Verdict(VerdictKind.INCONCLUSIVE, reason), tuple(trials))
        uses = await self._use(staged, baseline, original), await self._use(staged, result, accepted.text)
        measurements, left_out = await Measurer(staged, original, accepted.text).run()
        final = next(trial for trial in reversed(trials) if trial.verdict.kind is VerdictKind.ACCEPTED)
        titles = tuple(dict.fromkeys(fix.title for fix in self.change.applied if fix.rule in accepted.rules))
        evidence = Evidence(
            self.file.path, self.file.service_names, final.verdict, accepted.rules, titles, tuple(trials),
            baseline.image.size, result.image.size, len(baseline.image.layers), len(result.image.layers),
            baseline.log.context_bytes, result.log.context_bytes, measurements, left_out, *uses, behaviours=final.behaviours,
        )  # fmt: skip
        return Proof(evidence, accepted.text)

    async def _use(self, staged: Staged, built: BuildResult, text: str) -> ImageUse | None:
        if built.image is None:
            return None
        try:
            return image_use(await staged.layers(built.image.id), text, staged.build.target)
        except (CommandFailed, ValueError):
            # No room for the archive, or a store whose archives we do not know: where bytes are stays unknown.
            return None

    def _ended(self, verdict: Verdict, trials: tuple[Trial, ...] = ()) -> Proof:
        return Proof(Evidence(self.file.path, self.file.service_names, verdict, trials=trials), None)
