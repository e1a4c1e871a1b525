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
        ("${A:-${B}}", "one"), ("${B:-${A}}", "one"), (r'"a\"b"', 'a"b'), (r'"a\b"', r"a\b"), (r'"\$A"', "$A"), ("${A:?no}", "one"),
        ("$1", ""), ("$12x", "x"), ("$@x", "x"), ("a<b", "a<b"), ("${P#x}", "/a/b/c.tar.gz"), ("${P/a*c/x}", "/x.tar.gz"),
        ("${P/?/x}", "xa/b/c.tar.gz"), (r"${P/a\/b/x}", "/x/c.tar.gz"), ("${B/a/b}", ""), ("${EMPTY:+set}", ""), ("a\\", "a"),
    ],
)  # fmt: skip
def test_expand(text: str, expected: str) -> None:
    assert expand(text, ENV) == expected


@pytest.mark.parametrize(
    "text", ["${", "${}", "${:x}", "'a", '"a', "${B:?gone}", "${A", "${A!x}", "${A:#x}", "${EMPTY:?}", '"a\\', "${A/x"]
)
def test_expand_refuses(text: str) -> None:
    with pytest.raises(ShellWordError):
        expand(text, ENV)


@pytest.mark.parametrize("text", ["$B", "${B}", "${B:-x}", "${B+x}", "${B/a/b}", "${B##a}"])
def test_what_is_not_set_may_be_kept(text: str) -> None:
    assert expand(f"a {text} b", ENV, keep_unset=True) == f"a {text} b"


def test_substitutions_in_substitutions_have_an_end() -> None:
    with pytest.raises(ShellWordError, match="too deeply"):
        expand("${B:-" * 2000 + "}" * 2000, ENV)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b  c", ["a", "b", "c"]), ("'a b' c", ["'a b'", "c"]), (r"a\ b c", [r"a\ b", "c"]), ('"a b"c d', ['"a b"c', "d"]),
        ("", []), ("cat <<EOF >x", ["cat", "<<EOF", ">x"]), ("cat << EOF", ["cat", "<< EOF"]),
        ('"$A b" "a\\" c"', ['"$A b"', '"a\\" c"']),
    ],
)  # fmt: skip
def test_split(text: str, expected: list[str]) -> None:
    assert split_words(text) == expected
