"""Compose files of one folder, which `-f` may put on top of each other in ways that nothing here shows, and those of folders
above and below, which may include each other."""

import posixpath
from collections.abc import Iterator, Sequence

from trimtab.fleet.compose.documents import read_documents
from trimtab.fleet.compose.raw import raw_services
from trimtab.fleet.model import Fleet
from trimtab.fleet.paths import is_within
from trimtab.fleet.plain import items, mapping
from trimtab.fleet.tree import Unreadable
from trimtab.syntax.yaml import YamlProblem

ON_TOP = "the file is put on top of another one, which may declare it"
"""Why nothing is declared in a file of which `ComposeFacts.is_put_on_top` is true."""


def declared_beside(fleet: Fleet, kind: str, name: str, files: Sequence[str]) -> str | None:
    """A file beside or above a project's that declares a network or volume (`kind` is the key) of that name."""
    folders = {posixpath.dirname(path) for path in files}
    near = (path for path in _others(fleet, files) if any(_is_below(each, posixpath.dirname(path)) for each in folders))
    return next((path for path in near if name in _declared(fleet, path, kind)), None)


def used_beside(fleet: Fleet, kind: str, name: str, files: Sequence[str]) -> str | None:
    """A file with a service that uses a network or volume of that name: beside a project's, or below and without its own."""
    folders = {posixpath.dirname(path) for path in files}
    for path in _others(fleet, files):
        own = posixpath.dirname(path)
        near = own in folders or name not in _declared(fleet, path, kind)
        if near and any(_is_below(own, each) for each in folders) and name in _used(fleet, path, kind):
            return path
    return None


def named_by_variable(fleet: Fleet, kind: str, files: Sequence[str]) -> bool:
    """Whether a variable says which network or volume a service of the files has: `${NETWORK:-ipv4}`."""
    return any("$" in name for path in files for name in _used(fleet, path, kind))


def _others(fleet: Fleet, files: Sequence[str]) -> Iterator[str]:
    return (path for path in dict.fromkeys(fleet.compose_files) if path not in files)


def _is_below(folder: str, above: str) -> bool:
    return not above or is_within(folder, above)


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
