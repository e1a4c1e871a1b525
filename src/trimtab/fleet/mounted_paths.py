"""Which commands of a RUN name a folder that is mounted."""

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence

from trimtab.fleet.paths import is_within
from trimtab.fleet.stage import Run
from trimtab.syntax.shell import Command

_PATH = re.compile(r"(?<![\w.$}~-])(?:~|\$HOME|\$\{HOME\})?/[^\s\"';|&<>()=,]*|(?<![^\s=\"'])~(?=[\s\"']|$)")
_CACHE_OPTION = re.compile(r"(--cache-dir|--cache-folder|--cache|--store-dir|-Dmaven\.repo\.local)[= ]\S+")
_HOME = re.compile(r"/home/[^/]+")
_MODES_ONLY = frozenset({"chmod", "chown"})
VARIABLE_PATH = re.compile(r"\b(\w+)=[\"']?(/[^\s\"';]*)")
"""A variable that is given a path."""
_OF_BASES = frozenset(
    ["/var/cache", "/var/cache/apt", "/var/lib", "/var/lib/apt", "/var/lib/apt/lists", "/etc/apk", "/usr/local"]
    + ["/usr/local/share", "/usr/local/cargo"]
)
"""Folders that images have without anything being cached in them."""


def names_what_is_mounted(run: Run, targets: Sequence[str], besides: Collection[Command] = ()) -> str | None:
    """A command that makes a mounted folder or one above it, or uses what is in it, which may be nothing or too much."""
    for command in run.script.commands:
        if command in besides or command.name in _MODES_ONLY or _makes_if_missing(command):
            continue
        paths = list(paths_of(run, command))
        if any(is_within(path, target) or _goes_with(path, target) for path in paths for target in targets):
            return f"`{' '.join(command.words)[:50]}` names a folder that is mounted"
    return None


def names_what_is_missing(run: Run, targets: Sequence[str]) -> str | None:
    """A command of another RUN that needs a folder, or what is in it, that is in the image only without the mount."""
    for command in run.script.commands:
        forced = command.name == "rm" and any(re.match(r"-[a-zA-Z]*f|--force", word) for word in command.words)
        if forced or _makes_if_missing(command):
            continue
        if any(_goes_with(path, target) for path in paths_of(run, command) for target in targets):
            return f"`{' '.join(command.words)[:50]}` names a folder that would be in the mount and not in the image"
    return None


def _goes_with(path: str, target: str) -> bool:
    """Whether a path is in the image only because something was put into the cache."""
    inside = is_within(path, target) and not (path == target and path in _OF_BASES)
    return inside or (is_within(target, path) and path.count("/") > 1 and path not in _OF_BASES and not _HOME.fullmatch(path))


def _makes_if_missing(command: Command) -> bool:
    """`mkdir -p`, which does not mind that the folder is there."""
    options = [word for word in command.words[1:] if word.startswith("-")]
    return command.name == "mkdir" and any(word == "--parents" or re.match(r"-[a-z]*p", word) for word in options)


def paths_of(run: Run, command: Command) -> Iterator[str]:
    """The paths in a command's text, in options and redirections too; where the cache shall be is left out."""
    text = _CACHE_OPTION.sub("", run.script.text[command.span.start : command.span.end])
    for match in _PATH.finditer(text):
        yield posixpath.normpath(re.sub(r"^(~|\$HOME|\$\{HOME\})", home_of(run), match[0]))
    relative = [word for word in command.words[1:] if re.match(r"[\w.]", word) and "://" not in word]
    for folder in _folders(run):
        yield from (posixpath.normpath(posixpath.join(folder, word)) for word in relative)


def _folders(run: Run) -> Iterator[str]:
    """Where a RUN's commands may run."""
    yield run.state.workdir
    for command in run.commands("cd", "pushd"):
        words = command.words[1:] or ("~",)
        yield posixpath.join(run.state.workdir, re.sub(r"^(~|\$HOME|\$\{HOME\})", home_of(run), words[-1]))


def home_of(run: Run) -> str:
    """The home of the user that runs a RUN, where nothing else is known of it."""
    return run.state.env.get("HOME") or ("/root" if run.state.user in {"", "root", "0"} else f"/home/{run.state.user}")
