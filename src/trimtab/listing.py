"""What stands in a folder, and what tells that a file is still the one that was read."""

import os
import stat

Row = tuple[str, str, int, int, int]
"""One name: itself, its kind (`file`, `dir`, `link` or `other`), mode, bytes and stamp."""

_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link"}
_SETTLES = 2_000_000_000
"""Nanoseconds. Two writes within one tick of a file system's clock look the same; the longest tick is FAT's, two seconds."""


def list_folder(path: str) -> list[Row]:
    """Every name in a folder, in no order; one that vanishes meanwhile is left out.

    Raises:
        OSError: there is no such folder, or it may not be listed.
    """
    found: list[Row] = []
    with os.scandir(path) as names:
        for name in names:
            try:
                info = name.stat(follow_symlinks=False)
            except OSError:
                continue
            found.append((name.name, kind_of(info), stat.S_IMODE(info.st_mode), info.st_size, stamp_of(info)))
    return found


def kind_of(info: os.stat_result) -> str:
    """The kind of file that it is, as a row says it."""
    return _KINDS.get(stat.S_IFMT(info.st_mode), "other")


def stamp_of(info: os.stat_result) -> int:
    """A number that becomes another one whenever a file is written, replaced or touched.

    It holds the inode and both times in nanoseconds. The system sets the time of change at every write, and no program can
    set it to another one; on Windows, which has none, the time of modification has to do.
    """
    return (info.st_ctime_ns << 160) | (info.st_mtime_ns << 80) | info.st_ino


def settled(stamp: int, at: int) -> bool:
    """Whether any write from `at` on, in nanoseconds, gives another stamp: not where the last one was only just before."""
    changed, modified = stamp >> 160, (stamp >> 80) & ((1 << 80) - 1)
    return max(changed, modified) < at - _SETTLES
