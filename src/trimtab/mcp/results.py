"""How a command has ended, as a client gets to see it."""

import json
from collections.abc import Mapping

import mcp_types as types

from trimtab.fleet.plain import items, mapping, mapping_of
from trimtab.mcp.child import Ended
from trimtab.mcp.concealing import Concealer
from trimtab.mcp.order import Order
from trimtab.mcp.tools import Tool

_NAMED = {0: "done", 3: "bug", 130: "interrupted"}


def result_of(tool: Tool, ended: Ended, most: int, conceal: Concealer) -> types.CallToolResult:
    """The result of a call.

    Findings, gates that do not hold and failed builds are results. An error is a command that could not run, that crashed, or
    that printed no result. The lines that it said are concealed already.
    """
    found = printed(ended.output)
    shown, left_out = shortened(found, tool.lists, most) if found is not None else (None, {})
    messages = list(ended.lines)
    outcome = _outcome(tool, ended.code, found is not None)
    data: dict[str, object] = {
        "outcome": outcome,
        "exit_code": ended.code,
        "result": shown if tool.has_own_texts else conceal.data(shown),
        "left_out": left_out,
        "messages": messages,
    }
    failed = outcome in {"could-not-run", "bug"} or found is None
    told = "\n".join(messages) if failed and messages else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return types.CallToolResult(content=[types.TextContent(text=told)], structured_content=data, is_error=failed)


def refusal(message: str) -> types.CallToolResult:
    """A call that was not begun, and why."""
    return types.CallToolResult(content=[types.TextContent(text=message)], is_error=True)


def printed(output: bytes) -> Mapping[str, object] | None:
    """The result that a command has printed: all of its output, or the last line of a stream of events."""
    whole = output.decode("utf-8", "replace").strip()
    for part in (whole, whole.rpartition("\n")[2]):
        found = mapping_of(part)
        if "schema" in found:
            return found
    return None


def shortened(
    found: Mapping[str, object], lists: Mapping[str, Order], most: int
) -> tuple[dict[str, object], dict[str, int]]:  # fmt: skip
    """A result with the first entries of its long lists only, each in its order, and how many are missing from which."""
    shown, left_out = dict(found), dict[str, int]()
    for name, order in lists.items():
        entries = items(found.get(name)) if isinstance(found.get(name), list) else []
        ordered = sorted(entries, key=lambda entry: order(mapping(entry)))
        kept = ordered[:most] if most else ordered
        if entries:
            shown[name] = kept
        if len(kept) < len(entries):
            left_out[name] = len(entries) - len(kept)
    return shown, left_out


def _outcome(tool: Tool, code: int, has_result: bool) -> str:
    if code == 1:
        return tool.when_one
    if code == 2 and has_result:
        return "incomplete"
    return _NAMED.get(code, "could-not-run" if code == 2 else "bug")
