"""Which requirements have wheels for which C library, asked of the package index that the user's own tools use."""

import configparser
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol, cast

import anyio
import anyio.to_thread
import platformdirs
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from trimtab.fleet import Fleet, Wheels, WheelState
from trimtab.fleet.bases import outside_base
from trimtab.fleet.compiling import build_tools
from trimtab.fleet.requirements import python_installs, python_minor
from trimtab.fleet.stage import libc_of
from trimtab.replay import followed
from trimtab.syntax.data import read_json

_AT_ONCE = 8
_KEPT_SECONDS = 24 * 3600
_UNANSWERED_SECONDS = 600
_TIMEOUT = 10
_PLATFORMS = (("any", "any", "pure"), ("musllinux", "x86_64", "musl"), ("manylinux", "x86_64", "glibc"))
"""How the names of platforms begin and end, and what a wheel for one serves."""

Question = tuple[str, str]
"""A requirement as written, and Python's minor version."""


class Index(Protocol):
    """A package index."""

    def filenames(self, project: str) -> Sequence[str] | None:
        """The names of a project's files, None when the index does not answer or has no such project."""
        ...


def questions(fleet: Fleet, *, every: bool = False) -> tuple[Question, ...]:
    """What has to be known: the requirements of stages on musl, and of those that the fleet's standard would put there.

    With `every`, those of all stages on an official Python image.
    """
    wanted: dict[Question, None] = {}
    alpine = next((base for base in fleet.policy.standard.get("python", ()) if libc_of(base) == "musl"), None)
    for file in fleet.files:
        for each in python_installs(file):
            base = outside_base(file, each.stage).base
            minor = python_minor(alpine or base)
            tools = any(build_tools(install) for run in each.stage.runs for install in run.installs)
            if minor and (every or tools or alpine or libc_of(base) == "musl"):
                wanted.update(dict.fromkeys((str(requirement), minor) for requirement in each.requirements))
    return tuple(wanted)


async def find_wheels(asked: Iterable[Question], *, offline: bool, index: Index | None = None) -> Mapping[Question, Wheels]:
    """An answer to each question that the index, or what is remembered of it, has one for."""
    source = index or CachedIndex(offline=offline)
    limit = anyio.CapacityLimiter(_AT_ONCE)
    found: dict[Question, Wheels] = {}
    projects: dict[str, list[tuple[Question, Requirement]]] = {}
    for question in asked:
        requirement = Requirement(question[0])
        projects.setdefault(requirement.name, []).append((question, requirement))

    async def ask(project: str, about: Sequence[tuple[Question, Requirement]]) -> None:
        names = await anyio.to_thread.run_sync(source.filenames, project, limiter=limit)
        if names is not None:
            # Services name the same projects: each one's files are read once for each Python, not once for each service.
            read = {minor: releases(names, minor) for minor in {question[1] for question, _ in about}}
            found.update((question, judge(read[question[1]], each.specifier)) for question, each in about)

    async with anyio.create_task_group() as group:
        for project, about in projects.items():
            group.start_soon(ask, project, about)
    return dict(sorted(found.items()))


Releases = Mapping[Version, frozenset[str]]
"""The versions of a project, and what their wheels serve: `musl`, `glibc`, or everything by being `pure`."""


def releases(filenames: Iterable[str], minor: str) -> Releases:
    """What an index's files of one project hold for one Python. Wheels that fit an older one through `abi3` count."""
    versions: dict[Version, frozenset[str]] = {}
    for name in filenames:
        read = _read(name, minor)
        if read is not None:
            versions[read[0]] = versions.get(read[0], frozenset()) | read[1]
    return versions


def judge(versions: Releases, allowed: SpecifierSet) -> Wheels:
    """What they say of the newest version that a requirement allows; one before its release only where there is no other."""
    stable = [version for version in versions if not version.is_prerelease] or list(versions)
    newest = max(allowed.filter(stable), default=None)
    if newest is None:
        return Wheels(WheelState.UNKNOWN, WheelState.UNKNOWN)
    later = min((version for version in stable if version > newest and "musl" in versions[version]), default=None)
    return Wheels(
        _state(versions[newest], "musl"), _state(versions[newest], "glibc"), str(newest), str(later) if later else None
    )


def _state(kinds: frozenset[str], libc: str) -> WheelState:
    if "pure" in kinds:
        return WheelState.PURE
    return WheelState.YES if libc in kinds else WheelState.NO


def _read(filename: str, minor: str) -> tuple[Version, frozenset[str]] | None:
    """A file's version, and the C libraries that it serves; a source archive serves none by itself."""
    if filename.endswith((".tar.gz", ".zip")):
        version = _version(filename.removesuffix(".tar.gz").removesuffix(".zip").rpartition("-")[2])
        return None if version is None else (version, frozenset())
    dashes = filename.count("-")
    if dashes not in {4, 5} or not filename.endswith(".whl"):
        return None
    name, number, *build, tags = filename.removesuffix(".whl").split("-", dashes - 2)
    version, kinds = _version(number), _kinds(tags, minor)
    return None if version is None or kinds is None or not _is_well_named(name, *build) else (version, kinds)


