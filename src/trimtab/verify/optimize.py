"""All experiments of a fleet, and what is kept."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import anyio

from trimtab.docker import Runner
from trimtab.docker import command as argv
from trimtab.fleet import Build, Fleet, FleetFile
from trimtab.rewrite import ChangeSet, FileChange, rewrite
from trimtab.rules import Rule
from trimtab.verify.evidence import Evidence, Trial, Verdict, VerdictKind
from trimtab.verify.experiment import Candidate, Experiment, Laboratory


@dataclass(frozen=True)
class Optimization:
    """The evidence of every changed Dockerfile, and the texts that were proven."""

    evidence: tuple[Evidence, ...]
    proven: dict[str, str]
    """Path to the accepted text."""
    planned: ChangeSet


async def optimize(
    laboratory: Laboratory,
    fleet: Fleet,
    paths: Collection[str] | None = None,
    *,
    unsafe: bool = True,
    rules: Sequence[Rule] | None = None,
) -> Optimization:
    """Prove every planned change of a fleet by experiment. Writes nothing to the fleet.

    Everything that the run made in the engine and on the disk is removed at its end, however it ends.
    """
    planned = rewrite(fleet, unsafe=unsafe, paths=paths, rules=rules)
    found: dict[str, tuple[Evidence, str | None]] = {}

    async def one(number: int, change: FileChange) -> None:
        file = fleet.file(change.path)
        if file is not None:
            found[change.path] = await _Proof(laboratory, fleet, file, change, number, unsafe, rules).run()

    try:
        async with anyio.create_task_group() as group:
            for number, change in enumerate(planned.changed):
                group.start_soon(one, number, change)
    finally:
        with anyio.CancelScope(shield=True):
            await clean_up(laboratory.runner, laboratory.run)
    evidence = tuple(found[change.path][0] for change in planned.changed if change.path in found)
    proven = {path: text for path, (_, text) in found.items() if text is not None}
    return Optimization(evidence, proven, planned)


async def clean_up(runner: Runner, run: str) -> None:
    """Remove every container and image that carries a run's label."""
    containers = (await runner.run(argv.containers_of(run))).text.split()
    if containers:
        await runner.run(argv.remove(*containers))
    images = list(dict.fromkeys((await runner.run(argv.images_of(run))).text.split()))
    if images:
        await runner.run(argv.remove_images(*images))


@dataclass
class _Proof:
    """The experiments about one Dockerfile: everything at once, and one by one when that fails."""

    laboratory: Laboratory
    fleet: Fleet
    file: FleetFile
    change: FileChange
    number: int
    unsafe: bool
    rules: Sequence[Rule] | None

    async def run(self) -> tuple[Evidence, str | None]:
        builds = [build for build in self.file.builds if build.context is not None and build.dockerfile is not None]
        if not builds:
            return self._ended(Verdict(VerdictKind.INCONCLUSIVE, "its context is outside the fleet")), None
        experiment = self._experiment(builds[0], 0)
        try:
            return await self._first(experiment, builds[1:])
        except OSError as error:
            reason = f"the experiment could not be set up: {error.strerror or error}"
            return self._ended(Verdict(VerdictKind.INCONCLUSIVE, reason)), None
        finally:
            experiment.workspace.remove()

    def _experiment(self, build: Build, index: int) -> Experiment:
        context = next(context for context in self.file.contexts if context.root == build.context)
        return Experiment(self.laboratory, self.file, build, context, self.number * 100 + index)

    async def _first(self, experiment: Experiment, others: Sequence[Build]) -> tuple[Evidence, str | None]:
        verdict = await experiment.prepare()
        if verdict is not None:
            self.laboratory.progress(self.file.path, str(verdict.kind))
            return self._ended(verdict), None
        accepted, trials = await self._bisect(experiment)
        if accepted is not None:
            accepted, others_trials = await self._hold_elsewhere(accepted, others)
            trials += others_trials
        if accepted is None:
            self.laboratory.progress(self.file.path, "rejected")
            kinds = {trial.verdict.kind for trial in trials}
            kind = VerdictKind.REJECTED if VerdictKind.REJECTED in kinds else VerdictKind.INCONCLUSIVE
            reason = next((trial.verdict.reason for trial in trials if trial.verdict.kind is kind), "nothing was left to try")
            return self._ended(Verdict(kind, reason), tuple(trials)), None
        evidence = await self._measured(experiment, accepted, trials)
        self.laboratory.progress(self.file.path, str(evidence.verdict.kind))
        return evidence, accepted.text if evidence.verdict.kind is VerdictKind.ACCEPTED else None

    def _candidate(self, rules: Collection[str]) -> Candidate | None:
        changes = rewrite(self.fleet, unsafe=self.unsafe, only=rules, paths=[self.file.path], rules=self.rules)
        change = changes.files[0]
        return Candidate(change.rules, change.text, change.effects) if change.changed else None

    async def _bisect(self, experiment: Experiment) -> tuple[Candidate | None, list[Trial]]:
        """The largest set of changes that holds: all of them, or those that hold added one by one."""
        trials: list[Trial] = []
        whole = Candidate(self.change.rules, self.change.text, self.change.effects)
        trials.append(await experiment.try_out(whole))
        if trials[0].verdict.kind is VerdictKind.ACCEPTED or len(whole.rules) == 1:
            return (whole if trials[0].verdict.kind is VerdictKind.ACCEPTED else None), trials
        best: Candidate | None = None
        for rule in whole.rules:
            candidate = self._candidate([*(best.rules if best else ()), rule])
            if candidate is None or (best is not None and candidate.text == best.text):
                continue
            trial = await experiment.try_out(candidate)
            trials.append(Trial((rule,), trial.verdict, trial.differences, trial.behaviours))
            if trial.verdict.kind is VerdictKind.ACCEPTED:
                best = candidate
        return best, trials[1:]

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
                experiment.workspace.remove()
        return accepted, trials

    async def _measured(self, experiment: Experiment, accepted: Candidate, trials: Sequence[Trial]) -> Evidence:
        baseline = await experiment.sent("original", self.file.dockerfile.source.text)
        result = await experiment.sent("candidate", accepted.text)
        measurements = await experiment.measure(accepted.text)
        if baseline.image is None or result.image is None:
            reason = f"it built before and does not now: {(result if baseline.ok else baseline).reason}"
            return self._ended(Verdict(VerdictKind.INCONCLUSIVE, reason), tuple(trials))
        final = next(trial for trial in reversed(trials) if trial.verdict.kind is VerdictKind.ACCEPTED)
        titles = tuple(dict.fromkeys(fix.title for fix in self.change.applied if fix.rule in accepted.rules))
        return Evidence(
            self.file.path, self.file.service_names, final.verdict, accepted.rules, titles, tuple(trials),
            baseline.image.size, result.image.size, len(baseline.image.layers), len(result.image.layers),
            baseline.log.context_bytes, result.log.context_bytes, measurements, final.behaviours,
        )  # fmt: skip

    def _ended(self, verdict: Verdict, trials: tuple[Trial, ...] = ()) -> Evidence:
        return Evidence(self.file.path, self.file.service_names, verdict, trials=trials)
