"""Facts about one Dockerfile, derived once and shared by all rules."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from trimtab.fleet.context import BuildContext
from trimtab.fleet.model import FleetFile
from trimtab.fleet.stage import WINDOWS, Copy, Run, Stage, State, libc_of
from trimtab.fleet.users import ROOT, KnownUser, base_users, created_users, starts_as_root
from trimtab.syntax.dockerfile import Dockerfile, Instruction, ShellWordError, expand


@dataclass(frozen=True)
class Facts:
    """What rules know about a Dockerfile."""

    file: FleetFile
    stages: tuple[Stage, ...]

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
        installs = (i for one in self.lineage(stage) for run in one.runs if not run.state.user for i in run.installs)
        return starts_as_root(base) or any(install.manager.system for install in installs)

    def descendants(self, stage: Stage) -> tuple[Stage, ...]:
        """The stage and every stage that starts from it."""
        return tuple(one for one in self.stages if stage in self.lineage(one))

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
        return any(len(build.platforms) > 1 for build in self.file.builds)


class _StageReader:
    """Walks the instructions once, keeping what is in effect."""

    def __init__(self, file: FleetFile) -> None:
        self.file = file
        self.escape = file.dockerfile.escape
        self.globals: dict[str, str] = {}
        self.stages: list[Stage] = []
        self.args = [build.args for build in file.builds][:1]

    def read(self) -> tuple[Stage, ...]:
        groups: list[list[Instruction]] = []
        for instruction in self.file.dockerfile.instructions:
            if instruction.keyword == "FROM":
                groups.append([instruction])
            elif groups:
                groups[-1].append(instruction)
            elif instruction.keyword == "ARG":
                self._declare(instruction, self.globals, {})
        for group in groups:
            self.stages.append(self._stage(group))
        return tuple(self.stages)

    def _build_args(self) -> Mapping[str, str]:
        return self.args[0] if self.args else {}

    def _declare(self, instruction: Instruction, env: dict[str, str], inherited: Mapping[str, str]) -> None:
        for word in instruction.words:
            name, equals, value = word.raw.partition("=")
            if name in self._build_args():
                env[name] = self._build_args()[name]
            elif equals:
                env[name] = self.expand(value, env)
            elif name in inherited:
                env[name] = inherited[name]

    def expand(self, text: str, env: Mapping[str, str], *, keep_unset: bool = False) -> str:
        try:
            return expand(text, env, escape=self.escape, keep_unset=keep_unset)
        except ShellWordError:
            return text

    def _stage(self, group: Sequence[Instruction]) -> Stage:
        words = [word.raw for word in group[0].words]
        base = self.expand(words[0], self.globals) if words else ""
        name = words[2] if len(words) >= 3 and words[1].upper() == "AS" else None
        parent = next((s for s in reversed(self.stages) if base and (s.name or "").lower() == base.lower()), None)
        shell = ("cmd",) if WINDOWS.search(base) else None
        state = parent.end if parent else State("", "/", {}, shell)
        states, runs, copies = [state], list[Run](), list[Copy]()
        users: dict[str, KnownUser] = {} if parent else base_users(base)
        for index, instruction in enumerate(group[1:], start=1):
            states.append(state)
            if instruction.keyword == "RUN":
                run = Run(instruction, index, state)
                runs.append(run)
                users.update(created_users(run.script.commands, index))
            elif instruction.keyword in {"COPY", "ADD"}:
                copies.append(self._copy(instruction, index, state))
            state = self._after(instruction, state)
        states.append(state)
        parent_index = parent.index if parent else None
        return Stage(len(self.stages), name, base, parent_index, tuple(group), tuple(states), tuple(runs), tuple(copies), users)

    def _copy(self, instruction: Instruction, index: int, state: State) -> Copy:
        parts = list(instruction.json) if instruction.json is not None else [word.raw for word in instruction.words]
        expanded = [self.expand(part, state.env) for part in parts]
        destination = expanded[-1] if expanded else ""
        sources = tuple(part for part in expanded[:-1] if not part.startswith("<<"))
        origin = instruction.flag("from")
        from_ = self.expand(origin.value, state.env) if origin and origin.value else None
        absolute = posixpath.normpath(posixpath.join(state.workdir, destination))
        return Copy(instruction, index, sources, absolute, destination, from_)

    def _after(self, instruction: Instruction, state: State) -> State:
        keyword = instruction.keyword
        if keyword == "USER":
            return replace(state, user=self.expand(instruction.arguments, state.env, keep_unset=True))
        if keyword == "WORKDIR":
            folder = self.expand(instruction.arguments, state.env)
            return replace(state, workdir=posixpath.normpath(posixpath.join(state.workdir, folder)))
        if keyword == "SHELL":
            return replace(state, shell=instruction.json)
        if keyword in {"ENV", "ARG"}:
            env = dict(state.env)
            if keyword == "ARG":
                self._declare(instruction, env, self.globals)
            else:
                env.update(self._env(instruction, state.env))
            return replace(state, env=env)
        return state

    def _env(self, instruction: Instruction, env: Mapping[str, str]) -> dict[str, str]:
        if instruction.words and "=" not in instruction.words[0].raw:
            name, _, value = instruction.arguments.partition(" ")
            return {name: self.expand(value.strip(), env)}
        pairs = (word.raw.partition("=") for word in instruction.words)
        return {name: self.expand(value, env) for name, _, value in pairs}


def facts_for(file: FleetFile) -> Facts:
    """Derive the facts of one Dockerfile. Never raises; what cannot be known is left out."""
    return Facts(file, _StageReader(file).read())
