"""Compose files of one folder, which `-f` may put on top of each other in ways that nothing here shows."""

import posixpath
from collections.abc import Iterator, Sequence

from trimtab.fleet.compose.documents import read_documents
from trimtab.fleet.compose.raw import raw_services
from trimtab.fleet.model import Fleet
from trimtab.fleet.plain import items, mapping
from trimtab.fleet.tree import Unreadable
from trimtab.syntax.yaml import YamlProblem


def declared_beside(fleet: Fleet, kind: str, name: str, files: Sequence[str]) -> str | None:
    """A file beside a project's that declares a network or volume (`kind` is the key) of that name."""
    return next((path for path in _beside(fleet, files) if name in _declared(fleet, path, kind)), None)


def used_beside(fleet: Fleet, kind: str, name: str, files: Sequence[str]) -> str | None:
    """A file beside a project's with a service that uses a network or volume of that name."""
    return next((path for path in _beside(fleet, files) if name in _used(fleet, path, kind)), None)


def _beside(fleet: Fleet, files: Sequence[str]) -> Iterator[str]:
    folders = {posixpath.dirname(path) for path in files}
    for path in dict.fromkeys(fleet.compose_files):
        if path not in files and posixpath.dirname(path) in folders:
            yield path


def _declared(fleet: Fleet, path: str, kind: str) -> set[str]:
    documents = read_documents(fleet.tree, path)
    if isinstance(documents, Unreadable | YamlProblem):
        return set()
    return {name for document in documents for name in mapping(mapping(document.data).get(kind))}


def _used(fleet: Fleet, path: str, kind: str) -> Iterator[str]:
    for service in raw_services(fleet.tree, path):
        wanted = service.body.get(kind)
        yield from mapping(wanted)
        for item in items(wanted):
            yield str(mapping(item).get("source") or item).partition(":")[0]
