"""Words and variables of the Dockerfile language."""

import pytest

from trimtab.syntax.dockerfile import ShellWordError, expand, split_words

ENV = {"A": "one", "EMPTY": "", "P": "/a/b/c.tar.gz"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A", "one"), ("${A}", "one"), ("x$A-y", "xone-y"), ("'$A'", "$A"), ('"$A b"', "one b"), (r"\$A", "$A"),
        ("${B:-two}", "two"), ("${EMPTY:-two}", "two"), ("${EMPTY-two}", ""), ("${A:+set}", "set"), ("${B+set}", ""),
        ("${B}", ""), ("$B", ""), ("${P##*/}", "c.tar.gz"), ("${P#*/}", "a/b/c.tar.gz"), ("${P%.*}", "/a/b/c.tar"),
        ("${P%%.*}", "/a/b/c"), ("${P/b/x}", "/a/x/c.tar.gz"), ("${P//a/x}", "/x/b/c.txr.gz"), ("$", "$"), ("a$", "a$"),
        ("${A:-${B}}", "one"), ("${B:-${A}}", "one"),
    ],
)  # fmt: skip
def test_expand(text: str, expected: str) -> None:
    assert expand(text, ENV) == expected


@pytest.mark.parametrize("text", ["${", "${}", "${:x}", "'a", '"a', "${B:?gone}", "${A", "${A!x}"])
def test_expand_refuses(text: str) -> None:
    with pytest.raises(ShellWordError):
        expand(text, ENV)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b  c", ["a", "b", "c"]), ("'a b' c", ["'a b'", "c"]), (r"a\ b c", [r"a\ b", "c"]), ('"a b"c d', ['"a b"c', "d"]),
        ("", []), ("cat <<EOF >x", ["cat", "<<EOF", ">x"]), ("cat << EOF", ["cat", "<< EOF"]),
    ],
)  # fmt: skip
def test_split(text: str, expected: list[str]) -> None:
    assert split_words(text) == expected
