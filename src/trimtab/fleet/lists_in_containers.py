"""What installs packages in a running container without updating the lists first, and is no part of the image."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import cast

from trimtab.fleet.facts import Facts
from trimtab.fleet.model import Fleet
from trimtab.fleet.tree import Tree, Unreadable, own_files

_INSTALLS = re.compile(r"\b(?:apt|apt-get|aptitude)\b(?:\s+-\S+(?:\s+\w+=\S+)?)*\s+(?:install|build-dep)\b")
_UPDATES = re.compile(r"\b(?:apt|apt-get|aptitude)\b[^;&|\n]*\bupdate\b")
_IN_CONTAINER = re.compile(r"\b(?:docker|podman|nerdctl|compose|docker-compose)\b.*\b(?:exec|run)\b.*")
_CONTINUED = re.compile(r"\\\r?\n")


def need_in_containers(facts: Facts) -> str | None:
    """Why the lists of a file's images may be read in containers of it by something that the image does not hold."""
    fleet = facts.fleet
    for path in _scripts_that_enter(fleet):
        return f"`{path}` installs in containers from the lists that this one leaves behind"
    for path, text in _development_containers(facts):
        if _installs(text):
            return f"`{path}` installs in its container from the lists that this one leaves behind"
    for path, text in _mounted(facts):
        if _installs(text):
            return f"`{path}`, which a service mounts and starts, installs from the lists that this one leaves behind"
    return None


def _installs(text: str) -> bool:
    return bool(_INSTALLS.search(text)) and not _UPDATES.search(text)


def _scripts_that_enter(fleet: Fleet) -> Sequence[str]:
    """The scripts, of CI as well, that call `apt-get install` by an engine's `exec` or `run`, and update nothing there."""
    key = ("installs in containers",)
    if key not in fleet.memo:
        fleet.memo[key] = [
            part.path
            for part in fleet.scripts
            if not _UPDATES.search(part.text)
            and any(_INSTALLS.search(each[0]) for each in _IN_CONTAINER.finditer(_CONTINUED.sub(" ", part.text)))
        ]
    return cast("Sequence[str]", fleet.memo[key])


def _development_containers(facts: Facts) -> Iterator[tuple[str, str]]:
    """The `devcontainer.json` beside a Dockerfile, or that names it, and the scripts in its folder."""
    tree = facts.fleet.tree
    for settings in _settings_of_containers(tree):
        text, folder = _text(tree, settings), posixpath.dirname(settings)
        if folder != posixpath.dirname(facts.file.path) and posixpath.basename(facts.file.path) not in text:
            continue
        yield settings, text
        for script, other in own_files(tree):
            if script.endswith(".sh") and (other.path.startswith(folder + "/") if folder else script in text):
                yield other.path, _text(tree, other.path)


def _settings_of_containers(tree: Tree) -> Sequence[str]:
    """Looked for once: every Dockerfile asks, and a search of all files for each of them grows by their square."""
    key = ("development containers",)
    if key not in tree.memo:
        names = {"devcontainer.json", ".devcontainer.json"}
        tree.memo[key] = [entry.path for name, entry in own_files(tree) if name in names]
    return cast("Sequence[str]", tree.memo[key])


def _text(tree: Tree, path: str) -> str:
    source = tree.read(path)
    return "" if isinstance(source, Unreadable) else source.text


def _mounted(facts: Facts) -> Iterator[tuple[str, str]]:
    """The scripts of the repository that a service mounts and its start commands name."""
    tree = facts.fleet.tree
    starts = [each.arguments for stage in facts.stages for each in stage.instructions if each.keyword in {"CMD", "ENTRYPOINT"}]
    for service in facts.file.services:
        words = re.findall(r"[\w./-]+", " ".join([*starts, *service.started_with.values()]))
        for mount in (each for each in service.mounts if each.kind == "bind"):
            for word in words:
                inside = posixpath.relpath(word, mount.target) if word.startswith(mount.target.rstrip("/") + "/") else ""
                path = posixpath.normpath(posixpath.join(mount.source, inside)) if inside else ""
                if path and path in tree.entries:
                    yield path, _text(tree, path)
