"""Compose services as they are written: before merging and without values put in for variables, with their lines."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trimtab.fleet.compose.documents import read_documents
from trimtab.fleet.compose.merge import as_mapping
from trimtab.fleet.plain import items, mapping, text
from trimtab.fleet.tree import Tree, Unreadable
from trimtab.syntax.yaml import YamlDocument, YamlProblem

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<kind>:?[-?+])?(?P<rest>[^}]*)\}|\$(?P<plain>\w+)")


@dataclass(frozen=True)
class RawService:
    """One service of one file."""

    path: str
    name: str
    body: Mapping[str, object]
    document: YamlDocument

    def line(self, *keys: str | int) -> int:
        return self.document.line("services", self.name, *keys)

    def listed(self, key: str) -> Iterator[tuple[object, int]]:
        """The items of a list, each with its line."""
        for index, item in enumerate(items(self.body.get(key))):
            yield item, self.line(key, index)

    def environment(self) -> Iterator[tuple[str, str, int]]:
        """Name, text and line of each variable that has a value."""
        raw = self.body.get("environment")
        for index, (name, value) in enumerate(mapping(as_mapping(raw)).items()):
            written = text(value)
            if written is not None:
                yield name, written, self.line("environment", name if isinstance(raw, dict) else index)


def raw_services(tree: Tree, path: str) -> Iterator[RawService]:
    """The services of a compose file; none for one that cannot be read."""
    documents = read_documents(tree, path)
    if isinstance(documents, Unreadable | YamlProblem):
        return
    for document in documents:
        for name, body in mapping(mapping(document.data).get("services")).items():
            if mapping(body):
                yield RawService(path, name, mapping(body), document)


def literal_parts(value: str) -> list[str]:
    """What a value is where its variables are not set: the text itself, or the defaults in it."""
    if not _VARIABLE.search(value):
        return [value]
    defaults = [match["rest"] for match in _VARIABLE.finditer(value) if match["kind"] in {"-", ":-"}]
    return [default for default in defaults if default and not _VARIABLE.search(default)]
