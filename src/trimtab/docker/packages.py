"""Which packages an image holds: dpkg, apk and rpm databases, Python distributions, Node packages."""

import posixpath
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from trimtab.syntax.data import read_json

_DATABASES = (
    r"^/var/lib/dpkg/status(\.d/.*)?$|^(/usr)?/lib/apk/db/installed$|^/(var/lib|usr/lib/sysimage)/rpm/(rpmdb\.sqlite|Packages(\.db)?)$"
    r"|/node_modules/(@[^/]+/)?[^/]+/package\.json$"
)
DATABASES = re.compile(_DATABASES)
"""The files whose content says which packages there are."""
KEPT = re.compile(_DATABASES + r"|^/var/lib/dpkg/info/.*\.list$|^/etc/(passwd|ld\.so\.cache)$")
"""Those, and the files that say whose paths are whose."""
_DISTRIBUTION = re.compile(
    r"(?:^|/)(?P<root>(?P<name>[A-Za-z0-9._]+)-(?P<version>[^-/]+?)(?:-py[\d.]+(?:-[\w.-]+)?)?\.)"
    r"(?:dist-info/METADATA|egg-info(?:/PKG-INFO)?|egg(?:/EGG-INFO/PKG-INFO)?)$"
)
_NAME, _VERSION, _RELEASE, _EPOCH, _SOURCE, _DIRINDEXES, _BASENAMES, _DIRNAMES = 1000, 1001, 1002, 1003, 1044, 1116, 1117, 1118
"""Tags of rpm's headers (rpm's documentation, "Tags")."""
_SOURCE_RPM = re.compile(r"^(?P<name>.+)-(?P<version>[^-]+)-(?P<release>[^-]+)\.(?:no)?src\.rpm$")


@dataclass(frozen=True, slots=True)
class Distribution:
    """One installed package of a language, and the file that says so."""

    kind: str
    """`pip` or `npm`."""
    name: str
    version: str
    path: str


@dataclass
class Packages:
    """What was found."""

    system: dict[str, str] = field(default_factory=dict[str, str])
    sources: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """The source package, and its version, that each system package was built from; its own where nothing else is said."""
    distributions: tuple[Distribution, ...] = ()
    owners: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    libraries: dict[str, str] = field(default_factory=dict[str, str])
    unread: str | None = None
    damaged: tuple[str, ...] = ()
    """Records of languages' packages that could not be read."""
    recommends: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])


def read_packages(kept: Mapping[str, bytes], paths: Iterable[str]) -> Packages:
    """The packages that the kept files name; `paths` are all paths of the image."""
    found = Packages()
    for path, content in kept.items():
        name = posixpath.basename(path)
        if path.endswith("/package.json") or path.startswith("/etc/"):
            continue
        if "/dpkg/status" in path:
            _dpkg(content.decode("utf-8", "replace"), found)
        elif name.endswith(".list"):
            lines = content.decode("utf-8", "replace").splitlines()
            found.owners[name.removesuffix(".list").partition(":")[0]] = frozenset(_merged_usr(line) for line in lines)
        elif "/apk/" in path:
            _apk(content.decode("utf-8", "replace"), found)
        else:
            _rpm(path, content, found)
    found.distributions = (*_python(paths), *_node(kept, damaged := list[str]()))
    found.damaged = tuple(damaged)
    found.libraries = _joined(found.distributions)
    return found


def _joined(distributions: Iterable[Distribution]) -> dict[str, str]:
    """Every name with all its versions: Node has several of one package as a matter of course."""
    versions: dict[str, set[str]] = {}
    for each in distributions:
        versions.setdefault(f"{each.kind} {each.name}", set()).add(each.version)
    return {name: ", ".join(sorted(versions[name])) for name in sorted(versions)}


def _python(paths: Iterable[str]) -> Iterator[Distribution]:
    seen = set[str]()
    for path in paths:
        match = _DISTRIBUTION.search(path) if "-info" in path or ".egg" in path else None
        # An egg is a file, or a folder that has what tells: one of both is enough.
        root = path[: match.end("root")] if match else ""
        if match and root not in seen:
            seen.add(root)
            yield Distribution("pip", re.sub(r"[-_.]+", "-", match["name"]).lower(), match["version"], path)


def eggs(paths: Iterable[str]) -> Iterator[Distribution]:
    """The Python distributions that are eggs, by their paths."""
    return _python(path for path in paths if ".egg" in path and ".egg-info" not in path)


def _node(kept: Mapping[str, bytes], damaged: list[str]) -> Iterator[Distribution]:
    """A package goes by its own name; the folder has another one where it was installed under an alias."""
    for path, content in kept.items():
        if not path.endswith("/package.json"):
            continue
        try:
            data = read_json(content)
        except ValueError:
            damaged.append(path)
            continue
        if isinstance(data, dict):
            record = cast("dict[str, object]", data)
            folder = path.rpartition("/node_modules/")[2].removesuffix("/package.json")
            yield Distribution("npm", str(record.get("name") or folder), str(record.get("version", "")), path)


