"""The merged file tree of an image: every path with its type, mode, owner, content, links and extended attributes."""

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import anyio.to_thread

from trimtab.docker import command as argv
from trimtab.docker.packages import KEPT, read_packages
from trimtab.docker.runner import Runner

_CHUNK = 1024 * 1024
_LARGEST_KEPT = 256 * _CHUNK
_XATTR = "SCHILY.xattr."


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One path of an image."""

    kind: str
    """`file`, `dir`, `link`, `device` or `fifo`; a hard link is a file like the one it shares its content with."""
    mode: int
    uid: int
    gid: int
    size: int = 0
    sha256: str = ""
    link: str = ""
    """Where a symbolic link points."""
    xattrs: tuple[tuple[str, str], ...] = ()
    """Extended attributes, values in hexadecimal: `security.capability` is a file's capabilities."""
    shared: str = ""
    """For files with several hard links, the first of their paths."""
    mtime: int = field(default=0, compare=False)
    """Seconds since the epoch; two builds of one Dockerfile differ in it, so entries are equal without it."""

    @property
    def executable(self) -> bool:
        return self.kind == "file" and bool(self.mode & 0o111)


@dataclass(frozen=True)
class ImageTree:
    """The merged files of an image by absolute path, and what package managers have put there."""

    entries: Mapping[str, FileEntry]
    packages: Mapping[str, str] = field(default_factory=dict[str, str])
    """System packages (dpkg, apk, rpm) by name, with their version."""
    owners: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """The paths each system package owns."""
    libraries: Mapping[str, str] = field(default_factory=dict[str, str])
    """Packages of languages, `pip flask` or `npm express`, with their versions."""
    unread: str | None = None
    """Why the package set is not known, None when it is."""
    recommends: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """What each dpkg package recommends."""
    accounts: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """User names with their numbers of user and group."""
    linkable: frozenset[str] = frozenset()
    """Names of the libraries that the linker's cache knows."""


async def read_tree(runner: Runner, image: str, run: str) -> ImageTree:
    """Every path of an image with its content's hash.

    Raises:
        CommandFailed: the engine has no such image, or no room for the export.
    """
    return await _exported(runner, image, run, read_archive)


async def search_tree(
    runner: Runner, image: str, run: str, wanted: Callable[[str], bool], search: Callable[[str, bytes], object], limit: int
) -> None:
    """Give the content of every wanted regular file of at most `limit` bytes to `search`, with its path, in a thread."""

    def scan(archive: Path) -> None:
        with tarfile.open(archive) as tar:
            for member in tar:
                path = _path(member.name)
                file = tar.extractfile(member) if member.isreg() and member.size <= limit and wanted(path) else None
                if file is not None:
                    search(path, file.read())

    await _exported(runner, image, run, scan)


_T = TypeVar("_T")


async def _exported(runner: Runner, image: str, run: str, read: Callable[[Path], _T]) -> _T:
    container = (await runner.run(argv.create(image, run))).checked().text
    with TemporaryDirectory(prefix="trimtab-") as folder:
        archive = Path(folder) / "image.tar"
        try:
            with archive.open("wb") as file:
                (await runner.stream(argv.export(container), file.write)).checked()
        finally:
            await runner.run(argv.remove(container))
        # Hashing gives the interpreter lock away, so that other experiments go on meanwhile.
        return await anyio.to_thread.run_sync(read, archive)


def read_archive(archive: Path) -> ImageTree:
    """The tree in a tar of a root file system."""
    entries: dict[str, FileEntry] = {}
    kept: dict[str, bytes] = {}
    links: dict[str, str] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            path = _path(member.name)
            sha, content = _content(tar, member)
            size = member.size if member.isreg() else 0
            link = member.linkname if member.issym() else ""
            entries[path] = FileEntry(
                _kind(member),
                member.mode & 0o7777,
                member.uid,
                member.gid,
                size,
                sha,
                link,
                _xattrs(member),
                mtime=int(member.mtime),
            )
            if member.islnk():
                links[path] = _path(member.linkname)
            if content is not None:
                kept[path] = content
    _join_links(entries, links)
    packages = read_packages(kept, entries)
    return ImageTree(
        entries, packages.system, packages.owners, packages.libraries, packages.unread,
        packages.recommends, _accounts(kept.get("/etc/passwd", b"")), _linkable(kept.get("/etc/ld.so.cache", b"")),
    )  # fmt: skip


def _accounts(passwd: bytes) -> dict[str, tuple[int, int]]:
    rows = (line.split(":") for line in passwd.decode("utf-8", "replace").splitlines())
    return {row[0]: (int(row[2]), int(row[3])) for row in rows if len(row) > 3 and row[2].isdigit() and row[3].isdigit()}


def _linkable(cache: bytes) -> frozenset[str]:
    return frozenset(name.decode() for name in re.findall(rb"/(lib[^/\0]+\.so[^/\0]*)\0", cache))


def _path(name: str) -> str:
    return "/" + name.removeprefix("./").strip("/")


def _kind(member: tarfile.TarInfo) -> str:
    if member.isreg() or member.islnk():
        return "file"
    if member.isdir():
        return "dir"
    if member.issym():
        return "link"
    return "fifo" if member.isfifo() else "device"


def _xattrs(member: tarfile.TarInfo) -> tuple[tuple[str, str], ...]:
    found = ((key.removeprefix(_XATTR), value) for key, value in member.pax_headers.items() if key.startswith(_XATTR))
    return tuple(sorted((key, value.encode("utf-8", "surrogateescape").hex()) for key, value in found))


def _join_links(entries: dict[str, FileEntry], links: Mapping[str, str]) -> None:
    """Give every hard link its file's content, and all names of one file the same `shared` name.

    Which of the names a tar lists as the file and which as links is chance.
    """
    groups: dict[str, list[str]] = {}
    for path, target in links.items():
        groups.setdefault(target, [target]).append(path)
    for target, names in groups.items():
        file = entries.get(target)
        if file is not None:
            for name in names:
                entries[name] = replace(file, shared=min(names))


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[str, bytes | None]:
    file = tar.extractfile(member) if member.isreg() else None
    if file is None:
        return "", None
    digest = hashlib.sha256()
    keep = member.size <= _LARGEST_KEPT and KEPT.search(_path(member.name)) is not None
    parts: list[bytes] = []
    for chunk in _chunks(file.read):
        digest.update(chunk)
        if keep:
            parts.append(chunk)
    return digest.hexdigest(), b"".join(parts) if keep else None


def _chunks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while chunk := read(_CHUNK):
        yield chunk
