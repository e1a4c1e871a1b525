"""A YAML stream as nodes that know their exact place. Aliases stay aliases."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, cast

import yaml

from trimtab.text import Source

_LOADER = cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))
_NO_UTF_8 = re.compile("[\ud800-\udfff]")
MAX_DEPTH = 200
"""Deeper nesting is no configuration anybody has written."""


@dataclass(frozen=True, slots=True)
class YamlProblem(Exception):
    """A document that cannot be read; `line` counts from 1."""

    line: int
    message: str


@dataclass(eq=False, slots=True)
class Node:
    """One node. `start` and `end` are character offsets in the file; for a block collection they are those of its content."""

    kind: str
    """`scalar`, `mapping`, `sequence` or `alias`."""
    start: int
    end: int
    line: int
    """Counted from 1."""
    column: int
    """Counted from 0."""
    tag: str | None = None
    anchor: str | None = None
    value: str = ""
    style: str | None = None
    """A scalar's quote, `|` or `>`; empty or None for a plain one."""
    flow: bool = False
    pairs: list[tuple["Node", "Node"]] = field(default_factory=list["tuple[Node, Node]"])
    items: list["Node"] = field(default_factory=list["Node"])
    target: "Node | None" = None
    """What an alias stands for."""

    @property
    def is_empty_scalar(self) -> bool:
        """A value of which nothing is written."""
        return self.kind == "scalar" and self.start == self.end

    @property
    def is_merge_key(self) -> bool:
        return self.kind == "scalar" and self.value == "<<" and not self.style and self.tag is None

    def children(self) -> Iterator["Node"]:
        for key, value in self.pairs:
            yield key
            yield value
        yield from self.items


def read_nodes(source: Source) -> list[Node]:
    """The root of each document of a stream; nothing for an empty one.

    Raises:
        YamlProblem: it is no YAML, or nests too deeply.
    """
    # Not by a question mark, which begins a key.
    plain = _NO_UTF_8.sub("\ufffd", source.text)
    text = plain.removeprefix("\ufeff")
    try:
        return _Composer(text, len(plain) - len(text)).documents()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        said = str(error.problem or error.context or "not readable as YAML")
        raise YamlProblem(line, _why_outdented(text, line) or said) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise YamlProblem(1, str(error).partition("\n")[0] or "not readable as YAML") from error


def _why_outdented(text: str, line: int) -> str | None:
    """What `did not find expected <document start>` means where a file's first keys are set in, and later ones are not.

    That is a piece of another file, whose `services:` above it is missing.
    """
    lines = text.splitlines()
    first = next(
        ((n, each) for n, each in enumerate(lines, start=1) if each.strip() and not each.lstrip().startswith("#")), None
    )
    if first is None or line > len(lines) or not first[1].startswith(" ") or lines[line - 1][:1] in {"", " ", "#", "-"}:
        return None
    key = lines[line - 1].partition(":")[0]
    return f"`{key}` stands further left than the keys from line {first[0]} on, above which the key that holds them is missing"


class _Mark(Protocol):
    """A place in the stream, counted from 0; both of PyYAML's parsers have one of their own."""

    index: int
    line: int
    column: int


class _Composer:
    def __init__(self, text: str, skipped: int) -> None:
        self._events = yaml.parse(text, Loader=_LOADER)
        self._skipped = skipped
        self._anchors: dict[str, Node] = {}
        self._depth = 0

    def documents(self) -> list[Node]:
        found: list[Node] = []
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                found.append(self._node(next(self._events)))
        return found

    def _node(self, event: yaml.Event) -> Node:
        node = self._begun(event)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise YamlProblem(node.line, "nested too deeply")
        if isinstance(event, yaml.MappingStartEvent):
            while not isinstance(event := next(self._events), yaml.MappingEndEvent):
                node.pairs.append((self._node(event), self._node(next(self._events))))
            self._end(node, event)
        elif isinstance(event, yaml.SequenceStartEvent):
            while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                node.items.append(self._node(event))
            self._end(node, event)
        self._depth -= 1
        return node

    def _begun(self, event: yaml.Event) -> Node:
        start = _mark(event.start_mark)
        node = Node(_kind(event), start.index + self._skipped, self._end_of(event), start.line + 1, start.column)
        anchor = cast("str | None", getattr(event, "anchor", None))
        if isinstance(event, yaml.AliasEvent):
            node.target = self._anchors.get(anchor or "")
            if node.target is None:
                raise YamlProblem(node.line, f"found undefined alias '{anchor}'")
            return node
        if isinstance(event, yaml.ScalarEvent):
            node.value, node.style = event.value, event.style
        node.flow = bool(getattr(event, "flow_style", False))
        node.tag, node.anchor = cast("str | None", getattr(event, "tag", None)), anchor
        if anchor:
            self._anchors[anchor] = node
        return node

    def _end_of(self, event: yaml.Event) -> int:
        return _mark(event.end_mark).index + self._skipped

    def _end(self, node: Node, event: yaml.Event) -> None:
        """A flow collection ends at its bracket; a block one with its last child, where it stands by itself."""
        if node.flow:
            node.end = self._end_of(event)
            return
        children = list(node.children())
        node.start, node.column, node.line = children[0].start, children[0].column, children[0].line
        node.end = max(child.end for child in children)


def _kind(event: yaml.Event) -> str:
    if isinstance(event, yaml.ScalarEvent):
        return "scalar"
    if isinstance(event, yaml.MappingStartEvent):
        return "mapping"
    return "sequence" if isinstance(event, yaml.SequenceStartEvent) else "alias"


def _mark(mark: "_Mark | None") -> "_Mark":
    """The parser gives every event its marks."""
    if mark is None:
        raise YamlProblem(1, "the parser lost its place")
    return mark
