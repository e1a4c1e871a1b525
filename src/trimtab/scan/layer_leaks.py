"""Credentials in an image: in the files of every layer, its configuration, and its history."""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from trimtab.docker.layers import Image
from trimtab.fleet.plain import items, mapping
from trimtab.fleet.secrets import SECRET_FILES, known_values
from trimtab.rules import Severity
from trimtab.scan.command_lines import options
from trimtab.scan.leaks import Leak, declared, identity, search, search_pairs, windows

LARGEST = 64 * 1024 * 1024
"""Bytes of a file in an image that is searched; the engine's archives are not limited in any other way."""
_LIBRARIES = re.compile(r"/(?:site-packages|dist-packages|node_modules)/")
_INSTALLED = re.compile(r"^/(?:usr/(?:local/)?(?:lib\w*|share|include|libexec)|var/lib|lib\w*|proc|sys)/")
_SERVED = re.compile(r"^/usr/share/nginx/html/|^/var/lib/jenkins/")
"""What packages bring: their documentation is full of credentials that are none."""
_RECORD = re.compile(r"\.dist-info/RECORD$")
_ARGUMENTS = re.compile(r"\|(?P<count>\d+) (?P<rest>.*)$", re.DOTALL)
"""How the engine writes a RUN's build arguments into an image's history."""


@dataclass
class LeakSearch:
    """Searches the files of one layer as they go by."""

    leaks: list[Leak] = field(default_factory=list[Leak])
    installed: set[str] = field(default_factory=set[str])
    """Paths that Python distributions say are theirs, wherever they were installed to."""
    large: list[str] = field(default_factory=list[str])
    """Files that were too large to be searched."""

    def file(self, path: str, size: int, read: Callable[[], bytes]) -> None:
        if _RECORD.search(path):
            folder = posixpath.dirname(posixpath.dirname(path))
            rows = read().decode("utf-8", "replace").splitlines()
            self.installed.update(posixpath.normpath(f"{folder}/{row.partition(',')[0]}") for row in rows)
        elif size > LARGEST:
            self.large += [] if _is_installed(path) else [path]
        elif size > 0 and not _is_installed(path):
            self.leaks += [replace(leak, where=path) for leak in search(path.lstrip("/"), read())]


def _is_installed(path: str) -> bool:
    """Whether packages brought a file; a private key, or an env file, may lie among them and be nobody's package."""
    if _LIBRARIES.search(path):
        return True
    return _INSTALLED.search(path) is not None and not SECRET_FILES.search(path) and not _SERVED.search(path)


def found_leaks(image: Image, visible: Mapping[str, int], layers: Sequence[LeakSearch]) -> Iterator[Leak]:
    """The credentials in an image's layers, its configuration and its history."""
    installed = frozenset[str]().union(*(each.installed for each in layers))
    for number, layer in enumerate(layers):
        made_by = keyword(image.layers[number].created_by)
        for leak in layer.leaks:
            if leak.where not in installed:
                yield replace(leak, layer=number, made_by=made_by, hidden=visible.get(leak.where) != number)
    environment = [_pair(str(each)) for each in items(image.config.get("Env"))]
    yield from search_pairs(environment, "Env")
    yield from search_pairs(((name, str(value)) for name, value in mapping(image.config.get("Labels")).items()), "Label")
    for key in ("Cmd", "Entrypoint", "Healthcheck"):
        yield from _in_text(str(image.config.get(key) or ""), key)
    yield from _history(image)


def _in_text(text: str, where: str) -> Iterator[Leak]:
    known = dict.fromkeys(pair for part in windows(text) for pair in known_values(part))
    for kind, value in known:
        yield Leak(kind, where, 0, identity(value), Severity.HIGH)
    if not known:
        yield from search_pairs((pair for part in windows(text, marked=False) for pair in options(part)), where)


def _history(image: Image) -> Iterator[Leak]:
    """Build arguments, which the engine keeps for ever with the steps that had them, and what the steps themselves say."""
    found: dict[Leak, None] = {}
    for text, _ in image.history:
        found.update(dict.fromkeys(search_pairs(arguments(text), "History")))
        found.update(dict.fromkeys(_in_text(text, "History")))
    yield from found


def arguments(text: str) -> list[tuple[str, str]]:
    """The build arguments that one line of an image's history carries, and what ENV and ARG declare there.

    A value with spaces cannot be told from the next argument: it ends at the first one.
    """
    match = _ARGUMENTS.search(text)
    words = match["rest"].split(" ") if match else []
    found = [_pair(word) for word in words[: int(match["count"]) if match else 0] if "=" in word]
    return [*found, *declared(text)]


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def keyword(created_by: str) -> str:
    """Which instruction made a layer. Nothing more: the rest of it may be the credential that was found."""
    plain = re.sub(r"^/bin/sh -c #\(nop\)\s*", "", created_by)
    found = re.match(r"[A-Z]+\b", plain)
    return found[0] if found else "RUN" if plain else ""
