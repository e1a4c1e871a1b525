"""What an image holds: packages with the layer that brought them, and what could not be read."""

import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar

from trimtab.docker import Runner
from trimtab.docker.layers import Image, Layer, LayerLook, read_layers
from trimtab.docker.packages import DATABASES, Packages, read_packages
from trimtab.scan.binaries import Unread, go_modules, java_archives
from trimtab.scan.installed import installed, is_installed
from trimtab.scan.layer_leaks import LeakSearch, found_leaks
from trimtab.scan.leaks import Leak
from trimtab.scan.packages import Distro, Package, read_os_release

_STATUS = re.compile(r"dpkg/status|apk/db/installed|/rpm/")
_RELEASE = re.compile(r"^/(?:etc|usr/lib)/os-release$")
_JAVA = re.compile(r"\.(?:jar|war|ear)$")
_SMALLEST_GO = 512 * 1024
"""Bytes; Go's own runtime makes every program larger than that."""
_LARGEST = 1024 * 1024 * 1024
_LARGEST_DATABASE = 256 * 1024 * 1024
_KINDS = {"pip": "pypi", "npm": "npm"}


@dataclass(frozen=True)
class Inventory:
    """What was found in one image."""

    packages: tuple[Package, ...]
    distro: Distro | None
    unread: tuple[Unread, ...]
    """What may hold packages that are not in the list."""
    setuid: tuple[str, ...]
    """Programs that run as their owner or group, whoever starts them, as a container sees them."""
    unsearched: tuple[str, ...]
    """Files that were too large to be searched for credentials."""
    leaks: tuple[Leak, ...]
    """Credentials, those of lower layers that no container sees included."""
    image: Image = field(repr=False)


class Observer:
    """Reads images, each of their layers once."""

    def __init__(self) -> None:
        self._layers: dict[str, tuple[Layer, _Observed]] = {}

    async def inventory(self, runner: Runner, image: str) -> Inventory:
        """Everything that an image of the engine holds, in one pass over its layers; no container is made.

        Raises:
            CommandFailed: the engine has no such image, or no room for its archive.
            ValueError: the archive is none.
        """
        read = await read_layers(runner, image, self)
        return _inventory(read, [self._layers[digest][1] for digest in read.digests])

    def known(self, digest: str) -> Layer | None:
        found = self._layers.get(digest)
        return found[0] if found else None

    def begin(self) -> "_Observed":
        return _Observed()

    def end(self, digest: str, look: LayerLook, layer: Layer) -> None:
        if isinstance(look, _Observed):
            self._layers[digest] = (layer, look)


@dataclass
class _Observed:
    """What tells in one layer."""

    databases: dict[str, bytes] = field(default_factory=dict[str, bytes])
    releases: dict[str, bytes] = field(default_factory=dict[str, bytes])
    contents: dict[str, list[Package | Unread]] = field(default_factory=dict[str, list[Package | Unread]])
    setuid: set[str] = field(default_factory=set[str])
    leaks: LeakSearch = field(default_factory=LeakSearch)

    def link(self, path: str, target: str) -> None:
        for kept in (self.databases, self.releases):
            if target in kept:
                kept[path] = kept[target]
        if target in self.contents:
            self.contents[path] = self.contents[target]
        elif DATABASES.search(path) and path not in self.databases:
            self.contents[path] = [Unread(path, f"is a further name of `{target}`, which was not read")]

    def file(self, path: str, member: tarfile.TarInfo, read: Callable[[], bytes]) -> None:
        if member.mode & 0o6000 and member.mode & 0o111:
            self.setuid.add(path)
        if DATABASES.search(path):
            if member.size <= _LARGEST_DATABASE:
                self.databases[path] = read()
            else:
                self.contents[path] = [Unread(path, "a package database too large to be one")]
        elif path.endswith("/rpmdb.sqlite-wal") and member.size:
            self.contents[path] = [Unread(path, "changes of the package database that are not in it yet")]
        elif is_installed(path):
            self.contents[path] = list(installed(path, read()))
        elif _RELEASE.match(path):
            self.releases[path] = read()
        elif _JAVA.search(path):
            self.contents[path] = list(_parts(path, member.size, read))
        elif member.mode & 0o111 and member.size >= _SMALLEST_GO:
            content = cache(read)
            self.contents[path] = list(_parts(path, member.size, content))
            # Every file is executable where the build context comes from Windows.
            if member.size <= _LARGEST and not content().startswith(b"\x7fELF"):
                self.leaks.file(path, member.size, content)
        else:
            self.leaks.file(path, member.size, read)


