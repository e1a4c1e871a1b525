"""Which requirements have wheels for which C library, asked of the package index that the user's own tools use."""

import configparser
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

import anyio
import anyio.to_thread
import platformdirs
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from trimtab.fleet import Fleet, Wheels, WheelState
from trimtab.fleet.bases import outside_base
from trimtab.fleet.compiling import build_tools
from trimtab.fleet.requirements import python_installs, python_minor
from trimtab.fleet.stage import libc_of

_AT_ONCE = 8
_KEPT_SECONDS = 24 * 3600
_TIMEOUT = 10
_MACHINE = "x86_64"

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

    async def ask(question: Question) -> None:
        requirement = Requirement(question[0])
        names = await anyio.to_thread.run_sync(source.filenames, requirement.name, limiter=limit)
        if names is not None:
            found[question] = judge(names, requirement.specifier, question[1])

    async with anyio.create_task_group() as group:
        for question in asked:
            group.start_soon(ask, question)
    return dict(sorted(found.items()))


def judge(filenames: Iterable[str], allowed: SpecifierSet, minor: str) -> Wheels:
    """What an index's files of one project say of the newest version that a requirement allows.

    Wheels that fit an older Python through `abi3` count; so do pure ones.
    """
    versions: dict[Version, dict[str, bool]] = {}
    for name in filenames:
        read = _read(name, minor)
        if read is not None:
            versions.setdefault(read[0], {}).update(dict.fromkeys(read[1], True))
    stable = [version for version in versions if not version.is_prerelease] or list(versions)
    fitting = sorted(allowed.filter(stable))
    if not fitting:
        return Wheels(WheelState.UNKNOWN, WheelState.UNKNOWN)
    newest = fitting[-1]
    later = sorted(version for version in stable if version > newest and versions[version].get("musl"))
    return Wheels(
        _state(versions[newest], "musl"), _state(versions[newest], "glibc"), str(newest), str(later[0]) if later else None
    )


def _state(kinds: Mapping[str, bool], libc: str) -> WheelState:
    if kinds.get("pure"):
        return WheelState.PURE
    return WheelState.YES if kinds.get(libc) else WheelState.NO


def _read(filename: str, minor: str) -> tuple[Version, set[str]] | None:
    """A file's version, and the C libraries that it serves; a source archive serves none by itself."""
    if filename.endswith((".tar.gz", ".zip")):
        version = filename.removesuffix(".tar.gz").removesuffix(".zip").rpartition("-")[2]
        try:
            return Version(version), set()
        except ValueError:
            return None
    try:
        _, version, _, tags = parse_wheel_filename(filename)
    except (InvalidWheelFilename, ValueError):
        return None
    kinds: set[str] = set()
    for tag in tags:
        if not _fits(tag.interpreter, tag.abi, minor):
            continue
        if tag.platform == "any":
            kinds.add("pure")
        elif tag.platform.endswith(_MACHINE):
            kinds.update(["musl"] if tag.platform.startswith("musllinux") else [])
            kinds.update(["glibc"] if tag.platform.startswith("manylinux") else [])
    return version, kinds


def _fits(interpreter: str, abi: str, minor: str) -> bool:
    number = int(minor.partition(".")[2])
    if interpreter.startswith("py"):
        return interpreter in {"py3", "py2"} or interpreter == f"py3{number}"
    if not interpreter.startswith("cp3") or not interpreter[3:].isdigit():
        return False
    own = int(interpreter[3:])
    return own == number if abi != "abi3" else own <= number


class CachedIndex:
    """The index of the user's pip or uv, remembered for a day in the user's cache. Addresses are never shown."""

    def __init__(self, *, offline: bool) -> None:
        self._offline = offline
        self._endpoint = configured_index()
        self._folder = Path(platformdirs.user_cache_dir("trimtab")) / "index"

    def filenames(self, project: str) -> Sequence[str] | None:
        name = canonicalize_name(project)
        key = hashlib.sha256(f"{self._endpoint}\0{name}".encode()).hexdigest()[:32]
        path = self._folder / f"{key}.json"
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
        if fresh and time.time() - path.stat().st_mtime > _KEPT_SECONDS:
            return None
        return cast("list[str]", json.loads(path.read_text(encoding="utf-8")))
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
    home = Path(env.get("HOME", str(Path.home())))
    named = [Path(env["PIP_CONFIG_FILE"])] if env.get("PIP_CONFIG_FILE") else []
    for path in (*named, home / ".config/pip/pip.conf", home / ".pip/pip.conf", Path("/etc/pip.conf")):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        if parser.has_option("global", "index-url"):
            return parser.get("global", "index-url")
    return None
