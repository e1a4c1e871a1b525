"""Putting another version of one package into an npm lock, without npm: only where nothing else has to change."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from trimtab.fleet.plain import mapping
from trimtab.syntax.data import read_json
from trimtab.text import Edit, Span

_NEEDS = ("dependencies", "optionalDependencies", "peerDependencies", "bin", "engines", "os", "cpu", "hasInstallScript")
"""What a lock repeats of a package, and what an installation depends on."""


@dataclass(frozen=True, slots=True)
class NodeRelease:
    """One version of a package, as the registry has it."""

    version: str
    resolved: str
    integrity: str
    record: Mapping[str, object]
    """Its package.json."""


class Unfit(ValueError):
    """Why a lock cannot simply have the other version; the message says it."""


def lock_edits(text: str, name: str, old: str, new: NodeRelease, fits: Callable[[str, str], bool]) -> list[Edit]:
    """The edits that put a release in the place of every entry of a package at a version.

    `fits` says whether a range, as npm writes them, allows a version.

    Raises:
        Unfit: another package would have to change as well, or the lock is written in another way than npm writes it.
    """
    packages = mapping(mapping(read_json(text)).get("packages"))
    entries = {path: mapping(entry) for path, entry in packages.items() if _is(path, entry, name, old)}
    if not entries:
        raise Unfit("the lock has no entry of it in the form of npm 7 or later")
    for path, entry in entries.items():
        if entry.get("inBundle") or entry.get("bundled"):
            raise Unfit(f"`{path}` comes in the archive of another package")
        if not path.endswith(f"node_modules/{name}"):
            raise Unfit(f"`{path}` is it under another name")
        _same_needs(name, entry, new)
        for user, wanted in _users(packages, path, name):
            if not fits(wanted, new.version):
                raise Unfit(f"`{user or 'package.json'}` wants `{name}` {wanted}, which {new.version} is not")
    others = (path for path in packages if path.endswith(f"node_modules/{name}") and path not in entries)
    alias = next((path for path in others if mapping(packages[path]).get("name", name) != name), None)
    if alias:
        raise Unfit(f"`{alias}` is another package under its name")
    return [edit for span in _blocks(text, name, old) for edit in _in_block(text, span, old, new)]


def _is(path: str, entry: object, name: str, version: str) -> bool:
    record = mapping(entry)
    own = str(record.get("name") or path.rpartition("node_modules/")[2])
    return "node_modules/" in path and own == name and record.get("version") == version and not record.get("link")


def _same_needs(name: str, entry: Mapping[str, object], new: NodeRelease) -> None:
    for key in _NEEDS:
        told = new.record.get(key)
        if key == "bin" and isinstance(told, str):
            told = {name.rpartition("/")[2]: told}
        if key == "hasInstallScript":
            told = told or bool({"preinstall", "install", "postinstall"} & mapping(new.record.get("scripts")).keys())
        if key == "dependencies":
            # The registry repeats optional ones among these; a lock does not.
            told = {
                each: wanted
                for each, wanted in mapping(told).items()
                if each not in mapping(new.record.get("optionalDependencies"))
            }
        if (entry.get(key) or None) != (told or None):
            raise Unfit(f"{new.version} has other {key} than the version that is locked, and npm has to lock it")


def _users(packages: Mapping[str, object], path: str, name: str) -> Iterator[tuple[str, str]]:
    """Who asks for the package at a place, and for what range: node looks in the nearest folder upwards."""
    for user, record in packages.items():
        entry = mapping(record)
        for key in ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies"):
            wanted = mapping(entry.get(key)).get(name)
            if wanted is not None and _found_from(packages, user, name) == path:
                yield user, str(wanted)


def _found_from(packages: Mapping[str, object], user: str, name: str) -> str | None:
    folder = user
    while True:
        place = f"{folder}/node_modules/{name}" if folder else f"node_modules/{name}"
        if place in packages:
            return place
        if not folder:
            return None
        folder = folder.rpartition("/node_modules/")[0] if "/node_modules/" in folder else ""


def _blocks(text: str, name: str, version: str) -> list[Span]:
    """The objects of the lock that are about the package at the version, in both of its forms."""
    key = rf'"(?:(?:[^"\n]*/)?node_modules/)?{re.escape(name)}"'
    pattern = re.compile(rf"^(?P<indent>[ \t]+){key}: \{{\n(?P<body>.*?)^(?P=indent)\}}", re.MULTILINE | re.DOTALL)
    found = [Span(*match.span("body")) for match in pattern.finditer(text)]
    kept = [span for span in found if _value(text, span, "version", version) is not None]
    if not kept:
        raise Unfit("the lock is written in another way than npm writes it")
    return kept


def _value(text: str, block: Span, key: str, value: str | None) -> Span | None:
    """Where a key's value stands, at the block's own level."""
    body = text[block.start : block.end]
    depth = re.match(r"[ \t]*", body)
    indent = depth[0] if depth else ""
    wanted = re.escape(value) if value is not None else r"[^\"\n]*"
    match = re.search(rf'^{indent}"{key}": "(?P<value>{wanted})"', body, re.MULTILINE)
    return Span(block.start + match.start("value"), block.start + match.end("value")) if match else None


def _in_block(text: str, block: Span, old: str, new: NodeRelease) -> Iterator[Edit]:
    places = [
        (_value(text, block, "version", old), new.version), (_value(text, block, "resolved", None), new.resolved),
        (_value(text, block, "integrity", None), new.integrity),
    ]  # fmt: skip
    for place, value in places:
        if place is None:
            raise Unfit("the lock says neither where it comes from nor its hash")
        yield Edit(place, value)
