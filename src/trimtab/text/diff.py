"""Differences for people."""

from difflib import unified_diff as difflib_unified

_NO_NEWLINE = "\n\\ No newline at end of file\n"


def unified_diff(path: str, before: str, after: str) -> str:
    """A patch that `git apply` and `patch -p1` take; empty when nothing changed."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    lines = difflib_unified(old, new, f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else line + _NO_NEWLINE for line in lines)
