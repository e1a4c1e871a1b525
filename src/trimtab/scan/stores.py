"""Where advisories come from: a folder or an archive of OSV documents, or the OSV API."""

import hashlib
import json
import os
import sqlite3
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import platformdirs

from trimtab.errors import UsageError
from trimtab.fleet.plain import items
from trimtab.scan.advisory import Advisory, read_advisory
from trimtab.scan.data import read_yaml
from trimtab.scan.match import Key
from trimtab.scan.packages import Package, advisory_key
from trimtab.syntax.data import read_json

_SUFFIXES = (".json", ".yaml", ".yml")
_PACKED = (".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst", ".json.gz", ".json.zst")
"""Archives that are not read."""
_NOT_TOLD = "is an archive that is not read here: a folder or a zip of documents, or of such zips, is"
_LARGEST = 64 * 1024 * 1024
"""Bytes of one document. The largest of OSV's own, for the Linux kernel, has a few."""
_MOST_BYTES = 8 * 1024 * 1024 * 1024
"""Bytes that an archive may unpack to; npm's whole collection has about two thousand million."""
_SCHEMA = """
CREATE TABLE documents (number INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE names (ecosystem TEXT NOT NULL, name TEXT NOT NULL, modified TEXT NOT NULL, document INTEGER NOT NULL);
CREATE INDEX by_name ON names (name, ecosystem);
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_FORMAT = "4"


@dataclass(frozen=True)
class Known:
    """What a store answered."""

    source: str
    advisories: Mapping[Key, Sequence[Advisory]]
    unanswered: Mapping[str, str]
    """Ecosystems of which it knows nothing, to the reason; what belongs to them was not checked."""
    as_of: datetime | None
    """When the newest document was modified of the ecosystem whose newest is the oldest, among those that were asked about;
    None where it answers from today."""
    unread: tuple[str, ...] = ()
    """Documents that could not be read, with the reason."""


class Store(Protocol):
    """A source of advisories."""

    async def ask(self, packages: Collection[Package]) -> Known:
        """Every advisory that may concern one of the packages.

        Raises:
            UsageError: the store is not there, or holds no advisory.
        """
        ...


def wanted(packages: Iterable[Package]) -> dict[str, set[str]]:
    """The names that packages are filed under, by ecosystem."""
    found: dict[str, set[str]] = {}
    for package in packages:
        if package.ecosystem:
            ecosystem, name = advisory_key(package.ecosystem, package.advised[0])
            found.setdefault(ecosystem, set()).add(name)
    return found


class Folder:
    """Advisories in files below one folder, in one archive, or in archives below a folder.

    It is read once into an index in the user's cache, which is made anew when a file changes.
    """

    def __init__(self, path: Path, *, cache: Path | None = None) -> None:
        self.path = path
        self._cache = cache or Path(platformdirs.user_cache_dir("trimtab")) / "advisories"

    async def ask(self, packages: Collection[Package]) -> Known:
        # Reading is work for the processor; whoever asks has nothing else to do meanwhile.
        with closing(self._index()) as index:
            newest = index.execute("SELECT ecosystem, max(modified) FROM names GROUP BY ecosystem")
            covered = {str(ecosystem): str(modified) for ecosystem, modified in newest}
            kept = read_json(index.execute("SELECT value FROM facts WHERE key = 'unread'").fetchone()[0])
            unread = tuple(str(each) for each in items(kept))
            names = wanted(packages)
            found = {key: _documents(index, key) for ecosystem in names for key in _keys(ecosystem, names[ecosystem])}
        missing = {each for each in names if each not in covered and each.partition(":")[0] not in covered}
        ages = [covered[known] for each in names for known in (each, each.partition(":")[0]) if known in covered]
        reason = f"`{self.path}` has no advisories for it"
        return Known(
            str(self.path), {key: documents for key, documents in found.items() if documents},
            dict.fromkeys(sorted(missing), reason), read_time(min(ages)) if ages else None, unread,
        )  # fmt: skip

    def _index(self) -> sqlite3.Connection:
        unread: list[str] = []
        files = list(_files(self.path, unread))
        state = "\n".join(f"{file.relative_to(self.path.parent)} {stat.st_size} {stat.st_mtime_ns}" for file, stat in files)
        key = hashlib.sha256(f"{_FORMAT}\n{self.path.resolve()}\n{state}".encode()).hexdigest()[:32]
        kept = self._cache / f"{key}.db"
        if kept.exists():
            with suppress(sqlite3.Error):
                index = sqlite3.connect(f"file:{kept}?mode=ro", uri=True)
                index.execute("SELECT value FROM facts WHERE key = 'unread'").fetchone()
                return index
        return self._made([file for file, _ in files], kept, unread)

    def _made(self, files: Sequence[Path], kept: Path, unread: list[str]) -> sqlite3.Connection:
        """The index, kept in the cache where that can be written, else in memory."""
        temporary = kept.with_suffix(f".{os.getpid()}")
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)
            index = sqlite3.connect(temporary)
            _fill(index, files, self.path, unread)
        except UsageError:
            temporary.unlink(missing_ok=True)
            raise
        except (OSError, sqlite3.Error):
            index = sqlite3.connect(":memory:")
            _fill(index, files, self.path, unread)
            return index
        temporary.replace(kept)
        return index


def _files(path: Path, unread: list[str]) -> Iterator[tuple[Path, os.stat_result]]:
    """The documents and archives below a path, links not followed, in order."""
    if not path.exists():
        raise UsageError(f"`{path}` does not exist. Give a folder or a zip of OSV documents, or `osv` for the API.")
    if path.is_file():
        yield path, path.stat()
        return
    for folder, folders, names in os.walk(path, onerror=lambda error: unread.append(f"{error.filename}: {error.strerror}")):
        folders[:] = sorted(each for each in folders if not _of_tools(each))
        for name in sorted(names):
            file = Path(folder, name)
            if _of_tools(name) or not name.lower().endswith((*_SUFFIXES, *_PACKED, ".zip")):
                continue
            if file.is_symlink():
                unread.append(f"{file}: is a link, and links are not followed")
            elif file.is_file():
                yield file, file.stat()


def _of_tools(path: str) -> bool:
    """Whether a file, or a folder, is of git, a host's automation or a desktop, by its path below the root: collections come
    as whole repositories, and what those have for themselves is no document that could not be read."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))


