"""Whether what a stage installs comes ready for a C library, or has to be compiled there."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from trimtab.fleet.addons import node_addons
from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.dependencies import image_path
from trimtab.fleet.installs import Install
from trimtab.fleet.model import FleetFile
from trimtab.fleet.outside import Wheels, WheelState
from trimtab.fleet.requirements import PythonInstall, python_installs
from trimtab.fleet.stage import Run
from trimtab.text import Span

_GLOBAL = frozenset({"-g", "--global", "--location=global"})
_UNREAD_PYTHON = "what it installs from the package index cannot be read, so nothing is known of its wheels"
_UNREAD_NODE = "no `package-lock.json` of version 2 or 3 says what npm installs, so nothing is known of its binaries"

Answers = Mapping[tuple[str, str], Wheels]


@dataclass(frozen=True, slots=True)
class Part:
    """One package that a stage installs from a language's index."""

    ecosystem: str
    """`python` or `node`."""
    name: str
    version: str
    musl: WheelState
    glibc: WheelState
    first_musl: str | None = None
    """The oldest newer version that has something for musl."""

    def on(self, libc: str) -> WheelState:
        return self.musl if libc == "musl" else self.glibc


@dataclass(frozen=True, slots=True)
class Portability:
    """What is known of everything that some stages install."""

    parts: tuple[Part, ...]
    unread: str | None
    """Why not everything is known; None when it is."""

    def missing(self, libc: str) -> tuple[Part, ...]:
        """What comes compiled for the other C library only."""
        other = "glibc" if libc == "musl" else "musl"
        return tuple(part for part in self.parts if part.on(libc) is WheelState.NO and part.on(other) is not WheelState.NO)

    def obstacle(self, libc: str) -> str | None:
        """The first reason why it is not certain that everything comes ready for a C library."""
        for part in self.missing(libc):
            later = f"; {part.first_musl} has one" if part.first_musl and libc == "musl" else ""
            return f"`{part.name}` {part.version} has no {_what(part)} for {libc}{later}"
        source = next((part for part in self.parts if part.on(libc) is WheelState.NO), None)
        if source:
            return f"`{source.name}` {source.version} comes as source only, so it may need a compiler"
        unknown = next((part for part in self.parts if part.on(libc) is WheelState.UNKNOWN), None)
        if unknown and unknown.ecosystem == "node":
            return f"`{unknown.name}` {unknown.version} compiles when it is installed, unless it brings a binary for {libc}"
        if unknown:
            return f"the package index has not said whether `{unknown.name}` has a wheel for {libc}"
        return self.unread


def _what(part: Part) -> str:
    return "wheel" if part.ecosystem == "python" else "build"


def portability(file: FleetFile, stages: Collection[int], minor: str | None, answers: Answers) -> Portability:
    """What the stages with these indices install, on a version of Python; `answers` is what the package index said."""
    parts: dict[Part, None] = {}
    unread: dict[Span, str | None] = {}
    for run, install, found in portability_of_installs(file, stages, minor, answers):
        parts.update(dict.fromkeys(found.parts))
        where = run.source_span(install.command.span)
        # A file may be built in several contexts, some of which lack what it copies: one that can be read is enough.
        unread[where] = found.unread and unread.get(where, found.unread)
    return Portability(tuple(parts), next((reason for reason in unread.values() if reason), None))


def portability_of_installs(
    file: FleetFile, stages: Collection[int], minor: str | None, answers: Answers
) -> Iterator[tuple[Run, Install, Portability]]:
    """The same for each installing command by itself, in each context that the file is built in."""
    for each in python_installs(file):
        if each.stage.index in stages:
            yield each.run, each.install, _python(each, minor, answers)
    for context in file.contexts:
        for stage in file.stages:
            for run in stage.runs if stage.index in stages else ():
                for install in run.installs:
                    if install.manager.name in {"npm", "yarn", "pnpm"} and not _GLOBAL & set(install.arguments):
                        yield run, install, _node(CopiedFiles.before(stage, run.index, context), run, install)


def _python(each: PythonInstall, minor: str | None, answers: Answers) -> Portability:
    parts: list[Part] = []
    for requirement in each.requirements:
        wheels = answers.get((str(requirement), minor or ""), Wheels(WheelState.UNKNOWN, WheelState.UNKNOWN))
        parts.append(Part("python", requirement.name, wheels.version or "", wheels.musl, wheels.glibc, wheels.first_musl))
    return Portability(tuple(parts), None if each.complete else _UNREAD_PYTHON)


def _node(files: CopiedFiles, run: Run, install: Install) -> Portability:
    development = not any(word.startswith(("--omit", "--production", "--only")) for word in install.arguments)
    lock = files.read(image_path(run.state.workdir, "package-lock.json"))
    addons = None if lock is None else node_addons(lock, development=development)
    if addons is None:
        return Portability((), _UNREAD_NODE)
    return Portability(tuple(Part("node", each.name, each.version, each.musl, each.glibc) for each in addons), None)
