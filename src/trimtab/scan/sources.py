"""The packages that a source tree names at one version: its lock files, its pinned requirements, its Dockerfiles' installs."""

import json
import posixpath
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import yaml

from trimtab.fleet import Fleet
from trimtab.fleet.installs import is_local_package
from trimtab.fleet.plain import items, mapping
from trimtab.fleet.requirements import parse_requirement
from trimtab.fleet.tree import Unreadable
from trimtab.scan.packages import Package

SKIPPED = frozenset({"node_modules", ".venv", "venv", "site-packages", "vendor", "__pycache__", ".tox", ".git", ".trimtab"})
"""Folders that hold other people's packages, or what was made from the rest."""
_REQUIREMENTS = re.compile(r"^(requirements|constraints)[\w.-]*\.txt$")
_PINNED = re.compile(r"^={2,3}\s*(?P<version>[^*\s,]+)$")
_GO_LINE = re.compile(r"^\s*(?:require\s+)?(?P<name>[\w.-]+\.[\w.-]+/\S+|[\w.-]+\.\w+)\s+(?P<version>v\d\S*)")
_GEM = re.compile(r"^ {4}(?P<name>[\w.-]+) \((?P<version>[^)]+)\)$")
_YARN_NAME = re.compile(r"""^"?(?P<name>(?:@[^/"]+/)?[^@"]+)@""")
_YARN_VERSION = re.compile(r'^\s+version:?\s+"?(?P<version>[^"\s]+)"?')
_PNPM = re.compile(r"^/?(?P<name>(?:@[^/]+/)?[^@/(]+)[@/](?P<version>\d[^()_]*)")
_GRADLE = re.compile(r"^(?P<name>[^:#\s]+:[^:\s]+):(?P<version>[^=\s]+)=")


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A package that a file names without saying which version an install would get."""

    path: str
    name: str


@dataclass(frozen=True)
class SourcePackages:
    """What a source tree names."""

    packages: tuple[Package, ...]
    unresolved: tuple[Unresolved, ...]
    problems: Mapping[str, str]
    """Files that could not be read, with the reason."""


def source_packages(fleet: Fleet, below: str = "") -> SourcePackages:
    """The packages of every file below a folder that names some. What cannot be read is told, and the rest is read."""
    packages: list[Package] = []
    unresolved: list[Unresolved] = []
    problems: dict[str, str] = {}
    for path, reader in _readable(fleet, below):
        source = fleet.tree.read(path)
        if isinstance(source, Unreadable):
            problems[path] = source.reason
            continue
        try:
            for each in reader(source.text):
                packages += [replace(each, where=path)] if each.version else []
                unresolved += [] if each.version else [Unresolved(path, each.name)]
        except (ValueError, TypeError, KeyError, yaml.YAMLError, RecursionError) as error:
            problems[path] = f"cannot be read: {str(error).partition(chr(10))[0] or type(error).__name__}"
    for path, each in _installed(fleet, below):
        packages += [replace(each, where=path)] if each.version else []
        unresolved += [] if each.version else [Unresolved(path, each.name)]
    return SourcePackages(tuple(packages), _without_lock(unresolved, packages), problems)


_Reader = Callable[[str], Iterator[Package]]


def _readable(fleet: Fleet, below: str) -> Iterator[tuple[str, _Reader]]:
    for path, entry in fleet.tree.entries.items():
        if entry.kind != "file" or not is_below(path, below) or SKIPPED.intersection(path.split("/")):
            continue
        name = posixpath.basename(path)
        reader = _requirements if _REQUIREMENTS.match(name) else _READERS.get(name)
        if reader is not None:
            yield path, reader


def is_below(path: str, folder: str) -> bool:
    """Whether a path lies in a folder, `""` being the root."""
    return not folder or path == folder or path.startswith(folder.rstrip("/") + "/")


def _without_lock(unresolved: Sequence[Unresolved], packages: Sequence[Package]) -> tuple[Unresolved, ...]:
    """Names that a lock file in the same folder settles are resolved."""
    settled = {(posixpath.dirname(each.where), each.name.lower()) for each in packages}
    return tuple(each for each in unresolved if (posixpath.dirname(each.path), each.name.lower()) not in settled)


def _requirements(text: str) -> Iterator[Package]:
    for number, line in enumerate(text.splitlines(), 1):
        plain = re.split(r"\s--|\s#|\\$", line)[0].strip()
        requirement = parse_requirement(plain) if plain and not plain.startswith(("-", "#")) else None
        if requirement is not None and requirement.url is None:
            pinned = _PINNED.match(str(requirement.specifier))
            yield Package("pypi", _pypi(requirement.name), pinned["version"] if pinned else "", line=number)


def _pypi(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _toml_lock(kind: str) -> _Reader:
    """`[[package]]` tables with a name and a version; those that come from a folder are the fleet's own."""

    def read(text: str) -> Iterator[Package]:
        data = tomllib.loads(text)
        for entry in map(mapping, (*items(data.get("package")), *items(data.get("packages")))):
            local = mapping(entry.get("source")).keys() & {"editable", "virtual", "directory", "path"}
            ours = kind == "cargo" and entry.get("source") is None
            if not local and not ours and entry.get("version"):
                name = str(entry.get("name", ""))
                yield Package(kind, _pypi(name) if kind == "pypi" else name, str(entry["version"]))

    return read


