"""Packages that Ruby, PHP, .NET, Conda and Yarn leave records of where they were installed."""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping

from trimtab.fleet.plain import items, mapping
from trimtab.scan.binaries import Unread
from trimtab.scan.packages import Package
from trimtab.scan.plug_and_play import NAMES, plug_and_play
from trimtab.syntax.data import read_json

_GEM = re.compile(r"/specifications/(?:default/)?(?P<name>[\w.-]+?)-(?P<version>\d[\w.]*)(?:-[\w-]+)?\.gemspec$")
_KINDS: Mapping[str, re.Pattern[str]] = {
    "gem": _GEM,
    "composer": re.compile(r"/vendor/composer/installed\.json$"),
    "nuget": re.compile(r"\.deps\.json$"),
    "conda": re.compile(r"/conda-meta/[^/]+\.json$"),
    "npm": re.compile(rf"/(?:{'|'.join(map(re.escape, NAMES))})$"),
}


def is_installed(path: str) -> bool:
    """Whether a file is such a record."""
    return any(pattern.search(path) for pattern in _KINDS.values())


def installed(path: str, content: bytes) -> Iterator[Package | Unread]:
    """The packages that a record names. Conda's have no advisories, and are told for that reason."""
    gem = _GEM.search(path)
    if gem:
        yield Package("gem", gem["name"], gem["version"], path)
        return
    kind = next(kind for kind, pattern in _KINDS.items() if pattern.search(path))
    if kind == "npm":
        yield from _yarn(path, content)
        return
    try:
        data = read_json(content)
    except ValueError:
        yield Unread(path, "a package's record that cannot be read")
        return
    for name, version in _READERS[kind](data):
        if name.strip("/") and not name.endswith("/") and version:
            yield Package(kind, name, version, path)


def _yarn(path: str, content: bytes) -> Iterator[Package | Unread]:
    try:
        found = list(plug_and_play(content.decode("utf-8", "replace")))
    except ValueError:
        yield Unread(path, "a record of Yarn's packages that cannot be read")
        return
    yield from (Package("npm", name, version, path) for name, version in found if version)
    others = [name for name, version in found if not version]
    if others:
        names = ", ".join(others[:4]) + (" …" if len(others) > 4 else "")
        yield Unread(path, f"{len(others)} packages without a version, or from elsewhere than a registry ({names})")


def _composer(data: object) -> Iterator[tuple[str, str]]:
    for entry in map(mapping, items(mapping(data).get("packages") or data)):
        yield str(entry.get("name", "")), str(entry.get("version", "")).removeprefix("v")


def _nuget(data: object) -> Iterator[tuple[str, str]]:
    for key, entry in mapping(mapping(data).get("libraries")).items():
        if mapping(entry).get("type") == "package":
            yield posixpath.dirname(key), posixpath.basename(key)


def _conda(data: object) -> Iterator[tuple[str, str]]:
    yield str(mapping(data).get("name", "")), str(mapping(data).get("version", ""))


_READERS: Mapping[str, Callable[[object], Iterator[tuple[str, str]]]] = {
    "composer": _composer, "nuget": _nuget, "conda": _conda,
}  # fmt: skip
