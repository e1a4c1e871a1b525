"""Differences for people."""

import re
from difflib import unified_diff as difflib_unified

_NO_NEWLINE = "\n\\ No newline at end of file\n"


_ODD = re.compile(r'[\x00-\x1f"\\\x7f]')


def _named(path: str) -> str:
    """A name as git writes it in a patch: one that a line could not hold is quoted as in C."""
    if not _ODD.search(path):
        return path
    return '"' + _ODD.sub(lambda each: f"\\{each[0]}" if each[0] in '"\\' else f"\\{ord(each[0]):03o}", path) + '"'


def unified_diff(path: str, before: str | None, after: str | None) -> str:
    """A patch that `git apply` and `patch -p1` take; None for a file that does not exist. Empty when nothing changed."""
    old, new = (before or "").splitlines(keepends=True), (after or "").splitlines(keepends=True)
    names = ("/dev/null" if before is None else _named(f"a/{path}"), "/dev/null" if after is None else _named(f"b/{path}"))
    lines = difflib_unified(old, new, *names)
    return "".join(line if line.endswith("\n") else line + _NO_NEWLINE for line in lines)
