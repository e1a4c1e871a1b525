"""Trees of shell scripts, for what looks at more of a script than its commands."""

from collections.abc import Iterator
from typing import Literal

import tree_sitter_bash
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

Shell = Literal["bash", "powershell"]
_LANGUAGES = {
    "bash": Language(tree_sitter_bash.language()),
    "powershell": Language(tree_sitter_powershell.language()),
}


def tree(text: str, shell: Shell = "bash") -> Node:
    """The root of a script's tree; a broken script has one, too."""
    return Parser(_LANGUAGES[shell]).parse(text.encode("utf-8", "surrogatepass")).root_node


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, in the order of the text, however deep they are."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending += reversed(current.children)


def text_of(node: Node) -> str:
    """What a node is of the text."""
    return (node.text or b"").decode("utf-8", "replace")
