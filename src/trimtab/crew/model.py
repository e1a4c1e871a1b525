"""What a role is given, what it does, and what it leaves behind."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from trimtab.crew.instructions import Instruction, Topic
from trimtab.crew.reading import Reading

_COULD_NOT_RUN = 2
_SHOWN = 6
"""So many names of a list are still read by people."""


class Role(StrEnum):
    """Who works on a fleet, in the order of the full workflow."""

    ANALYST = "analyst"
    PLANNER = "planner"
    ARCHITECT = "architect"
    DESIGNER = "designer"
    IMPLEMENTER = "implementer"
    REVIEWER = "reviewer"
    TESTER = "tester"
    OPS = "ops"
    DOCUMENTER = "documenter"


class Standing(StrEnum):
    """How a role has ended."""

    DONE = "done"
    UNCHANGED = "unchanged"
    """It was to change something, and nothing was to be changed or nothing could be kept."""
    FAILED = "failed"
    """What it looked at, or what it made, is not good."""
    UNKNOWN = "not checked"
    """Something it needs could not be run: nobody knows."""

    @property
    def is_good(self) -> bool:
        return self in {Standing.DONE, Standing.UNCHANGED}


@dataclass(frozen=True, slots=True)
class Step:
    """One command line of trimtab, which is all that a role does to a fleet."""

    name: str
    words: tuple[str, ...]
    """Without the format and the file of the result."""
    format: str = "json"
    """What the result is asked for in; empty for a command that has only one."""
    result: str = ""
    """The file of the result, in the role's folder; empty means the step's name with `.json`."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def line(self) -> str:
        """As somebody would type it behind `trimtab`."""
        return " ".join(self.words)

    @property
    def short(self) -> str:
        """The line for people: of a long list, where it begins and ends, and how many there are."""
        return " ".join(_short(word) for word in self.words)

    @property
    def file(self) -> str:
        return self.result or f"{self.name}.json"


def _short(word: str) -> str:
    parts = word.split(",")
    return word if len(parts) <= _SHOWN else f"{parts[0]},…,{parts[-1]} ({len(parts)})"


@dataclass(frozen=True, slots=True)
class Done:
    """A step that has ended, as the ledger has it."""

    step: Step
    number: int
    """Its row in the ledger, counted within the run."""
    code: int
    """trimtab's own exit codes."""
    data: object
    """The result that is JSON; None where there is none that can be read."""
    said: str
    """The last lines of what it told people."""

    @property
    def command(self) -> str:
        """As somebody would type it, without its options."""
        return " ".join(("trimtab", *(word for word in self.step.words[:2] if not word.startswith(("-", "/")))))

    @property
    def trouble(self) -> str | None:
        """Why nothing can be said from it; None where it left a result, whatever it found."""
        if self.code in {0, 1, _COULD_NOT_RUN} and isinstance(self.data, dict):
            return None
        return f"`{self.command}` could not run (exit {self.code}): {self.said or 'it left no result that can be read'}"

    @property
    def gap(self) -> str | None:
        """What it could not look at, although it left a result of the rest; None where it looked at everything."""
        if self.trouble or self.code != _COULD_NOT_RUN:
            return None
        return f"`{self.command}` could not read everything (exit {self.code}): {self.said}"


Do = Callable[[Step], Awaitable[Done]]
"""Runs a step, or finds it done in an earlier attempt of the same run. Never raises for how the step ended."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that a role says, with where it was read."""

    what: str
    value: object
    unit: str
    """`bytes`, `seconds`, `of 100`, `of 10`; empty for a count or a name."""
    step: int
    """The step's row in the ledger."""
    file: str
    """The step's result, counted from the run's folder."""
    reading: Reading
    earlier: "Claim | None" = None
    """The same before the change."""


@dataclass(frozen=True, slots=True)
class Left:
    """What was asked for, or belongs here, and is not done."""

    what: str
    why: str
    next: str = ""
    """The command, or the deed, that does it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a role leaves behind. Its standing is never better than its worst step."""

    role: Role
    standing: Standing
    said: str
    claims: tuple[Claim, ...] = ()
    left: tuple[Left, ...] = ()
    files: tuple[str, ...] = ()
    """What it wrote for people, besides the results of its steps."""
    steps: tuple[int, ...] = ()
    """Its rows in the ledger."""
    halts: bool = False
    """Whether nothing can be built on it: a workflow ends here."""


async def _nothing() -> None:
    """The tree is there already."""


async def _no_commit(message: str) -> None:
    """The tree's own user commits."""
    del message


@dataclass(frozen=True, slots=True)
class Brief:
    """What a role is given."""

    run: str
    root: Path
    """The user's own tree, which a workflow only reads."""
    tree: Path
    """Where changes are made: a work tree of the branch in a workflow, else the user's own."""
    folder: Path
    """The run's folder."""
    instruction: Instruction
    config: Path | None = None
    """The configuration with what the instruction says put in; None for the fleet's own."""
    files: tuple[str, ...] = ()
    """The files that are meant, counted from the tree; empty for all."""
    branch: str = ""
    """The branch to make; empty where the tree itself is changed."""
    effort: tuple[str, ...] = ()
    """Options of `trimtab optimize` that say how much is measured."""
    project: str = ""
    """A name for images that are built only to be looked at; empty where they may have their own."""
    check_out: Callable[[], Awaitable[None]] = _nothing
    """Brings the branch into the tree, once there is one."""
    before: Callable[[], Awaitable[Path]] | None = None
    """Brings what the branch began with, and says where it is; None where the tree itself is changed."""
    commit: Callable[[str], Awaitable[None]] = _no_commit
    """Puts what was written into the tree on the branch, with a message."""

    @property
    def where(self) -> tuple[str, ...]:
        """The files that are meant, or the tree as a whole."""
        return tuple(str(self.tree / file) for file in self.files) or (str(self.tree),)

    @property
    def images(self) -> Mapping[str, str]:
        """The environment of steps that build images or look at them."""
        return {"COMPOSE_PROJECT_NAME": self.project} if self.project else {}

    def asks(self, *topics: Topic) -> bool:
        """Whether one of these is asked for; everything is where nothing was said."""
        asked = {intent.topic for intent in self.instruction.intents if not intent.heading}
        return not self.instruction.intents or bool(asked & {*topics, Topic.EVERYTHING})

    @property
    def settings(self) -> tuple[str, ...]:
        """The options that every step needs which reads a configuration."""
        return ("--config", str(self.config)) if self.config else ()

    def role_folder(self, role: Role) -> Path:
        return self.folder / f"{list(Role).index(role) + 1}-{role}"
