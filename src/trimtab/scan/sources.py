"""The packages that a source tree names at one version: its lock files, its pinned requirements, its Dockerfiles' installs."""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from trimtab.docker.packages import eggs
from trimtab.fleet import Fleet
from trimtab.fleet.requirements import python_installs
from trimtab.fleet.tree import Unreadable
from trimtab.scan.dockerfile_installs import dockerfile_installs, unread_runs
from trimtab.scan.locks import READERS, Reader, python_name, requirement_packages
from trimtab.scan.packages import Package
from trimtab.scan.plug_and_play import NAMES as PLUG_AND_PLAY
from trimtab.scan.submodules import NOT_THERE, absent_submodules

SKIPPED = frozenset({"node_modules", ".venv", "venv", "site-packages", "__pycache__", ".tox", ".git", ".trimtab"})
"""Folders that hold other people's packages, or what was made from the rest."""
_REQUIREMENTS = re.compile(r"^(?:[\w.-]*requirements|constraints)[\w.-]*\.txt$")
_INCLUDE = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[ =]*([^\s#]+)", re.MULTILINE)
_UNKNOWN = re.compile(
    r"(?:^|/)(?:pom\.xml|build\.gradle(?:\.kts)?|[\w.-]+\.(?:cs|fs|vb)proj|packages\.config|bun\.lockb?|Pipfile|environment\.ya?ml"
    r"|mix\.lock|Podfile\.lock|pubspec\.lock|Gemfile|composer\.json|Cargo\.toml)$"
)


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
    found.problems.update({file.path: why for file in fleet.files if is_below(file.path, below) and (why := unread_runs(file))})
    found.problems.update(dict.fromkeys(absent_submodules(fleet.tree, below), NOT_THERE))
    found.unresolved += _declared_in_setup(fleet, below)
    for path, each in (*_eggs(fleet, below), *_installed(fleet, below), *_manifests(fleet, below)):
        found.add(path, each)
    return SourcePackages(tuple(found.packages), _without_lock(found.unresolved, found.packages), found.problems)


@dataclass
class _Found:
    packages: list[Package] = field(default_factory=list[Package])
    unresolved: list[Unresolved] = field(default_factory=list[Unresolved])
    problems: dict[str, str] = field(default_factory=dict[str, str])
    seen: set[str] = field(default_factory=set[str])

    def read(self, fleet: Fleet, path: str, reader: Reader) -> None:
        """One file, and the requirement files that it includes, each once."""
        if path in self.seen:
            return
        self.seen.add(path)
        source = fleet.tree.read(path)
        if isinstance(source, Unreadable):
            self.problems[path] = source.reason
            return
        try:
            for each in reader(source.text):
                self.add(path, each)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            self.problems[path] = f"cannot be read: {str(error).partition(chr(10))[0] or type(error).__name__}"
        if reader is requirement_packages:
            for name in _INCLUDE.findall(source.text):
                if "://" in name:
                    # Not named: an address may hold a credential.
                    self.problems[path] = "includes a file from an address, which is not read"
                else:
                    self.read(fleet, posixpath.normpath(posixpath.join(posixpath.dirname(path), name)), requirement_packages)

    def add(self, path: str, package: Package) -> None:
        if not package.name or package.name.endswith("/"):
            self.problems[path] = "names a package without a name"
        elif package.version:
            self.packages.append(replace(package, where=path))
        else:
            self.unresolved.append(Unresolved(path, package.name))


def _readable(fleet: Fleet, below: str) -> Iterator[tuple[str, Reader]]:
    for path, entry in fleet.tree.entries.items():
        if entry.kind not in {"file", "link"} or not is_below(path, below) or SKIPPED.intersection(path.split("/")):
            continue
        folder, name = posixpath.split(path)
        required = _REQUIREMENTS.match(name) or (posixpath.basename(folder) == "requirements" and name.endswith(".txt"))
        reader = requirement_packages if required else READERS.get(name)
        # What Yarn writes from its lock says the same, and only the lock has lines for people.
        told = name in PLUG_AND_PLAY and posixpath.join(folder, "yarn.lock") in fleet.tree.entries
        if reader is not None and not told:
            yield path, reader


def _eggs(fleet: Fleet, below: str) -> Iterator[tuple[str, Package]]:
    """Python distributions that somebody has put into the repository as they are."""
    paths = [path for path in fleet.tree.entries if is_below(path, below) and not SKIPPED.intersection(path.split("/"))]
    yield from ((each.path, Package("pypi", each.name, each.version)) for each in eggs(paths))


def _asked_for(fleet: Fleet, below: str) -> Iterator[tuple[str, Reader]]:
    """The requirement files that Dockerfiles install from, whatever they are called."""
    for file in fleet.files:
        for install in python_installs(file) if is_below(file.path, below) else ():
            for name in install.manifests:
                path = install.context.tree_path(name)
                if _is_requirements(fleet, path):
                    yield path, requirement_packages


def _is_requirements(fleet: Fleet, path: str) -> bool:
    """A project's own manifest is read elsewhere."""
    return posixpath.basename(path) not in {"pyproject.toml", "setup.py", "setup.cfg", *READERS} and path in fleet.tree.entries


def _unknown(fleet: Fleet, below: str) -> dict[str, str]:
    """Manifests of kinds that are not read: what they name is not known."""
    found: dict[str, str] = {}
    for path, entry in fleet.tree.entries.items():
        known = entry.kind == "file" and is_below(path, below) and not SKIPPED.intersection(path.split("/"))
        if known and _UNKNOWN.search(path) and not _has_lock(fleet, path):
            found[path] = "is a manifest of a kind that is not read"
    return found


def _declared_in_setup(fleet: Fleet, below: str) -> Iterator[Unresolved]:
    """`setup.py` is a program, and what it requires no reading tells."""
    for path, entry in fleet.tree.entries.items():
        known = entry.kind == "file" and is_below(path, below) and not SKIPPED.intersection(path.split("/"))
        if not known or posixpath.basename(path) not in {"setup.py", "setup.cfg"} or _has_lock(fleet, path):
            continue
        source = fleet.tree.read(path)
        if not isinstance(source, Unreadable) and "install_requires" in source.text:
            yield Unresolved(path, "install_requires")


def _has_lock(fleet: Fleet, path: str) -> bool:
    """Whether a lock that is read, and is that manifest's own, lies beside it."""
    folder, name = posixpath.split(path)
    locks = next((locks for pattern, locks in _LOCKS.items() if re.match(pattern, name)), ())
    # Cargo's workspaces have one lock at their top, for all of them.
    folders = _above(path) if name == "Cargo.toml" else (folder,)
    return any(posixpath.join(each, lock) in fleet.tree.entries for each in folders for lock in locks)


_LOCKS: Mapping[str, tuple[str, ...]] = {
    r"Pipfile": ("Pipfile.lock",), r"build\.gradle": ("gradle.lockfile",), r".*proj$": ("packages.lock.json",),
    r"setup\.": ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml"), r"Gemfile": ("Gemfile.lock",),
    r"composer\.json": ("composer.lock",), r"Cargo\.toml": ("Cargo.lock",),
    r"bun\.lock": ("package-lock.json", "yarn.lock", "pnpm-lock.yaml"),
}  # fmt: skip


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
                    yield manifest.path, Package(kind, python_name(each.name) if kind == "pypi" else each.name, "")


def _installed(fleet: Fleet, below: str) -> Iterator[tuple[str, Package]]:
    """What Dockerfiles name on the command line of an install: `pip install flask==3.0`, `gem install rake -v 13.0.6`."""
    for file in fleet.files:
        if is_below(file.path, below):
            yield from ((file.path, package) for package in dockerfile_installs(file))
