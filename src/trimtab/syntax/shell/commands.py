"""The simple commands of a shell text, with spans and the operators between them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, islice

from tree_sitter import Node

from trimtab.syntax.shell.nodes import tree
from trimtab.text import Span

_FIRST = bytes((byte & 0xC0) != 0x80 for byte in range(256))
"""For each byte whether a character of UTF-8 begins with it."""
_CHAIN_KINDS = frozenset({"program", "list"})


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: `words[0]` is the program. Spans are offsets in the shell text."""

    words: tuple[str, ...]
    word_spans: tuple[Span, ...]
    span: Span
    """Assignments before the program and redirections behind it included."""
    assignments: tuple[tuple[str, str], ...]
    top_level: bool
    """Part of the plain `a && b; c` chain, not inside a branch, loop, function, pipe or substitution."""
    literal: bool
    """No word holds a substitution, so the words are what will run."""
    operator: str
    """What joins it to the command before it in the chain: `&&`, `||`, `;`, a line feed, or empty for the first."""

    @property
    def name(self) -> str:
        return self.words[0].rpartition("/")[2] if self.words else ""


@dataclass(frozen=True, slots=True)
class Script:
    """A shell text and its commands in the order they stand."""

    text: str
    commands: tuple[Command, ...]
    broken: bool
    """The grammar found an error, so positions may be wrong and nothing should be rewritten."""


@lru_cache(maxsize=1024)
def parse_shell(text: str) -> Script:
    """Read a shell text. Never raises; a text the grammar cannot read is `broken`."""
    root, data = tree(text), text.encode("utf-8", "surrogatepass")
    return read_script(text, root, lambda: _commands(root, data, ByteOffsets(text, data), top_level=True))


def read_script(text: str, root: Node, commands: Callable[[], Iterable[Command]]) -> Script:
    """A script of the commands that are found in its tree; a tree that is too deep to be walked is that of a broken one."""
    try:
        return Script(text, tuple(commands()), root.has_error)
    except RecursionError:
        return Script(text, (), broken=True)


class ByteOffsets:
    """Byte offsets, as tree-sitter gives them, to character offsets."""

    def __init__(self, text: str, data: bytes) -> None:
        # The character that a byte belongs to is one less than the number of first bytes up to it.
        every = accumulate(data.translate(_FIRST), initial=-1)
        self._table = None if len(text) == len(data) else [*islice(every, 1, None), len(text)]

    def span(self, start: int, end: int) -> Span:
        return Span(start, end) if self._table is None else Span(self._table[start], self._table[end])


def _commands(node: Node, data: bytes, offsets: ByteOffsets, *, top_level: bool) -> Iterator[Command]:
    if node.type == "command":
        yield _command(node, node, data, offsets, top_level)
        yield from _nested(node, data, offsets)
        return
    body = node.child_by_field_name("body") if node.type == "redirected_statement" else None
    if body is not None and body.type == "command":
        yield _command(body, node, data, offsets, top_level)
        yield from _nested(node, data, offsets)
        return
    if body is not None and body.type in _CHAIN_KINDS:
        yield from _redirected_list(body, node, data, offsets, top_level)
        return
    inside = top_level and node.type in _CHAIN_KINDS
    for child in node.children:
        yield from _commands(child, data, offsets, top_level=inside)


def _redirected_list(body: Node, whole: Node, data: bytes, offsets: ByteOffsets, top_level: bool) -> Iterator[Command]:
    """The grammar hangs the redirection of `a && b >c` on the whole list; it belongs to the last command."""
    commands = list(_commands(body, data, offsets, top_level=top_level))
    end = offsets.span(whole.start_byte, whole.end_byte).end
    yield from commands[:-1]
    yield from (replace(last, span=Span(last.span.start, end)) for last in commands[-1:])


def _nested(node: Node, data: bytes, offsets: ByteOffsets) -> Iterator[Command]:
    """Commands inside substitutions of a command's words."""
    for child in node.children:
        if child.type in {"command_substitution", "process_substitution"}:
            yield from _commands(child, data, offsets, top_level=False)
        else:
            yield from _nested(child, data, offsets)


def _command(node: Node, whole: Node, data: bytes, offsets: ByteOffsets, top_level: bool) -> Command:
    words: list[Node] = []
    assignments: list[tuple[str, str]] = []
    for index, child in enumerate(node.children):
        if child.type == "variable_assignment":
            name, _, value = _text(child, data).partition("=")
            assignments.append((name, value))
        elif child.type == "command_name" or node.field_name_for_child(index) == "argument":
            words.append(child)
    return Command(
        tuple(_unquoted(_text(word, data)) for word in words),
        tuple(offsets.span(word.start_byte, word.end_byte) for word in words),
        offsets.span(whole.start_byte, whole.end_byte),
        tuple(assignments),
        top_level,
        not any(_has_substitution(word) for word in words),
        _operator_before(whole, data),
    )


def _text(node: Node, data: bytes) -> str:
    return data[node.start_byte : node.end_byte].decode("utf-8", "surrogatepass")


def _unquoted(word: str) -> str:
    if len(word) >= 2 and word[0] == word[-1] and word[0] in "'\"" and word[0] not in word[1:-1]:
        return word[1:-1]
    return word


def _has_substitution(node: Node) -> bool:
    kinds = {"simple_expansion", "expansion", "command_substitution", "process_substitution", "arithmetic_expansion"}
    return node.type in kinds or any(_has_substitution(child) for child in node.children)


def _operator_before(node: Node, data: bytes) -> str:
    """The token between a command and the one before it, looked for upwards through left-nested lists."""
    current: Node | None = node
    while current is not None and current.type != "program":
        previous = current.prev_sibling
        if previous is not None:
            token = _text(previous, data)
            return token if token in {"&&", "||", ";", "|", "|&", "&"} else ("\n" if previous.is_named else "")
        current = current.parent
    return ""
