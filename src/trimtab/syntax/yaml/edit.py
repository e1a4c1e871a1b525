"""Edits of a YAML document that change one thing and keep every other byte.

Nothing is written anew: a key gets a line of its own behind its neighbours, in the style and at the depth that they have.
What stands behind an alias, or is what an alias elsewhere stands for, is not touched.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from trimtab.syntax.yaml.load import Path, YamlDocument
from trimtab.syntax.yaml.tree import Node
from trimtab.text import Edit, Source, Span

_PLAIN = re.compile(r"[A-Za-z_/.][A-Za-z0-9_./@+=-]*(?::[A-Za-z0-9_./@+-]+)*")
_MEASURE = re.compile(r"\d+(?:\.\d+)?(?:ns|us|ms|s|m|h|k|g|kb|mb|gb|[KMG]i?B?)")
"""Durations and sizes, as everybody writes them."""
_NOT_TEXT = re.compile(r"true|false|null|yes|no|on|off|y|n|~|\.inf|\.nan", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NoEdit:
    """Why a document is not edited."""

    reason: str


ODD_BREAKS = NoEdit("some of its lines end in a lone carriage return or another rare line break")
EXPLICIT = NoEdit("its key is written with a question mark")
ELSEWHERE = NoEdit("it comes from an anchor or a merge key, which other services share")


@dataclass(frozen=True)
class YamlEditor:
    """Edits of one document."""

    source: Source
    document: YamlDocument

    def set(self, path: Path, value: object, after: Sequence[str] = ()) -> Edit | NoEdit:
        """Give a key a value; where it or its parents are missing they are made.

        `after` names keys behind the first of which a new key goes; without any of them it goes behind the last key.
        """
        if self.source.has_odd_breaks:
            return ODD_BREAKS
        for length in range(len(path), -1, -1):
            place, rest = path[:length], path[length:]
            if self.document.is_shared(place):
                return ELSEWHERE
            node = self.document.nodes.get(place)
            if node is None:
                continue
            if not rest:
                return self._replaced(node, value)
            if length < len(path) - 1 and self._is_inherited(path[: length + 1]):
                # A key of its own would hide everything else that the merge key brings there.
                return ELSEWHERE
            return self._inserted(place, node, str(rest[0]), _nested(rest[1:], value), after if len(rest) == 1 else ())
        return NoEdit("the document is empty")

    def remove(self, path: Path) -> Edit | NoEdit:
        """Take a key away together with its value, and nothing else of its line's neighbours."""
        if self.source.has_odd_breaks:
            return ODD_BREAKS
        parent, key, node = self.document.nodes.get(path[:-1]), self.document.keys.get(path), self.document.nodes.get(path)
        if parent is None or key is None or node is None or self.document.is_shared(path):
            return ELSEWHERE
        if len(parent.pairs) < 2:
            return NoEdit("it is the only key there, and an empty mapping means something else")
        if parent.flow:
            return self._removed_from_flow(parent, key)
        if any(self._is_explicit(each) for each, _ in parent.pairs):
            return EXPLICIT
        begin, end = self._line_start(key.start), self._line_end(self._last(key, node))
        if self.source.text[begin : key.start].strip():
            return NoEdit("it does not begin its own line")
        if re.search(r"(?m)(?:^|\s)#", self.source.text[begin:end]):
            return NoEdit("a comment stands beside it, and would be lost")
        return Edit.delete(Span(begin, self._behind_newline(end)))

    def append(self, path: Path, value: object) -> Edit | NoEdit:
        """Put an item at a list's end; a missing list is made."""
        if self.source.has_odd_breaks:
            return ODD_BREAKS
        if self.document.is_shared(path):
            return ELSEWHERE
        node = self.document.nodes.get(path)
        if node is None:
            return ELSEWHERE if self._is_inherited(path) else self.set(path, [value])
        if node.is_empty_scalar:
            return Edit.insert(node.end, f" {_flow([value])}")
        if node.kind == "alias":
            return ELSEWHERE
        if node.kind != "sequence":
            return NoEdit("it is not written as a list")
        if node.flow:
            return Edit.insert(node.items[-1].end if node.items else node.end - 1, (", " if node.items else "") + _flow(value))
        column = self._dash_column(node)
        if column is None:
            return NoEdit("the list's items do not begin their own lines")
        text = self.source.newline + self._indented([f"- {_flow(value)}"], column)
        return Edit.insert(self._line_end(self._last_of(node)), text)

    def keyed(self, path: Path, values: Mapping[str, Mapping[str, object]]) -> tuple[Edit, ...] | NoEdit:
        """A list of names as a mapping from each of these names to its keys; comments stay with their names."""
        if self.source.has_odd_breaks:
            return ODD_BREAKS
        node = self.document.nodes.get(path)
        if node is None or self.document.is_shared(path):
            return ELSEWHERE
        if node.kind != "sequence" or any(item.kind != "scalar" or item.anchor for item in node.items):
            return NoEdit("it is not written as a list of names")
        if node.flow:
            if "\n" in self.source.text[node.start : node.end]:
                return NoEdit("the list goes over several lines")
            return (Edit(Span(node.start, node.end), _flow({item.value: values[item.value] for item in node.items})),)
        key, dash = self.document.keys.get(path), self._dash_column(node)
        if key is None or dash is None:
            return NoEdit("the list's items do not begin their own lines")
        column = max(dash, key.column + self.document.step)
        edits: list[Edit] = []
        for item in node.items:
            begin = self._line_start(item.start)
            edits.append(Edit(Span(begin, item.end), " " * column + f"{_text(item.value)}:"))
            lines = self._indented(_block(values[item.value], self.document.step), column + self.document.step)
            edits.append(Edit.insert(self._line_end(item.end), self.source.newline + lines))
        return tuple(edits)

    def _is_inherited(self, path: Path) -> bool:
        """Whether a key has a value that is not written at this place."""
        value = self.document.data
        for part in path:
            if not isinstance(value, dict) or part not in value:
                return False
            value = cast("dict[str | int, object]", value)[part]
        return path not in self.document.keys

    def _replaced(self, node: Node, value: object) -> Edit | NoEdit:
        if node.kind == "sequence" and isinstance(value, list):
            return self._replaced_list(node, cast("list[object]", value))
        if node.kind not in {"scalar", "alias"} or node.style in {"|", ">"}:
            return NoEdit("it is not a single value")
        if node.is_empty_scalar:
            return Edit.insert(node.end, f" {_flow(value)}")
        return Edit(Span(node.start, node.end), _quoted_like(node, value))

    def _replaced_list(self, node: Node, values: Sequence[object]) -> Edit | NoEdit:
        """Another list in the place of one, in its style."""
        if node.flow:
            return Edit(Span(node.start, node.end), _flow(values))
        column = self._dash_column(node)
        if column is None or not values:
            return NoEdit("the list's items do not begin their own lines")
        begin, end = self._line_start(node.items[0].start), self._line_end(self._last_of(node))
        if re.search(r"(?m)(?:^|\s)#", self.source.text[begin:end]):
            return NoEdit("a comment stands in it, and would be lost")
        return Edit(Span(begin, end), self._indented([f"- {_flow(value)}" for value in values], column))

    def _inserted(self, path: Path, node: Node, key: str, value: object, after: Sequence[str]) -> Edit | NoEdit:
        if node.is_empty_scalar or (node.kind == "scalar" and node.value in {"null", "~"} and not node.style):
            return self._first_text(path, node, key, value)
        if node.kind == "alias":
            return ELSEWHERE
        if node.kind != "mapping":
            return NoEdit("there is no mapping to put it into")
        if node.flow:
            behind = self._neighbour(node, after)[1].end if node.pairs else node.start + 1
            return Edit.insert(behind, (", " if node.pairs else "") + f"{_text(key)}: {_flow(value)}")
        key_node, value_node = self._neighbour(node, after)
        if self._is_explicit(key_node):
            return EXPLICIT
        if self.source.text[self._line_start(node.start) : node.start].strip(" -\t"):
            return NoEdit("its keys do not begin their own lines")
        if self._is_open_ended(value_node):
            return NoEdit("the file ends inside a text block, which a line behind it would make longer")
        text = self._indented(_block({key: value}, self.document.step), node.column)
        end = self._behind_comments(self._line_end(self._last(key_node, value_node)), node.column)
        return Edit.insert(end, self.source.newline + text)

    def _behind_comments(self, end: int, column: int) -> int:
        """The end of the comments that follow in deeper columns: an item that is commented out stays with its list."""
        while (begin := self._behind_newline(end)) != end:
            line = self.source.text[begin : self._line_end(begin)]
            if not line.lstrip(" ").startswith("#") or len(line) - len(line.lstrip(" ")) <= column:
                break
            end = begin + len(line)
        return end

    def _first_text(self, path: Path, node: Node, key: str, value: object) -> Edit | NoEdit:
        own = self.document.keys.get(path)
        if own is None or not node.is_empty_scalar or node.anchor or node.tag:
            return NoEdit("there is no mapping to put it into")
        if self._is_explicit(own):
            return EXPLICIT
        text = self._indented(_block({key: value}, self.document.step), own.column + self.document.step)
        return Edit.insert(self._line_end(node.end), self.source.newline + text)

    def _is_explicit(self, key: Node) -> bool:
        """Whether a key's colon is not behind it: `? key` may go over lines, and its value begins another."""
        return not self.source.text[key.end :].lstrip(" \t").startswith(":")

    @staticmethod
    def _neighbour(node: Node, after: Sequence[str]) -> tuple[Node, Node]:
        return next((pair for name in after for pair in node.pairs if pair[0].value == name), node.pairs[-1])

    def _removed_from_flow(self, parent: Node, key: Node) -> Edit:
        index = next(index for index, pair in enumerate(parent.pairs) if pair[0] is key)
        if index:
            return Edit.delete(Span(parent.pairs[index - 1][1].end, parent.pairs[index][1].end))
        return Edit.delete(Span(key.start, parent.pairs[1][0].start))

    def _last(self, key: Node, value: Node) -> int:
        """Where the text of a pair ends: its value may be empty."""
        return max(key.end, self._last_of(value))

    def _last_of(self, node: Node) -> int:
        if node.kind == "scalar" and node.style in {"|", ">"}:
            # The parser lets a block scalar end behind its blank lines, which are its own only where it says so with `+`.
            text = self.source.text[node.start : node.end]
            kept = "+" in text.partition("\n")[0]
            return node.start + len(text.removesuffix("\n").removesuffix("\r") if kept else text.rstrip("\r\n"))
        children = list(node.children())
        return node.end if node.flow or not children else max(self._last_of(child) for child in children)

    def _is_open_ended(self, node: Node) -> bool:
        """Whether a block scalar without a line break of its own ends the file: its value would get one."""
        while list(node.children()) and not node.flow:
            node = max(node.children(), key=lambda child: child.end)
        whole = node.end >= len(self.source.text) and not self.source.text.endswith("\n")
        return node.kind == "scalar" and node.style in {"|", ">"} and whole

    def _dash_column(self, node: Node) -> int | None:
        columns: set[int] = set()
        for item in node.items:
            before = self.source.text[self._line_start(item.start) : item.start]
            if before.strip() != "-":
                return None
            columns.add(before.index("-"))
        return columns.pop() if len(columns) == 1 else None

    def _indented(self, lines: Sequence[str], column: int) -> str:
        return self.source.newline.join(" " * column + line for line in lines)

    def _line_start(self, offset: int) -> int:
        return self.source.text.rfind("\n", 0, offset) + 1 or (1 if self.source.text.startswith("\ufeff") else 0)

    def _line_end(self, offset: int) -> int:
        """The end of the line, in front of its line break."""
        end = self.source.text.find("\n", offset)
        if end < 0:
            return len(self.source.text)
        return end - 1 if self.source.text[end - 1 : end] == "\r" and end > offset else end

    def _behind_newline(self, offset: int) -> int:
        for newline in ("\r\n", "\n"):
            if self.source.text.startswith(newline, offset):
                return offset + len(newline)
        return offset