def _pipfile_lock(text: str) -> Iterator[Package]:
    data = mapping(cast("object", json.loads(text)))
    for group in ("default", "develop"):
        for name, entry in mapping(data.get(group)).items():
            version = str(mapping(entry).get("version", ""))
            yield Package("pypi", _pypi(name), version.lstrip("="))


def _package_lock(text: str) -> Iterator[Package]:
    data = mapping(cast("object", json.loads(text)))
    if "packages" not in data:
        yield from _nested(mapping(data.get("dependencies")))
    for path, entry in mapping(data.get("packages")).items():
        record = mapping(entry)
        if "node_modules/" in path and not record.get("link") and record.get("version"):
            name = str(record.get("name") or path.rpartition("node_modules/")[2])
            yield Package("npm", name, str(record["version"]))


def _nested(dependencies: Mapping[str, object]) -> Iterator[Package]:
    """Version 1 of npm's lock keeps a package's own copies below it."""
    for name, entry in dependencies.items():
        record = mapping(entry)
        version = str(record.get("version", ""))
        if re.match(r"\d", version):
            yield Package("npm", name, version)
        yield from _nested(mapping(record.get("dependencies")))


def _yarn_lock(text: str) -> Iterator[Package]:
    name = ""
    for line in text.splitlines():
        head = _YARN_NAME.match(line) if line and not line[0].isspace() else None
        version = _YARN_VERSION.match(line) if name else None
        if head:
            name = head["name"]
        elif version:
            if "workspace" not in version["version"] and version["version"] != "0.0.0-use.local":
                yield Package("npm", name, version["version"])
            name = ""


def _pnpm_lock(text: str) -> Iterator[Package]:
    data = mapping(cast("object", yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))))  # noqa: S506
    for key in mapping(data.get("packages")):
        match = _PNPM.match(key)
        if match:
            yield Package("npm", match["name"], match["version"])


def _lines(kind: str, pattern: re.Pattern[str]) -> _Reader:
    def read(text: str) -> Iterator[Package]:
        for number, line in enumerate(text.splitlines(), 1):
            match = pattern.match(line)
            if match:
                yield Package(kind, match["name"], match["version"], line=number)

    return read


def _composer_lock(text: str) -> Iterator[Package]:
    data = mapping(cast("object", json.loads(text)))
    for entry in map(mapping, (*items(data.get("packages")), *items(data.get("packages-dev")))):
        yield Package("composer", str(entry.get("name", "")), str(entry.get("version", "")).removeprefix("v"))


def _nuget_lock(text: str) -> Iterator[Package]:
    data = mapping(cast("object", json.loads(text)))
    for framework in mapping(data.get("dependencies")).values():
        for name, entry in mapping(framework).items():
            if mapping(entry).get("type") != "Project":
                yield Package("nuget", name, str(mapping(entry).get("resolved", "")))


_READERS: Mapping[str, _Reader] = {
    "poetry.lock": _toml_lock("pypi"), "uv.lock": _toml_lock("pypi"), "pdm.lock": _toml_lock("pypi"),
    "pylock.toml": _toml_lock("pypi"), "Pipfile.lock": _pipfile_lock, "Cargo.lock": _toml_lock("cargo"),
    "package-lock.json": _package_lock, "npm-shrinkwrap.json": _package_lock, "yarn.lock": _yarn_lock,
    "pnpm-lock.yaml": _pnpm_lock, "go.mod": _lines("golang", _GO_LINE), "Gemfile.lock": _lines("gem", _GEM),
    "composer.lock": _composer_lock, "packages.lock.json": _nuget_lock, "gradle.lockfile": _lines("maven", _GRADLE),
}  # fmt: skip


def _installed(fleet: Fleet, below: str) -> Iterator[tuple[str, Package]]:
    """What Dockerfiles name on the command line of an install: `pip install flask==3.0`, `npm install -g pm2@5.3.0`."""
    for file in fleet.files:
        if not is_below(file.path, below):
            continue
        for install in (install for stage in file.stages for run in stage.runs for install in run.installs):
            for name in install.packages:
                package = _named(install.manager.name, name) if not is_local_package(name) else None
                if package is not None:
                    yield file.path, package


def _named(manager: str, text: str) -> Package | None:
    if manager in {"pip", "uv"}:
        return next(_requirements(text), None)
    if manager in {"npm", "yarn", "pnpm"}:
        name, _, version = text.rpartition("@")
        exact = re.fullmatch(r"\d+\.\d+\.\d+\S*", version) is not None
        return Package("npm", name or text, version if exact else "") if re.match(r"@?[a-z]", text) else None
    return None
