"""What every command has in common."""

import difflib
import os
import re
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from trimtab.config import Config, load_config
from trimtab.errors import UsageError
from trimtab.fleet import DiskTree, Fleet, FleetOptions, discover
from trimtab.fleet.bake import BAKE_NAMES
from trimtab.fleet.compose.service import duration
from trimtab.gather import closed_folders, gather
from trimtab.report.words import printable
from trimtab.rules import Rule, all_rules, default_rules, find_rules

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Offline = Annotated[bool, Parameter(negative="", help="Ask no package index and no registry.")]
Format = Literal["text", "json", "sarif", "github", "gitlab", "markdown", "junit", "html"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RuleChoice:
    """Which rules a command runs; each name is a code, a name, another tool's name, or the beginning of codes."""

    select: Annotated[tuple[str, ...], Parameter(negative="", help="Run these rules instead of the default ones.")] = ()
    extend_select: Annotated[tuple[str, ...], Parameter(negative="", help="Run these rules as well.")] = ()
    ignore: Annotated[tuple[str, ...], Parameter(negative="", help="Leave these rules out.")] = ()
    pin: Annotated[bool, Parameter(negative="", help="Look up the digests of bases, and run DF002 and DF006.")] = False
    offline: Offline = False


_KNOWN_NAMES = (
    ".dockerignore", ".containerignore", ".env", ".lock", "lock.json", "lock.yaml", ".toml", "go.mod", "go.sum", *BAKE_NAMES,
)  # fmt: skip
"""Ends of names of files that rules read beside those that a fleet lists."""
_LENGTH = re.compile(r"(\d+(\.\d+)?(ms|s|m|h))+")
Paths = Annotated[tuple[Path, ...], Parameter(help="A folder, or files of one; the current folder when left out.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Common:
    """Options of every command."""

    format: Annotated[Format, Parameter(help="What goes to standard output; not every command has all.")] = "text"
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="Write the result to a file instead.")] = None
    config: Annotated[Path | None, Parameter(help="A configuration file to use instead of the folder's own.")] = None
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", help="No progress on standard error.")] = False
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative="", help="Say what was found, and how fast.")] = False
    color: Annotated[bool, Parameter(negative="--no-color", help="Colour, where the terminal has it.")] = True
    no_cache: Annotated[
        bool, Parameter(negative="", help="Use nothing that is remembered: prove anew, build every step anew.")
    ] = False

    @property
    def messages(self) -> "Console":
        """Where people are told things; data goes to standard output."""
        from trimtab.report.console import console

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

    @property
    def dockerfiles(self) -> frozenset[str]:
        """The Dockerfiles that are meant."""
        every = frozenset(file.path for file in self.fleet.files)
        return every if self.chosen is None else every & self.chosen


def load(paths: tuple[Path, ...], common: Common, choice: RuleChoice | None = None, *, reviews: bool = True) -> Loaded:
    """Discover the fleet that the arguments name.

    For a command that reviews nothing, no rule is loaded, and nothing is gathered that only rules ask for: with 34 services
    that was a quarter of the processor time of `trimtab bake`.

    Raises:
        UsageError: a path does not exist, or several folders are named.
    """
    root, chosen = named_root(paths)
    config = load_config(root, common.config)
    options = FleetOptions(config.compose, dict(os.environ))
    started = time.monotonic()
    choice = choice or RuleChoice()
    rules = _rules(config, choice) if reviews else ()
    fleet = replace(discover(DiskTree(root, closed_folders(root)), options), policy=config.policy(pin=choice.pin))
    outside = gather(fleet, root, {rule.code for rule in rules}, offline=choice.offline or config.offline)
    fleet = replace(fleet, outside=outside)
    if common.verbose:
        named = sum(len(manifest.packages) for manifest in fleet.manifests)
        counts = f"{len(fleet.files)} Dockerfiles, {len(fleet.services)} services, {len(fleet.compose_files)} compose files"
        counts += f", {len(fleet.manifests)} manifests that name {named} packages"
        common.messages.print(f"{root}: {counts} in {time.monotonic() - started:.2f} s", markup=False)
    return Loaded(root, fleet, config, rules, chosen)


def overlooked(loaded: Loaded, common: Common) -> frozenset[str]:
    """The named files that no rule looks into, which are told: what was never looked at must not read as clean.

    Some of several are no error, because a shell's pattern takes a README along.

    Raises:
        UsageError: there is nothing to look into in any of them.
    """
    fleet, chosen = loaded.fleet, loaded.chosen or frozenset[str]()
    known = {file.path for file in fleet.files} | {*fleet.compose_files} | {each.path for each in fleet.problems}
    known |= {path for project in fleet.projects for path in project.files}
    unknown = frozenset(each for each in chosen - known if not each.endswith(_KNOWN_NAMES))
    if unknown:
        unknown -= {part.path for part in fleet.scripts} | {manifest.path for manifest in fleet.manifests}
    if not unknown:
        return unknown
    named = ", ".join(f"`{path}`" for path in sorted(unknown))
    told = f"nothing to check in {named}: no Dockerfile, compose file, ignore file, manifest, or script that calls the engine"
    if unknown == chosen:
        raise UsageError(f"There is {told}. The setting `compose` names compose files that have other names than usual.")
    common.messages.print(f"note: there is {told}", markup=False, soft_wrap=True)
    return unknown


