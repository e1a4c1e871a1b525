"""Where a PowerShell script looks at what the engine's programs return."""

import re
from collections.abc import Sequence

from trimtab.fleet.scripts import EngineCall, ScriptPart
from trimtab.syntax.shell.commands import ByteOffsets
from trimtab.syntax.shell.nodes import tree, walk
from trimtab.text import Span

_MATTERS = frozenset({"build", "push", "up", "pull", "run", "restart"})
_LOOKS = re.compile(r"(?i)\$LASTEXITCODE|\$\?")
_FOR_ALL = re.compile(r"(?i)\$PSNativeCommandUseErrorActionPreference\s*=\s*\$true")
_OTHERWISE = re.compile(r"[^\n]*\|\|")
_AND_THEN = re.compile(r"\s*&&\s*")


def looks_anywhere(part: ScriptPart) -> bool:
    """Whether something in it looks at what a program has returned."""
    return _LOOKS.search(part.text) is not None


def unlooked(part: ScriptPart) -> tuple[EngineCall, ...]:
    """The builds, pushes and starts of a PowerShell script whose failure nothing sees before the engine is called again.

    In a function or a block that is handed to one, something anywhere in the script that looks may be meant for it. `try` is
    nothing: a program that fails throws nothing.
    """
    if part.shell != "powershell" or _FOR_ALL.search(part.text):
        return ()
    calls = sorted(part.calls, key=lambda call: call.command.span.start)
    ends = [*(call.command.span.start for call in calls[1:]), len(part.text)]
    elsewhere = _handed_on(part) if looks_anywhere(part) else []
    found: list[EngineCall] = []
    for number, call in enumerate(calls):
        inside = any(each.start <= call.command.span.start < each.end for each in elsewhere)
        if call.verb in _MATTERS and not inside and not _is_looked_at(part.text, calls[number:], ends[number:]):
            found.append(call)
    return tuple(found)


def _is_looked_at(text: str, calls: Sequence[EngineCall], ends: Sequence[int]) -> bool:
    """Whether the first of some calls is, or the ones that follow it only when it succeeds."""
    for call, end in zip(calls, ends, strict=True):
        behind = text[call.command.span.end : end]
        if not _AND_THEN.fullmatch(behind):
            return bool(_LOOKS.search(behind) or _OTHERWISE.match(behind))
    return False


def _handed_on(part: ScriptPart) -> list[Span]:
    """Functions, and blocks that are a command's argument."""
    offsets = ByteOffsets(part.text, part.text.encode("utf-8", "surrogatepass"))
    nodes = (
        node for node in walk(tree(part.text, "powershell")) if node.type in {"function_statement", "script_block_expression"}
    )
    return [offsets.span(node.start_byte, node.end_byte) for node in nodes]
