"""Which commands of a RUN name a folder that is mounted."""

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence

from trimtab.fleet.paths import is_within
from trimtab.fleet.stage import Run
from trimtab.syntax.shell import Command

_PATH = re.compile(r"(?<![\w.$}~-])(?:~|\$HOME|\$\{HOME\})?/[^\s\"';|&<>()=,]*|(?<![^\s=\"'])~(?=[\s\"']|$)")
_MODES_ONLY = frozenset({"chmod", "chown"})


def names_what_is_mounted(run: Run, targets: Sequence[str], besides: Collection[Command] = ()) -> str | None:
    """A command that makes or uses something in a mounted folder, which is not the image's and may not be empty."""
    for command in run.script.commands:
        if command in besides or command.name in _MODES_ONLY or _makes_if_missing(command):
            continue
        if any(is_within(path, target) for path in paths_of(run, command) for target in targets):
            return f"`{' '.join(command.words)[:50]}` names a folder that is mounted"
    return None


def _makes_if_missing(command: Command) -> bool:
    """`mkdir -p`, which does not mind that the folder is there."""
    options = [word for word in command.words[1:] if word.startswith("-")]
    return command.name == "mkdir" and any(word == "--parents" or re.match(r"-[a-z]*p", word) for word in options)


def paths_of(run: Run, command: Command) -> Iterator[str]:
    """The absolute paths in a command's text, in options and redirections too."""
    for match in _PATH.finditer(run.script.text[command.span.start : command.span.end]):
        yield posixpath.normpath(re.sub(r"^(~|\$HOME|\$\{HOME\})", home_of(run), match[0]))


def home_of(run: Run) -> str:
    """The home of the user that runs a RUN, where nothing else is known of it."""
    return run.state.env.get("HOME") or ("/root" if run.state.user in {"", "root", "0"} else f"/home/{run.state.user}")
