"""Python's imports, and which of them the installed packages, the standard library and the copied files provide."""

import ast
import posixpath
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import cast

from packaging.utils import canonicalize_name

from trimtab.fleet.copies import CopiedFiles, copied_files
from trimtab.fleet.facts import Facts
from trimtab.fleet.plain import items, mapping
from trimtab.fleet.requirements import python_installs
from trimtab.fleet.stage import Stage


@cache
def _table(name: str) -> Mapping[str, frozenset[str]]:
    """A table of `python_projects.toml`: projects to modules."""
    text = resources.files("trimtab.fleet").joinpath("python_projects.toml").read_text(encoding="utf-8")
    rows = mapping(mapping(tomllib.loads(text)).get(name))
    return {project: frozenset(str(each) for each in items(modules)) for project, modules in rows.items()}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, without its submodules. `certain`: at the file's top, not in a `try` or an `if`."""

    name: str
    line: int
    certain: bool
    module: str
    """With its submodules; relative ones begin with dots."""


@lru_cache(maxsize=4096)
def imports_of(text: str) -> tuple[Import, ...]:
    """The imports of a Python text; none for one that this Python cannot read."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    top = set(map(id, tree.body))
    found: list[Import] = []
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            found += [Import(each.name.partition(".")[0], node.lineno, id(node) in top, each.name) for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found.append(Import("" if node.level else module.partition(".")[0], node.lineno, id(node) in top, module))
            found += [
                Import("", node.lineno, False, f"{module}.{each.name}" if node.module else module + each.name)
                for each in node.names
            ]
    return tuple(found)


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement, the outer ones first, as `ast.walk` has them, but without the expressions: a tenth of all nodes."""
    pending: list[ast.AST] = [tree]
    for node in pending:
        for field in ("cases", "body", "handlers", "orelse", "finalbody"):
            inside = getattr(node, field, None)
            # A lambda's and a condition's body is no list.
            pending += cast("list[ast.AST]", inside) if isinstance(inside, list) else []
        yield node


def modules_of(project: str) -> frozenset[str]:
    """The modules that a project is imported by, as far as its name tells."""
    name = canonicalize_name(project)
    named = _table("modules").get(name)
    if named:
        return named
    plain = name.replace("-", "_")
    return frozenset({plain, plain.partition("_")[0]} if plain.startswith(("google_", "azure_")) else {plain})


@dataclass(frozen=True, slots=True)
class Installed:
    """What a stage's Python can import."""

    modules: frozenset[str]
    projects: frozenset[str]

    def may_provide(self, name: str) -> bool:
        """Whether a module may be there: installed, brought along, or of a project whose name is like it."""
        lower = name.lower()
        if name in self.modules or lower in {module.lower() for module in self.modules}:
            return True
        return any(lower in project.replace("-", "_") or project.replace("-", "_") in lower for project in self.projects)


def installed_modules(facts: Facts, stage: Stage) -> Installed | None:
    """What an image's Python can import; None where something else may bring modules."""
    family = {one.index for one in facts.lineage(stage)}
    sources = _stages_copied_from(facts, stage)
    if sources is None or not re.search(r"(^|/)python:", facts.outside_base(stage)):
        return None
    projects: set[str] = set()
    modules: set[str] = set()
    for each in python_installs(facts.file):
        if each.stage.index not in family | sources:
            continue
        if not each.complete or each.install.manager.name != "pip":
            return None
        projects.update(canonicalize_name(requirement.name) for requirement in each.requirements)
        for requirement in each.requirements:
            modules |= modules_of(requirement.name)
            modules |= _table("brings").get(canonicalize_name(requirement.name), frozenset())
    if _installs_otherwise(facts, family | sources):
        return None
    for context in facts.contexts:
        for copy in (copy for one in facts.lineage(stage) for copy in one.copies):
            modules |= _local_modules(copied_files(copy, context).keys())
    return Installed(frozenset(modules), frozenset(projects))


def _stages_copied_from(facts: Facts, stage: Stage) -> set[int] | None:
    found: set[int] = set()
    for one in facts.lineage(stage):
        for copy in one.copies:
            if copy.from_ is None:
                continue
            origin = facts.stage_named(copy.from_)
            if origin is None:
                return None
            found.update(each.index for each in facts.lineage(origin))
    return found


def _installs_otherwise(facts: Facts, stages: set[int]) -> bool:
    """Whether poetry, conda, apt's Python packages or a script may install modules as well."""
    for stage in facts.stages:
        for run in stage.runs:
            if stage.index not in stages:
                continue
            if run.script.broken or not run.script.commands:
                return True
            for command in run.script.commands:
                if command.name in {
                    "poetry",
                    "uv",
                    "pipenv",
                    "pdm",
                    "conda",
                    "mamba",
                    "easy_install",
                    "make",
                } or command.name.endswith(".sh"):
                    return True
                if command.name.startswith("python") and any(word.endswith("setup.py") for word in command.words):
                    return True
            if any(package.startswith(("python3-", "py3-")) for install in run.installs for package in install.packages):
                return True
    return False


def _local_modules(paths: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        parts = path.split("/")
        found.update(part for part in parts[:-1] if part.isidentifier())
        if parts[-1].endswith((".py", ".so", ".pyd")):
            found.add(parts[-1].partition(".")[0])
    return found


@dataclass(frozen=True, slots=True)
class Reached:
    """A module file that a service loads, by its context path."""

    path: str
    imports: tuple[Import, ...]


def reached_files(files: CopiedFiles, start: str, roots: tuple[str, ...]) -> Iterator[Reached]:
    """The copied Python files that starting one file loads, following its certain imports within the copied files."""
    pending, seen = [start], {start}
    while pending:
        path = pending.pop(0)
        text = files.read(path)
        if text is None:
            continue
        imports = imports_of(text)
        yield Reached(files.paths[path], imports)
        for each in imports:
            for target in _targets(files, path, each, (posixpath.dirname(start), *roots)):
                if target not in seen:
                    seen.add(target)
                    pending.append(target)


def _targets(files: CopiedFiles, path: str, each: Import, roots: tuple[str, ...]) -> Iterator[str]:
    dots = len(each.module) - len(each.module.lstrip("."))
    tail = each.module[dots:].replace(".", "/")
    folders = roots
    if dots:
        folder = posixpath.dirname(path)
        for _ in range(dots - 1):
            folder = posixpath.dirname(folder)
        folders = (folder,)
    for folder in folders:
        for name in (f"{tail}.py", f"{tail}/__init__.py"):
            target = posixpath.normpath(posixpath.join(folder, name))
            if target in files.paths:
                yield target


def module_file(files: CopiedFiles, module: str, roots: tuple[str, ...]) -> str | None:
    """The copied file that a module is loaded from; a package's is its `__main__` or `__init__`."""
    tail = module.replace(".", "/")
    for root in roots:
        for name in (f"{tail}.py", f"{tail}/__main__.py", f"{tail}/__init__.py"):
            target = posixpath.normpath(posixpath.join(root, name))
            if target in files.paths:
                return target
    return None


def is_standard(name: str) -> bool:
    """Whether a module is Python's own."""
    return name in sys.stdlib_module_names or name in {"distutils", "imp", "asynchat", "asyncore", "smtpd"}
