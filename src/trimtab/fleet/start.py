"""What an image runs when it starts."""

import posixpath
import re
from dataclasses import dataclass

from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Stage
from trimtab.syntax.dockerfile import Instruction
from trimtab.syntax.shell import Command, parse_shell

_SERVERS = frozenset({"uvicorn", "hypercorn", "daphne"})


@dataclass(frozen=True, slots=True)
class Start:
    """The process an image starts with."""

    words: tuple[str, ...]
    """ENTRYPOINT and CMD together, in exec form; of a shell form, the words of its last command."""
    in_shell: bool
    instruction: Instruction
    """The one that says it: the ENTRYPOINT, or the CMD where there is none."""
    literal: bool = True
    """Whether the words are what will run, without a shell's substitutions."""

    @property
    def program(self) -> str:
        return posixpath.basename(self.words[0]) if self.words else ""


def start_of(facts: Facts, stage: Stage) -> Start | None:
    """How a stage's image starts, None where this file does not say or an entry point script decides."""
    entrypoint, cmd = facts.last(stage, "ENTRYPOINT"), facts.last(stage, "CMD")
    if entrypoint is not None:
        if entrypoint.json is None:
            return _of_shell(entrypoint)
        # A CMD that stands before an ENTRYPOINT of a later stage is reset by it; within one file that is rare enough.
        return Start((*entrypoint.json, *(cmd.json or () if cmd else ())), in_shell=False, instruction=entrypoint)
    if cmd is None:
        return None
    return _of_shell(cmd) if cmd.json is None else Start(cmd.json, in_shell=False, instruction=cmd)


def _of_shell(instruction: Instruction) -> Start | None:
    commands = parse_shell(instruction.arguments).commands
    if not commands:
        return None
    last = commands[-1]
    return Start(without_wrappers(last), in_shell=True, instruction=instruction, literal=last.literal)


def without_wrappers(command: Command) -> tuple[str, ...]:
    """A command's words without a leading `exec`."""
    return command.words[1:] if command.words[:1] == ("exec",) else command.words


@dataclass(frozen=True, slots=True)
class Target:
    """What a start command loads: a file by its absolute path, or a Python module."""

    kind: str
    """`file` or `module`."""
    name: str


def target_of(start: Start, workdir: str) -> Target | None:
    """The file or module of our own that a start command loads; None where that cannot be told."""
    words = list(start.words)
    if not start.literal or not words:
        return None
    name = posixpath.basename(words[0])
    if re.fullmatch(r"python[\d.]*", name):
        return _of_python(words[1:], workdir)
    if name in {"node", "nodejs", "sh", "bash", "ash"}:
        first = next((word for word in words[1:] if not word.startswith("-")), None)
        runs_text = name in {"sh", "bash", "ash"} and any(re.fullmatch(r"-[a-z]*c", word) for word in words[1:])
        evaluates = {"-e", "-p", "--eval", "--print", "-r", "--require", "--import", "--loader"} & set(words)
        return None if runs_text or evaluates or first is None else Target("file", posixpath.join(workdir, first))
    if name in _SERVERS or name == "gunicorn":
        return _of_server(words[1:])
    return Target("file", posixpath.join(workdir, words[0])) if "/" in words[0] else None


def _of_python(words: list[str], workdir: str) -> Target | None:
    skip = False
    for index, word in enumerate(words):
        if skip:
            skip = False
        elif word == "-m" and index + 1 < len(words):
            module = words[index + 1]
            return _of_server(words[index + 2 :]) if module in _SERVERS | {"gunicorn"} else Target("module", module)
        elif word in {"-X", "-W"}:
            skip = True
        elif word == "-c" or word == "-":
            return None
        elif not word.startswith("-"):
            return Target("file", posixpath.join(workdir, word))
    return None


def _of_server(words: list[str]) -> Target | None:
    if any(word.partition("=")[0] in {"--app-dir", "--chdir", "--pythonpath", "-c", "--config", "--factory"} for word in words):
        return None
    target = next((word for word in words if re.fullmatch(r"[\w.]+:[\w.]+(\(\))?", word) and not word[0].isdigit()), None)
    return Target("module", target.partition(":")[0]) if target else None
