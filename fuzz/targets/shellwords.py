"""Words and variables of a Dockerfile: refused with a ShellWordError, or read."""

from contextlib import suppress

from fuzz.fleets import text_of
from trimtab.syntax.dockerfile.shellwords import ShellWordError, expand, split_words, unquote

_VALUES = {"A": "a/b/c", "B": "", "LONG": "x" * 300}


def check(data: bytes) -> None:
    text = text_of(data)
    for escape in "\\`":
        with suppress(ShellWordError):
            split_words(text, escape=escape)
        with suppress(ShellWordError):
            unquote(text, escape=escape)
        with suppress(ShellWordError):
            expand(text, _VALUES, escape=escape)
        with suppress(ShellWordError):
            expand(text, _VALUES, escape=escape, keep_unset=True)
