"""What every command has in common."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console, RenderableType

from trimtab.config import Config, load_config
from trimtab.errors import UsageError
from trimtab.fleet import DiskTree, Fleet, FleetOptions, discover
from trimtab.report.terminal import console
from trimtab.rules import Rule, all_rules, find_rule

Paths = Annotated[tuple[Path, ...], Parameter(help="A folder, or files of one; the current folder when left out.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Common:
    """Options of every command."""

    format: Annotated[Literal["text", "json"], Parameter(help="What goes to standard output.")] = "text"
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="Write the result to a file instead.")] = None
    config: Annotated[Path | None, Parameter(help="A configuration file to use instead of the folder's own.")] = None
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", help="No progress on standard error.")] = False
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="", help="Say what was found, and how fast.")] = False
    color: Annotated[bool, Parameter(negative="--no-color", help="Colour, where the terminal has it.")] = True
    no_cache: Annotated[
        bool, Parameter(negative="", help="Review from scratch; nothing is remembered yet, so every run does.")
    ] = False

    @property
    def messages(self) -> Console:
        """Where people are told things; data goes to standard output."""
        return console(stderr=True, color=self.color)


@dataclass(frozen=True)
class Loaded:
    """A fleet, with what the user asked about it."""

    root: Path
    fleet: Fleet
    config: Config
    rules: tuple[Rule, ...]
    chosen: frozenset[str] | None
    """The files named on the command line, None when a folder was."""


def load(paths: tuple[Path, ...], common: Common) -> Loaded:
    """Discover the fleet that the arguments name.

    Raises:
        UsageError: a path does not exist, or several folders are named.
    """
    root, chosen = _root(paths or (Path(),))
    config = load_config(root, common.config)
    options = FleetOptions(config.compose, dict(os.environ))
    started = time.monotonic()
    fleet = discover(DiskTree(root), options)
    if common.verbose:
        named = sum(len(manifest.packages) for manifest in fleet.manifests)
        counts = f"{len(fleet.files)} Dockerfiles, {len(fleet.services)} services, {len(fleet.compose_files)} compose files"
        counts += f", {len(fleet.manifests)} manifests that name {named} packages"
        common.messages.print(f"{root}: {counts} in {time.monotonic() - started:.2f} s", markup=False)
    return Loaded(root, fleet, config, _rules(config), chosen)


def _root(paths: tuple[Path, ...]) -> tuple[Path, frozenset[str] | None]:
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        raise UsageError(f"`{missing}` does not exist.")
    folders = [path for path in paths if path.is_dir()]
    if folders:
        if len(paths) > 1:
            raise UsageError("Name one folder, or files of one folder.")
        return folders[0].resolve(), None
    here = Path.cwd()
    files = [path.resolve() for path in paths]
    root = here if all(file.is_relative_to(here) for file in files) else Path(os.path.commonpath([f.parent for f in files]))
    return root, frozenset(file.relative_to(root).as_posix() for file in files)


def _rules(config: Config) -> tuple[Rule, ...]:
    for name in (*config.select, *config.ignore):
        if find_rule(name) is None:
            raise UsageError(f"The configuration names a rule `{name}`, which does not exist; `trimtab rule` lists all.")
    selected = {rule.code for name in config.select if (rule := find_rule(name))}
    ignored = {rule.code for name in config.ignore if (rule := find_rule(name))}
    return tuple(rule for rule in all_rules() if (not selected or rule.code in selected) and rule.code not in ignored)


def show(common: Common, data: Callable[[], Mapping[str, object]], view: Callable[[], RenderableType]) -> None:
    """Print a result in the chosen format, to standard output or the chosen file.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        opened = common.output.open("w", encoding="utf-8") if common.output else nullcontext(sys.stdout)
        with opened as file:
            if common.format == "json":
                json.dump(data(), file, indent=2, ensure_ascii=False)
                file.write("\n")
            elif common.output:
                Console(file=file, no_color=True, highlight=False, width=160).print(view())
            else:
                console(color=common.color).print(view())
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"`{common.output}` cannot be written: {error.strerror or error}.") from error
