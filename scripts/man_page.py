"""The manual page `trimtab(1)`, from the same command tree as the help."""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields

from cyclopts import App
from cyclopts.argument import Argument

from trimtab import __version__
from trimtab.cli.app import COMMANDS, app
from trimtab.cli.options import Common

NOTE = '.\\" Written by scripts/generate_docs.py; change the code instead.\n'
_COMMON = frozenset(f"--{field.name.replace('_', '-')}" for field in fields(Common))
_CODES = {
    "0": "Clean, or done.",
    "1": "Findings, a gate that does not hold, or a failed outcome.",
    "2": "It could not run: wrong arguments, no engine, a file that cannot be read. Also: not everything could be looked at.",
    "3": "A bug of trimtab; the path of a log is printed.",
    "130": "Interrupted; what the run had started is removed.",
}
_FILES = {
    "trimtab.toml": "The configuration of a fleet; or the table [tool.trimtab] in pyproject.toml.",
    ".trimtab/": "What earlier runs have built, proven, scanned and deployed. It keeps itself out of git.",
    ".trimtabignore.toml": "What a scan has found and somebody has looked at, with reasons and dates.",
    "trimtab-baseline.json": "Findings that are accepted, for review --baseline.",
}
_ENVIRONMENT = {
    "DOCKER_HOST": "The engine, as for docker.",
    "COMPOSE_FILE, COMPOSE_PROFILES, COMPOSE_ENV_FILES": "As for compose, where a command asks compose itself.",
    "NO_COLOR": "No colour.",
    "TRIMTAB_MCP_TOKEN": "What clients of mcp --http have to show.",
}


def man_page() -> str:
    """The page in roff's man macros."""
    parts = [
        NOTE, f'.TH TRIMTAB 1 "" "trimtab {__version__}" "User Commands"\n',
        ".SH NAME\ntrimtab \\- review, fix and prove the containers of a whole repository\n",
        ".SH SYNOPSIS\n.B trimtab\n.I command\n.RI [ options ]\n.RI [ path ...]\n",
        ".SH DESCRIPTION\n", _text(
            "trimtab reviews, rewrites, proves, builds, scans and deploys fleets of containers. It keeps only what it has"
            " proven, and never says what it has not measured. Standard output is data, standard error is for people. A path"
            " is a folder or files of one; the current folder when left out."
        ),
        ".SH COMMANDS\n", *_commands(),
        ".SH COMMON OPTIONS\n", _text("Most commands have these."), *_common(),
        ".SH EXIT STATUS\n", *_terms(_CODES), ".SH ENVIRONMENT\n", *_terms(_ENVIRONMENT), ".SH FILES\n", *_terms(_FILES),
        ".SH SEE ALSO\n.BR docker (1)\n",
    ]  # fmt: skip
    return "".join(parts)


def _commands() -> Iterator[str]:
    for name in COMMANDS:
        command = app[name]
        yield f".SS {_escaped(name)}\n"
        if command.default_command is not None:
            yield from _command(command)
            continue
        yield _text(str(command.help))
        for below in (each for each in command if not each.startswith("-")):
            yield f".P\n.B {_escaped(f'{name} {below}')}\n"
            yield from _command(command[below])


def _command(command: App) -> Iterator[str]:
    written = inspect.getdoc(command.default_command) if callable(command.default_command) else None
    yield _text(written or str(command.help))
    for argument in _shown(command):
        if not _COMMON & set(argument.names):
            yield _option(argument)


def _common() -> Iterator[str]:
    yield from (_option(argument) for argument in _shown(app["review"]) if _COMMON & set(argument.names))


def _shown(command: App) -> Iterator[Argument]:
    return (argument for argument in command.assemble_argument_collection() if argument.show and "*" not in argument.names)


def _option(argument: Argument) -> str:
    names = ", ".join(f"\\fB{_escaped(name)}\\fR" for name in argument.names)
    choices = argument.get_choices() or ()
    value = "|".join(choices) if choices else "value"
    takes = argument.index is None and not argument.is_flag()
    head = f"{names} \\fI{_escaped(value)}\\fR" if takes else names
    return f".TP\n{head}\n{_text(argument.parameter.help or 'The folder that is meant.', after='')}"


def _terms(terms: Mapping[str, str]) -> Iterator[str]:
    yield from (f".TP\n.B {_escaped(term)}\n{_text(told, after='')}" for term, told in terms.items())


def _text(text: str, after: str = ".P\n") -> str:
    """Paragraphs; what stands between backticks is bold."""
    paragraphs = [" ".join(part.split()) for part in text.strip().split("\n\n")]
    lines = [re.sub(r"`([^`]*)`", r"\\fB\1\\fR", _escaped(part)) for part in paragraphs]
    return after + "\n.P\n".join(f"\\&{line}" if line[:1] in {".", "'"} else line for line in lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")
