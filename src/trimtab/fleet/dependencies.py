"""Which files an installation reads from the build context, and whether it needs the sources too."""

import json
import posixpath
import re
from dataclasses import dataclass
from typing import cast

from trimtab.fleet.context import BuildContext
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
    """Context paths that an installation reads."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NeedsSources:
    """Why an installation cannot run before the sources are there."""

    reason: str


def install_inputs(install: Install, folder: str, context: BuildContext) -> Manifests | NeedsSources:
    """What an install reads when it runs in the image's copy of a context folder."""
    name = install.manager.name
    if name == "pip" or (name == "uv" and install.arguments[:1] == ("pip",)):
        return _pip(install, folder, context)
    if name in {"npm", "yarn", "pnpm"}:
        return _node(install, folder, context)
    if name in {"uv", "poetry"}:
        return _pyproject(install, folder, context)
    if name == "go" and install.arguments[:2] == ("mod", "download"):
        return _go(install, folder, context)
    return NeedsSources(f"`{name} {' '.join(install.arguments[:2])}` reads the sources")


def _pip(install: Install, folder: str, context: BuildContext) -> Manifests | NeedsSources:
    if install.pip.local:
        return NeedsSources(f"`pip install` installs from the sources (`{install.pip.local[0]}`)")
    found: dict[str, None] = {}
    pending = [posixpath.normpath(posixpath.join(folder, p)) for p in (*install.pip.requirements, *install.pip.constraints)]
    while pending:
        path = pending.pop(0)
        if path in found:
            continue
        text = context.read(path)
        if text is None:
            return NeedsSources(f"`{path}` is not in the build context")
        found[path] = None
        for line in _requirement_lines(text):
            included = re.match(r"^(?:-r|--requirement|-c|--constraint)[ =]*(\S+)", line)
            if included:
                pending.append(posixpath.normpath(posixpath.join(posixpath.dirname(path), included[1])))
            elif _local_requirement(line):
                return NeedsSources(f"`{path}` installs from the sources (`{line}`)")
    return Manifests(tuple(found))


def _requirement_lines(text: str) -> list[str]:
    joined = re.sub(r"\\\r?\n", " ", text)
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


def _local_requirement(line: str) -> bool:
    if line.startswith(("-e", "--editable")):
        return not re.match(r"^(-e|--editable)[ =]*(git|hg|svn|bzr)\+", line)
    return is_local_package(line.split(" ")[0]) or " @ file:" in line


def _node(install: Install, folder: str, context: BuildContext) -> Manifests | NeedsSources:
    manifest = posixpath.normpath(posixpath.join(folder, "package.json"))
    text = context.read(manifest)
    if text is None:
        return NeedsSources(f"`{manifest}` is not in the build context")
    try:
        data = cast("object", json.loads(text))
    except ValueError:
        return NeedsSources(f"`{manifest}` cannot be read")
    package = mapping(data)
    if "workspaces" in package:
        return NeedsSources(f"`{manifest}` has workspaces, whose folders the install reads")
    scripts = mapping(package.get("scripts"))
    if scripts and "--ignore-scripts" not in install.arguments:
        hook = next((name for name in _LIFECYCLE if name in scripts), None)
        if hook:
            return NeedsSources(f"`{manifest}` runs a `{hook}` script, which may read the sources")
    for key in _DEPENDENCY_KEYS:
        for name, version in mapping(package.get(key)).items():
            if str(version).startswith(("file:", "link:", "workspace:", "portal:", "patch:", "./", "../")):
                return NeedsSources(f"`{manifest}` installs `{name}` from the sources")
    if context.is_directory(posixpath.join(folder, ".yarn")) or context.is_directory(posixpath.join(folder, "patches")):
        return NeedsSources("the install reads `.yarn` or `patches`")
    return _existing(install, folder, context)


def _existing(install: Install, folder: str, context: BuildContext) -> Manifests:
    paths = (posixpath.normpath(posixpath.join(folder, name)) for name in install.manager.manifests)
    return Manifests(tuple(path for path in paths if context.read(path) is not None))


def _pyproject(install: Install, folder: str, context: BuildContext) -> Manifests | NeedsSources:
    name = install.manager.name
    if not install.has_flag(*_WITHOUT_PROJECT[name]):
        return NeedsSources(
            f"`{name} {install.arguments[0]}` installs the project itself; `{_WITHOUT_PROJECT[name][0]}` would not"
        )
    text = context.read(posixpath.join(folder, "pyproject.toml"))
    if text is None:
        return NeedsSources("`pyproject.toml` is not in the build context")
    if re.search(r"^\s*[\w.-]*\s*=?.*\bpath\s*=\s*[\"']", text, re.MULTILINE) or "workspace" in text:
        return NeedsSources("`pyproject.toml` has path or workspace dependencies")
    return _existing(install, folder, context)


def _go(install: Install, folder: str, context: BuildContext) -> Manifests | NeedsSources:
    text = context.read(posixpath.join(folder, "go.mod"))
    if text is None:
        return NeedsSources("`go.mod` is not in the build context")
    if re.search(r"=>\s*\.{1,2}/", text) or context.read(posixpath.join(folder, "go.work")) is not None:
        return NeedsSources("`go.mod` replaces a module by a folder of the sources")
    return _existing(install, folder, context)
