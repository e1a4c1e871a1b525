"""Whether the programs that an image starts and is checked with are there and may be run."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from trimtab.docker import FileEntry, ImageConfig, ImageTree
from trimtab.fleet import Service
from trimtab.fleet.programs import DEFAULT_PATH
from trimtab.fleet.start import without_wrappers
from trimtab.syntax.shell import parse_shell
from trimtab.verify.evidence import Difference

_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_BUILTINS = frozenset(
    [
        "exit",
        "test",
        "[",
        "true",
        "false",
        "exec",
        "cd",
        "set",
        "export",
        "echo",
        "printf",
        ":",
        ".",
        "source",
        "if",
        "trap",
        "wait",
    ]
)
_LINKS = 20


def started_programs(config: ImageConfig, service: Service | None) -> tuple[str, ...]:
    """The programs of entry point, command and health checks, as they are written: names or paths."""
    values = config.values
    entrypoint = service.entrypoint if service and service.entrypoint is not None else values.get("Entrypoint")
    command = service.command if service and service.command is not None else values.get("Cmd")
    own = cast("Mapping[str, object]", values.get("Healthcheck") or {})
    checks = [cast("Sequence[str]", own.get("Test") or ())]
    if service and service.healthcheck and not service.healthcheck.disabled:
        checks = [service.healthcheck.test]
    found = list(_programs(_words(entrypoint) + _words(command)))
    for test in checks:
        kind = test[0] if test else ""
        if kind == "CMD-SHELL":
            found += _of_shell(" ".join(test[1:]))
        elif kind == "CMD":
            found += _programs(tuple(test[1:]))
    return tuple(dict.fromkeys(found))


def health_texts(config: ImageConfig) -> tuple[str, ...]:
    """The words of an image's own health check."""
    own = cast("Mapping[str, object]", config.values.get("Healthcheck") or {})
    return tuple(str(word) for word in cast("Sequence[object]", own.get("Test") or ()))


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return ("sh", "-c", value)
    return tuple(str(word) for word in cast("Sequence[object]", value or ()))


def _programs(words: tuple[str, ...]) -> Iterator[str]:
    if words:
        yield words[0]
    if len(words) > 2 and posixpath.basename(words[0]) in _SHELLS and words[1] == "-c":
        yield from _of_shell(words[2])


def _of_shell(text: str) -> list[str]:
    words = [without_wrappers(command) for command in parse_shell(text).commands]
    return [each[0] for each in words if each and each[0] not in _BUILTINS and "$" not in each[0]]


def unreachable(
    before: tuple[ImageTree, ImageConfig], after: tuple[ImageTree, ImageConfig], service: Service | None
) -> Iterator[Difference]:
    """Programs that the original could start, or be checked, with and the rewritten image could not."""
    was = {name: _found(*before, name) for name in started_programs(before[1], service)}
    for name in started_programs(after[1], service):
        reason = _found(*after, name)
        if reason and not was.get(name, ""):
            yield Difference(f"program {name}", "there", reason)


def _found(tree: ImageTree, config: ImageConfig, name: str) -> str:
    """Why a program cannot be run; empty when it can."""
    workdir = str(config.values.get("WorkingDir") or "/")
    folders = config.env.get("PATH", DEFAULT_PATH).split(":")
    paths = [posixpath.join(workdir, name)] if "/" in name else [posixpath.join(folder, name) for folder in folders if folder]
    entries = [entry for path in paths if (entry := resolve(tree, path)) is not None]
    if not entries:
        return "not there"
    return "" if any(entry.executable for entry in entries) else "not executable"


def resolve(tree: ImageTree, path: str) -> FileEntry | None:
    """The file that a path leads to through symbolic links in any of its folders; None when it leads nowhere."""
    for _ in range(_LINKS):
        path = posixpath.normpath(path)
        link = _first_link(tree, path)
        if link is None:
            return tree.entries.get(path)
        target = posixpath.join(posixpath.dirname(link), tree.entries[link].link)
        path = target + path[len(link) :]
    return None


def _first_link(tree: ImageTree, path: str) -> str | None:
    parts = path.split("/")
    prefixes = ("/".join(parts[:length]) for length in range(2, len(parts) + 1))
    return next((prefix for prefix in prefixes if (entry := tree.entries.get(prefix)) and entry.kind == "link"), None)
