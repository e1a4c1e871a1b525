"""One compose project from its files."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from trimtab.fleet.compose.documents import read_documents
from trimtab.fleet.compose.interpolate import Interpolation, parse_env
from trimtab.fleet.compose.merge import merge, normalised_service, untagged, with_tags
from trimtab.fleet.model import Problem
from trimtab.fleet.plain import items, mapping, text
from trimtab.fleet.tree import Tree, Unreadable
from trimtab.syntax.yaml import YamlDocument, YamlProblem

Mapping_ = dict[str, object]
_TOP = ("networks", "volumes", "secrets", "configs")


@dataclass
class Project:
    """A loaded project: raw, merged services with the place each was first defined in."""

    files: tuple[str, ...]
    services: dict[str, Mapping_] = field(default_factory=dict[str, Mapping_])
    origins: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    folders: dict[str, str] = field(default_factory=dict[str, str])
    """Per service, the folder its relative paths count from."""
    name: str | None = None
    """What the names of images and containers begin with: `COMPOSE_PROJECT_NAME`, else the top-level `name`."""
    top: dict[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])
    """The merged `networks`, `volumes`, `secrets` and `configs`."""
    problems: list[Problem] = field(default_factory=list[Problem])


@dataclass
class _Loader:
    tree: Tree
    environment: Mapping[str, str]
    project: Project
    documents: dict[str, tuple[YamlDocument, ...]] = field(default_factory=dict[str, tuple[YamlDocument, ...]])
    including: list[str] = field(default_factory=list[str])

    def problem(self, path: str, line: int, kind: str, message: str) -> None:
        problem = Problem(path, line, kind, message)
        if problem not in self.project.problems:
            self.project.problems.append(problem)

    def read(self, path: str) -> tuple[YamlDocument, ...]:
        """The documents of a file, which override each other as files do; none for one that cannot be read."""
        if path not in self.documents:
            self.documents[path] = self._read(path)
        return self.documents[path]

    def _read(self, path: str) -> tuple[YamlDocument, ...]:
        found = read_documents(self.tree, path)
        if isinstance(found, Unreadable):
            self.problem(path, 1, "unreadable", f"`{path}` {found.reason}")
            return ()
        if isinstance(found, YamlProblem):
            self.problem(path, found.line, "syntax", found.message)
            return ()
        if not all(isinstance(document.data, dict) for document in found):
            self.problem(path, 1, "syntax", "a compose file must be a mapping at the top")
            return ()
        return found

    def load(self, files: Sequence[str], folder: str, env: Mapping[str, str]) -> dict[str, Mapping_]:
        """The services of one set of files, with their includes, extended and merged."""
        services: dict[str, Mapping_] = {}
        pairs = [(path, document) for path in files for document in self.read(path)]
        for path, document in pairs:
            data = self._interpolated(path, document, env)
            if path in self.project.files:
                self.project.name = text(data.get("name")) or self.project.name
            for key in _TOP:
                self.project.top[key] = mapping(merge(self.project.top.get(key), data.get(key)))
            included = self._included(path, data, folder, env)
            own = self._own_services(path, data, document, folder, env)
            for name, service in {**included}.items():
                services.setdefault(name, service)
            for name, service in own.items():
                services[name] = cast("Mapping_", merge(services.get(name), service))
        return services

    def _interpolated(self, path: str, document: YamlDocument, env: Mapping[str, str]) -> Mapping_:
        interpolation = Interpolation(env)
        data = cast("Mapping_", interpolation.value(with_tags(document)))
        required = {name: message for name, message in interpolation.unset.items() if message}
        for name, message in required.items():
            self.problem(path, 1, "interpolation", f"`{name}` has no value: {message}")
        return data

    def _own_services(
        self, path: str, data: Mapping_, document: YamlDocument, folder: str, env: Mapping[str, str]
    ) -> dict[str, Mapping_]:
        own: dict[str, Mapping_] = {}
        services = data.get("services")
        if services is not None and not isinstance(services, dict):
            self.problem(path, document.line("services"), "syntax", "`services` must be a mapping")
            return own
        for name, raw in cast("Mapping_", services or {}).items():
            line = document.line("services", name)
            if not isinstance(raw, dict):
                self.problem(path, line, "syntax", f"service `{name}` must be a mapping")
                continue
            service = normalised_service(cast("Mapping_", raw))
            own[name] = self._extended(path, name, service, folder, env, (f"{path}#{name}",))
            self.project.origins.setdefault(name, (path, line))
            self.project.folders.setdefault(name, folder)
        return own

    def _included(self, path: str, data: Mapping_, folder: str, env: Mapping[str, str]) -> dict[str, Mapping_]:
        found: dict[str, Mapping_] = {}
        for item in items(data.get("include")):
            entry = mapping(item) or {"path": item}
            paths = [_resolve(folder, str(one)) for one in items(entry.get("path"))]
            if any(one in self.including for one in paths):
                self.problem(path, 1, "include", f"`{path}` includes itself through `{paths[0]}`")
                continue
            missing = [one for one in paths if one not in self.tree.entries]
            for one in missing:
                self.problem(path, 1, "include", f"included file `{one}` does not exist")
            if missing or not paths:
                continue
            inner = str(entry.get("project_directory") or "")
            inner_folder = _resolve(folder, inner) if inner else posixpath.dirname(paths[0])
            self.including.extend(paths)
            found.update(self.load(paths, inner_folder, {**_dot_env(self.tree, inner_folder), **env}))
            del self.including[-len(paths) :]
        return found

    def _extended(
        self, path: str, name: str, service: Mapping_, folder: str, env: Mapping[str, str], seen: tuple[str, ...]
    ) -> Mapping_:
        extends = service.pop("extends", None)
        if extends is None:
            return service
        spec = mapping(extends) or {"service": extends}
        base_path = _resolve(folder, str(spec["file"])) if spec.get("file") else path
        base_name = str(spec.get("service", name))
        mark = f"{base_path}#{base_name}"
        documents = self.read(base_path) if base_path in self.tree.entries else ()
        every = [mapping(self._interpolated(base_path, document, env).get("services")) for document in documents]
        base = next((services[base_name] for services in every if base_name in services), None)
        if mark in seen or not isinstance(base, dict):
            why = "extends itself" if mark in seen else f"extends `{base_name}` of `{base_path}`, which does not exist"
            self.problem(path, 1, "extends", f"service `{name}` {why}")
            return service
        base_folder = posixpath.dirname(base_path) if base_path != path else folder
        normalised = _rebased(normalised_service(cast("Mapping_", base)), base_folder, folder)
        parent = self._extended(base_path, base_name, normalised, base_folder, env, (*seen, mark))
        parent.pop("depends_on", None)
        return cast("Mapping_", merge(parent, service))


def _rebased(service: Mapping_, base_folder: str, folder: str) -> Mapping_:
    """A service from another folder with its build context counted from ours."""
    build = service.get("build")
    if base_folder == folder or not isinstance(build, dict):
        return service
    mapping = cast("Mapping_", build)
    context = _resolve(base_folder, str(mapping.get("context", ".")))
    return {**service, "build": {**mapping, "context": posixpath.relpath(context or ".", folder or ".")}}


def _resolve(folder: str, path: str) -> str:
    joined = posixpath.normpath(posixpath.join(folder or ".", path))
    return "" if joined == "." else joined


def _dot_env(tree: Tree, folder: str) -> dict[str, str]:
    path = _resolve(folder, ".env")
    if path not in tree.entries:
        return {}
    source = tree.read(path)
    return {} if isinstance(source, Unreadable) else parse_env(source.text)


def load_project(tree: Tree, files: Sequence[str], environment: Mapping[str, str]) -> Project:
    """Load compose files, later ones over earlier ones. What is wrong becomes a problem; the rest is loaded."""
    project = Project(tuple(files))
    folder = posixpath.dirname(files[0])
    loader = _Loader(tree, environment, project, including=list(files))
    env = {**_dot_env(tree, folder), **environment}
    merged = loader.load(files, folder, env)
    project.services = {name: _given(normalised_service(mapping(untagged(service))), env) for name, service in merged.items()}
    project.top = {key: mapping(untagged(value)) for key, value in project.top.items()}
    # A variable wins over the file's own `name` (compose-go, `ProjectOptions.GetProjectName` and its options).
    project.name = env.get("COMPOSE_PROJECT_NAME") or project.name
    return project


def _given(service: dict[str, object], env: Mapping[str, str]) -> dict[str, object]:
    """A service whose build arguments without a value have that of the variable of their name, as compose gives it."""
    build = mapping(service.get("build"))
    args = mapping(build.get("args"))
    found = {name: env[name] for name, value in args.items() if value is None and name in env}
    return {**service, "build": {**build, "args": {**args, **found}}} if found else service


def included_files(tree: Tree, path: str) -> tuple[str, ...]:
    """The files that a compose file's `include` names; none for one that cannot be read."""
    documents = read_documents(tree, path)
    if isinstance(documents, Unreadable | YamlProblem):
        return ()
    folder = posixpath.dirname(path)
    every = (item for document in documents for item in items(mapping(document.data).get("include")))
    entries = (mapping(item) or {"path": item} for item in every)
    return tuple(_resolve(folder, str(one)) for entry in entries for one in items(entry.get("path")))
