"""Compose services as they are written: before merging and without values put in for variables, with their lines."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from trimtab.fleet.compose.documents import read_documents
from trimtab.fleet.compose.interpolate import closing_brace
from trimtab.fleet.compose.merge import as_mapping
from trimtab.fleet.plain import items, mapping, text
from trimtab.fleet.tree import Tree, Unreadable
from trimtab.syntax.yaml import YamlDocument, YamlProblem

_VARIABLE = re.compile(r"\$\{\w+[^}]*\}|\$\w+")
_DEFAULT = re.compile(r"\$\{\w+:?-")


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

    def options(self) -> Iterator[tuple[str, str, int]]:
        """Name, text and line of each option with a value in what it is started with: `--password=x`, `--password x`."""
        for key in ("entrypoint", "command"):
            words = [word.strip("\"'") for item in items(self.body.get(key)) for word in str(item).split()]
            for word, after in pairwise([*words, ""]):
                flag, equals, value = word.partition("=")
                if flag.startswith("-") and (value or not (equals or after.startswith("-"))):
                    yield flag.lstrip("-"), value or after, self.line(key)


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
    """What a value is where its variables are not set: the text itself, or the defaults in it, those of defaults among them."""
    if not _VARIABLE.search(value):
        return [value]
    defaults = [value[match.end() : closing_brace(value, match.end())] for match in _DEFAULT.finditer(value)]
    return list(dict.fromkeys(part for default in defaults if default for part in literal_parts(default)))