def _dpkg(text: str, found: Packages) -> None:
    for record in _records(text):
        # `triggers-pending` and `unpacked` have their files there as well.
        if record.get("Status", "").rpartition(" ")[2] not in {"config-files", "not-installed"}:
            name, version = record["Package"], record.get("Version", "")
            found.system[name] = version
            found.sources[name] = _dpkg_source(record.get("Source", ""), name, version)
            wanted = re.split(r"[,|]", record.get("Recommends", ""))
            names = frozenset(re.split(r"[\s(:]", each.strip())[0] for each in wanted if each.strip())
            found.recommends[name] = names


def _dpkg_source(field: str, name: str, version: str) -> tuple[str, str]:
    """`Source: glibc`, or `Source: gcc-12 (12.2.0-14)` where its version differs; absent when both are the same."""
    source, _, other = field.partition(" ")
    return source or name, other.strip(" ()") or version


def _records(text: str) -> Iterator[dict[str, str]]:
    for block in text.split("\n\n"):
        pairs = (line.partition(": ") for line in block.splitlines() if not line.startswith(" "))
        record = {key: value for key, _, value in pairs}
        if "Package" in record:
            yield record


def _merged_usr(path: str) -> str:
    """dpkg lists `/lib/x`; on a merged-/usr system the file is `/usr/lib/x`."""
    first = path.split("/")[1] if path.count("/") else ""
    return "/usr" + path if first in {"bin", "sbin", "lib", "lib64", "lib32", "libx32"} else path


def _apk(text: str, found: Packages) -> None:
    for block in text.split("\n\n"):
        name, version, origin, folder, paths = "", "", "", "", set[str]()
        for line in block.splitlines():
            key, _, value = line.partition(":")
            if key == "P":
                name = value
            elif key == "V":
                version = value
            elif key == "o":
                origin = value
            elif key == "F":
                folder = value
            elif key == "R":
                paths.add(f"/{folder}/{value}" if folder else f"/{value}")
        if name:
            found.system[name] = version
            found.sources[name] = (origin or name, version)
            found.owners[name] = frozenset(paths)


def _rpm(path: str, content: bytes, found: Packages) -> None:
    """rpm's SQLite database: one header a row (since rpm 4.16). The older formats are said to be unread."""
    if not path.endswith(".sqlite"):
        found.unread = f"`{path}` is an rpm database of an older format, which is not read"
        return
    # Imported here: every command asks the engine or git through this package, and few look into an image of an rpm system.
    import sqlite3

    try:
        connection = sqlite3.connect(":memory:")
        # Bytes 18 and 19 say that a write-ahead log goes with the file; a copy in memory has none (SQLite's file format).
        connection.deserialize(content[:18] + b"\x01\x01" + content[20:])
        headers = [cast("bytes", row[0]) for row in connection.execute("SELECT blob FROM Packages")]
        connection.close()
        for header in headers:
            _header(header, found)
    except (sqlite3.Error, struct.error, IndexError, UnicodeDecodeError, TypeError) as error:
        found.unread = f"`{path}` cannot be read: {error}"


def _header(blob: bytes, found: Packages) -> None:
    """One rpm header: two counts, an index of 16 bytes an entry, then the data."""
    count, _ = struct.unpack(">II", blob[:8])
    data = blob[8 + 16 * count :]
    tags: dict[int, list[str] | list[int]] = {}
    for number in range(count):
        tag, kind, offset, items = struct.unpack(">IIII", blob[8 + 16 * number : 24 + 16 * number])
        if tag in {_NAME, _VERSION, _RELEASE, _SOURCE, _BASENAMES, _DIRNAMES}:
            tags[tag] = [part.decode() for part in data[offset:].split(b"\0", items)[:items]]
        elif tag in {_DIRINDEXES, _EPOCH} and kind == 4:
            tags[tag] = list(struct.unpack(f">{items}I", data[offset : offset + 4 * items]))
    name = str(tags[_NAME][0]) if _NAME in tags else ""
    if name and name != "gpg-pubkey":
        version = "-".join(str(tags[tag][0]) for tag in (_VERSION, _RELEASE) if tag in tags)
        source = _SOURCE_RPM.match(str(tags[_SOURCE][0])) if _SOURCE in tags else None
        # An epoch is part of the version that advisories compare with, and the source's name does not carry it.
        epoch = f"{tags[_EPOCH][0]}:" if _EPOCH in tags else ""
        found.sources[name] = (source["name"] if source else name, epoch + version)
        folders = cast("list[str]", tags.get(_DIRNAMES, []))
        indexes = cast("list[int]", tags.get(_DIRINDEXES, []))
        files = zip(indexes, cast("list[str]", tags.get(_BASENAMES, [])), strict=False)
        found.system[name] = version
        found.owners[name] = frozenset(_merged_usr(folders[index] + base) for index, base in files)
