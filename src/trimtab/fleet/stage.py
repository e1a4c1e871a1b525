"""Stages and what is in effect at each of their instructions."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from trimtab.fleet.installs import Install, read_install
from trimtab.fleet.users import KnownUser
from trimtab.syntax.dockerfile import Instruction
from trimtab.syntax.shell import Command, Script, parse_shell
from trimtab.text import Span

_SHELLS = frozenset({"sh", "bash", "ash", "dash", "ksh", "zsh", "busybox"})
WINDOWS = re.compile(r"windowsservercore|nanoserver|/windows/")
VARIABLE = re.compile(r"\$\{[^}]*\}|\$\w+")
_MUSL = re.compile(r"alpine|musl")
_GLIBC = re.compile(
    r"debian|ubuntu|slim|bookworm|bullseye|buster|trixie|forky|fedora|centos|rocky|alma|ubi|amazonlinux|jammy|noble|focal"
    r"|^(docker\.io/)?(library/)?(python|node|golang|rust|ruby|php|nginx|redis|postgres|maven|gradle|eclipse-temurin)\b"
)


@dataclass(frozen=True)
class State:
    """What holds when an instruction runs."""

    user: str
    """As USER says, expanded; `root` where nothing says otherwise, empty where the base decides."""
    workdir: str
    env: Mapping[str, str]
    shell: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Run:
    """A RUN with its shell text read; positions map back into the file."""

    instruction: Instruction
    index: int
    """Among the stage's instructions."""
    state: State

    @property
    def is_heredoc(self) -> bool:
        """Whether the script is a heredoc's body: `RUN <<EOF`."""
        return bool(self.instruction.heredocs) and self.instruction.arguments.startswith("<<")

    @cached_property
    def script(self) -> Script:
        """The shell commands; empty for the exec form and for shells that are not sh-like."""
        if self.instruction.json is not None:
            return parse_shell("")
        if self.state.shell and posixpath.basename(self.state.shell[0]) not in _SHELLS:
            return parse_shell("")
        if self.is_heredoc:
            return parse_shell(self.instruction.heredocs[0].content)
        return parse_shell(self.instruction.arguments)

    @cached_property
    def installs(self) -> tuple[Install, ...]:
        return tuple(install for command in self.script.commands if (install := read_install(command)) is not None)

    @property
    def editable(self) -> bool:
        """Whether commands may be rewritten: plain shell form, read without error, no heredoc."""
        return self.instruction.json is None and not self.script.broken and not self.instruction.heredocs

    def at(self, offset: int) -> int:
        """The file offset of one character of the shell text."""
        if self.is_heredoc:
            return self.instruction.heredocs[0].span.start + offset
        return self.instruction.logical.source_offset(self.instruction.arguments_start + offset)

    def behind(self, offset: int) -> int:
        """The file offset just behind the character before `offset`: what lies between lines is not skipped."""
        return self.at(offset - 1) + 1

    def source_span(self, span: Span) -> Span:
        return Span(self.at(span.start), self.behind(span.end))

    def mounts(self, kind: str) -> list[dict[str, str]]:
        return [mount for mount in self.instruction.mounts() if mount.get("type", "bind") == kind]

    def cache_targets(self) -> list[str]:
        targets = (mount_target(mount) for mount in self.mounts("cache"))
        return [posixpath.normpath(target) for target in targets if target]

    def commands(self, *names: str) -> list[Command]:
        return [command for command in self.script.commands if command.name in names]


def mount_target(mount: Mapping[str, str]) -> str:
    """Where a mount is put, under any of its three names; empty when it does not say."""
    return mount.get("target") or mount.get("dst") or mount.get("destination") or ""


@dataclass(frozen=True)
class Copy:
    """A COPY or ADD; `destination` is absolute."""

    instruction: Instruction
    index: int
    sources: tuple[str, ...]
    """Expanded source patterns; heredoc sources are left out."""
    destination: str
    raw_destination: str
    from_: str | None
    """The `--from` stage, image or named context; None for the build context."""

    @property
    def is_directory_target(self) -> bool:
        return self.raw_destination.endswith(("/", "/.")) or self.raw_destination == "." or len(self.sources) > 1


@dataclass(frozen=True)
class Stage:
    """One stage; `parent` is the index of the stage it starts from, None for an image from outside."""

    index: int
    name: str | None
    base: str
    """Expanded; the outside image, or the parent stage's name."""
    parent: int | None
    instructions: tuple[Instruction, ...]
    """The FROM first."""
    states: tuple[State, ...]
    """What holds before each instruction, and last of all at the stage's end."""
    runs: tuple[Run, ...]
    copies: tuple[Copy, ...]
    users: Mapping[str, KnownUser] = field(default_factory=dict[str, KnownUser])
    """Users that its RUNs create, and those known of the base."""

    @property
    def end(self) -> State:
        return self.states[-1]

    def run_at(self, index: int) -> Run | None:
        return next((run for run in self.runs if run.index == index), None)

    def copy_at(self, index: int) -> Copy | None:
        return next((copy for copy in self.copies if copy.index == index), None)


def libc_of(base: str) -> str | None:
    """`musl`, `glibc`, or None when the image's name does not tell."""
    if _MUSL.search(base):
        return "musl"
    return "glibc" if _GLIBC.search(base) else None


def may_start_from(stage: Stage, parent: Stage) -> bool:
    """Whether the variables in a FROM could make it name another stage: `FROM base-${VARIANT}`."""
    raw = stage.instructions[0].words[0].raw.strip("\"'").lower() if stage.instructions[0].words else ""
    literal = VARIABLE.split(raw)
    # No stage's name holds a colon or a slash: such a default says that the variable names images.
    of_images = not any(literal) and re.search(r"[:/]", stage.base)
    if not parent.name or len(literal) < 2 or of_images:
        return False
    return bool(re.fullmatch("[a-z0-9._-]*".join(map(re.escape, literal)), parent.name.lower()))
