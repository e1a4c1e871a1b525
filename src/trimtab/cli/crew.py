"""What the roles and the workflows have in common on the command line."""

import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from glob import glob
from pathlib import Path
from typing import Annotated, TypeVar

import anyio
from cyclopts import Parameter

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, FINDINGS, INTERRUPTED
from trimtab.cli.live import watch_signals
from trimtab.cli.options import Common, Loaded, RuleChoice, load
from trimtab.config import Config
from trimtab.crew.instructions import Instruction, Refused, against, understand
from trimtab.crew.instructions.shown import instruction_view
from trimtab.crew.model import Brief, Report, Role, Standing
from trimtab.crew.policy import config_text, configured
from trimtab.crew.results import write_whole
from trimtab.crew.work import Work
from trimtab.docker import ProcessRunner
from trimtab.errors import UsageError
from trimtab.fleet import Fleet
from trimtab.gather import gather
from trimtab.history import Store

_Result = TypeVar("_Result")
Sentence = Annotated[str, Parameter(help="What is wanted, in plain words; everything when left out.")]
Folder = Annotated[Path, Parameter(help="The fleet's folder.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Measured:
    """How much a proof measures."""

    quick: Annotated[bool, Parameter(negative="", help="Prove size and behaviour; measure no times.")] = False
    budget: Annotated[str, Parameter(help="Begin no measurement after this long: `15m`, `90s`, `1h`.")] = ""
    repeats: Annotated[int, Parameter(help="Interleaved pairs to measure; 0 means what the configuration says.")] = 0
    offline: Annotated[bool, Parameter(negative="", help="Ask no package index and no registry.")] = False

    @property
    def words(self) -> tuple[str, ...]:
        """As options of `trimtab optimize`."""
        found = ("--quick",) if self.quick else ()
        found += ("--budget", self.budget) if self.budget else ()
        return (*found, "--repeats", str(self.repeats)) if self.repeats else found


@dataclass(frozen=True)
class Understood:
    """An instruction, and the fleet that it is about."""

    loaded: Loaded
    instruction: Instruction
    config: Config
    """The fleet's own, with what the instruction says put in."""
    refused: tuple[Refused, ...]


def understood(folder: Path, sentence: str, common: Common, *, offline: bool = False) -> Understood:
    """What a sentence means for a fleet, said to whoever gave it before anything is done.

    Raises:
        UsageError: something of it is not understood, or it asks for nothing. Nothing is written then.
    """
    instruction = understand(sentence)
    loaded = load((folder,), common, RuleChoice(offline=offline))
    config = configured(loaded.config, instruction, loaded.fleet)
    refused = against(instruction, _asked_about(loaded, config, offline=offline)) if sentence else ()
    if sentence and not common.quiet:
        common.messages.print(instruction_view(instruction, refused))
    if instruction.not_understood:
        parts = "; ".join(f"“{each}”" for each in instruction.not_understood)
        raise UsageError(f"This is not understood: {parts}. Nothing was done. Say it in other words, or leave it out.")
    if sentence.strip() and not instruction.intents:
        why = "is refused, as said above" if instruction.refused else "is nothing that trimtab does"
        raise UsageError(f"What this asks for {why}. Nothing was done.")
    return Understood(loaded, instruction, config, (*instruction.refused, *refused))


def _asked_about(loaded: Loaded, config: Config, *, offline: bool) -> Fleet:
    """The fleet with what is to be known of it for other settings than its own."""
    fleet = replace(loaded.fleet, policy=config.policy())
    if fleet.policy == loaded.fleet.policy:
        return loaded.fleet
    codes = {rule.code for rule in loaded.rules}
    return replace(fleet, outside=gather(fleet, loaded.root, codes, offline=offline or config.offline))


def files_below(root: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """The files that arguments name, patterns put in, counted from the fleet's folder.

    Raises:
        UsageError: one names nothing, or something outside.
    """
    found: dict[str, None] = {}
    for name in names:
        # `Path.glob` takes no absolute pattern.
        paths = sorted(glob(name, recursive=True, include_hidden=True)) or [name]  # noqa: PTH207
        for path in paths:
            whole = Path(path).resolve()
            if not whole.exists():
                raise UsageError(f"`{path}` does not exist.")
            if not whole.is_relative_to(root):
                raise UsageError(f"`{path}` is not below `{root}`.")
            if whole.is_file():
                found[whole.relative_to(root).as_posix()] = None
    if names and not found:
        raise UsageError(f"There is no file at `{' '.join(names[:3])}`.")
    return tuple(found)


def new_run() -> str:
    """A name for a run, as all commands have them."""
    return f"{secrets.token_hex(4)}-{os.getpid()}"


def briefed(meant: Understood, store: Store, run: str, measured: Measured) -> Brief:
    """What one role, or a workflow, is given: the run's folder is made, with the configuration that the words amount to.

    Raises:
        StateError: the folder cannot be written.
    """
    folder = store.folder / "runs" / run
    policy = folder / "policy.toml"
    brief = Brief(
        run, meant.loaded.root, meant.loaded.root, folder, meant.instruction, effort=measured.words,
        offline=measured.offline,
    )  # fmt: skip
    if not meant.instruction.intents:
        return brief
    write_whole(policy, config_text(meant.config))
    return replace(brief, config=policy)


async def interruptible(work: Callable[[], Awaitable[_Result]]) -> _Result | None:
    """Do something that an interrupt ends, with its own clean-up; None when that has happened."""
    result: _Result | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(watch_signals, group.cancel_scope)
        result = await work()
        group.cancel_scope.cancel()
    return result


def worker(store: Store, brief: Brief, common: Common) -> Work:
    """Who runs the steps, and says so."""

    def tell(role: Role, line: str) -> None:
        if common.verbose or (line.startswith("trimtab ") and not common.quiet):
            common.messages.print(f"{role}: {line}", markup=False, soft_wrap=True)

    return Work(ProcessRunner(), store.crew, brief, tell)


def exit_code(report: Report | None) -> int:
    """What a role's standing means for whoever called it."""
    if report is None:
        return INTERRUPTED
    if report.standing.is_good:
        return CLEAN
    return FINDINGS if report.standing is Standing.FAILED else COULD_NOT_RUN
