"""Which files an installation reads from the build context, and whether it needs the sources too."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from trimtab.fleet.installs import Install, is_local_package
from trimtab.fleet.plain import mapping
from trimtab.syntax.data import read_json

_LIFECYCLE = ("preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare", "dependencies")
_ELSEWHERE = frozenset(
    ["--prefix", "-C", "--cwd", "--dir", "--filter", "-F", "--find-links", "-f", "--no-index", "--directory", "--project"]
)
"""Options that make an install read another folder than the one it runs in."""
_NUMBERS_AND_LEVELS = frozenset(["--loglevel", "--fetch-timeout", "--fetch-retries", "--maxsockets", "--network-concurrency"])
"""Options of npm and pnpm whose value is no package."""
_DEPENDENCY_KEYS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "overrides")
_OF_PYPROJECT = frozenset(["--group", "--extra", "--all-extras", "--requirements-from-script"])
"""Options of pip (25.1 and later) and `uv pip` that name a part of a file instead of the file."""
_WITHOUT_PROJECT = {
    "uv": ("--no-install-project", "--no-install-workspace", "--no-install-local"),
    "poetry": ("--no-root", "--only-root"),
}


@dataclass(frozen=True, slots=True)
class Manifests:
    """Image paths that an installation reads."""

    paths: tuple[str, ...]


class ImageFiles(Protocol):
    """The files that COPYs have brought from the build context, by their path in the image."""

    def read(self, path: str) -> str | None:
        """The text of a file, None when no COPY brought it or it cannot be read."""
        ...

    def has_folder(self, path: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class NeedsSources:
    """Why an installation cannot run before the sources are there."""

    reason: str


def install_inputs(install: Install, workdir: str, files: ImageFiles) -> Manifests | NeedsSources:
    """What an install reads when it runs in a working directory."""
    name = install.manager.name
    elsewhere = next((word for word in install.arguments if word.partition("=")[0] in _ELSEWHERE), None)
    if elsewhere or not install.command.literal:
        return NeedsSources(f"`{elsewhere or ' '.join(install.command.words)[:40]}` may read other files")
    if name == "pip" or (name == "uv" and install.arguments[:1] == ("pip",)):
        return _pip(install, workdir, files)
    if name in {"npm", "yarn", "pnpm"}:
        return _node(install, workdir, files)
    if name in {"uv", "poetry"}:
        return _pyproject(install, workdir, files)
    if name == "go" and install.arguments[:2] == ("mod", "download"):
        return _go(install, workdir, files)
    return NeedsSources(f"`{name} {' '.join(install.arguments[:2])}` reads the sources")


def rewrites_manifest(install: Install) -> bool:
    """Whether an install adds packages to the `package.json` that it reads: `npm install express`."""
    if install.manager.name not in {"npm", "pnpm"} or install.arguments[:1] == ("ci",):
        return False
    before = dict(zip(install.arguments[1:], install.arguments, strict=False))
    named = [package for package in install.packages if before.get(package) not in _NUMBERS_AND_LEVELS]
    return bool(named) and not install.has_flag("-g", "--global", "--location=global", "--no-save")


_FROZEN = ("ci", "--frozen-lockfile", "--immutable", "--pure-lockfile", "--no-package-lock", "--no-lockfile")
"""What keeps an install of node packages from writing to the lock."""


def rewrites_lock(install: Install) -> bool:
    """Whether an install brings a lock up to date that does not fit its manifest."""
    return install.manager.name in {"npm", "yarn", "pnpm"} and not install.has_flag(*_FROZEN)


def _pip(install: Install, workdir: str, files: ImageFiles) -> Manifests | NeedsSources:
    if install.pip.local:
        return NeedsSources(f"`pip install` installs from the sources (`{install.pip.local[0]}`)")
    if any(word.partition("=")[0] in _OF_PYPROJECT for word in install.arguments):
        return NeedsSources("`pip install` reads what a `pyproject.toml` lists")
    found: dict[str, None] = {}
    pending = [image_path(workdir, path) for path in (*install.pip.requirements, *install.pip.constraints)]
    while pending:
        path = pending.pop(0)
        if path in found:
            continue
        text = files.read(path)
        name = posixpath.basename(path)
        if text is None:
            return NeedsSources(f"`{name}` is not among the files that are copied from the build context")
        found[path] = None
        for line in logical_lines(text):
            included = re.match(r"^(?:-r|--requirement|-c|--constraint)[ =]*(\S+)", line)
            if included:
                pending.append(image_path(posixpath.dirname(path), included[1]))
            elif line.startswith(("-f", "--find-links", "--no-index")) or _local_requirement(line):
                return NeedsSources(f"`{name}` installs from the sources (`{line}`)")
    return Manifests(tuple(found))


def image_path(folder: str, path: str) -> str:
    """A path as an instruction in a working directory means it."""
    return posixpath.normpath(posixpath.join(folder, path))


def logical_lines(text: str) -> list[str]:
    """The lines of a requirements file, continued ones joined, without comments and blanks."""
    joined = re.sub(r"\\\r?\n", " ", text)
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def _local_requirement(line: str) -> bool:
    if line.startswith(("-e", "--editable")):
        return not re.match(r"^(-e|--editable)[ =]*(git|hg|svn|bzr)\+", line)
    return is_local_package(line.split(" ")[0]) or " @ file:" in line


def _node(install: Install, workdir: str, files: ImageFiles) -> Manifests | NeedsSources:
    text = files.read(image_path(workdir, "package.json"))
    if text is None:
        return NeedsSources("`package.json` is not among the files that are copied from the build context")
    try:
        package = mapping(read_json(text))
    except ValueError:
        return NeedsSources("`package.json` cannot be read")
    ignored = "--ignore-scripts" in install.arguments
    reason = _package_needs(package, scripts=not ignored) or _folder_needs(workdir, files)
    return NeedsSources(reason) if reason else _existing(install, workdir, files)


def _package_needs(package: Mapping[str, object], *, scripts: bool) -> str | None:
    """What in a package.json makes the install read the sources."""
    if "workspaces" in package:
        return "`package.json` has workspaces, whose folders the install reads"
    hook = next((name for name in _LIFECYCLE if name in mapping(package.get("scripts"))), None) if scripts else None
    if hook:
        return f"`package.json` runs a `{hook}` script, which may read the sources"
    for key in _DEPENDENCY_KEYS:
        for name, version in mapping(package.get(key)).items():
            if name == "@prisma/client" and scripts:
                return "`@prisma/client` generates its code from a schema among the sources while installing"
            if str(version).startswith(("file:", "link:", "workspace:", "portal:", "patch:", "./", "../")):
                return f"`package.json` installs `{name}` from the sources"
    return None


def _folder_needs(workdir: str, files: ImageFiles) -> str | None:
    if re.search(r"^packages:", files.read(image_path(workdir, "pnpm-workspace.yaml")) or "", re.MULTILINE):
        return "`pnpm-workspace.yaml` names packages, whose folders the install reads"
    if files.read(image_path(workdir, "binding.gyp")) is not None:
        return "npm builds the sources that `binding.gyp` names while installing"
    if "yarnPath" in (files.read(image_path(workdir, ".yarnrc.yml")) or ""):
        return "`.yarnrc.yml` names the program that installs"
    if files.has_folder(image_path(workdir, ".yarn")) or files.has_folder(image_path(workdir, "patches")):
        return "the install reads `.yarn` or `patches`"
    return None


def _existing(install: Install, workdir: str, files: ImageFiles) -> Manifests:
    paths = (image_path(workdir, name) for name in install.manager.manifests)
    return Manifests(tuple(path for path in paths if files.read(path) is not None))


def _pyproject(install: Install, workdir: str, files: ImageFiles) -> Manifests | NeedsSources:
    name = install.manager.name
    if not install.has_flag(*_WITHOUT_PROJECT[name]):
        return NeedsSources(
            f"`{name} {install.arguments[0]}` installs the project itself; `{_WITHOUT_PROJECT[name][0]}` would not"
        )
    text = files.read(image_path(workdir, "pyproject.toml"))
    if text is None:
        return NeedsSources("`pyproject.toml` is not among the files that are copied from the build context")
    if re.search(r"^\s*[\w.-]*\s*=?.*\bpath\s*=\s*[\"']", text, re.MULTILINE) or "workspace" in text:
        return NeedsSources("`pyproject.toml` has path or workspace dependencies")
    return _existing(install, workdir, files)


def _go(install: Install, workdir: str, files: ImageFiles) -> Manifests | NeedsSources:
    text = files.read(image_path(workdir, "go.mod"))
    if text is None:
        return NeedsSources("`go.mod` is not among the files that are copied from the build context")
    if re.search(r"=>\s*(\.{0,2})/", text) or files.read(image_path(workdir, "go.work")) is not None:
        return NeedsSources("`go.mod` replaces a module by a folder of the sources")
    return _existing(install, workdir, files)
