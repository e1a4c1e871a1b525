"""Manifests: the files that name what a service depends on, and the packages they name."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from trimtab.fleet.plain import items, mapping
from trimtab.fleet.tree import Tree, Unreadable, own_entries
from trimtab.syntax.data import read_json, read_toml

_REQUIREMENTS = re.compile(r"^(requirements|constraints)[\w.-]*\.(txt|in)$")
_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(?P<range>[^;#@]*)")
_NODE_KEYS = ("dependencies", "devDependencies", "optionalDependencies")


@dataclass(frozen=True, slots=True)
class Package:
    """A package that a manifest names, with its version range as written."""

    name: str
    range: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest; `ecosystem` is `python` or `node`."""

    path: str
    ecosystem: str
    packages: tuple[Package, ...]


def find_manifests(tree: Tree) -> tuple[Manifest, ...]:
    """Every requirements file, pyproject.toml and package.json below the root that can be read."""
    return tuple(manifest for entry in own_entries(tree) if (manifest := _read(tree, entry.path)) is not None)


def _read(tree: Tree, path: str) -> Manifest | None:
    name = posixpath.basename(path)
    readers = {"package.json": ("node", _node), "pyproject.toml": ("python", _pyproject)}
    if _REQUIREMENTS.match(name):
        ecosystem, reader = "python", requirements
    elif name in readers:
        ecosystem, reader = readers[name]
    else:
        return None
    source = tree.read(path)
    if isinstance(source, Unreadable):
        return None
    try:
        return Manifest(path, ecosystem, tuple(reader(source.text)))
    except ValueError:
        # What is no JSON or TOML is for its own tool to report; it names no package that we could know.
        return None


def requirements(text: str) -> Iterator[Package]:
    """The packages of a pip requirements file; options, URLs and local paths are no packages."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        plain = line.strip()
        match = _REQUIREMENT.match(plain)
        if match and "://" not in plain and "/" not in match["name"] and not plain.startswith("-"):
            yield Package(match["name"], match["range"].strip())


def _node(text: str) -> Iterator[Package]:
    data = mapping(read_json(text))
    for key in _NODE_KEYS:
        for name, version in mapping(data.get(key)).items():
            yield Package(name, str(version))


def _pyproject(text: str) -> Iterator[Package]:
    data = cast("Mapping[str, object]", read_toml(text))
    project = mapping(data.get("project"))
    lines = [str(item) for item in items(project.get("dependencies"))]
    for group in mapping(project.get("optional-dependencies")).values():
        lines += [str(item) for item in items(group)]
    yield from requirements("\n".join(lines))
    poetry = mapping(mapping(mapping(data.get("tool")).get("poetry")).get("dependencies"))
    for name, version in poetry.items():
        if name != "python":
            yield Package(name, str(version))
