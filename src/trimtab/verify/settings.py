"""The experiments about a compose file: every service whose settings change is run with the old ones and the new ones."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from trimtab.docker import read_config
from trimtab.errors import StateError
from trimtab.fleet import Service, changed_service
from trimtab.rewrite import AppliedFix, FileChange, Identity, rewrite
from trimtab.rules import Rule
from trimtab.verify.behave import start_options
from trimtab.verify.bisect import largest_holding
from trimtab.verify.company import Shared, Volumes
from trimtab.verify.evidence import Behaviour, Evidence, Trial, Verdict, VerdictKind
from trimtab.verify.faults import NOBODYS_FAULT, broken_off
from trimtab.verify.in_turn import in_turn
from trimtab.verify.laboratory import Laboratory
from trimtab.verify.memory import Memory, Proof, Settled
from trimtab.verify.reach import health_texts
from trimtab.verify.rounds import compared

_OF_THE_WHOLE = frozenset({"depends_on", "healthcheck"})
"""Keys whose effect shows only when a whole project starts."""
_TOGETHER = "what a service waits for shows only when the whole project starts: `trimtab startup --prove`"


@dataclass
class _Part:
    """What was found of the changes about one service."""

    trials: list[Trial] = field(default_factory=list[Trial])
    accepted: list[AppliedFix] = field(default_factory=list[AppliedFix])

    def keep(self, fixes: Sequence[AppliedFix], reason: str) -> None:
        """Note that changes hold."""
        self.accepted += fixes
        self.trials.append(Trial(_codes(fixes), Verdict(VerdictKind.ACCEPTED, reason)))

    def leave(self, fixes: Sequence[AppliedFix], verdict: Verdict) -> None:
        """Note that changes are left out."""
        self.trials.append(Trial(_codes(fixes), verdict))


@dataclass
class SettingsProof:
    """Proves the planned change of one compose file, service by service, and keeps what holds."""

    laboratory: Laboratory
    shared: Shared
    change: FileChange
    number: int
    rules: Sequence[Rule] | None
    memory: Memory

    async def run(self) -> Proof:
        """The evidence, and the text with everything that was accepted; as many services at a time as there are slots.

        Where the engine or the disk fails, the changes of that service are left out, and the other services go on.
        """
        services = self._by_service()
        parts = [_Part() for _ in services]
        jobs = [
            partial(self._prove_service, parts[index], index, name, fixes)
            for index, (name, fixes) in enumerate(services.items())
        ]
        await in_turn(self.laboratory.slots.count, jobs)
        return self._ended(parts)

    def _by_service(self) -> Mapping[str, list[AppliedFix]]:
        """The fixes by the service that they are about; empty for those about none."""
        found: dict[str, list[AppliedFix]] = {}
        for fix in self.change.applied:
            places = {str(setting.path[1]) if setting.path[0] == "services" else "" for setting in fix.effects.settings}
            found.setdefault(places.pop() if len(places) == 1 else "", []).append(fix)
        return found

    async def _prove_service(self, part: _Part, index: int, name: str, fixes: Sequence[AppliedFix]) -> None:
        if not name:
            part.keep(fixes, "compose reads the same project but for what is declared")
            return
        together = [fix for fix in fixes if any(setting.path[2] in _OF_THE_WHOLE for setting in fix.effects.settings)]
        alone = [fix for fix in fixes if fix not in together]
        if together:
            part.leave(together, _undecided(name, _TOGETHER))
        service = next((each for each in self.laboratory.fleet.services if self._is_meant(each, name)), None)
        if not alone:
            return
        if service is None:
            part.leave(alone, _undecided(name, "no service of that name is read from this file"))
            return
        try:
            settled = await self._settled(service, index, alone)
        except NOBODYS_FAULT as error:
            part.leave(alone, _undecided(name, broken_off(error).reason))
            return
        if settled is None:
            part.leave(alone, _undecided(name, "its image does not build, or is not in the engine"))
            return
        part.trials += settled.trials
        if settled.kept:
            kept = [fix for fix in alone if fix.rule in settled.kept]
            when = f", as was found {settled.remembered}" if settled.remembered else ""
            part.keep(kept, f"`{name}` behaves the same with {', '.join(settled.kept)}{when}")

    async def _settled(self, service: Service, index: int, fixes: Sequence[AppliedFix]) -> Settled | None:
        """What is remembered of a service's new settings, or is found now; None without its image.

        Raises:
            CommandFailed: the engine failed at something that is no change's fault.
            EngineOutage: the engine is gone.
            OSError: a folder that the service is given could not be copied.
        """
        key = await self.memory.key_of_settings(self.laboratory, service, fixes)
        settled = self.memory.recall_settled(key)
        if settled is None:
            self.laboratory.progress(self.change.path, f"running `{service.name}` with its new settings")
            image = await self.shared.image_of(service)
            if image is None:
                return None
            settled = await _ServiceProof(self, service, image, index).run(fixes)
            self._remember(key, settled)
        return settled

    def _remember(self, key: str, settled: Settled) -> None:
        try:
            self.memory.keep_settled(key, settled)
        except StateError as error:
            # What was found stands; it is only to be found anew the next time.
            self.laboratory.progress(self.change.path, f"not remembered: {error}")

    def _is_meant(self, service: Service, name: str) -> bool:
        return service.name == name and service.origin == self.change.path

    def _ended(self, parts: Sequence[_Part]) -> Proof:
        trials = tuple(trial for part in parts for trial in part.trials)
        accepted = [fix for part in parts for fix in part.accepted]
        codes = tuple(dict.fromkeys(fix.rule for fix in accepted))
        services = tuple(dict.fromkeys(name for name in self._by_service() if name))
        if not codes:
            worst = next((each for each in trials if each.verdict.kind is VerdictKind.REJECTED), None) or trials[-1]
            return Proof(Evidence(self.change.path, services, worst.verdict, trials=trials), None)
        reason = f"{len(accepted)} of {len(self.change.applied)} changes keep every service's behaviour"
        titles = tuple(dict.fromkeys(fix.title for fix in accepted))
        verdict = Verdict(VerdictKind.ACCEPTED, reason)
        return Proof(Evidence(self.change.path, services, verdict, codes, titles, trials), self._text(accepted))

    def _text(self, accepted: Sequence[AppliedFix]) -> str | None:
        """The file with the accepted changes only."""
        wanted: set[Identity] = {(fix.rule, self.change.path, fix.anchor) for fix in accepted}
        changes = rewrite(
            self.laboratory.fleet, unsafe=True, proof=True, paths=[self.change.path], rules=self.rules, accepted=wanted
        )
        return next((each.after for each in changes.changed if each.path == self.change.path), None)


@dataclass
class _ServiceProof:
    """One service's part: all new settings at once, and by rules when something differs."""

    file: SettingsProof
    service: Service
    image: str
    index: int
    before: list[Behaviour] = field(default_factory=list[Behaviour])
    runs: int = 0

    async def run(self, fixes: Sequence[AppliedFix]) -> Settled:
        async def test(rules: Sequence[str]) -> Trial | None:
            return await self._tried([fix for fix in fixes if fix.rule in rules])

        kept, failed = await largest_holding(_codes(fixes), test)
        return Settled(tuple(kept), tuple(failed))

    async def _tried(self, fixes: Sequence[AppliedFix]) -> Trial:
        laboratory, name = self.file.laboratory, self.service.name
        settings = [setting for fix in fixes for setting in fix.effects.settings]
        changed = changed_service(laboratory.fleet.tree, self.service, settings)

        async def pair(number: int) -> tuple[Behaviour, Behaviour]:
            if number == len(self.before):
                self.before.append(await self._observed(self.service))
            return self.before[number], await self._observed(changed)

        found, behaviours = await compared(pair, (), lambda seconds: self._observed(self.service, seconds))
        if found:
            reason = f"`{name}`: {found[0].subject}: {found[0].before} → {found[0].after}"
            return Trial(_codes(fixes), Verdict(VerdictKind.REJECTED, reason), tuple(found), behaviours)
        if not behaviours[1].works:
            reason = f"`{name}` does not run here ({behaviours[1].state}), so that the change is harmless cannot be shown"
            return Trial(_codes(fixes), Verdict(VerdictKind.INCONCLUSIVE, reason), (), behaviours)
        return Trial(_codes(fixes), Verdict(VerdictKind.ACCEPTED, f"`{name}` behaves the same"), (), behaviours)

    async def _observed(self, service: Service, at_least: float = 0.0) -> Behaviour:
        """The service's image run with a service's settings, on volumes that nothing has used before."""
        laboratory = self.file.laboratory
        self.runs += 1
        name = f"s{self.file.number}-{self.index}-{self.runs}"
        folder = laboratory.folder / name
        async with laboratory.slots.one():
            volumes = Volumes(laboratory.runner, laboratory.run, name, laboratory.root, folder)
            config = await read_config(laboratory.runner, self.image)
            options = start_options(service, laboratory.fleet.services)
            placement = replace(options.placement, volumes=await volumes.prepare(service))
            smoke = laboratory.smoke.get(service.name)
            checks = health_texts(config)
            options = replace(
                options, checks=checks, smoke=smoke, placement=placement, asker=self.image, at_least=at_least
            )  # fmt: skip
            try:
                return await self.file.shared.behaviour(self.image, options, name)
            finally:
                shutil.rmtree(folder, ignore_errors=True)


def _undecided(name: str, reason: str) -> Verdict:
    return Verdict(VerdictKind.INCONCLUSIVE, f"`{name}`: {reason}")


def _codes(fixes: Sequence[AppliedFix]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fix.rule for fix in fixes))
