"""What the roles and the workflows have in common on the command line."""

from dataclasses import dataclass, replace
from glob import glob
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, FINDINGS, INTERRUPTED
from trimtab.cli.optimize import Effort
from trimtab.cli.options import Common, Loaded, RuleChoice, load
from trimtab.cli.stepping import StepWatcher
from trimtab.config import Config
from trimtab.crew.instructions import Instruction, Refused, against, called_in, understand
from trimtab.crew.instructions.shown import instruction_view
from trimtab.crew.model import Brief, Report, Standing
from trimtab.crew.policy import config_text, configured
from trimtab.crew.results import write_whole
from trimtab.crew.work import Work
from trimtab.docker import ProcessRunner
from trimtab.errors import UsageError
from trimtab.fleet import Fleet
from trimtab.gather import gather
from trimtab.history import Store

Sentence = Annotated[str, Parameter(help="What is wanted, in plain words; everything when left out.")]
Folder = Annotated[Path, Parameter(help="The fleet's folder.")]


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
    loaded = load((folder,), common, RuleChoice(offline=offline))
    instruction = understand(sentence, called_in(loaded.fleet))
    config = configured(
        loaded.config.model_copy(update={"offline": offline or loaded.config.offline}), instruction, loaded.fleet
    )
    refused = against(instruction, _asked_about(loaded, config)) if sentence else ()
    if sentence and not common.quiet:
        common.messages.print(instruction_view(instruction, refused))
    if instruction.not_understood:
        parts = "; ".join(f"“{each}”" for each in instruction.not_understood)
        raise UsageError(f"This is not understood: {parts}. Nothing was done. Say it in other words, or leave it out.")
    unguarded = next((each for each in refused if each.unguarded), None)
    if unguarded:
        raise UsageError(f"What is to be left as it is cannot be: {unguarded.reason}. Nothing was done.")
    # A heading asks for what its list says, and for nothing where all of that is refused.
    if sentence.strip() and all(each.heading for each in instruction.intents):
        why = "is refused, as said above" if instruction.refused else "is nothing that trimtab does"
        raise UsageError(f"What this asks for {why}. Nothing was done.")
    return Understood(loaded, instruction, config, (*instruction.refused, *refused))


def _asked_about(loaded: Loaded, config: Config) -> Fleet:
    """The fleet with what is to be known of it for other settings than its own."""
    fleet = replace(loaded.fleet, policy=config.policy())
    if fleet.policy == loaded.fleet.policy:
        return loaded.fleet
    codes = {rule.code for rule in loaded.rules}
    return replace(fleet, outside=gather(fleet, loaded.root, codes, offline=config.offline))


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


def briefed(meant: Understood, store: Store, run: str, effort: Effort) -> Brief:
    """What one role, or a workflow, is given: the run's folder is made, with the configuration that the words amount to.

    Raises:
        StateError: the folder cannot be written.
    """
    folder = store.folder / "runs" / run
    policy = folder / "policy.toml"
    write_whole(policy, config_text(meant.config))
    return Brief(run, meant.loaded.root, meant.loaded.root, folder, meant.instruction, policy, effort=effort.words)


def worker(store: Store, brief: Brief, common: Common) -> Work:
    """Who runs the steps, and says so."""
    return Work(ProcessRunner(), store.crew, brief, StepWatcher(common))


def exit_code(report: Report | None) -> int:
    """What a role's standing means for whoever called it."""
    if report is None:
        return INTERRUPTED
    if report.standing.is_good:
        return CLEAN
    return FINDINGS if report.standing is Standing.FAILED else COULD_NOT_RUN