# An index names the same versions and the same tags over and over: 114,000 file names took 0.6 s to read, and 0.1 s like this.


@lru_cache(maxsize=1 << 16)
def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except ValueError:
        return None


@lru_cache(maxsize=1 << 14)
def _is_well_named(*parts: str) -> bool:
    name, *build = parts
    try:
        parse_wheel_filename("-".join((name, "1", *build, "py3-none-any.whl")))
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1 << 14)
def _kinds(tags: str, minor: str) -> frozenset[str] | None:
    try:
        fitting = [tag.platform for tag in parse_tag(tags) if _fits(tag.interpreter, tag.abi, minor)]
    except ValueError:
        return None
    return frozenset(
        kind for platform in fitting for start, end, kind in _PLATFORMS if platform.startswith(start) and platform.endswith(end)
    )


def _fits(interpreter: str, abi: str, minor: str) -> bool:
    number = int(minor.partition(".")[2])
    if interpreter.startswith("py"):
        return interpreter in {"py3", "py2"} or interpreter == f"py3{number}"
    if not interpreter.startswith("cp3") or not interpreter[3:].isdigit():
        return False
    own = int(interpreter[3:])
    return own == number if abi != "abi3" else own <= number


def remembered_until(
    asked: Iterable[Question], *, offline: bool, since: int
) -> tuple[dict[str, list[object]], int | None] | None:
    """What the answers to questions rest upon, and until when they would be given again without asking anybody.

    Paths of remembered answers with what tells each from another one, and nanoseconds of the clock, None for ever. None where
    an answer is younger than `since`, because another process may have replaced the one that was used.
    """
    index = CachedIndex(offline=offline)
    places: dict[str, list[object]] = {}
    until: int | None = None
    for project in dict.fromkeys(Requirement(question[0]).name for question in asked):
        place = index.place(project)
        places[str(place)] = followed(str(place))
        try:
            modified = place.stat().st_mtime_ns
        except OSError:
            # Nobody has answered; whether somebody does is worth asking again before long.
            ends = since + _UNANSWERED_SECONDS * 1_000_000_000
        else:
            ends = modified + _KEPT_SECONDS * 1_000_000_000
            if modified >= since:
                return None
        until = None if offline else min(ends, until or ends)
    return places, until


class CachedIndex:
    """The index of the user's pip or uv, remembered for a day in the user's cache. Addresses are never shown."""

    def __init__(self, *, offline: bool) -> None:
        self._offline = offline
        self._endpoint = configured_index()
        self._folder = Path(platformdirs.user_cache_dir("trimtab")) / "index"

    def place(self, project: str) -> Path:
        """Where the answer about a project is remembered."""
        key = hashlib.sha256(f"{self._endpoint}\0{canonicalize_name(project)}".encode()).hexdigest()[:32]
        return self._folder / f"{key}.json"

    def filenames(self, project: str) -> Sequence[str] | None:
        name, path = canonicalize_name(project), self.place(project)
        remembered = _remembered(path, fresh=not self._offline)
        if remembered is not None or self._offline:
            return remembered
        found = self._ask(name)
        if found is not None:
            _remember(path, found)
        return found

    def _ask(self, name: str) -> list[str] | None:
        # Imported here: the library takes a quarter of a second to load (`-X importtime`), and few reviews need it.
        from pypi_simple import PYPI_SIMPLE_ENDPOINT, PyPISimple
        from requests import RequestException

        try:
            with PyPISimple(self._endpoint or PYPI_SIMPLE_ENDPOINT) as client:
                page = client.get_project_page(name, timeout=_TIMEOUT)
        except (RequestException, ValueError, LookupError):
            return None
        return [package.filename for package in page.packages if not package.is_yanked]


def _remembered(path: Path, *, fresh: bool) -> list[str] | None:
    try:
        # Within a day on either side: a clock may have been set back since.
        if fresh and abs(time.time() - path.stat().st_mtime) > _KEPT_SECONDS:
            return None
        return cast("list[str]", read_json(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def _remember(path: Path, names: Sequence[str]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(list(names)), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        # Without a cache every review asks anew; nothing else changes.
        return


def configured_index(environment: Mapping[str, str] | None = None) -> str | None:
    """The index that pip or uv is set up to use here, by environment or configuration file; None for the default one."""
    env = os.environ if environment is None else environment
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if env.get(name):
            return env[name]
    for path in index_settings(env):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        if parser.has_option("global", "index-url"):
            return parser.get("global", "index-url")
    return None


def index_settings(env: Mapping[str, str]) -> tuple[Path, ...]:
    """The files that may say which index to use, the first one that does so winning."""
    home = Path(env.get("HOME", str(Path.home())))
    named = [Path(env["PIP_CONFIG_FILE"])] if env.get("PIP_CONFIG_FILE") else []
    return (*named, home / ".config/pip/pip.conf", home / ".pip/pip.conf", Path("/etc/pip.conf"))
