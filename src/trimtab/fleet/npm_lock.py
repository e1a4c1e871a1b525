"""Whether `npm ci` can install from the lock that lies in an image's folder."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.plain import items, mapping, mapping_of, text

_KINDS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
_NODE = re.compile(r"(?:^|/)node:v?(?:(\d+)(?![\w])|(argon|boron|carbon|dubnium|erbium|fermium)\b)")
_OLD_SYSTEM = re.compile(
    r"wheezy|jessie|stretch|buster|trusty|xenial|bionic|focal|\bdebian:(?:[89]|10)\b|\bubuntu:(?:1[0-9]|20)\.|alpine:?3\.(?:\d|1[0-3])\b"
)
_LAST_WITH_NPM_6 = 14
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_RANGE = re.compile(r"([~^]?)(\d+)\.(\d+)\.(\d+)")


def lock_obstacle(folder: str, files: CopiedFiles, base: str, *, peers: bool = True) -> str | None:
    """Why `npm ci` in an image folder would fail or install less than `npm install` does; None where nothing says so.

    Args:
        folder: Where the command runs.
        files: What the image has got from the build context.
        base: The image that npm comes from.
        peers: Whether npm installs peer dependencies: not when it is told `--legacy-peer-deps`.
    """
    if posixpath.join(folder, "npm-shrinkwrap.json") in files.paths:
        return "`npm-shrinkwrap.json` is read instead of `package-lock.json`"
    package = _read(posixpath.join(folder, "package.json"), files)
    lock = _read(posixpath.join(folder, "package-lock.json"), files)
    version = lock.get("lockfileVersion")
    if not isinstance(version, int) or version < 1:
        return "`package-lock.json` has no lockfileVersion, without which `npm ci` fails"
    if version > 2 and carries_npm_6(base):
        return f"`{base}` carries npm 6, which cannot read a lock of version {version}"
    if version == 1 and not carries_npm_6(base):
        return f"a lock of version 1 does not name the peers that the npm of `{base}` may want"
    return _Lock(folder, files, package, lock, peers=peers and not carries_npm_6(base)).obstacle()


def carries_npm_6(base: str) -> bool:
    """Whether an image's name says that its npm is older than version 7."""
    named = _NODE.search(base)
    if named:
        return not named[1] or int(named[1]) <= _LAST_WITH_NPM_6
    return bool(_OLD_SYSTEM.search(base))


def _read(path: str, files: CopiedFiles) -> Mapping[str, object]:
    return mapping_of(files.read(path) or "{}")


