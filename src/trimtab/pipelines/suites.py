"""The tests that services bring along: where they are, and what has to be installed to run them."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from trimtab.build import Graph
from trimtab.build.target import Target
from trimtab.fleet import Fleet, Tree, Unreadable
from trimtab.fleet.bases import read_reference
from trimtab.fleet.manifests import requirements
from trimtab.fleet.plain import mapping
from trimtab.syntax.data import read_json

Language = Literal["python", "node"]
_SKIPPED = frozenset({"node_modules", ".venv", "venv", "site-packages", "vendor", "dist", "build"})
_TEST = re.compile(r"(test_[^/]*|[^/]*_test)\.py")
"""What pytest collects by default (`python_files`)."""
_WANTED = re.compile(r"requirements(?:[-_.](?:dev|develop|test|tests|testing))?\.txt")
_SETTINGS = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_PLUGINS: Mapping[str, re.Pattern[str]] = {
    "pytest-asyncio": re.compile(r"\basyncio_mode\b|\bpytest\.mark\.asyncio\b|\bpytest_asyncio\b"),
    "pytest-cov": re.compile(r"(?m)^[^#\n]*--cov\b"),
    "pytest-httpx": re.compile(r"\bhttpx_mock\b"),
    "pytest-mock": re.compile(r"\bmocker\b"),
    "pytest-timeout": re.compile(r"(?m)^[^#\n]*--timeout\b|\bpytest\.mark\.timeout\b"),
}
"""Plugins of pytest without which a suite cannot run, by what shows that it needs them."""
_LOCKS = {"package-lock.json": "npm-ci", "npm-shrinkwrap.json": "npm-ci", "yarn.lock": "yarn", "pnpm-lock.yaml": "pnpm"}
_FALLBACK: Mapping[Language, str] = {"python": "3.12", "node": "24"}
"""Where no image says which version it runs: still supported until October 2028 and April 2028 (endoflife.date)."""


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of one service, in one language."""

    target: str
    folder: str
    """Where they are run, from the fleet's root."""
    language: Language
    version: str
    """Of the language, as the service's image has it: `3.12`, `20`."""
    install: tuple[str, ...] = ()
    """Words for `pip install`."""
    manager: str = ""
    """What installs a Node project: `npm-ci`, `npm`, `yarn` or `pnpm`."""


def suites(fleet: Fleet, graph: Graph) -> tuple[Suite, ...]:
    """The suites of all targets in the graph's order, each folder once; a folder with tests in both languages has two."""
    found: dict[tuple[str, Language], Suite] = {}
    folders = {name: _folder(target) for name, target in graph.targets.items()}
    for name in graph.targets:
        folder = folders[name]
        if folder is None or (not folder and len(graph.targets) > 1):
            continue
        inner = tuple(f"{each}/" for each in folders.values() if each and each.startswith(f"{folder}/" if folder else ""))
        inner = tuple(each for each in inner if each != f"{folder}/")
        for suite in _of_folder(fleet.tree, graph, name, folder, inner):
            found.setdefault((folder, suite.language), suite)
    return tuple(_with_versions(fleet.tree, list(found.values())))


def _folder(target: Target) -> str | None:
    """Where a service lives: beside its Dockerfile, else in its context."""
    beside = posixpath.dirname(target.build.dockerfile or "")
    return beside or target.build.context


def _of_folder(tree: Tree, graph: Graph, name: str, folder: str, inner: Sequence[str]) -> Iterator[Suite]:
    prefix = f"{folder}/" if folder else ""
    paths = [path for path in tree.entries if path.startswith(prefix) and not path.startswith(tuple(inner) or ("\0",))]
    tests = [path for path in paths if _TEST.fullmatch(posixpath.basename(path)) and not _is_skipped(path, prefix)]
    if tests:
        yield Suite(name, folder, "python", _version(graph, name, "python"), tuple(_install(tree, prefix, tests)))
    script = str(mapping(mapping(_json(tree, f"{prefix}package.json")).get("scripts")).get("test") or "")
    if script and "no test specified" not in script:
        manager = next((word for lock, word in _LOCKS.items() if f"{prefix}{lock}" in tree.entries), "npm")
        yield Suite(name, folder, "node", _version(graph, name, "node"), manager=manager)


def _is_skipped(path: str, prefix: str) -> bool:
    return bool(_SKIPPED.intersection(path[len(prefix) :].split("/")[:-1]))


def _install(tree: Tree, prefix: str, tests: Iterable[str]) -> Iterator[str]:
    """The service's own requirements, those for its tests, and what of pytest they do not name."""
    beside = [path for path in tree.entries if posixpath.dirname(path) == prefix.rstrip("/")]
    files = [name for path in beside if _WANTED.fullmatch(name := posixpath.basename(path))]
    named: set[str] = set()
    for file in sorted(files, key=lambda name: (name != "requirements.txt", name)):
        yield f"--requirement={file}"
        named |= {package.name.lower().replace("_", "-") for package in requirements(_text(tree, prefix + file))}
    if not files and re.search(r"(?m)^\[project\]", _text(tree, f"{prefix}pyproject.toml")):
        yield "."
    shown = [_text(tree, f"{prefix}{name}") for name in _SETTINGS] + [_text(tree, path) for path in tests]
    wanted = ["pytest", *(plugin for plugin, sign in _PLUGINS.items() if any(sign.search(text) for text in shown))]
    yield from (each for each in wanted if each not in named)


def _version(graph: Graph, name: str, language: Language) -> str:
    """The version in the image that a target starts from last, to the part that says what runs: `3.12`, `20`.

    An image of the fleet has the version of what it starts from itself.
    """
    parts = 2 if language == "python" else 1
    for stage in reversed(graph.targets[name].stages):
        reference = read_reference(stage.base) if stage.parent is None else None
        if reference is not None and reference.name == language and len(reference.version) >= parts:
            return ".".join(map(str, reference.version[:parts]))
    if name in graph.circular:
        return ""
    bases = [link.provider for link in graph.links_of(name) if link.how == "FROM"]
    return next((found for base in bases if (found := _version(graph, base, language))), "")


def _with_versions(tree: Tree, found: Sequence[Suite]) -> Iterator[Suite]:
    """The suites, those without a version with the one that their folder or the root names, else the fleet's most common."""
    for suite in found:
        named = {"python": ".python-version", "node": ".nvmrc"}[suite.language]
        places = [f"{suite.folder}/{named}" if suite.folder else named, named]
        said = [match[0] for place in places if (match := re.search(r"\d+(\.\d+)?", _text(tree, place)))]
        every = Counter(each.version for each in found if each.language == suite.language and each.version)
        common = [version for version, _ in every.most_common(1)]
        version = suite.version or next(iter([*said, *common]), _FALLBACK[suite.language])
        yield replace(suite, version=version)


def _text(tree: Tree, path: str) -> str:
    """A file's text; empty for one that is not there or cannot be read."""
    entry = tree.entries.get(path)
    source = tree.read(path) if entry is not None and entry.kind == "file" else None
    return "" if source is None or isinstance(source, Unreadable) else source.text


def _json(tree: Tree, path: str) -> object:
    try:
        return read_json(_text(tree, path) or "{}")
    except ValueError:
        return {}