def _fill(index: sqlite3.Connection, files: Iterable[Path], root: Path, unread: list[str]) -> None:
    """Read all documents into an empty index.

    Raises:
        UsageError: there is no advisory among them.
    """
    index.executescript(_SCHEMA)
    number = 0
    newest: dict[str, tuple[str, int]] = {}
    for where, content in _texts(files, unread):
        try:
            data = _plain(where, content)
            advisory = read_advisory(data)
            modified = _modified(advisory.modified)
            rows = [(*advisory_key(part.ecosystem, part.name), modified) for part in advisory.affected if part.ecosystem]
            text = json.dumps(data, default=str)
        except (ValueError, TypeError, RecursionError) as error:
            unread.append(f"{where}: {str(error).partition(chr(10))[0]}")
            continue
        # Two collections of different days may have one document twice; the older one may lack that it was withdrawn.
        if newest.get(advisory.id, ("", 0))[0] > modified:
            continue
        number += 1
        newest[advisory.id] = (modified, number)
        index.execute("INSERT INTO documents VALUES (?, ?)", (number, text))
        index.executemany("INSERT INTO names VALUES (?, ?, ?, ?)", [(*row, number) for row in sorted(set(rows))])
    if number == 0:
        detail = f" ({unread[0]})" if unread else ""
        raise UsageError(f"`{root}` holds no OSV document{detail}. Give a folder or a zip of them.")
    kept = ((each,) for _, each in newest.values())
    index.execute("CREATE TEMP TABLE kept (number INTEGER PRIMARY KEY)")
    index.executemany("INSERT INTO kept VALUES (?)", kept)
    index.execute("DELETE FROM names WHERE document NOT IN (SELECT number FROM kept)")
    index.execute("INSERT INTO facts VALUES (?, ?)", ("unread", json.dumps(unread)))
    index.commit()


def _modified(text: str) -> str:
    """When a document was modified, in one spelling that sorts as text.

    Raises:
        ValueError: it does not say, or names a time that has not come yet: its age would not be known.
    """
    found = read_time(text)
    if found is None:
        raise ValueError("it does not say when it was modified")
    if found > datetime.now(UTC) + timedelta(days=1):
        raise ValueError("it says that it was modified at a time that has not come yet")
    return found.astimezone(UTC).isoformat(timespec="seconds")


def _texts(files: Iterable[Path], unread: list[str]) -> Iterator[tuple[str, bytes]]:
    for file in files:
        try:
            if file.suffix.lower() == ".zip":
                yield from _unpacked(file, unread)
            elif file.name.lower().endswith(_PACKED):
                unread.append(f"{file}: {_NOT_TOLD}")
            elif file.stat().st_size > _LARGEST:
                unread.append(f"{file}: is larger than {_LARGEST // 1024 // 1024} MiB")
            else:
                yield str(file), file.read_bytes()
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            unread.append(f"{file}: {error}")


def _unpacked(file: Path, unread: list[str]) -> Iterator[tuple[str, bytes]]:
    left = _MOST_BYTES
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            name = member.filename.lower()
            if _of_tools(name) or not name.endswith((*_SUFFIXES, *_PACKED, ".zip")):
                continue
            if not name.endswith(_SUFFIXES):
                unread.append(f"{file}: `{member.filename}` {_NOT_TOLD}")
                continue
            left -= member.file_size
            if member.file_size > _LARGEST or left < 0:
                unread.append(f"{file}: `{member.filename}` is too large")
                continue
            with archive.open(member) as content:
                # What a header says of a size is not what comes out of it.
                yield f"{file}: {member.filename}", content.read(_LARGEST)


def _plain(where: str, content: bytes) -> object:
    text = content.decode("utf-8-sig")
    return read_json(text) if where.lower().endswith(".json") else read_yaml(text)


def _keys(ecosystem: str, names: Iterable[str]) -> list[Key]:
    return [(ecosystem, name) for name in sorted(names)]


def _documents(index: sqlite3.Connection, key: Key) -> list[Advisory]:
    """Those of the ecosystem itself, and those that name its family without a release."""
    rows = index.execute(
        "SELECT DISTINCT text FROM names JOIN documents ON number = document WHERE name = ? AND ecosystem IN (?, ?)",
        (key[1], key[0], key[0].partition(":")[0]),
    )
    return [read_advisory(read_json(row[0])) for row in rows]


def read_time(text: str) -> datetime | None:
    """A time in RFC 3339, UTC where it names no zone; None for what is none."""
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