@dataclass(frozen=True)
class _Lock:
    """A package.json and its lock, in a folder of the image."""

    folder: str
    files: CopiedFiles
    package: Mapping[str, object]
    lock: Mapping[str, object]
    peers: bool

    @property
    def packages(self) -> Mapping[str, object]:
        return mapping(self.lock.get("packages"))

    def obstacle(self) -> str | None:
        if not self.packages:
            return self._oldest_form()
        return self._missing_folder() or self._unlocked_folder() or self._out_of_step() or self._incomplete()

    def _oldest_form(self) -> str | None:
        """Version 1 names what is installed, not what was asked for."""
        if "workspaces" in self.package:
            return "`package.json` has workspaces, which its lock does not know"
        locked = mapping(self.lock.get("dependencies"))
        versions = {name: text(mapping(entry).get("version")) or "" for name, entry in locked.items()}
        wanted = {**_asked(self.package, "devDependencies"), **_asked(self.package, "dependencies")}
        for name, asked in wanted.items():
            if name not in locked or _is_outside(versions[name], text(asked) or ""):
                return _stale("package.json", name)
        return None

    def _missing_folder(self) -> str | None:
        for own in self._own_folders():
            if self._image_path(own, "package.json") not in self.files.paths:
                return f"the lock installs `{own}` from the sources, which no COPY has brought yet"
        return None

    def _own_folders(self) -> Iterator[str]:
        """Folders that the lock installs from: workspaces and local dependencies."""
        return (path for path in self.packages if path and "node_modules" not in path.split("/"))

    def _image_path(self, *parts: str) -> str:
        return posixpath.normpath(posixpath.join(self.folder, *parts))

    def _unlocked_folder(self) -> str | None:
        patterns = _workspaces(self.package)
        for path in self.files.paths if patterns else ():
            folder, name = posixpath.split(posixpath.relpath(path, self.folder))
            is_own = name == "package.json" and any(_matches(folder, pattern) for pattern in patterns)
            if is_own and "node_modules" not in folder.split("/") and folder not in self.packages:
                return f"the workspace `{folder}` is not in the lock"
        return None

    def _out_of_step(self) -> str | None:
        for own in ("", *self._own_folders()):
            package = _read(self._image_path(own, "package.json"), self.files)
            locked = mapping(self.packages.get(own))
            for kind in _KINDS:
                differing = next(_differing(_asked(package, kind), _asked(locked, kind)), None)
                if differing:
                    return _stale(posixpath.join(own, "package.json"), differing)
        return None

    def _incomplete(self) -> str | None:
        """What a package of the lock needs and the lock lacks: npm compares it with the tree that it would make."""
        for path, record in self.packages.items():
            entry = mapping(record)
            lacking = (name for name in self._needs(entry) if not self._finds(path, name))
            missing = None if entry.get("optional") or entry.get("link") else next(lacking, None)
            if missing:
                return f"the lock lacks `{missing}`, which `{path or 'package.json'}` needs, and `npm ci` may fail"
        return None

    def _needs(self, entry: Mapping[str, object]) -> Iterator[str]:
        yield from _required(entry)
        left = mapping(entry.get("peerDependenciesMeta"))
        yield from (name for name in mapping(entry.get("peerDependencies")) if self.peers and name not in left)

    def _finds(self, path: str, name: str) -> bool:
        """Whether node would find a package from where another one lies."""
        while posixpath.join(path, "node_modules", name) not in self.packages:
            if not path:
                return False
            path = path.rpartition("node_modules/")[0].rstrip("/")
        return True


def _stale(path: str, name: str) -> str:
    return f"the lock is out of step with `{path}`, which names `{name}` otherwise, and `npm ci` may fail"


def _is_outside(version: str, wanted: str) -> bool:
    """Whether a version is surely none that `1.2.3`, `~1.2.3` or `^1.2.3` allows; what is written otherwise is not judged."""
    has, asks = _VERSION.fullmatch(version), _RANGE.fullmatch(wanted.strip())
    if has is None or asks is None:
        return False
    numbers, least = tuple(map(int, has.groups())), tuple(map(int, asks.groups()[1:]))
    kept = {"": 3, "~": 2, "^": 1 + next((at for at, number in enumerate(least) if number), 2)}[asks[1]]
    return numbers < least or numbers[:kept] != least[:kept]


def _differing(asked: Mapping[str, object], locked: Mapping[str, object]) -> Iterator[str]:
    return (name for name, wanted in asked.items() if locked.get(name) != wanted)


def _asked(package: Mapping[str, object], kind: str) -> dict[str, object]:
    """What a package asks for in one of the ways; what is optional as well is only optional to npm."""
    asked = dict(mapping(package.get(kind)))
    if kind == "dependencies":
        asked = {name: value for name, value in asked.items() if name not in mapping(package.get("optionalDependencies"))}
    return asked


def _required(package: Mapping[str, object]) -> Iterator[str]:
    """The names that any npm must find in the lock for a package that it installs."""
    for kind in ("dependencies", "devDependencies"):
        yield from _asked(package, kind)


def _matches(folder: str, pattern: str) -> bool:
    return fnmatchcase(folder, pattern) and ("**" in pattern or folder.count("/") == pattern.count("/"))


def _workspaces(package: Mapping[str, object]) -> list[str]:
    declared = package.get("workspaces")
    patterns = items(mapping(declared).get("packages") or declared)
    return [posixpath.normpath(str(pattern)) for pattern in patterns]