def named_root(paths: tuple[Path, ...]) -> tuple[Path, frozenset[str] | None]:
    """The folder that arguments mean, and the files of it where they name files.

    Raises:
        UsageError: a path does not exist, or several folders are named.
    """
    paths = paths or (Path(),)
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


def _rules(config: Config, choice: RuleChoice) -> tuple[Rule, ...]:
    """The rules to run: the default or selected ones, those added, without those ignored; the command line wins."""
    selected = _named(choice.select or config.select) or {rule.code for rule in default_rules()}
    selected |= _named((*config.extend_select, *choice.extend_select, *(["DF002", "DF006"] if choice.pin else [])))
    ignored = _named((*(() if choice.select else config.ignore), *choice.ignore))
    _named([*config.severity, *(name for path in config.path for name in (*path.ignore, *path.severity))])
    return tuple(rule for rule in all_rules() if rule.code in selected - ignored)


def _named(names: Iterable[str]) -> set[str]:
    """The codes that names stand for; `a,b` is two of them.

    Raises:
        UsageError: a name stands for no rule; the message gives the nearest one that does.
    """
    found: set[str] = set()
    for name in (part for each in names for part in each.split(",") if part.strip()):
        rules = find_rules(name)
        if not rules:
            raise UsageError(f"There is no rule `{name.strip()}`.{near_rule(name)} `trimtab rule` lists all.")
        found.update(rule.code for rule in rules)
    return found


def near_rule(name: str) -> str:
    """A hint at the rule that somebody may have meant."""
    known = [each for rule in all_rules() for each in (rule.code, rule.name, *rule.aliases)]
    near = difflib.get_close_matches(name.strip(), known, n=1, cutoff=0.3)
    return f" Did you mean `{near[0]}`?" if near else ""


def length_of_time(option: str, text: str) -> float:
    """The seconds that an option's text stands for, one at least.

    Raises:
        UsageError: it is no length of time, or less than a second.
    """
    found = duration(text) if _LENGTH.fullmatch(text.strip()) else None
    if found is None or found < 1:
        raise UsageError(f"`{option} {text}` is no length of time from a second up; write `10s`, `5m` or `1h30m`.")
    return found


def check_format(common: Common, others: Iterable[str] = ()) -> None:
    """Stop, before anything is changed, where a result could not be shown afterwards. `others` are beside text and JSON.

    Raises:
        UsageError: the command has no such format.
    """
    has = ("text", "json", *others)
    if common.format not in has:
        raise UsageError(f"This command has no format `{common.format}`; it has {', '.join(has)}.")


def show(
    common: Common, data: Callable[[], Mapping[str, object]], view: "Callable[[], RenderableType]",
    others: Mapping[str, Callable[[], str]] | None = None,
) -> None:  # fmt: skip
    """Print a result in the chosen format, to standard output or the chosen file.

    Raises:
        UsageError: the command has no such format, or the file cannot be written.
    """
    check_format(common, others or {})
    other = (others or {}).get(common.format)
    with output(common) as file:
        if common.format == "json":
            from trimtab.report.exchange import json_text

            file.write(json_text(data()) + "\n")
        elif other:
            file.write(other())
        else:
            _print(common, file, view())


def _print(common: Common, file: IO[str], shown: "RenderableType") -> None:
    from trimtab.report.console import PlainConsole, console

    if common.output:
        PlainConsole(file=file, no_color=True, highlight=False, width=160).print(shown, crop=False)
    else:
        to = console(color=common.color)
        # Lines of a patch are longer than any table, and are no patch any more where they are cut.
        to.print(shown, crop=to.is_terminal)


def write_text(common: Common, text: str) -> None:
    """Put a text on standard output, or into the chosen file.

    Raises:
        UsageError: the file cannot be written.
    """
    with output(common) as file:
        file.write(printable(text) if file.isatty() else text)


@contextmanager
def output(common: Common) -> Generator[IO[str]]:
    """Where data goes: standard output, or the chosen file.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        with open_output(common) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        where = "Standard output" if common.output is None else f"`{common.output}`"
        raise UsageError(f"{where} cannot be written: {error.strerror or error}.") from error


def open_output(common: Common) -> AbstractContextManager[IO[str]]:
    """Standard output, or the chosen file; whoever writes answers for what fails then.

    Raises:
        UsageError: the file cannot be opened.
    """
    if common.output is None:
        return nullcontext(sys.stdout)
    try:
        return common.output.open("w", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"`{common.output}` cannot be written: {error.strerror or error}.") from error
