"""Facts about one Dockerfile, derived once and shared by all rules."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from trimtab.fleet.built_on import built_on
from trimtab.fleet.context import BuildContext
from trimtab.fleet.model import Fleet, FleetFile
from trimtab.fleet.stage import WINDOWS, Run, Stage, State, libc_of, may_start_from
from trimtab.fleet.users import ROOT, KnownUser, starts_as_root
from trimtab.syntax.dockerfile import Dockerfile, Instruction

_PLATFORM = re.compile(r"\b(?:TARGETARCH|TARGETPLATFORM|BUILDPLATFORM|TARGETVARIANT)\b")


@dataclass(frozen=True)
class Facts:
    """What rules know about a Dockerfile."""

    file: FleetFile
    stages: tuple[Stage, ...]
    fleet: Fleet

    @property
    def dockerfile(self) -> Dockerfile:
        return self.file.dockerfile

    @property
    def contexts(self) -> tuple[BuildContext, ...]:
        return self.file.contexts

    @cached_property
    def final_stages(self) -> tuple[Stage, ...]:
        """The stages that become images: every build's target, the last stage where none is named."""
        found: dict[int, Stage] = {}
        for build in self.file.builds:
            stage = self.stage_named(build.target) if build.target else None
            stage = stage or (self.stages[-1] if self.stages else None)
            if stage:
                found[stage.index] = stage
        return tuple(found.values())

    def stage_named(self, name: str) -> Stage | None:
        for stage in reversed(self.stages):
            if (stage.name or "").lower() == name.lower() or str(stage.index) == name:
                return stage
        return None

    def lineage(self, stage: Stage) -> tuple[Stage, ...]:
        """The stage and those it starts from, the outermost first."""
        chain = [stage]
        while (parent := chain[-1].parent) is not None:
            chain.append(self.stages[parent])
        return tuple(reversed(chain))

    def last(self, stage: Stage, keyword: str) -> Instruction | None:
        """The instruction of a kind that counts: the last one of the stage, else of the nearest parent that has one."""
        for one in reversed(self.lineage(stage)):
            for instruction in reversed(one.instructions):
                if instruction.keyword == keyword:
                    return instruction
        return None

    def outside_base(self, stage: Stage) -> str:
        return self.lineage(stage)[0].base

    def in_final_image(self, stage: Stage) -> bool:
        """Whether the stage's layers end up in an image."""
        return any(stage in self.lineage(final) for final in self.final_stages)

    def user(self, stage: Stage, name: str) -> KnownUser | None:
        """Who a USER value means; None when the numbers or the home are not known."""
        plain = name.partition(":")[0]
        for one in reversed(self.lineage(stage)):
            if plain in one.users:
                return one.users[plain]
            match = next((user for user in one.users.values() if user.uid is not None and str(user.uid) == plain), None)
            if match:
                return match
        return None

    def runs_as(self, stage: Stage, state: State) -> KnownUser | None:
        """The user that a state means; where no USER says, root if the base is known to leave it at root."""
        if state.user:
            return self.user(stage, state.user)
        return ROOT if self.starts_as_root(stage) else None

    def starts_as_root(self, stage: Stage) -> bool:
        """Whether a stage without USER is root's: by its base, or because it installs system packages."""
        base = self.outside_base(stage)
        if WINDOWS.search(base):
            return False
        commands = [c for one in self.lineage(stage) for run in one.runs if not run.state.user for c in run.script.commands]
        if starts_as_root(base):
            return True
        # Who installs through sudo is not root; who installs without it is.
        installs = (i for one in self.lineage(stage) for run in one.runs if not run.state.user for i in run.installs)
        return any(install.manager.system for install in installs) and not any(c.name == "sudo" for c in commands)

    def descendants(self, stage: Stage) -> tuple[Stage, ...]:
        """The stage and every stage that starts from it, or would with other build arguments."""
        found = [stage]
        for one in self.stages[stage.index + 1 :]:
            if any(one.parent == each.index or may_start_from(one, each) for each in found):
                found.append(one)
        return tuple(found)

    @cached_property
    def built_on(self) -> tuple[tuple[FleetFile, Stage], ...]:
        """The stages of the fleet that start from this file's image, or may."""
        return tuple(built_on(self.file, self.fleet))

    def libc(self, stage: Stage) -> str | None:
        """The C library by the base's name, else by the package manager that the stage uses."""
        known = libc_of(self.outside_base(stage))
        if known:
            return known
        managers = {install.manager.name for one in self.lineage(stage) for run in one.runs for install in run.installs}
        if "apk" in managers:
            return "musl"
        return "glibc" if "apt" in managers else None

    def runs_before(self, stage: Stage, index: int) -> Iterator[Run]:
        """The RUNs whose effects an instruction sees, oldest first."""
        for one in self.lineage(stage):
            yield from (run for run in one.runs if one is not stage or run.index < index)

    @cached_property
    def several_platforms(self) -> bool:
        """Whether it is built for several processors: its builds say so, or it asks for the one that it is built for."""
        declared = any(len(build.platforms) > 1 for build in self.file.builds)
        return declared or bool(_PLATFORM.search(self.dockerfile.source.text))

    def built_per_platform(self, stage: Stage) -> bool:
        """Whether a stage is built once for each of several processors: not where it asks for the builder's own."""
        return self.several_platforms and not any("BUILDPLATFORM" in flag for flag in self.platform_flags(stage))

    def platform_flags(self, stage: Stage) -> list[str]:
        """What the FROMs that a stage comes from say of the processor."""
        flags = (one.instructions[0].flag("platform") for one in self.lineage(stage))
        return [flag.value or "" for flag in flags if flag]


def facts_for(file: FleetFile, fleet: Fleet) -> Facts:
    """Derive the facts of one Dockerfile of a fleet. Never raises; what cannot be known is left out."""
    return Facts(file, file.stages, fleet)
