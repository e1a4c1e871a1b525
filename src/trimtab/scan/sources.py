"""The packages that a source tree names at one version: its lock files, its pinned requirements, its Dockerfiles' installs."""

import json
import posixpath
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from trimtab.fleet import Fleet
from trimtab.fleet.installs import is_local_package
from trimtab.fleet.plain import items, mapping
from trimtab.fleet.requirements import parse_requirement, python_installs
from trimtab.fleet.tree import Unreadable
from trimtab.scan.data import read_yaml
from trimtab.scan.packages import Package

SKIPPED = frozenset({"node_modules", ".venv", "venv", "site-packages", "__pycache__", ".tox", ".git", ".trimtab"})
"""Folders that hold other people's packages, or what was made from the rest."""
_REQUIREMENTS = re.compile(r"^(?:[\w.-]*requirements|constraints)[\w.-]*\.txt$")
_UNKNOWN = re.compile(
    r"(?:^|/)(?:pom\.xml|build\.gradle(?:\.kts)?|[\w.-]+\.csproj|bun\.lockb?|Pipfile|environment\.ya?ml|mix\.lock|Podfile\.lock|pubspec\.lock)$"
)
_TEXT = re.compile(r"^[^#\s]", re.MULTILINE)
_INCLUDE = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[ =]*([^\s#]+)", re.MULTILINE)
_OPTION = re.compile(r"-(?!e |-editable[ =])|(?:-e|--editable)[ =]+(?!\w+\+)")
"""Options of pip, and editable installs of a folder; those of an address are packages."""
_PINNED = re.compile(r"^={2,3}\s*(?P<version>[^*\s,]+)$")
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
    found = _Found()
    for path, reader in (*_readable(fleet, below), *_asked_for(fleet, below)):
        found.read(fleet, path, reader)
    found.problems.update(_unknown(fleet, below))
    for path, each in (*_installed(fleet, below), *_manifests(fleet, below)):
        found.add(path, each)
    return SourcePackages(tuple(found.packages), _without_lock(found.unresolved, found.packages), found.problems)


@dataclass
class _Found:
    packages: list[Package] = field(default_factory=list[Package])
    unresolved: list[Unresolved] = field(default_factory=list[Unresolved])
    problems: dict[str, str] = field(default_factory=dict[str, str])
    seen: set[str] = field(default_factory=set[str])

    def read(self, fleet: Fleet, path: str, reader: "_Reader") -> None:
        """One file, and the requirement files that it includes, each once."""
        if path in self.seen:
            return
        self.seen.add(path)
        source = fleet.tree.read(path)
        if isinstance(source, Unreadable):
            self.problems[path] = source.reason
            return
        known = len(self.packages) + len(self.unresolved)
        try:
            for each in reader(source.text):
                self.add(path, each)
            if reader is _yarn_lock and known == len(self.packages) + len(self.unresolved) and _TEXT.search(source.text):
                raise ValueError("it names no package")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            self.problems[path] = f"cannot be read: {str(error).partition(chr(10))[0] or type(error).__name__}"
        if reader is _requirements:
            for name in _INCLUDE.findall(source.text):
                if "://" in name:
                    # Not named: an address may hold a credential.
                    self.problems[path] = "includes a file from an address, which is not read"
                else:
                    self.read(fleet, posixpath.normpath(posixpath.join(posixpath.dirname(path), name)), _requirements)

    def add(self, path: str, package: Package) -> None:
        if not package.name or package.name.endswith("/"):
            self.problems[path] = "names a package without a name"
        elif package.version:
            self.packages.append(replace(package, where=path))
        else:
            self.unresolved.append(Unresolved(path, package.name))


_Reader = Callable[[str], Iterator[Package]]


def _readable(fleet: Fleet, below: str) -> Iterator[tuple[str, _Reader]]:
    for path, entry in fleet.tree.entries.items():
        if entry.kind not in {"file", "link"} or not is_below(path, below) or SKIPPED.intersection(path.split("/")):
            continue
        folder, name = posixpath.split(path)
        required = _REQUIREMENTS.match(name) or (posixpath.basename(folder) == "requirements" and name.endswith(".txt"))
        reader = _requirements if required else _READERS.get(name)
        if reader is not None:
            yield path, reader


def _asked_for(fleet: Fleet, below: str) -> Iterator[tuple[str, _Reader]]:
    """The requirement files that Dockerfiles install from, whatever they are called."""
    for file in fleet.files:
        for install in python_installs(file) if is_below(file.path, below) else ():
            for name in install.manifests:
                path = install.context.tree_path(name)
                if _is_requirements(fleet, path):
                    yield path, _requirements


def _is_requirements(fleet: Fleet, path: str) -> bool:
    """A project's own manifest is read elsewhere."""
    return posixpath.basename(path) not in {"pyproject.toml", "setup.py", "setup.cfg", *_READERS} and path in fleet.tree.entries


def _unknown(fleet: Fleet, below: str) -> dict[str, str]:
    """Manifests of kinds that are not read: what they name is not known."""
    found: dict[str, str] = {}
    for path, entry in fleet.tree.entries.items():
        known = entry.kind == "file" and is_below(path, below) and not SKIPPED.intersection(path.split("/"))
        if known and _UNKNOWN.search(path) and not _has_lock(fleet, path):
            found[path] = "is a manifest of a kind that is not read"
    return found


def _has_lock(fleet: Fleet, path: str) -> bool:
    """Whether a lock that is read lies beside a manifest."""
    folder = posixpath.dirname(path)
    locks = ("gradle.lockfile", "packages.lock.json", "Pipfile.lock", "package-lock.json", "yarn.lock", "pnpm-lock.yaml")
    return any(posixpath.join(folder, lock) in fleet.tree.entries for lock in locks)


def is_below(path: str, folder: str) -> bool:
    """Whether a path lies in a folder, `""` being the root."""
    return not folder or path == folder or path.startswith(folder.rstrip("/") + "/")


def _without_lock(unresolved: Sequence[Unresolved], packages: Sequence[Package]) -> tuple[Unresolved, ...]:
    """Names that a file in the same folder, or in one above it, settles are resolved: a workspace has one lock at its top."""
    settled = {(posixpath.dirname(each.where), each.name.lower()) for each in packages}
    open_ = dict.fromkeys(unresolved)
    return tuple(each for each in open_ if not any((folder, each.name.lower()) in settled for folder in _above(each.path)))


def _above(path: str) -> Iterator[str]:
    folder = posixpath.dirname(path)
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def _manifests(fleet: Fleet, below: str) -> Iterator[tuple[str, Package]]:
    """What `package.json` and `pyproject.toml` ask for; which version that is, a lock says."""
    kinds = {"package.json": "npm", "pyproject.toml": "pypi"}
    for manifest in fleet.manifests:
        kind = kinds.get(posixpath.basename(manifest.path))
        if kind and is_below(manifest.path, below):
            for each in manifest.packages:
                local = each.range.startswith(("file:", "link:", "workspace:", "."))
                if not local:
                    yield manifest.path, Package(kind, _pypi(each.name) if kind == "pypi" else each.name, "")


def _requirements(text: str) -> Iterator[Package]:
    """The pinned packages, and those without a version that is known; one that cannot be read goes by its line alone, because
    an address may hold a credential."""
    for number, line in enumerate(text.splitlines(), 1):
        plain = re.split(r"\s--|\s#|\\$", line)[0].strip()
        if not plain or plain.startswith("#") or _OPTION.match(plain) or is_local_package(plain.partition(" ")[0]):
            continue
        requirement = parse_requirement(plain)
        if requirement is None:
            yield Package("pypi", f"line {number}", "", line=number)
            continue
        pinned = _PINNED.match(str(requirement.specifier)) if requirement.url is None else None
        yield Package("pypi", _pypi(requirement.name), pinned["version"] if pinned else "", line=number)


def _pypi(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _toml_lock(kind: str) -> _Reader:
    """`[[package]]` tables with a name and a version; those that come from a folder are the fleet's own."""

    def read(text: str) -> Iterator[Package]:
        data = tomllib.loads(text)
        entries = [*_tables(data.get("package")), *_tables(data.get("packages"))]
        if not entries and "version" not in data and "lock-version" not in data and "metadata" not in data:
            raise ValueError("it has no packages, and nothing else that such a lock has")
        for entry in entries:
            local = mapping(entry.get("source")).keys() & {"editable", "virtual", "directory", "path"}
            ours = kind == "cargo" and entry.get("source") is None
            if not local and not ours and entry.get("version"):
                name = str(entry.get("name", ""))
                yield Package(kind, _pypi(name) if kind == "pypi" else name, str(entry["version"]))

    return read


def _tables(value: object) -> list[Mapping[str, object]]:
    return [mapping(each) for each in items(value)]


def _object(text: str, *keys: str) -> Mapping[str, object]:
    """A JSON object that has one of these keys.

    Raises:
        ValueError: it is none, or has none of them: it is of a kind that is not known, and may name anything.
    """
    data = cast("object", json.loads(text))
    if not isinstance(data, dict) or not any(key in data for key in keys):
        raise ValueError(f"it has none of {', '.join(keys)}")
    return mapping(cast("object", data))


def _pipfile_lock(text: str) -> Iterator[Package]:
    data = _object(text, "default", "develop")
    for group in ("default", "develop"):
        for name, entry in mapping(data.get(group)).items():
            version = str(mapping(entry).get("version", ""))
            yield Package("pypi", _pypi(name), version.lstrip("="))


def _package_lock(text: str) -> Iterator[Package]:
    data = _object(text, "packages", "dependencies", "requires")
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
        alias = re.match(r"npm:(?P<name>.+)@(?P<version>\d[^@]*)$", version)
        if alias:
            yield Package("npm", alias["name"], alias["version"])
        else:
            # A version that is none is an address: which package lies there nobody has said.
            yield Package("npm", name, version if re.match(r"\d", version) else "")
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
    data = mapping(read_yaml(text))
    if "lockfileVersion" not in data:
        raise ValueError("it has no `lockfileVersion`")
    for key in mapping(data.get("packages")):
        match = _PNPM.match(str(key))
        if match:
            yield Package("npm", match["name"], match["version"])


def _lines(kind: str, pattern: re.Pattern[str]) -> _Reader:
    def read(text: str) -> Iterator[Package]:
        for number, line in enumerate(text.splitlines(), 1):
            match = pattern.match(line)
            if match:
                yield Package(kind, match["name"], match["version"], line=number)

    return read


def _go_mod(text: str) -> Iterator[Package]:
    """What is required, as `replace` has it; `exclude` and `retract` require nothing."""
    replaced: dict[str, tuple[str, str]] = {}
    required: list[tuple[str, str, int]] = []
    block = ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("//")[0].split()
        if words[-1:] == ["("] or words == [")"]:
            block = words[0] if words[0] != ")" else ""
            continue
        verb, rest = (block, words) if block else (words[0] if words else "", words[1:])
        if verb == "require" and len(rest) == 2:
            required.append((rest[0], rest[1], number))
        elif verb == "replace" and "=>" in rest:
            new = rest[rest.index("=>") + 1 :]
            replaced[rest[0]] = (new[0], new[1] if len(new) > 1 else "")
    for name, version, number in required:
        name, version = replaced.get(name, (name, version))
        # A replacement by a folder is code of the fleet's own.
        if version:
            yield Package("golang", name, version, line=number)


def _composer_lock(text: str) -> Iterator[Package]:
    data = _object(text, "packages", "packages-dev")
    for entry in map(mapping, (*items(data.get("packages")), *items(data.get("packages-dev")))):
        yield Package("composer", str(entry.get("name", "")), str(entry.get("version", "")).removeprefix("v"))


def _nuget_lock(text: str) -> Iterator[Package]:
    data = _object(text, "dependencies")
    for framework in mapping(data.get("dependencies")).values():
        for name, entry in mapping(framework).items():
            if mapping(entry).get("type") != "Project":
                yield Package("nuget", name, str(mapping(entry).get("resolved", "")))


_READERS: Mapping[str, _Reader] = {
    "poetry.lock": _toml_lock("pypi"), "uv.lock": _toml_lock("pypi"), "pdm.lock": _toml_lock("pypi"),
    "pylock.toml": _toml_lock("pypi"), "Pipfile.lock": _pipfile_lock, "Cargo.lock": _toml_lock("cargo"),
    "package-lock.json": _package_lock, "npm-shrinkwrap.json": _package_lock, "yarn.lock": _yarn_lock,
    "pnpm-lock.yaml": _pnpm_lock, "go.mod": _go_mod, "Gemfile.lock": _lines("gem", _GEM),
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
        if ":" in text:
            # Not named: an address may hold a credential.
            return Package("npm", "an address", "")
        name, _, version = text.rpartition("@")
        exact = re.fullmatch(r"\d+\.\d+\.\d+\S*", version) is not None
        return Package("npm", name or text, version if exact else "") if re.match(r"@?[a-z]", text) else None
    return None
