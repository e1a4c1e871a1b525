"""Reading a folder, once, without following links out of it."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

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


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file's text cannot be had."""

    reason: str


class Tree(Protocol):
    """A folder as the fleet sees it: a disk, or a revision."""

    @property
    def entries(self) -> Mapping[str, Entry]: ...

    @property
    def problems(self) -> Mapping[str, str]: ...

    @property
    def memo(self) -> dict[tuple[str, ...], object]:
        """What has been derived from the tree, by names of whoever derives it: thirty contexts may share one view."""
        ...

    def read(self, path: str) -> Source | Unreadable: ...


class DiskTree:
    """A folder on disk. Links are listed and never followed, so a loop of them cannot catch the walk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._problems: dict[str, str] = {}
        self._entries: dict[str, Entry] | None = None
        self._cache: dict[str, Source | Unreadable] = {}
        self.memo: dict[tuple[str, ...], object] = {}

    @property
    def problems(self) -> Mapping[str, str]:
        """Folders that could not be listed, with the reason."""
        _ = self.entries
        return self._problems

    @property
    def entries(self) -> Mapping[str, Entry]:
        """Everything below the root in sorted order, version control's own folders left out."""
        if self._entries is None:
            self._entries = self._walk()
        return self._entries

    def _walk(self) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        pending = [""]
        while pending:
            folder = pending.pop()
            for entry in self._list(folder):
                found[entry.path] = entry
                if entry.kind == "dir" and entry.path.rpartition("/")[2] not in _SKIPPED_DIRECTORIES:
                    pending.append(entry.path)
        return dict(sorted(found.items()))

    def _list(self, folder: str) -> list[Entry]:
        try:
            with os.scandir(self.root / folder) as names:
                return [entry for name in names if (entry := _entry(folder, name)) is not None]
        except OSError as error:
            self._problems[folder or "."] = error.strerror or str(error)
            return []

    def read(self, path: str) -> Source | Unreadable:
        if path not in self._cache:
            self._cache[path] = self._read(path)
        return self._cache[path]

    def _read(self, path: str) -> Source | Unreadable:
        file = self.root / path
        try:
            if not file.resolve().is_relative_to(self.root.resolve()):
                return Unreadable("is a link that leads out of the folder")
            if not stat.S_ISREG(file.stat().st_mode):
                return Unreadable("is not a regular file")
            if file.stat().st_size > MAX_FILE_BYTES:
                return Unreadable(f"is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB")
            data = file.read_bytes()
        except (OSError, RuntimeError) as error:
            return Unreadable(getattr(error, "strerror", None) or str(error))
        if b"\0" in data:
            return Unreadable("is binary, not text")
        return Source.from_bytes(path, data)


def _entry(folder: str, name: "os.DirEntry[str]") -> Entry | None:
    path = f"{folder}/{name.name}" if folder else name.name
    try:
        info = name.stat(follow_symlinks=False)
    except OSError:
        return None
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link"}
    return Entry(path, kinds.get(stat.S_IFMT(info.st_mode), "other"), info.st_size, stat.S_IMODE(info.st_mode))


class MemoryTree:
    """A folder that exists only in memory: for rule examples, and for text that comes from standard input."""

    def __init__(self, files: Mapping[str, str], sizes: Mapping[str, int] | None = None) -> None:
        """`sizes` are bytes that files shall have instead of their text's."""
        self._files = dict(files)
        self._sizes = sizes or {}
        self.memo: dict[tuple[str, ...], object] = {}
        self._entries = dict(sorted(self._listed()))

    @property
    def entries(self) -> Mapping[str, Entry]:
        return self._entries

    @property
    def problems(self) -> Mapping[str, str]:
        return {}

    def _listed(self) -> list[tuple[str, Entry]]:
        found = {path: Entry(path, "file", self._sizes.get(path, len(text)), 0o644) for path, text in self._files.items()}
        for path in self._files:
            parts = path.split("/")
            for length in range(1, len(parts)):
                folder = "/".join(parts[:length])
                found[folder] = Entry(folder, "dir", 0, 0o755)
        return list(found.items())

    def read(self, path: str) -> Source | Unreadable:
        text = self._files.get(path)
        return Unreadable("does not exist") if text is None else Source(path, text)


class OverlayTree:
    """A tree in which some files have another text, are new, or are gone."""

    def __init__(self, base: Tree, texts: Mapping[str, str | None]) -> None:
        self._base = base
        self._texts = dict(texts)
        self.memo: dict[tuple[str, ...], object] = {}
        self._new = MemoryTree({path: text for path, text in self._texts.items() if text is not None})
        self._entries = dict(sorted(self._merged()))

    @property
    def entries(self) -> Mapping[str, Entry]:
        return self._entries

    @property
    def problems(self) -> Mapping[str, str]:
        return self._base.problems

    def _merged(self) -> list[tuple[str, Entry]]:
        """A file that only has another text stays what it is: a script without an extension is one by its mode."""
        found = {path: entry for path, entry in self._base.entries.items() if path not in self._texts}
        for path, entry in self._new.entries.items():
            before = self._base.entries.get(path)
            if path in self._texts and before is not None and before.kind in {"file", "link"}:
                found[path] = replace(entry, kind=before.kind, mode=before.mode)
            else:
                found.setdefault(path, entry)
        return list(found.items())

    def read(self, path: str) -> Source | Unreadable:
        return self._new.read(path) if path in self._texts else self._base.read(path)
