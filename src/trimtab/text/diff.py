"""Differences for people."""

from difflib import unified_diff as difflib_unified

_NO_NEWLINE = "\n\\ No newline at end of file\n"


def unified_diff(path: str, before: str | None, after: str | None) -> str:
    """A patch that `git apply` and `patch -p1` take; None for a file that does not exist. Empty when nothing changed."""
    old, new = (before or "").splitlines(keepends=True), (after or "").splitlines(keepends=True)
    names = ("/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}")
    lines = difflib_unified(old, new, *names)
    return "".join(line if line.endswith("\n") else line + _NO_NEWLINE for line in lines)
