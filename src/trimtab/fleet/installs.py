"""Recognising package installations in shell commands."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from trimtab.fleet.managers import MANAGERS, PROGRAMS, Manager, PipInputs
from trimtab.syntax.shell import Command

_WRAPPERS = frozenset({"sudo", "exec", "time", "nice", "corepack"})
_TELLS = frozenset({"--version", "-v", "--help", "-h"})
"""What makes a program say something about itself and do nothing."""
_PYTHON = re.compile(r"^(python|pypy)(\d+(\.\d+)*)?$")
_PIP = re.compile(r"^pip\d+(\.\d+)*$")
_VALUE_OPTIONS = frozenset({
    "-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-i", "--index-url", "--extra-index-url", "-f",
    "--find-links", "-t", "--target", "--prefix", "--root", "--cache-dir", "--platform", "--python-version", "--timeout",
    "--retries", "--trusted-host", "--only-binary", "--no-binary", "--proxy", "--progress-bar", "--virtual", "-o",
    "--option", "-X", "--repository", "--registry", "--cache", "--omit", "--only", "--include", "--group", "--extra",
    "--default-timeout", "--src", "--abi", "--implementation", "--python", "-p", "-t=", "--with", "--without",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Install:
    """One installing command."""

    manager: Manager
    command: Command
    arguments: tuple[str, ...]
    """The words behind the program (and `-m pip`)."""
    packages: tuple[str, ...]
    pip: PipInputs

    def has_flag(self, *flags: str) -> bool:
        return any(word in flags for word in self.arguments)


def program_words(command: Command) -> tuple[str, ...]:
    """A command's words with the path of its program, `sudo`, `env A=1` and `python -m` taken off the front."""
    words = list(command.words)
    while words:
        name = words[0].rpartition("/")[2]
        if name in _WRAPPERS:
            words = words[1:]
        elif name == "env":
            words = words[1:]
            while words and "=" in words[0]:
                words = words[1:]
        elif _PYTHON.match(name) and words[1:2] == ["-m"] and len(words) > 2:
            words = words[2:]
        else:
            words[0] = "pip" if _PIP.match(name) else name
            break
    return tuple(words)


def manager_of(command: Command) -> Manager | None:
    """The package manager that a command calls."""
    words = program_words(command)
    name = PROGRAMS.get(words[0]) if words else None
    return MANAGERS[name] if name else None


def empties_cache(manager: Manager, command: Command) -> bool:
    """Whether a command empties a manager's cache, wherever its options stand: `apt-get -qq clean`."""
    words = tuple(word for word in program_words(command) if not word.startswith("-"))
    return any(words[: len(purge)] == purge for purge in manager.purges)


def read_install(command: Command) -> Install | None:
    """The installation a command makes, None when it makes none."""
    words = program_words(command)
    manager = manager_of(command)
    if manager is None:
        return None
    positional = _positional(words[1:])
    verb = next((verb for verb in manager.verbs if tuple(positional[: len(verb)]) == verb), None)
    if verb is None or (verb == () and manager.name == "yarn" and (positional or _TELLS & set(words[1:]))):
        return None
    packages = tuple(positional[len(verb) :])
    pip = _pip_inputs(words[1:], packages) if manager.name in {"pip", "uv"} else PipInputs()
    return Install(manager, command, tuple(words[1:]), packages, pip)


def _positional(words: Sequence[str]) -> list[str]:
    """Words that are no option and no option's value."""
    found: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-") and word != "-":
            skip = word in _VALUE_OPTIONS
        else:
            found.append(word)
    return found


def _pip_inputs(words: Sequence[str], packages: Sequence[str]) -> PipInputs:
    requirements = _option_values(words, "-r", "--requirement")
    if list(words[:2]) == ["pip", "sync"]:
        requirements, packages = [*requirements, *packages], ()
    constraints = _option_values(words, "-c", "--constraint")
    editable = _option_values(words, "-e", "--editable")
    local = [package for package in packages if is_local_package(package)]
    return PipInputs(tuple(requirements), tuple(constraints), (*editable, *local))


def _option_values(words: Sequence[str], short: str, long: str) -> list[str]:
    found: list[str] = []
    for index, word in enumerate(words):
        if word in {short, long} and index + 1 < len(words):
            found.append(words[index + 1])
        elif word.startswith(long + "="):
            found.append(word[len(long) + 1 :])
        elif word.startswith(short) and len(word) > 2 and not word.startswith("--"):
            found.append(word[2:])
    return found


def is_local_package(package: str) -> bool:
    """Whether a pip argument names a path instead of a project."""
    if "://" in package or package.startswith(("git+", "hg+", "svn+", "bzr+")) or " @ " in package:
        return "file://" in package
    return "/" in package or package.startswith(".") or package.endswith((".whl", ".tar.gz", ".zip"))
