"""Ignore files: refused with a PatternError, or any path can be asked about."""

from fuzz.fleets import text_of
from trimtab.syntax.ignore import PatternError, parse_ignore

_PATHS = ("a", "a/b", "a/b/c.py", ".git/config", "node_modules/x/y", "é/\udcff", "-x", "a b", "./a", "a//b", "[a]", "x" * 60)


def check(data: bytes) -> None:
    try:
        ignore = parse_ignore(text_of(data))
    except PatternError:
        return
    for path in _PATHS:
        if ignore.ignores_whole_directory(path):
            assert ignore.ignores(path), "a folder that is left out whole is not left out"
