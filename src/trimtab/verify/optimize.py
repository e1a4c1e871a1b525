"""All experiments of a fleet, and what is kept."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import anyio

from trimtab.docker import Runner
from trimtab.docker import command as argv
from trimtab.errors import StateError
from trimtab.fleet import Fleet, FleetFile, rediscover
from trimtab.rewrite import ChangeSet, FileChange, rewrite
from trimtab.rules import Rule
from trimtab.verify.company import Shared
from trimtab.verify.contexts import prove_context
from trimtab.verify.evidence import Evidence, Verdict, VerdictKind
from trimtab.verify.faults import NOBODYS_FAULT, broken_off
from trimtab.verify.in_turn import in_turn
from trimtab.verify.laboratory import Laboratory
from trimtab.verify.memory import Memory, Proof
from trimtab.verify.proof import DockerfileProof
from trimtab.verify.settings import SettingsProof
from trimtab.verify.shapes import canaries, shape_of


@dataclass(frozen=True)
class Optimization:
    """The evidence of every changed file, and the texts that were proven."""

    evidence: tuple[Evidence, ...]
    proven: dict[str, str | None]
    """Path to the accepted text, None for a file that goes."""
    planned: ChangeSet


@dataclass(frozen=True)
class Choice:
    """What is to be tried."""

    paths: Collection[str] | None = None
    """The files that may change, None for all."""
    unsafe: bool = True
    """Whether fixes are tried that are not safe by themselves."""
    rules: Sequence[Rule] | None = None
    canary: int = 0
    """How many of each shape go first; the rest follows when one of them was accepted. 0 tries all at once."""


async def optimize(laboratory: Laboratory, choice: Choice, memory: Memory) -> Optimization:
    """Prove every planned change of a fleet by experiment. Writes nothing to the fleet.

    Everything that the run made in the engine and on the disk is removed at its end, however it ends.
    """
    planned = rewrite(laboratory.fleet, unsafe=choice.unsafe, proof=choice.unsafe, paths=choice.paths, rules=choice.rules)
    run = _Run(laboratory, choice, memory, planned)
    try:
        await run.dockerfiles()
        await run.between()
    finally:
        with anyio.CancelScope(shield=True):
            await clean_up(laboratory.runner, laboratory.run)
    return Optimization(run.evidence, run.proven, planned)


@dataclass
class _Run:
    laboratory: Laboratory
    choice: Choice
    memory: Memory
    planned: ChangeSet
    found: dict[str, Proof] = field(default_factory=dict[str, Proof])
    contexts: dict[str, tuple[Evidence, Mapping[str, str | None]]] = field(
        default_factory=dict[str, tuple[Evidence, Mapping[str, str | None]]]
    )

    proving: int = 0
    one_ended: anyio.Event = field(default_factory=anyio.Event)

    def __post_init__(self) -> None:
        self.shared = Shared(self.laboratory)

    @property
    def fleet(self) -> Fleet:
        return self.laboratory.fleet

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        ended = {**{path: proof.evidence for path, proof in self.found.items()},
                 **{path: pair[0] for path, pair in self.contexts.items()}}  # fmt: skip
        return tuple(ended[change.path] for change in self.planned.changed if change.path in ended)

    @property
    def proven(self) -> dict[str, str | None]:
        texts: dict[str, str | None] = {path: proof.text for path, proof in self.found.items() if proof.text is not None}
        for evidence, changed in self.contexts.values():
            texts.update(changed if evidence.verdict.kind is VerdictKind.ACCEPTED else {})
        return texts

    async def dockerfiles(self) -> None:
        """The Dockerfiles, those that go first before the others."""
        changes = [change for change in self.planned.changed if self.fleet.file(change.path)]
        first, rest = canaries(self.fleet, changes, self.choice.canary)
        await self._all(first)
        await self._all([change for change in rest if not self._hopeless(change, first)])

    def _hopeless(self, change: FileChange, first: Sequence[FileChange]) -> bool:
        """Whether no canary of a change's shape was accepted; it is then left out, with that as its reason."""
        shape = shape_of(self.fleet, change)
        alike = [self.found[each.path].evidence for each in first if shape_of(self.fleet, each) == shape]
        if any(evidence.verdict.kind is VerdictKind.ACCEPTED for evidence in alike):
            return False
        names = ", ".join(evidence.path for evidence in alike)
        file = self.fleet.file(change.path)
        verdict = Verdict(VerdictKind.INCONCLUSIVE, f"not tried: nothing was accepted of {names}, whose changes are alike")
        self.found[change.path] = Proof(Evidence(change.path, file.service_names if file else (), verdict), None)
        self.laboratory.progress(change.path, str(verdict.kind))
        return True

    async def _all(self, changes: Sequence[FileChange]) -> None:
        jobs = [
            partial(self._one, file, change, self.planned.changed.index(change))
            for change in changes
            if (file := self.fleet.file(change.path)) is not None
        ]
        # One more than there are slots: few enough that verdicts come early and are remembered should the run be stopped, and
        # the disk holds few originals at once; enough that no slot waits while one file is compared.
        await in_turn(self.laboratory.slots.count + 1, jobs)

    async def _one(self, file: FleetFile, change: FileChange, number: int) -> None:
        key = await self.memory.key(self.laboratory, file, change)
        known = await self.memory.recall(key)
        shortage = await self._shortage() if known is None else None
        if shortage:
            known = Proof(Evidence(file.path, file.service_names, Verdict(VerdictKind.INCONCLUSIVE, shortage)), None)
        if known is None:
            proof = DockerfileProof(self.laboratory, self.shared, file, change, number, self.choice.unsafe, self.choice.rules)
            self.proving += 1
            try:
                known = await proof.run()
                self._remember(key, file.path, known)
            except NOBODYS_FAULT as error:
                # Not the rewrite's fault: nothing is learnt or remembered, and the others go on.
                known = Proof(Evidence(file.path, file.service_names, broken_off(error)), None)
            finally:
                self.proving -= 1
                self.one_ended.set()
                self.one_ended = anyio.Event()
        self.laboratory.progress(file.path, str(known.evidence.verdict.kind))
        self.found[change.path] = known

    async def _shortage(self) -> str | None:
        """Why there is no room for another proof, when those that are under way have given back what they took."""
        while (short := self.laboratory.shortage()) and self.proving:
            await self.one_ended.wait()
        return short

    def _remember(self, key: str, path: str, proof: Proof) -> None:
        try:
            self.memory.keep(key, proof)
        except StateError as error:
            # The verdict stands; it is only to be found anew the next time.
            self.laboratory.progress(path, f"not remembered: {error}")

    async def between(self) -> None:
        """The ignore files, tried on top of the Dockerfiles that were accepted."""
        texts = {path: proof.text for path, proof in self.found.items() if proof.text is not None}
        fleet = rediscover(self.fleet, dict(texts)) if texts else self.fleet
        changes = [change for change in self.planned.changed if not self.fleet.file(change.path) and change.applied]
        for number, change in enumerate(changes, start=len(self.planned.changed)):
            laboratory = replace(self.laboratory, fleet=fleet)
            if change.effects.scripts:
                evidence = Evidence(change.path, (), Verdict(VerdictKind.INCONCLUSIVE, _NOT_RUN))
                self.contexts[change.path] = (evidence, {})
                continue
            if shortage := laboratory.shortage():
                evidence = Evidence(change.path, (), Verdict(VerdictKind.INCONCLUSIVE, shortage))
                self.contexts[change.path] = (evidence, {})
                continue
            if change.path in fleet.compose_files:
                await self._settings(laboratory, change, number)
                continue
            joined = {change.path: change.after, **self._moved(change)}
            try:
                evidence = await prove_context(laboratory, self.shared, change, joined, number * 100)
            except NOBODYS_FAULT as error:
                evidence = Evidence(change.path, (), broken_off(error))
            self.contexts[change.path] = (evidence, joined)

    async def _settings(self, laboratory: Laboratory, change: FileChange, number: int) -> None:
        """A compose file, tried on top of everything else."""
        found = await SettingsProof(laboratory, self.shared, change, number, self.choice.rules, self.memory).run()
        self.laboratory.progress(change.path, str(found.evidence.verdict.kind))
        self.contexts[change.path] = (found.evidence, {change.path: found.text})

    def _moved(self, change: FileChange) -> dict[str, str | None]:
        """Files that a fix makes or takes away together with another: those without a fix of their own."""
        alone = [each for each in self.planned.changed if not self.fleet.file(each.path) and not each.applied]
        names = {new for fix in change.applied for new in fix.files}
        return {each.path: each.after for each in alone if each.path in names}


_NOT_RUN = "what a script does is not tried out here; `trimtab fix --unsafe` applies it"


async def clean_up(runner: Runner, run: str) -> None:
    """Remove every container, network, volume and image that carries a run's label."""
    for listed, removed in (
        (argv.containers_of, argv.remove),
        (argv.networks_of, argv.remove_networks),
        (argv.volumes_of, argv.remove_volumes),
        (argv.images_of, argv.remove_images),
    ):
        found = list(dict.fromkeys((await runner.run(listed(run))).text.split()))
        if found:
            await runner.run(removed(*found))
