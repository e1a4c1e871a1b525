"""From a folder to a fleet."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from trimtab.fleet.bake import BAKE_NAMES, is_bake, read_bake
from trimtab.fleet.compose import included_files, load_project, read_service
from trimtab.fleet.context import BuildContext
from trimtab.fleet.model import Build, ComposeProject, Fleet, FleetFile, FleetOptions, Problem, Service
from trimtab.fleet.tree import OverlayTree, Tree, Unreadable, is_own, own_entries, own_files
from trimtab.syntax.dockerfile import Dockerfile, parse

_COMPOSE = re.compile(r"^(?:docker-)?compose(?:[.-](?P<variant>[\w.-]+?))?\.ya?ml$")
_DOCKERFILE = re.compile(r"^(?:Docker|Container)file(?:\.[\w.-]+)?$|^[\w.-]+\.(?:Docker|Container)file$", re.IGNORECASE)
_NOT_DOCKERFILE = (
    *(".dockerignore", ".md", ".txt", ".bak", ".orig", ".py", ".sh", ".yml"),
    *(".j2", ".jinja", ".jinja2", ".tmpl", ".tpl", ".gotmpl", ".template", ".mustache", ".erb", ".m4", ".in"),
)
_PREPROCESSED = re.compile(
    r"(?m)^#(?:include\s*[\"<]\S+[\">]|ifn?def\s+\w+|endif|if\s+(?:!?\s*defined\b.*|\w+\s*[=<>!]=.*)|define\s+\w+)\s*$"
)
"""What only the C preprocessor, or one like it, reads: to it `lists/*` begins a comment."""


def discover(tree: Tree, options: FleetOptions | None = None) -> Fleet:
    """Everything below a folder: compose projects, bake files, Dockerfiles (named by one or not).

    Never raises for what the files hold; every defect becomes a problem of the fleet.
    """
    options = options or FleetOptions()
    problems: list[Problem] = []
    projects = options.compose or _without_included(tree, _compose_projects(tree))
    services: list[Service] = []
    loaded: list[ComposeProject] = []
    for files in projects:
        project = load_project(tree, files, options.environment)
        own = tuple(read_service(tree, project, name) for name in project.services)
        services.extend(own)
        top = [project.top.get(key, {}) for key in ("networks", "volumes", "secrets")]
        loaded.append(ComposeProject(files, own, *top, name=project.name))
        problems.extend(project.problems)
    for paths in _bake_files(tree):
        targets, found = read_bake(tree, paths, options.environment)
        services.extend(targets)
        problems.extend(found)
    files, found = _dockerfiles(tree, services)
    compose_files = tuple(path for project in projects for path in project)
    _look_into_contexts(tree, files)
    unlisted = [Problem(path, 1, "unreadable", f"folder `{path}`: {why}") for path, why in tree.problems.items()]
    return Fleet(tree, files, tuple(services), compose_files, (*unlisted, *problems, *found), options, projects=tuple(loaded))


def rediscover(fleet: Fleet, texts: Mapping[str, str | None]) -> Fleet:
    """The fleet as it is once files have other texts, None for a file that is gone."""
    found = discover(OverlayTree(fleet.tree, texts), fleet.options)
    return replace(found, policy=fleet.policy, outside=fleet.outside)


def _look_into_contexts(tree: Tree, files: Sequence[FleetFile]) -> None:
    """List what builds see of folders that are nobody's own, so that what cannot be listed there is known as well."""
    closed = [entry.path for entry in own_entries(tree) if entry.kind == "dir" and not is_own(tree, entry.path)]
    for context in (context for file in files for context in file.contexts):
        prefix = f"{context.root}/" if context.root else ""
        inside = (path[len(prefix) :] for path in closed if path.startswith(prefix))
        if any(not context.ignore.ignores_whole_directory(path) for path in inside):
            _ = context.visible


def is_variant(path: str) -> bool:
    """Whether a compose file is one that has to be asked for: `docker-compose.prod.yml`."""
    match = _COMPOSE.match(posixpath.basename(path))
    return bool(match and match["variant"])


def _bake_files(tree: Tree) -> list[list[str]]:
    """Folder by folder, in the order in which bake lays one over the other."""
    folders: dict[str, list[str]] = {}
    for _, entry in own_files(tree):
        if is_bake(entry.path):
            folders.setdefault(posixpath.dirname(entry.path), []).append(entry.path)
    return [sorted(paths, key=lambda path: BAKE_NAMES.index(posixpath.basename(path))) for paths in folders.values()]