def _inventory(image: Image, layers: Sequence[_Observed]) -> Inventory:
    visible = image.visible()
    distro = _distro(layers, visible)
    found = read_packages(_seen([each.databases for each in layers], visible), visible)
    parts = [part for each in _seen([each.contents for each in layers], visible).values() for part in each]
    unread = [part for part in parts if isinstance(part, Unread)]
    unread += [Unread("the package database", found.unread)] if found.unread else []
    unread += [Unread(path, "a package's record that cannot be read") for path in found.damaged]
    packages = (
        *_system(found, distro, _first_layers(layers)),
        *_distributions(found, visible),
        *(_layered(part, visible) for part in parts if isinstance(part, Package)),
    )
    setuid = sorted(path for number, each in enumerate(layers) for path in each.setuid if visible.get(path) == number)
    large = tuple(path for each in layers for path in each.leaks.large)
    leaks = found_leaks(image, visible, [each.leaks for each in layers])
    return Inventory(packages, distro, tuple(unread), tuple(setuid), large, tuple(leaks), image)


_T = TypeVar("_T")


def _seen(layers: Sequence[Mapping[str, _T]], visible: Mapping[str, int]) -> dict[str, _T]:
    """What a container sees of the files of all layers."""
    pairs = ((path, content, number) for number, each in enumerate(layers) for path, content in each.items())
    return {path: content for path, content, number in pairs if visible.get(path) == number}


def _distro(layers: Sequence[_Observed], visible: Mapping[str, int]) -> Distro | None:
    texts = sorted(_seen([each.releases for each in layers], visible).items())
    return next((found for _, text in texts if (found := read_os_release(text.decode("utf-8", "replace")))), None)


def _first_layers(layers: Sequence[_Observed]) -> dict[tuple[str, str], int]:
    """The first layer whose database has a system package at a version: the one that installed it."""
    found: dict[tuple[str, str], int] = {}
    for number, layer in enumerate(layers):
        for path, content in layer.databases.items():
            if _STATUS.search(path):
                for pair in read_packages({path: content}, ()).system.items():
                    found.setdefault(pair, number)
    return found


def _layered(part: Package, visible: Mapping[str, int]) -> Package:
    """The package with the layer of the file that it is in."""
    return replace(part, layer=visible.get(part.where.partition("!/")[0]))


def _parts(path: str, size: int, read: Callable[[], bytes]) -> Iterator[Package | Unread]:
    if size > _LARGEST:
        yield Unread(path, f"is larger than {_LARGEST // 1024**2} MiB")
    elif _JAVA.search(path):
        yield from java_archives(path, read())
    else:
        found = go_modules(path, read())
        yield from [found] if isinstance(found, Unread) else found or []


def _system(found: Packages, distro: Distro | None, first: Mapping[tuple[str, str], int]) -> Iterator[Package]:
    """The distribution's packages; which kind they are follows from the distribution."""
    kind = "apk" if distro and distro.id in {"alpine", "wolfi", "chainguard"} else "rpm" if _is_rpm(distro) else "deb"
    wheres = {"deb": "/var/lib/dpkg/status", "apk": "/lib/apk/db/installed", "rpm": "/var/lib/rpm"}
    for name, version in found.system.items():
        source = found.sources.get(name, (name, version))
        yield Package(kind, name, version, wheres[kind], source, distro or Distro("", ""), layer=first.get((name, version)))


def _is_rpm(distro: Distro | None) -> bool:
    families = (
        "rhel",
        "centos",
        "fedora",
        "rocky",
        "almalinux",
        "amzn",
        "ol",
        "opensuse",
        "sles",
        "photon",
        "mariner",
        "azurelinux",
    )
    return distro is not None and distro.id.startswith(families)


def _distributions(found: Packages, visible: Mapping[str, int]) -> Iterable[Package]:
    for each in found.distributions:
        if each.version:
            yield Package(_KINDS[each.kind], each.name, each.version, each.path, layer=visible.get(each.path))