def _nested(keys: Path, value: object) -> object:
    return {str(keys[0]): _nested(keys[1:], value)} if keys else value


def _block(value: Mapping[str, object], step: int) -> list[str]:
    """A mapping as block lines."""
    lines: list[str] = []
    for key, item in value.items():
        if isinstance(item, dict) and item:
            lines.append(f"{_text(key)}:")
            lines += [" " * step + line for line in _block(cast("dict[str, object]", item), step)]
        elif isinstance(item, list) and item:
            lines.append(f"{_text(key)}:")
            lines += [" " * step + f"- {_flow(each)}" for each in cast("list[object]", item)]
        else:
            lines.append(f"{_text(key)}: {_flow(cast('object', item))}")
    return lines


def _flow(value: object) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value).items()
        return "{" + ", ".join(f"{_text(key)}: {_flow(item)}" for key, item in pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, cast("Sequence[object]", value))) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return str(value) if isinstance(value, int | float) else _text(str(value))


def _text(text: str) -> str:
    """A string, quoted where it could be read as something else, inside a flow collection too."""
    if _MEASURE.fullmatch(text) or (_PLAIN.fullmatch(text) and not _NOT_TEXT.fullmatch(text)):
        return text
    return json.dumps(text, ensure_ascii=False)


def _quoted_like(node: Node, value: object) -> str:
    text = _flow(value)
    if node.style == "'" and isinstance(value, str) and "'" not in value and "\n" not in value:
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False) if node.style == '"' and isinstance(value, str) else text
