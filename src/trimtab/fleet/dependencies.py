"""Which files an installation reads from the build context, and whether it needs the sources too."""

import json
import posixpath
import re
from dataclasses import dataclass
from typing import Protocol, cast

from trimtab.fleet.installs import Install, is_local_package
from trimtab.fleet.plain import mapping

_LIFECYCLE = ("preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare")
_DEPENDENCY_KEYS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "overrides")
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
    if name == "pip" or (name == "uv" and install.arguments[:1] == ("pip",)):
        return _pip(install, workdir, files)
    if name in {"npm", "yarn", "pnpm"}:
        return _node(install, workdir, files)
    if name in {"uv", "poetry"}:
        return _pyproject(install, workdir, files)
    if name == "go" and install.arguments[:2] == ("mod", "download"):
        return _go(install, workdir, files)
    return NeedsSources(f"`{name} {' '.join(install.arguments[:2])}` reads the sources")


def _pip(install: Install, workdir: str, files: ImageFiles) -> Manifests | NeedsSources:
    if install.pip.local:
        return NeedsSources(f"`pip install` installs from the sources (`{install.pip.local[0]}`)")
    found: dict[str, None] = {}
    pending = [_at(workdir, path) for path in (*install.pip.requirements, *install.pip.constraints)]
    while pending:
        path = pending.pop(0)
        if path in found:
            continue
        text = files.read(path)
        name = posixpath.basename(path)
        if text is None:
            return NeedsSources(f"`{name}` is not among the files that are copied from the build context")
        found[path] = None
        for line in _requirement_lines(text):
            included = re.match(r"^(?:-r|--requirement|-c|--constraint)[ =]*(\S+)", line)
            if included:
                pending.append(_at(posixpath.dirname(path), included[1]))
            elif _local_requirement(line):
                return NeedsSources(f"`{name}` installs from the sources (`{line}`)")
    return Manifests(tuple(found))


def _at(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))


def _requirement_lines(text: str) -> list[str]:
    joined = re.sub(r"\\\r?\n", " ", text)
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def _local_requirement(line: str) -> bool:
    if line.startswith(("-e", "--editable")):
        return not re.match(r"^(-e|--editable)[ =]*(git|hg|svn|bzr)\+", line)
    return is_local_package(line.split(" ")[0]) or " @ file:" in line


def _node(install: Install, workdir: str, files: ImageFiles) -> Manifests | NeedsSources:
    text = files.read(_at(workdir, "package.json"))
    if text is None:
        return NeedsSources("`package.json` is not among the files that are copied from the build context")
    try:
        data = cast("object", json.loads(text))
    except ValueError:
        return NeedsSources("`package.json` cannot be read")
    package = mapping(data)
    if "workspaces" in package:
        return NeedsSources("`package.json` has workspaces, whose folders the install reads")
    scripts = mapping(package.get("scripts"))
    if scripts and "--ignore-scripts" not in install.arguments:
        hook = next((name for name in _LIFECYCLE if name in scripts), None)
        if hook:
            return NeedsSources(f"`package.json` runs a `{hook}` script, which may read the sources")
    for key in _DEPENDENCY_KEYS:
        for name, version in mapping(package.get(key)).items():
            if str(version).startswith(("file:", "link:", "workspace:", "portal:", "patch:", "./", "../")):
                return NeedsSources(f"`package.json` installs `{name}` from the sources")
    if files.has_folder(_at(workdir, ".yarn")) or files.has_folder(_at(workdir, "patches")):
        return NeedsSources("the install reads `.yarn` or `patches`")
    return _existing(install, workdir, files)


def _existing(install: Install, workdir: str, files: ImageFiles) -> Manifests:
    paths = (_at(workdir, name) for name in install.manager.manifests)
    return Manifests(tuple(path for path in paths if files.read(path) is not None))


def _pyproject(install: Install, workdir: str, files: ImageFiles) -> Manifests | NeedsSources:
    name = install.manager.name
    if not install.has_flag(*_WITHOUT_PROJECT[name]):
        return NeedsSources(
            f"`{name} {install.arguments[0]}` installs the project itself; `{_WITHOUT_PROJECT[name][0]}` would not"
        )
    text = files.read(_at(workdir, "pyproject.toml"))
    if text is None:
        return NeedsSources("`pyproject.toml` is not among the files that are copied from the build context")
    if re.search(r"^\s*[\w.-]*\s*=?.*\bpath\s*=\s*[\"']", text, re.MULTILINE) or "workspace" in text:
        return NeedsSources("`pyproject.toml` has path or workspace dependencies")
    return _existing(install, workdir, files)


def _go(install: Install, workdir: str, files: ImageFiles) -> Manifests | NeedsSources:
    text = files.read(_at(workdir, "go.mod"))
    if text is None:
        return NeedsSources("`go.mod` is not among the files that are copied from the build context")
    if re.search(r"=>\s*\.{1,2}/", text) or files.read(_at(workdir, "go.work")) is not None:
        return NeedsSources("`go.mod` replaces a module by a folder of the sources")
    return _existing(install, workdir, files)
