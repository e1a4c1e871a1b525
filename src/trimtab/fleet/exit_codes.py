"""Where a PowerShell script looks at what the engine's programs return."""

import re
from collections.abc import Iterable, Sequence

from tree_sitter import Node

from trimtab.fleet.scripts import EngineCall, ScriptPart
from trimtab.syntax.shell.commands import ByteOffsets
from trimtab.syntax.shell.nodes import tree, walk
from trimtab.text import Span

_MATTERS = frozenset({"build", "push", "up", "pull", "run", "restart"})
_LOOKS = re.compile(r"(?i)\$LASTEXITCODE|\$\?")
_FOR_ALL = re.compile(r"(?i)\$PSNativeCommandUseErrorActionPreference\s*=\s*\$true")
_OTHERWISE = re.compile(r"[^\n]*\|\|")
_AND_THEN = re.compile(r"\s*&&\s*")
_HANDED_ON = frozenset({"function_statement", "script_block_expression"})
_CLAUSES = frozenset({"elseif_clauses", "elseif_clause", "else_clause", "switch_body", "switch_clauses", "switch_clause"})


def looks_anywhere(part: ScriptPart) -> bool:
    """Whether something in it looks at what a program has returned."""
    return _LOOKS.search(part.text) is not None


def unlooked(part: ScriptPart) -> tuple[EngineCall, ...]:
    """The builds, pushes and starts of a PowerShell script whose failure nothing sees before the engine is called again.

    In a function or a block that is handed to one, something anywhere in the script that looks may be meant for it. `try` is
    nothing: a program that fails throws nothing.
    """
    asked = part.shell == "powershell" and any(call.verb in _MATTERS for call in part.calls)
    if not asked or _FOR_ALL.search(part.text):
        return ()
    calls = sorted(part.calls, key=lambda call: call.command.span.start)
    nodes = list(walk(tree(part.text, "powershell")))
    offsets = ByteOffsets(part.text, part.text.encode("utf-8", "surrogatepass"))
    handed_on = [_span(node, offsets) for node in nodes if node.type in _HANDED_ON] if looks_anywhere(part) else []
    branches = _branches(nodes, offsets)
    found: list[EngineCall] = []
    for number, call in enumerate(calls):
        inside = any(_holds(each, call) for each in handed_on)
        if call.verb in _MATTERS and not inside and not _is_looked_at(part.text, calls[number:], branches):
            found.append(call)
    return tuple(found)


def _is_looked_at(text: str, calls: Sequence[EngineCall], branches: Sequence[Sequence[Span]]) -> bool:
    """Whether the first of some calls is, or the ones that follow it only when it succeeds."""
    first = calls[0]
    second = next((number for number, each in enumerate(calls) if number and not _excludes(branches, first, each)), None)
    behind = text[first.command.span.end : calls[second].command.span.start if second else len(text)]
    if second and _AND_THEN.fullmatch(behind):
        return _is_looked_at(text, calls[second:], branches)
    return bool(_LOOKS.search(behind) or _OTHERWISE.match(behind))


def _excludes(branches: Sequence[Sequence[Span]], one: EngineCall, other: EngineCall) -> bool:
    """Whether the other is not made where the one is: they stand in two branches of one statement."""
    for blocks in branches:
        sides = [next((number for number, span in enumerate(blocks) if _holds(span, call)), None) for call in (one, other)]
        if None not in sides and sides[0] != sides[1]:
            return True
    return False


def _branches(nodes: Iterable[Node], offsets: ByteOffsets) -> list[list[Span]]:
    """The blocks of every `if` and `switch`, of which one alone is run."""
    found: dict[int, list[Span]] = {}
    for node in (node for node in nodes if node.type == "statement_block"):
        owner = node.parent
        while owner is not None and owner.type in _CLAUSES:
            owner = owner.parent
        if owner is not None and owner.type in {"if_statement", "switch_statement"}:
            found.setdefault(owner.id, []).append(_span(node, offsets))
    return list(found.values())


def _span(node: Node, offsets: ByteOffsets) -> Span:
    return offsets.span(node.start_byte, node.end_byte)


def _holds(span: Span, call: EngineCall) -> bool:
    return span.start <= call.command.span.start < span.end
