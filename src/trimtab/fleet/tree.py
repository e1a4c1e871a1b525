"""Reading a folder, once, without following links out of it."""

import hashlib
import os
import stat
from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeVar, cast, overload

from trimtab.listing import list_folder
from trimtab.text import Source

MAX_FILE_BYTES = 4 * 1024 * 1024
"""A larger Dockerfile, compose file or manifest is not one; reading it whole would only cost memory."""

_SKIPPED_DIRECTORIES = frozenset({".git", ".trimtab", ".hg", ".svn"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in the tree; `path` is relative to the root with `/` on every system."""

    path: str
    kind: str
    """`file`, `dir`, `link` or `other`."""
    size: int = 0
    mode: int = 0
    stamp: int = field(default=0, compare=False, repr=False)
    """Another number once the file was written or replaced; 0 where there is nothing to tell it by."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file's text cannot be had."""

    reason: str


class Tree(Protocol):
    """A folder as the fleet sees it: a disk, or a revision."""

    name: str
    """What the folder is called; empty where it has no name."""

    @property
    def entries(self) -> Mapping[str, Entry]:
        """Everything below the root in sorted order. Asking for one path looks only where it stands; going through all of
        them looks everywhere."""
        ...

    @property
    def problems(self) -> Mapping[str, str]:
        """Folders that could not be listed, of those that were looked into, with the reason."""
        ...

    @property
    def closed(self) -> Set[str]:
        """Folders that hold nothing of the fleet's own: those that git ignores. What a build sees of them can be asked for."""
        ...

    @property
    def memo(self) -> dict[tuple[object, ...], object]:
        """What has been derived from the tree, by names of whoever derives it: thirty contexts may share one view."""
        ...

    def folder(self, path: str) -> Sequence[Entry]:
        """What stands in a folder, in no order; nothing where there is no such folder."""
        ...

    def read(self, path: str) -> Source | Unreadable: ...

    def peek(self, path: str) -> Source | Unreadable:
        """The same, for somebody who looks once into very many files: it is not kept in memory."""
        ...


def below(tree: Tree, root: str, enters: Callable[[str], bool]) -> list[Entry]:
    """Everything below a folder in sorted order, without what stands in folders that `enters` says no of.

    This is what keeps a million installed files from being looked at when nobody wants to know them.
    """
    found: list[Entry] = []
    pending = [root]
    while pending:
        for entry in tree.folder(pending.pop()):
            found.append(entry)
            if entry.kind == "dir" and enters(entry.path):
                pending.append(entry.path)
    return sorted(found, key=lambda entry: entry.path)


_T = TypeVar("_T")

INSTALLED = frozenset({"node_modules", ".venv", "venv", "vendor", "site-packages"})
"""Folders of what package managers have put there: nothing in them is the fleet's own, whatever it is called."""


def is_own(tree: Tree, folder: str) -> bool:
    """Whether a folder may hold something of the fleet's own: neither a package manager's, nor one that git ignores."""
    return folder not in tree.closed and folder.rpartition("/")[2] not in INSTALLED


def own_entries(tree: Tree) -> Sequence[Entry]:
    """Everything in sorted order but for what stands in nobody's own folders; those themselves are listed, not opened."""
    key = ("own entries",)
    if key not in tree.memo:
        tree.memo[key] = below(tree, "", lambda path: is_own(tree, path))
    return cast("Sequence[Entry]", tree.memo[key])


_TOOLS = INSTALLED | {".tox", "__pycache__"}


def own_files(tree: Tree) -> Sequence[tuple[str, Entry]]:
    """The fleet's own files and links in sorted order, each behind its name without folders; none of a tool's or a cache's."""
    key = ("own files",)
    if key not in tree.memo:
        tree.memo[key] = [
            (entry.path.rpartition("/")[2], entry)
            for entry in own_entries(tree)
            if entry.kind in {"file", "link"} and _TOOLS.isdisjoint(entry.path.split("/")[:-1])
        ]
    return cast("Sequence[tuple[str, Entry]]", tree.memo[key])


class _Entries(Mapping[str, Entry]):
    """A tree's entries by path, each looked up in the folder that it stands in."""

    def __init__(self, one: Callable[[str], Entry | None], every: Callable[[], Mapping[str, Entry]]) -> None:
        self._one = one
        self._every = every

    def __getitem__(self, path: str) -> Entry:
        entry = self._one(path)
        if entry is None:
            raise KeyError(path)
        return entry

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self._one(path) is not None

    @overload
    def get(self, key: str, /) -> Entry | None: ...
    @overload
    def get(self, key: str, /, default: "Entry | _T") -> "Entry | _T": ...
    def get(self, key: str, /, default: object = None) -> object:
        # Without the exception that the inherited one goes by: most paths that a rule asks for are not there.
        entry = self._one(key)
        return default if entry is None else entry

    def items(self) -> ItemsView[str, Entry]:
        return self._every().items()

    def __iter__(self) -> Iterator[str]:
        return iter(self._every())

    def __len__(self) -> int:
        return len(self._every())


class DiskTree:
    """A folder on disk. Links are listed and never followed, so a loop of them cannot catch the walk.

    Each folder is listed once, when something first asks for it, and each text is read once.
    """

    def __init__(self, root: Path, closed: Set[str] = frozenset()) -> None:
        self.root = root
        self.name = Path(os.path.abspath(root)).name
        self.closed = closed
        self._root = str(root)
        self._resolved: Path | None = None
        self._problems: dict[str, str] = {}
        self._known: dict[str, Entry] = {}
        self._listed: dict[str, tuple[Entry, ...]] = {}
        self._every: dict[str, Entry] | None = None
        self._cache: dict[str, Source | Unreadable] = {}
        self._peeked: dict[str, str | None] = {}
        self.memo: dict[tuple[object, ...], object] = {}
        self._entries = _Entries(self._entry, self._all)

    @property
    def problems(self) -> Mapping[str, str]:
        return self._problems

    @property
    def listed(self) -> Mapping[str, Sequence[Entry]]:
        """Every folder that was looked into so far, with what stands in it."""
        return self._listed

    @property
    def entries(self) -> Mapping[str, Entry]:
        """Everything below the root in sorted order; what version control's own folders hold is left out."""
        return self._entries

    @property
    def texts(self) -> Mapping[str, Source | Unreadable]:
        """Every file that was read so far."""
        return self._cache

    @property
    def peeked(self) -> Mapping[str, str | None]:
        """The files that somebody has looked into without keeping their texts, with the SHA-256 of what they said."""
        return self._peeked

    def folder(self, path: str) -> Sequence[Entry]:
        """What stands in a folder; nothing for version control's own."""
        listed = self._listed.get(path)
        if listed is None:
            if not self._may_list(path):
                return ()
            listed = self._listed[path] = self._list(path)
            self._known.update((entry.path, entry) for entry in listed)
        return listed

    def _may_list(self, path: str) -> bool:
        if not path:
            return True
        entry = self._entry(path)
        return entry is not None and entry.kind == "dir" and path.rpartition("/")[2] not in _SKIPPED_DIRECTORIES

    def _entry(self, path: str) -> Entry | None:
        entry = self._known.get(path)
        if entry is not None or path.rpartition("/")[0] in self._listed:
            return entry
        # From the root downwards, so that a path of ten thousand parts that is not there ends at its first one.
        self.folder("")
        at = path.find("/")
        while at >= 0 and path[:at] in self._known:
            self.folder(path[:at])
            at = path.find("/", at + 1)
        return self._known.get(path)

    def _all(self) -> Mapping[str, Entry]:
        if self._every is None:
            self._every = {entry.path: entry for entry in below(self, "", lambda _: True)}
        return self._every

    def _list(self, folder: str) -> tuple[Entry, ...]:
        prefix = f"{folder}/" if folder else ""
        try:
            rows = list_folder(f"{self._root}/{folder}")
        except OSError as error:
            self._problems[folder or "."] = error.strerror or str(error)
            return ()
        return tuple(Entry(prefix + name, kind, size, mode, stamp) for name, kind, mode, size, stamp in rows)

    def read(self, path: str) -> Source | Unreadable:
        if path not in self._cache:
            self._cache[path] = self._read(path)
        return self._cache[path]

    def peek(self, path: str) -> Source | Unreadable:
        if path in self._cache:
            return self._cache[path]
        found = self._read(path)
        self._peeked[path] = None if isinstance(found, Unreadable) else hashlib.sha256(found.to_bytes()).hexdigest()
        return found

    def _read(self, path: str) -> Source | Unreadable:
        try:
            data = self._bytes(path)
        except (OSError, RuntimeError) as error:
            return Unreadable(getattr(error, "strerror", None) or str(error))
        if isinstance(data, Unreadable):
            return data
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return Unreadable("is written in UTF-16, which is not read")
        if b"\0" in data:
            return Unreadable("is binary, not text")
        return Source.from_bytes(path, data)

    def _bytes(self, path: str) -> bytes | Unreadable:
        entry = self._entry(path)
        if entry is not None and entry.kind == "file":
            # Only through a link can a path lead out: what was listed as a file stands in folders that were walked.
            return _content(f"{self._root}/{path}")
        real = (self.root / path).resolve()
        self._resolved = self._resolved or self.root.resolve()
        if not real.is_relative_to(self._resolved):
            return Unreadable("is a link that leads out of the folder")
        # Before it is opened: opening a device can do things.
        return _content(str(real)) if stat.S_ISREG(os.lstat(real).st_mode) else _NOT_REGULAR


_NOT_REGULAR = Unreadable("is not a regular file")
_READING = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def _content(path: str) -> bytes | Unreadable:
    """The bytes of a regular file; a pipe that has taken its place is not waited for, nor a link followed."""
    handle = os.open(path, _READING)
    try:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            return _NOT_REGULAR
        if info.st_size > MAX_FILE_BYTES:
            return Unreadable(f"is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB")
        # One byte more than it should have, so that one call sees its end; a file that grows is read on.
        parts = [os.read(handle, info.st_size + 1)]
        while parts[-1] and len(parts[0]) != info.st_size:
            parts.append(os.read(handle, MAX_FILE_BYTES))
        return b"".join(parts)
    finally:
        os.close(handle)


class MemoryTree:
    """A folder that exists only in memory: for rule examples, and for text that comes from standard input."""

    def __init__(self, files: Mapping[str, str], sizes: Mapping[str, int] | None = None) -> None:
        """`sizes` are bytes that files shall have instead of their text's."""
        self._files = {path: Source(path, text) for path, text in files.items()}
        self._sizes = sizes or {}
        self.name = ""
        self.closed: Set[str] = frozenset()
        self.memo: dict[tuple[object, ...], object] = {}
        self._entries = dict(sorted(self._listed()))
        self._folders: dict[str, list[Entry]] = {}
        for path, entry in self._entries.items():
            self._folders.setdefault(path.rpartition("/")[0], []).append(entry)

    @property
    def entries(self) -> Mapping[str, Entry]:
        return self._entries

    @property
    def problems(self) -> Mapping[str, str]:
        return {}

    def _listed(self) -> list[tuple[str, Entry]]:
        found = {
            path: Entry(path, "file", self._sizes.get(path, len(source.text)), 0o644) for path, source in self._files.items()
        }
        for path in self._files:
            parts = path.split("/")
            for length in range(1, len(parts)):
                folder = "/".join(parts[:length])
                found[folder] = Entry(folder, "dir", 0, 0o755)
        return list(found.items())

    def folder(self, path: str) -> Sequence[Entry]:
        return self._folders.get(path, ())

    def read(self, path: str) -> Source | Unreadable:
        return self._files.get(path) or Unreadable("does not exist")

    def peek(self, path: str) -> Source | Unreadable:
        return self.read(path)


class OverlayTree:
    """A tree in which some files have another text, are new, or are gone."""

    def __init__(self, base: Tree, texts: Mapping[str, str | None]) -> None:
        self._base = base
        self.name = base.name
        self.closed = base.closed
        self._texts = dict(texts)
        self.memo: dict[tuple[object, ...], object] = {}
        self._new = MemoryTree({path: text for path, text in self._texts.items() if text is not None})
        self._every: dict[str, Entry] | None = None
        self._entries = _Entries(self._entry, self._all)

    @property
    def entries(self) -> Mapping[str, Entry]:
        return self._entries

    @property
    def problems(self) -> Mapping[str, str]:
        return self._base.problems

    def _entry(self, path: str) -> Entry | None:
        """A file that only has another text stays what it is: a script without an extension is one by its mode."""
        before, now = self._base.entries.get(path), self._new.entries.get(path)
        if path not in self._texts:
            return before or now
        if now is not None and before is not None and before.kind in {"file", "link"}:
            return replace(now, kind=before.kind, mode=before.mode)
        return now

    def _all(self) -> Mapping[str, Entry]:
        if self._every is None:
            paths = sorted({*self._base.entries, *self._new.entries})
            self._every = {path: entry for path in paths if (entry := self._entry(path)) is not None}
        return self._every

    def folder(self, path: str) -> Sequence[Entry]:
        new = self._new.folder(path)
        old = [entry for entry in self._base.folder(path) if entry.path not in self._texts]
        known = {entry.path for entry in old}
        return [*old, *(found for entry in new if entry.path not in known and (found := self._entry(entry.path)))]

    def read(self, path: str) -> Source | Unreadable:
        return self._new.read(path) if path in self._texts else self._base.read(path)

    def peek(self, path: str) -> Source | Unreadable:
        return self._new.read(path) if path in self._texts else self._base.peek(path)
