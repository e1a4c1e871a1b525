"""Node packages that are compiled code, and for which C library they come, read from npm's lock file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trimtab.fleet.outside import WheelState
from trimtab.fleet.plain import items, mapping
from trimtab.syntax.data import read_json

_COMPILES = frozenset(
    [
        "bindings",
        "nan",
        "node-addon-api",
        "node-gyp",
        "node-gyp-build",
        "node-pre-gyp",
        "@mapbox/node-pre-gyp",
        "prebuild-install",
    ]
)
"""What a package with an install script depends on when the script compiles, or fetches what was compiled."""
_BROWSERS = frozenset({"playwright", "playwright-chromium", "playwright-core", "puppeteer"})
"""They download browsers, which are linked against glibc (Playwright's and Puppeteer's own system requirements)."""
_PLATFORM = re.compile(r"[-.](?:linux-x64-(?:gnu|musl)|linuxmusl-x64|linux-x64)$")
_MUSL = re.compile(r"musl")


@dataclass(frozen=True, slots=True)
class Addon:
    """A package that holds or makes compiled code."""

    name: str
    version: str
    musl: WheelState
    glibc: WheelState


def node_addons(lock: str, *, development: bool = True) -> tuple[Addon, ...] | None:
    """The compiled packages of a `package-lock.json`, None when it is none of version 2 or 3 and so does not say.

    Platform packages (`…-linux-x64-musl`) are counted to the family that they are optional parts of. A package whose
    install script compiles has `unknown`: whether it brings a binary for musl is not in the lock.
    """
    try:
        packages = mapping(mapping(read_json(lock)).get("packages"))
    except ValueError:
        return None
    if not packages:
        return None
    wanted = {
        _name(path): mapping(entry)
        for path, entry in packages.items()
        if path and (development or not mapping(entry).get("dev"))
    }
    found = {addon.name: addon for addon in (*_families(wanted), *_scripts(wanted))}
    return tuple(found[name] for name in sorted(found))


def _name(path: str) -> str:
    return path.rpartition("node_modules/")[2]


def _families(packages: Mapping[str, Mapping[str, object]]) -> Iterator[Addon]:
    """Packages whose compiled code comes as optional packages, one for each platform."""
    families: dict[str, dict[str, str]] = {}
    for name, entry in packages.items():
        if _PLATFORM.search(name):
            libcs = [str(each) for each in items(entry.get("libc"))]
            kind = libcs[0] if libcs else "musl" if _MUSL.search(name) else "glibc" if name.endswith("-gnu") else "either"
            families.setdefault(_PLATFORM.sub("", name), {})[kind] = str(entry.get("version", ""))
    for name, kinds in families.items():
        musl = WheelState.YES if kinds.keys() & {"musl", "either"} else WheelState.NO
        glibc = WheelState.YES if kinds.keys() & {"glibc", "either"} else WheelState.NO
        yield Addon(name, next(iter(kinds.values())), musl, glibc)


def _scripts(packages: Mapping[str, Mapping[str, object]]) -> Iterator[Addon]:
    """Packages that compile, or fetch, something when they are installed."""
    for name, entry in packages.items():
        version = str(entry.get("version", ""))
        if name in _BROWSERS:
            yield Addon(name, version, WheelState.NO, WheelState.YES)
        elif entry.get("hasInstallScript") and _COMPILES & mapping(entry.get("dependencies")).keys():
            yield Addon(name, version, WheelState.UNKNOWN, WheelState.UNKNOWN)
