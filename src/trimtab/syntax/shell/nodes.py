"""Trees of shell scripts, for what looks at more of a script than its commands."""

import re
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

_NO_UTF_8 = re.compile("[\ud800-\udfff]")
_LARGEST = 128 * 1024
"""Characters of a script that is read. On a text that is none the grammars take time by its square: 96 KiB of `a()` took
14 s, and half a second where each has a body."""
_LONGEST_PIPE = 1000
"""Commands in one pipeline. The bash grammar keeps them all open: 10,000 took 940 MB, ten times as many all memory."""
_MOST_OPEN = 1000
"""Parentheses that nobody closes."""
_NOT_READ = "("
_PATHS = re.compile(r"\$(?:\w+(?::\w+)?|\{[\w:]+\})(?:[\\/](?:[\w.*-]|\$\w+)*)+", re.ASCII)
"""Paths that begin with a variable; each is read as a variable that is as long."""


def tree(text: str, shell: Shell = "bash") -> Node:
    """The root of a script's tree; a broken script has one, too. One that is made to do harm is broken, and is not read."""
    # Three bytes for three: the grammars cut what is no UTF-8 in pieces, of which some could not be read any more.
    read = _NO_UTF_8.sub("\ufffd", text) if _is_harmless(text) else _NOT_READ
    root = _parsed(read, shell)
    if shell == "powershell" and root.has_error:
        # The grammar takes `$folder/name` outside of quotes for a division, and the next line for a part of it.
        whole = _parsed(_PATHS.sub(lambda path: "$" + "x" * (len(path[0]) - 1), read), shell)
        return root if whole.has_error else whole
    return root


def _parsed(text: str, shell: Shell) -> Node:
    return Parser(_LANGUAGES[shell]).parse(text.encode()).root_node


def _is_harmless(text: str) -> bool:
    return len(text) <= _LARGEST and text.count("(") - text.count(")") <= _MOST_OPEN and _longest_pipe(text) <= _LONGEST_PIPE


def _longest_pipe(text: str) -> int:
    """The most pipe signs that may belong together: those of one line, and of lines that go on behind one or a backslash."""
    longest = current = 0
    for line in text.split("\n"):
        current += line.count("|")
        longest = max(longest, current)
        if not line.rstrip().endswith(("|", "|&", "\\")):
            current = 0
    return longest


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