def _compose_projects(tree: Tree) -> tuple[tuple[str, ...], ...]:
    """One project per folder's default file with its override, and one per variant file.

    A variant (`docker-compose.prod.yml`) that gives every service an image or a build stands alone; one that does not
    is an override and is read on top of the folder's default file.
    """
    folders: dict[str, dict[str, str]] = {}
    for name, entry in own_files(tree):
        match = _COMPOSE.match(name)
        if match:
            folders.setdefault(posixpath.dirname(entry.path), {}).setdefault(match["variant"] or "", entry.path)
    projects: list[tuple[str, ...]] = []
    for files in folders.values():
        default = files.pop("", None)
        override = files.pop("override", None) if default else None
        if default:
            projects.append((default, override) if override else (default,))
        for variant in files.values():
            projects.append((variant,) if default is None or _stands_alone(tree, variant) else (default, variant))
    return tuple(projects)


def _without_included(tree: Tree, projects: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """The projects that no other one includes: an included file is read there, with that project's folder."""
    included = {path for files in projects for file in files for path in included_files(tree, file) if path != file}
    return tuple(files for files in projects if files[0] not in included)


def _stands_alone(tree: Tree, path: str) -> bool:
    project = load_project(tree, (path,), {})
    bodies = project.services.values()
    return all("image" in body or "build" in body for body in bodies)


def _dockerfiles(tree: Tree, services: Sequence[Service]) -> tuple[tuple[FleetFile, ...], list[Problem]]:
    users: dict[str, list[Service]] = {}
    problems: list[Problem] = []
    for service in services:
        path = service.build.dockerfile if service.build else None
        if path is None:
            continue
        if path not in tree.entries:
            message = f"service `{service.name}` is built from `{path}`, which does not exist"
            problems.append(Problem(service.origin, service.line, "missing-dockerfile", message))
            continue
        users.setdefault(path, []).append(service)
    for name, entry in own_files(tree):
        if _DOCKERFILE.match(name) and not name.lower().endswith(_NOT_DOCKERFILE):
            users.setdefault(entry.path, [])
    files: list[FleetFile] = []
    for path in sorted(users):
        file = _file(tree, path, users[path])
        if isinstance(file, Problem):
            problems.append(file)
        elif users[path] or not _PREPROCESSED.search(file.dockerfile.source.text):
            files.append(file)
            problems.extend(Problem(path, each.line, "syntax", each.message) for each in file.dockerfile.problems)
            problems.extend(_ignore_problems(file))
    return tuple(files), problems


def _file(tree: Tree, path: str, services: Sequence[Service]) -> FleetFile | Problem:
    source = tree.read(path)
    if isinstance(source, Unreadable):
        return Problem(path, 1, "unreadable", f"`{path}` {source.reason}")
    builds = {service.build.key: service.build for service in services if service.build}
    if not builds:
        # No compose or bake file names it: built as `docker build FOLDER` would, from where its COPYs find most.
        alone = Build(_likely_context(tree, parse(source), path), path)
        builds = {alone.key: alone}
    roots = dict.fromkeys(build.context for build in builds.values() if build.context is not None)
    contexts = tuple(BuildContext(root, path, tree) for root in roots)
    return FleetFile(parse(source), tuple(builds.values()), tuple(services), contexts)


def _likely_context(tree: Tree, dockerfile: Dockerfile, path: str) -> str:
    """The nearest folder, from the Dockerfile's own upwards, in which most of its COPY sources exist."""
    sources = [word.raw for i in dockerfile.named("COPY", "ADD") if not i.flag("from") for word in i.words[:-1]]
    literal = [source.strip("/") for source in sources if not re.search(r"[$*?\[\"<:]", source) and source.strip("/.")]
    own = posixpath.dirname(path)
    folders = [own]
    while folders[-1]:
        folders.append(posixpath.dirname(folders[-1]))

    def found(folder: str) -> int:
        return sum(posixpath.normpath(posixpath.join(folder, source)) in tree.entries for source in literal)

    return max(folders, key=found) if literal else own


def _ignore_problems(file: FleetFile) -> list[Problem]:
    found = [context for context in file.contexts if context.ignore_problem]
    return [Problem(context.ignore_path or "", 1, "syntax", context.ignore_problem or "") for context in found]
