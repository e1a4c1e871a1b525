"""The ignore file's semantics against moby's."""

import os
import re
from pathlib import Path

import pytest
from e2b_dockerfile_utils import PatternMatcher
from hypothesis import given
from hypothesis import strategies as st

from trimtab.syntax.ignore import IgnoreFile, PatternError, parse_ignore


@pytest.mark.parametrize(
    ("patterns", "path", "ignored"),
    [
        (["*.log"], "a.log", True),
        (["*.log"], "sub/a.log", False),
        (["**/*.log"], "sub/a.log", True),
        (["**/*.log"], "a.log", True),
        (["/build"], "build/x/y", True),
        (["node_modules"], "web/node_modules/x", False),
        (["**/node_modules"], "web/node_modules/x", True),
        (["docs", "!docs/keep.md"], "docs/keep.md", False),
        (["docs", "!docs/keep.md"], "docs/other.md", True),
        (["!docs/keep.md", "docs"], "docs/keep.md", True),
        (["*", "!src"], "src/a.py", False),
        (["*", "!src"], "other/a.py", True),
        (["a?c"], "abc", True),
        (["a?c"], "a/c", False),
        (["[a-c].txt"], "b.txt", True),
        (["a\\*b"], "a*b", True),
        (["a\\*b"], "axb", False),
        (["**"], "anything/at/all", True),
        (["a/**/b"], "a/x/y/b", True),
        (["a/**/b"], "a/b", True),
        (["."], "a", False),
        # So many stars that no regular expression is made of them.
        (["a*b*c*d*e*f*g*h*[ij]?/**"], "abcdefghix/y", True),
        (["a*b*c*d*e*f*g*h*[ij]?/**"], "abcdefghkx/y", False),
        (["a*b*c*d*e*f*g*h*[ij]?/**"], "abcdefghi/y", False),
        (["**/*a*b*c*d*e*f*g*h*i"], "x/y/abcdefghi", True),
        (["**/*a*b*c*d*e*f*g*h*i"], "abcdefghi", True),
        (["**/*a*b*c*d*e*f*g*h*i"], "x/abcd/efghi", False),
        (["*a*b*c*d*e*f*g*h*i*"], "x/abcdefghi", False),
        (["a*b*c*d*e*f*g*h*i**"], "abcdefghix/y/z", True),
        (["[^a]*b*c*d*e*f*g*h*i\\*"], "xbcdefghi*", True),
    ],
)
def test_semantics(patterns: list[str], path: str, ignored: bool) -> None:
    assert parse_ignore("\n".join(patterns)).ignores(path) is ignored


def test_reading() -> None:
    ignore = parse_ignore("\ufeff# comment\n  spaced  \n\n/root\n! /kept\n./dot\nend/\n")
    assert ignore.patterns == ("spaced", "root", "!kept", "dot", "end")


@pytest.mark.parametrize("pattern", ["!", "[", "[a", "a\\", "[]a]", "[a-", "[a-]", "[\\"])
def test_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        IgnoreFile.of([pattern])


_SEGMENT = st.sampled_from(["a", "b", "ab", "*", "**", "?", "a*", "*b", "[ab]", "a.b", "."])
_PATTERN = st.tuples(st.sampled_from(["", "!"]), st.lists(_SEGMENT, min_size=1, max_size=4).map("/".join)).map("".join)
_PATH = st.lists(st.sampled_from(["a", "b", "ab", "aab", "a.b", "xb"]), min_size=1, max_size=4).map("/".join)


@given(st.lists(_PATTERN, min_size=1, max_size=4), _PATH)
def test_same_as_mobys_port(patterns: list[str], path: str) -> None:
    try:
        mine = parse_ignore("\n".join(patterns))
    except PatternError:
        with pytest.raises(Exception):  # noqa: B017, PT011  the port's own error type does not matter
            PatternMatcher(patterns)
        return
    assert mine.ignores(path) is bool(PatternMatcher(patterns).matches(path))


def moby_cases() -> list[tuple[str, str, bool]]:
    """The table of moby/patternmatcher's TestMatches, for whoever has a checkout of it."""
    checkout = os.environ.get("PATTERNMATCHER_CHECKOUT")
    if not checkout:
        return []
    text = (Path(checkout) / "patternmatcher_test.go").read_text()
    table = text[text.index("func TestMatches") :]
    rows = re.findall(r'\{"((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)", (true|false)\}', table)
    return [(_go_string(pattern), _go_string(path), expected == "true") for pattern, path, expected in rows]


def _go_string(text: str) -> str:
    return text.encode().decode("unicode_escape")


@pytest.mark.skipif(not moby_cases(), reason="PATTERNMATCHER_CHECKOUT does not name a checkout of moby/patternmatcher")
@pytest.mark.parametrize(("pattern", "path", "expected"), moby_cases())
def test_moby_cases(pattern: str, path: str, expected: bool) -> None:
    assert IgnoreFile.of([pattern]).ignores(path) is expected
