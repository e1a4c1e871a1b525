"""The commands of a PowerShell text, in the same shape as those of a shell."""

from collections.abc import Iterator

from tree_sitter import Node

from trimtab.syntax.shell.commands import ByteOffsets, Command, Script, read_script
from trimtab.syntax.shell.nodes import tree

_SEPARATORS = frozenset({"command_argument_sep"})
_BRANCHES = frozenset(
    ["if_statement", "while_statement", "for_statement", "foreach_statement", "do_statement", "switch_statement"]
    + ["function_statement", "try_statement", "trap_statement", "script_block", "sub_expression", "parenthesized_expression"]
)
_NOT_LITERAL = frozenset({"variable", "sub_expression", "parenthesized_expression", "member_access", "element_access"})


def parse_powershell(text: str) -> Script:
    """Read a PowerShell text. Never raises; a text the grammar cannot read is `broken`."""
    root, data = tree(text, "powershell"), text.encode("utf-8", "surrogatepass")
    return read_script(text, root, lambda: _commands(root, data, ByteOffsets(text, data), top_level=True))


def _commands(node: Node, data: bytes, offsets: ByteOffsets, *, top_level: bool) -> Iterator[Command]:
    if node.type == "command":
        yield _command(node, data, offsets, top_level)
    inside = top_level and node.type not in _BRANCHES
    for child in node.children:
        yield from _commands(child, data, offsets, top_level=inside)


def _command(node: Node, data: bytes, offsets: ByteOffsets, top_level: bool) -> Command:
    words = [child for child in _words(node) if child.type not in _SEPARATORS]
    spans = tuple(offsets.span(word.start_byte, word.end_byte) for word in words)
    texts = tuple(_unquoted(data[word.start_byte : word.end_byte].decode("utf-8", "surrogatepass")) for word in words)
    literal = not any(_has_variable(word) for word in words)
    return Command(texts, spans, offsets.span(node.start_byte, node.end_byte), (), top_level, literal, _operator(node))


def _words(node: Node) -> Iterator[Node]:
    for child in node.children:
        if child.type in {"command_name", "command_name_expr"}:
            yield child
        elif child.type == "command_elements":
            yield from child.children


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) >= 2 and word[0] == word[-1] and word[0] in "'\"" else word


def _has_variable(node: Node) -> bool:
    return node.type in _NOT_LITERAL or any(_has_variable(child) for child in node.children)


def _operator(node: Node) -> str:
    """What stands before a command: `|` in a pipe, `&&` and `||` in a chain, a line feed else."""
    previous = node.prev_sibling
    token = previous.type if previous is not None else ""
    return token if token in {"|", "&&", "||"} else "\n"
