"""YAML 1.2 core schema as plain data, keeping where each value stands.

PyYAML's own constructor follows YAML 1.1, where `22:22` is a number and `no` is false; compose files are read by tools
that follow 1.2, so scalars are resolved here.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from trimtab.syntax.yaml.tree import Node, YamlProblem, read_nodes
from trimtab.text import Source

_INT = re.compile(r"[-+]?[0-9]+$")
_OCTAL = re.compile(r"0o[0-7]+$")
_HEX = re.compile(r"0x[0-9a-fA-F]+$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_MAX_NODES = 200_000
"""More nodes than this after following aliases is an alias bomb, not a compose file."""

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlDocument:
    """One document's data. `lines` maps the path of a key or item to its line, counted from 1."""

    data: object
    lines: Mapping[Path, int]
    tags: Mapping[Path, str]
    """Local tags such as compose's `!reset`, by path."""
    nodes: Mapping[Path, Node] = field(default_factory=dict[Path, Node])
    """What is written at a path itself; what comes there by an alias or a merge key is not."""
    keys: Mapping[Path, Node] = field(default_factory=dict[Path, Node])
    shared: frozenset[Path] = frozenset()
    """Paths whose node an alias elsewhere stands for, too."""

    @cached_property
    def step(self) -> int:
        """Columns between a mapping and a mapping in it, as most of the document has them; 2 where none says."""
        steps: Counter[int] = Counter()
        for path, key in self.keys.items():
            inner = self.nodes.get(path)
            if inner is not None and inner.kind == "mapping" and not inner.flow and inner.pairs and inner.column > key.column:
                steps[inner.column - key.column] += 1
        return max(steps, key=lambda step: (steps[step], -step)) if steps else 2

    def line(self, *path: str | int) -> int:
        """The line of the nearest existing ancestor of a path, or 1."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1

    def is_shared(self, path: Path) -> bool:
        """Whether a change at a path would change something elsewhere, too."""
        return any(path[:length] in self.shared for length in range(len(path) + 1))


class _Builder:
    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.tags: dict[Path, str] = {}
        self.nodes: dict[Path, Node] = {}
        self.keys: dict[Path, Node] = {}
        self.aliased: set[Node] = set()
        self._open: set[Node] = set()
        self._count = 0

    def value(self, node: Node, path: Path, *, written: bool = True) -> object:
        """The data of a node; `written` says whether it stands at this path itself."""
        self._count += 1
        if self._count > _MAX_NODES:
            raise YamlProblem(node.line, "too many nodes once aliases are followed")
        if written:
            self.nodes[path] = node
        if node.target is not None:
            self.aliased.add(node.target)
            node, written = node.target, False
        if node in self._open:
            raise YamlProblem(node.line, "an alias refers to the node it is in")
        if node.tag is not None and node.tag.startswith("!") and node.tag != "!":
            self.tags[path] = node.tag
        if node.kind == "scalar":
            return _scalar(node)
        self._open.add(node)
        try:
            if node.kind == "mapping":
                return self._mapping(node, path, written)
            return [self._item(item, (*path, index), written) for index, item in enumerate(node.items)]
        finally:
            self._open.discard(node)

    def _item(self, node: Node, path: Path, written: bool) -> object:
        self.lines.setdefault(path, node.line)
        return self.value(node, path, written=written)

    def _mapping(self, node: Node, path: Path, written: bool) -> dict[str, object]:
        own: dict[str, object] = {}
        inherited: dict[str, object] = {}
        for key_node, value_node in node.pairs:
            if key_node.is_merge_key:
                for merged in self._merged(value_node, path):
                    inherited = {**merged, **inherited}
                continue
            key = self._key(key_node, path)
            if key in own:
                raise YamlProblem(key_node.line, f"mapping key {key!r} already defined")
            self.lines[(*path, key)] = key_node.line
            if written:
                self.keys[(*path, key)] = key_node
            own[key] = self.value(value_node, (*path, key), written=written)
        return {**inherited, **own}

    def _key(self, node: Node, path: Path) -> str:
        return str(_scalar(node)) if node.kind == "scalar" else str(self.value(node, path, written=False))

    def _merged(self, node: Node, path: Path) -> list[dict[str, object]]:
        nodes = node.items if node.kind == "sequence" else [node]
        values = [self.value(one, path, written=False) for one in nodes]
        return [cast("dict[str, object]", value) for value in values if isinstance(value, dict)]

    def document(self, node: Node) -> YamlDocument:
        data = self.value(node, ())
        shared = frozenset(path for path, each in self.nodes.items() if each in self.aliased)
        return YamlDocument(data, self.lines, self.tags, self.nodes, self.keys, shared)


def _scalar(node: Node) -> object:
    text = node.value
    if node.style or node.tag in {"!", "tag:yaml.org,2002:str"}:
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INT.match(text) and len(text) < 4000:
        return int(text)
    if _OCTAL.match(text):
        return int(text[2:], 8)
    if _HEX.match(text):
        return int(text, 16)
    return float(text) if _FLOAT.match(text) else text


def load_documents(source: Source) -> tuple[YamlDocument, ...]:
    """All documents of a source, one with empty data for an empty source.

    Raises:
        YamlProblem: it is no YAML, holds a key twice, or nests without end.
    """
    nodes = read_nodes(source)
    try:
        return tuple(_Builder().document(node) for node in nodes) or (YamlDocument({}, {}, {}),)
    except RecursionError as error:
        raise YamlProblem(1, "nested too deeply") from error


def load_yaml(source: Source) -> YamlDocument:
    """The first document of a source.

    Raises:
        YamlProblem: it is no YAML, holds a key twice, or nests without end.
    """
    return load_documents(source)[0]
