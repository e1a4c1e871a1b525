"""Comparing two images: everything that differs, and which declared effect explains it."""

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, cached_property

from trimtab.docker import FileEntry, ImageTree
from trimtab.rules import Effects
from trimtab.verify.evidence import Difference

_UNSTABLE = (
    "/var/log/**", "/var/cache/ldconfig/aux-cache", "/var/cache/debconf/**", "/var/cache/man/**", "/etc/.pwd.lock",
    "/var/cache/apt/*.bin", "/var/lib/apt/extended_states", "/**/.npm/_logs/**",
    "/tmp/node-compile-cache/**",  # noqa: S108  a path inside an image
    "/var/lib/dpkg/**-old", "/etc/**-", "/.dockerenv", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/mtab",
)  # fmt: skip
"""Paths that differ between two builds of one Dockerfile: logs, time-stamped caches, back-ups, what the engine puts in."""

_PACKAGE_STATE = (
    "/var/lib/dpkg/**", "/lib/apk/**", "/usr/lib/apk/**", "/var/lib/apt/**", "/etc/apk/**", "/etc/ld.so.cache",
    "/etc/alternatives/**", "/var/cache/**", "/usr/share/man/**", "/usr/share/doc/**", "/usr/share/info/**",
)  # fmt: skip

_OF_ANY_BASE = (
    "/**/site-packages/**", "/**/dist-packages/**", "/**/__pycache__/**", "/usr/lib/python3*/**", "/usr/local/lib/python3*/**",
    "/usr/local/lib/node_modules/**", "/usr/local/include/**", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow",
    "/etc/subuid", "/etc/subgid", "/etc/shells", "/etc/pam.d/**", "/etc/rc*.d/**", "/etc/systemd/**", "/root/.cache/**",
    "/root/.npm/**", "/tmp/**", "/run/**",  # noqa: S108  inside an image
    "/etc/ssl/certs/**", "/etc/ca-certificates/**", "/etc/ca-certificates.conf",
    "/usr/lib/locale/**",
)  # fmt: skip
"""What is made anew for each base. Python's packages, certificates and locales are compared by what they are instead."""

_SYSTEM = (
    "/usr/**", "/lib*", "/lib*/**", "/bin", "/bin/**", "/sbin", "/sbin/**", "/etc/**", "/var/lib/**", "/root/**", "/media/**",
    "/boot/**", "/dev/**", "/proc/**", "/sys/**", "/var/*", "/home", "/opt", "/mnt", "/srv",
)  # fmt: skip
_SHARED_FOLDERS = frozenset(
    ["/", "/usr", "/usr/local", "/usr/local/bin", "/usr/bin", "/etc", "/root", "/home", "/opt", "/srv", "/tmp"]  # noqa: S108
)


_LIBRARIES = (
    "/**/node_modules/**", "/**/site-packages/**", "/**/dist-packages/**", "/**/__pycache__/**", "/**/package-lock.json",
    "/**/*.pyc",
)  # fmt: skip
"""Where other things than the service's own files lie, whatever folder it is in."""
_SYSTEM_FOLDERS = ("/usr/lib/**", "/lib/**", "/etc/**", "/var/**")
"""Folders in which a copied file has others beside it that are not the service's own."""
_DAY = 86400
User = tuple[int, int]


def may_write(entry: FileEntry, user: User) -> bool:
    """Whether a user may write to a file or folder."""
    uid, gid = user
    if uid == 0:
        return True
    bit = 0o200 if entry.uid == uid else 0o020 if entry.gid == gid else 0o002
    return bool(entry.mode & bit)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="minutes")


@cache
def glob_regex(pattern: str) -> "re.Pattern[str]":
    """A path pattern: `*` stays within a folder, `**` does not."""
    parts = re.split(r"(\*\*|\*)", pattern)
    translated = (".*" if part == "**" else "[^/]*" if part == "*" else re.escape(part) for part in parts)
    return re.compile("".join(translated) + "$")


def _matches(path: str, patterns: Collection[str]) -> str | None:
    return next((pattern for pattern in patterns if glob_regex(pattern).match(path)), None)


