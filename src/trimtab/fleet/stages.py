"""Reading a Dockerfile's stages: one walk over its instructions, keeping what is in effect."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace

from trimtab.fleet.stage import WINDOWS, Copy, Run, Stage, State
from trimtab.fleet.users import KnownUser, base_users, created_users
from trimtab.syntax.dockerfile import Dockerfile, Instruction, ShellWordError, expand


def read_stages(dockerfile: Dockerfile, arguments: Mapping[str, str]) -> tuple[Stage, ...]:
    """The stages of a Dockerfile built with some arguments. Never raises; what cannot be known is left out."""
    return _StageReader(dockerfile, arguments).read()


class _StageReader:
    def __init__(self, dockerfile: Dockerfile, arguments: Mapping[str, str]) -> None:
        self.dockerfile = dockerfile
        self.escape = dockerfile.escape
        self.globals: dict[str, str] = {}
        self.stages: list[Stage] = []
        self.arguments = arguments

    def read(self) -> tuple[Stage, ...]:
        groups: list[list[Instruction]] = []
        for instruction in self.dockerfile.instructions:
            if instruction.keyword == "FROM":
                groups.append([instruction])
            elif groups:
                groups[-1].append(instruction)
            elif instruction.keyword == "ARG":
                self._declare(instruction, self.globals, {})
        for group in groups:
            self.stages.append(self._stage(group))
        return tuple(self.stages)

    def _declare(self, instruction: Instruction, env: dict[str, str], inherited: Mapping[str, str]) -> None:
        for word in instruction.words:
            name, equals, value = word.raw.partition("=")
            if name in self.arguments:
                env[name] = self.arguments[name]
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
