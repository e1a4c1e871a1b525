"""YAML 1.2 core schema over PyYAML's parser, keeping where each value stands.

PyYAML's own constructor follows YAML 1.1, where `22:22` is a number and `no` is false; compose files are read by tools
that follow 1.2, so scalars are resolved here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import yaml

from trimtab.text import Source

_LOADER = cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))
_INT = re.compile(r"[-+]?[0-9]+$")
_OCTAL = re.compile(r"0o[0-7]+$")
_HEX = re.compile(r"0x[0-9a-fA-F]+$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_MAX_NODES = 200_000
"""More nodes than this after following aliases is an alias bomb, not a compose file."""

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class YamlProblem(Exception):
    """A document that cannot be read; `line` counts from 1."""

    line: int
    message: str


@dataclass(frozen=True)
class YamlDocument:
    """One document's data. `lines` maps the path of a key or item to its line, counted from 1."""

    data: object
    lines: Mapping[Path, int]
    tags: Mapping[Path, str]
    """Local tags such as compose's `!reset`, by path."""

    def line(self, *path: str | int) -> int:
        """The line of the nearest existing ancestor of a path, or 1."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


class _Builder:
    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.tags: dict[Path, str] = {}
        self._open: set[int] = set()
        self._count = 0

    def value(self, node: yaml.Node, path: Path) -> object:
        self._count += 1
        if self._count > _MAX_NODES:
            raise YamlProblem(node.start_mark.line + 1, "too many nodes once aliases are followed")
        if id(node) in self._open:
            raise YamlProblem(node.start_mark.line + 1, "an alias refers to the node it is in")
        if node.tag.startswith("!"):
            self.tags[path] = node.tag
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            items = cast("list[yaml.Node]", node.value)
            return [self._item(item, (*path, index)) for index, item in enumerate(items)]
        finally:
            self._open.discard(id(node))

    def _item(self, node: yaml.Node, path: Path) -> object:
        self.lines.setdefault(path, node.start_mark.line + 1)
        return self.value(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        own: dict[str, object] = {}
        inherited: dict[str, object] = {}
        for key_node, value_node in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            key = str(_scalar(key_node)) if isinstance(key_node, yaml.ScalarNode) else str(self.value(key_node, path))
            if key == "<<" and key_node.tag.endswith(":merge"):
                for merged in self._merged(value_node, path):
                    inherited = {**merged, **inherited}
                continue
            if key in own:
                raise YamlProblem(key_node.start_mark.line + 1, f"mapping key {key!r} already defined")
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            own[key] = self.value(value_node, (*path, key))
        return {**inherited, **own}

    def _merged(self, node: yaml.Node, path: Path) -> list[dict[str, object]]:
        nodes = cast("list[yaml.Node]", node.value) if isinstance(node, yaml.SequenceNode) else [node]
        values = [self.value(one, path) for one in nodes]
        return [cast("dict[str, object]", value) for value in values if isinstance(value, dict)]


def _scalar(node: yaml.ScalarNode) -> object:
    text = cast("str", node.value)
    if node.style:
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


def load_yaml(source: Source) -> YamlDocument:
    """The first document of a source.

    Raises:
        YamlProblem: it is no YAML, holds a key twice, or nests without end.
    """
    text = source.text.encode("utf-8", "replace").decode("utf-8").removeprefix("\ufeff")
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise YamlProblem(line, str(error.problem or error.context or "not readable as YAML")) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise YamlProblem(1, str(error).partition("\n")[0] or "not readable as YAML") from error
    if node is None:
        return YamlDocument({}, {}, {})
    builder = _Builder()
    try:
        return YamlDocument(builder.value(node, ()), builder.lines, builder.tags)
    except RecursionError as error:
        raise YamlProblem(1, "nested too deeply") from error