@dataclass(frozen=True)
class TreeComparison:
    """Compares two file trees under the effects that a rewrite declares."""

    before: ImageTree
    after: ImageTree
    effects: Effects
    noise: frozenset[str] = frozenset()
    """Paths that differ between two builds of the original."""
    own: frozenset[str] = frozenset()
    """Paths that the original's instructions copy from the build context."""
    retired: frozenset[str] = frozenset()
    """Names of files that the original is started with and the rewritten image is not."""
    users: tuple[User, User] | None = None
    """Numbers of user and group that the two images run as, where they are known."""
    base: ImageTree | None = None
    """The image that the original starts from, when the rewrite changes it: what is equal to it is not the service's own."""

    def differences(self) -> list[Difference]:
        """All differences, unexplained ones first."""
        found = [*self._packages(), *self._paths(), *self._hard_links(), *self._times(), *self._writable()]
        return sorted(found, key=lambda each: (bool(each.explained_by), each.subject))

    def _packages(self) -> Iterator[Difference]:
        old, new = self.before.packages, self.after.packages
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                removed = name in old and name not in new
                may = self.effects.another_base or (removed and self.effects.packages_removed)
                explained = "declared" if may else ""
                yield Difference(f"package {name}", old.get(name, "absent"), new.get(name, "absent"), explained)

    def _paths(self) -> Iterator[Difference]:
        old, new = self.before.entries, self.after.entries
        for path in sorted({*old, *new}):
            one, other = old.get(path), new.get(path)
            if not self._equal(path, one, other):
                yield Difference(path, _shown(one), _shown(other), self._explanation(path, one, other))

    def _times(self) -> Iterator[Difference]:
        """Own files that carried a time of their own, and now have that of the build."""
        for path, one in sorted(self.before.entries.items()):
            other = self.after.entries.get(path)
            if other is None or one.kind != "file" or one.sha256 != other.sha256 or _matches(path, _LIBRARIES):
                continue
            own = path in self.own or (not _matches(path, _SYSTEM_FOLDERS) and self._in_own_folder(path))
            if own and other.mtime - one.mtime > _DAY and path not in self.noise:
                yield Difference(f"time of {path}", _moment(one.mtime), _moment(other.mtime))

    def _writable(self) -> Iterator[Difference]:
        """Own folders and files that the image's user could write to."""
        if "User" in self.effects.config or self.users is None:
            return
        for path, one in sorted(self.before.entries.items()):
            other = self.after.entries.get(path)
            own = any(path == root or path.startswith(root + "/") for root in self._own_folders)
            if not own or other is None or one.kind not in {"file", "dir"}:
                continue
            if may_write(one, self.users[0]) and not may_write(other, self.users[1]):
                yield Difference(f"writing to {path}", "may", f"may not: {_shown(other)}")

    def _hard_links(self) -> Iterator[Difference]:
        """Names of one file that are files of their own now: writing to one would no longer change the other."""
        new = self.after.entries
        for path, entry in sorted(self.before.entries.items()):
            first = entry.shared
            if path in new and first in new and new[path].shared != new[first].shared:
                yield Difference(path, f"hard link to {first}", "a file of its own", self._explanation(path, entry, new[path]))

    def _equal(self, path: str, one: FileEntry | None, other: FileEntry | None) -> bool:
        """Bytecode of an equal source file is equal: its header holds the time the source was written."""
        if one is None or other is None:
            return False
        if one == other or replace(one, shared="") == replace(other, shared=""):
            return True
        if not path.endswith(".pyc"):
            return False
        source = re.sub(r"/__pycache__/([^/]+?)\.[^/.]+(\.opt-\d)?\.pyc$", r"/\1.py", path)
        return (
            source in self.before.entries
            and self.before.entries[source].sha256 == self.after.entries.get(source, other).sha256
            and (one.mode, one.uid, one.gid) == (other.mode, other.uid, other.gid)
        )

    def _explanation(self, path: str, one: FileEntry | None, other: FileEntry | None) -> str:
        if path in self.noise or _matches(path, _UNSTABLE):
            return "differs between two builds of the original"
        if self._takes_something(path, one, other):
            return ""
        if self.effects.another_base:
            return self._explained_by_base(path, one, other)
        if other is None and _matches(path, self.effects.removes):
            return "declared"
        if _matches(path, self.effects.changes) or self._stub(path, one, other):
            return "declared"
        if self.effects.packages_removed and self._of_removed_package(path, other):
            return "belongs to a removed package"
        return ""

    def _takes_something(self, path: str, one: FileEntry | None, other: FileEntry | None) -> bool:
        """Whether a difference is a loss that no declaration explains.

        A program that can no longer be run, a set-user-id bit, other content in one of the service's own files, one of them
        gone though the same context is copied, or a place that its user could write to.
        """
        if one is None or _matches(path, _LIBRARIES):
            return False
        own = path in self.own or (not _matches(path, _SYSTEM_FOLDERS) and self._in_own_folder(path))
        if other is None:
            # What only building needs may stay behind in a stage of its own.
            may = self.effects.context or self.effects.stages
            return path in self.own and not may and posixpath.basename(path) not in self.retired
        if one.kind != "file" or other.kind != "file":
            return False
        removed = self.effects.another_base and not own
        lost_bits = (one.executable and not other.executable) or bool(one.mode & 0o6000 & ~other.mode)
        meant = path in self.effects.contents
        return (lost_bits and not removed) or (own and one.sha256 != other.sha256 and not meant)

    def _explained_by_base(self, path: str, one: FileEntry | None, other: FileEntry | None) -> str:
        """What the service's own instructions made must be there; what the base, or packages, brought need not."""
        removes, changes = (
            [each for each in declared if each != "/**"] for declared in (self.effects.removes, self.effects.changes)
        )
        if (other is None and _matches(path, removes)) or _matches(path, changes):
            return "declared"
        if _matches(path, (*_PACKAGE_STATE, *_OF_ANY_BASE)):
            return "belongs to the base"
        if one is None:
            return "" if self._in_own_folder(path) else "belongs to the new base"
        if self.base is None:
            return "belongs to the base" if _matches(path, _SYSTEM) and not self._owned_by_service(path) else ""
        entry = self.base.entries.get(path)
        if entry is not None and (self._equal(path, entry, one) or one.kind == "dir"):
            return "belongs to the base"
        return "belongs to a package" if path in self._owned else ""

    def _owned_by_service(self, path: str) -> bool:
        return path in self.own or self._in_own_folder(path)

    def _in_own_folder(self, path: str) -> bool:
        return any(path.startswith(root + "/") for root in self._own_folders)

    @cached_property
    def _owned(self) -> frozenset[str]:
        return frozenset(path for paths in self.before.owners.values() for path in paths)

    @cached_property
    def _own_folders(self) -> frozenset[str]:
        """Folders that the service's own files lie in and the base does not have."""
        known: Mapping[str, FileEntry] = self.base.entries if self.base else {}
        folders = {posixpath.dirname(path) for path in self.own}
        return frozenset(folder for folder in folders if folder not in known and folder not in _SHARED_FOLDERS)

    def _stub(self, path: str, one: FileEntry | None, other: FileEntry | None) -> bool:
        """An empty folder on the way to a declared path."""
        entry = other or one
        if entry is None or entry.kind != "dir" or (one is not None and other is not None):
            return False
        declared = (*self.effects.removes, *self.effects.changes)
        on_the_way = any(pattern.startswith(path.rstrip("/") + "/") for pattern in declared)
        tree = self.after.entries if other is not None else self.before.entries
        inside = [name for name in tree if name.startswith(path + "/") and not _matches(name, declared)]
        return on_the_way and all(tree[name].kind == "dir" for name in inside)

    def _of_removed_package(self, path: str, other: FileEntry | None) -> bool:
        if _matches(path, _PACKAGE_STATE):
            return True
        if other is not None:
            return False
        gone = [name for name in self.before.packages if name not in self.after.packages]
        owned = {each for name in gone for each in self.before.owners.get(name, frozenset())}
        if path in owned:
            return True
        # What maintainer scripts made beside a package's own files: its bytecode, its folders, its alternatives' links.
        entry = self.before.entries[path]
        if "/__pycache__" in path or entry.kind == "dir":
            return any(posixpath.dirname(each).startswith(path.partition("/__pycache__")[0]) for each in owned)
        return entry.kind == "link" and (entry.link.startswith("/etc/alternatives/") or _target(path, entry) in owned)


def _target(path: str, entry: FileEntry) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.link))


def _shown(entry: FileEntry | None) -> str:
    if entry is None:
        return "absent"
    content = f" {entry.sha256[:12]}" if entry.sha256 else f" -> {entry.link}" if entry.link else ""
    content += "".join(f" {name}" for name, _ in entry.xattrs)
    return f"{entry.kind} {entry.mode:o} {entry.uid}:{entry.gid}{content}"


def unstable_paths(one: ImageTree, two: ImageTree) -> frozenset[str]:
    """Paths that differ between two builds of one Dockerfile."""
    found = TreeComparison(one, two, Effects())
    return frozenset(each.subject for each in found.differences() if each.subject.startswith("/"))
