"""What an editor of YAML does not do, told with its reason, and what it does at the edges of what it can."""

from collections.abc import Callable

import pytest

from trimtab.syntax.yaml import NoEdit, YamlEditor, load_yaml
from trimtab.text import Edit, Source, apply_edits

Act = Callable[[YamlEditor], "Edit | tuple[Edit, ...] | NoEdit"]
ELSEWHERE, ODD, QUESTION = "it comes from an anchor", "a lone carriage return", "with a question mark"
SHARED, INHERITED = "a: &x {b: [1]}\nc: *x\n", "a: &x\n  b: [1]\n  d: {e: 1}\nc:\n  <<: *x\n  f: 1\n"


def done(text: str, act: Act) -> str:
    source = Source("a.yaml", text)
    result = act(YamlEditor(source, load_yaml(source)))
    if isinstance(result, NoEdit):
        return f"no: {result.reason}"
    return apply_edits(text, result if isinstance(result, tuple) else [result])


REFUSED: list[tuple[str, Act, str]] = [
    ("a: 1\rb: 2\n", lambda e: e.set(("a",), 2), ODD),
    ("a: 1\rb: 2\n", lambda e: e.remove(("a",)), ODD),
    ("a: [1]\rb: 2\n", lambda e: e.append(("a",), 2), ODD),
    ("a: [1]\rb: 2\n", lambda e: e.keyed(("a",), {}), ODD),
    ("", lambda e: e.set(("a",), 2), "the document is empty"),
    (SHARED, lambda e: e.set(("c", "b"), 2), ELSEWHERE),
    (SHARED, lambda e: e.append(("c", "b"), 2), ELSEWHERE),
    (SHARED, lambda e: e.append(("a", "b"), 2), ELSEWHERE),
    (SHARED, lambda e: e.keyed(("a", "b"), {}), ELSEWHERE),
    (SHARED, lambda e: e.keyed(("none",), {}), ELSEWHERE),
    (SHARED, lambda e: e.append(("c",), 2), ELSEWHERE),
    (INHERITED, lambda e: e.append(("c", "b"), 2), ELSEWHERE),
    (INHERITED, lambda e: e.set(("c", "d", "g"), 2), ELSEWHERE),
    ("a: 1\n", lambda e: e.remove(("b",)), ELSEWHERE),
    ("a: {b: 1}\n", lambda e: e.append(("a",), 1), "it is not written as a list"),
    ("a:\n- - 1\n  - 2\n", lambda e: e.append(("a", 0), 1), "do not begin their own lines"),
    ("a: {b: 1}\n", lambda e: e.keyed(("a",), {}), "a list of names"),
    ("a: [b,\n  c]\n", lambda e: e.keyed(("a",), {"b": {}, "c": {}}), "over several lines"),
    ("- - a\n  - b\n", lambda e: e.keyed((0,), {"a": {}, "b": {}}), "do not begin their own lines"),
    ("a: |\n  x\n", lambda e: e.set(("a",), 1), "not a single value"),
    ("a: {b: 1}\n", lambda e: e.set(("a",), 1), "not a single value"),
    ("a:\n- - 1\n  - 2\n", lambda e: e.set(("a", 0), [3]), "do not begin their own lines"),
    ("a:\n- 1\n", lambda e: e.set(("a",), []), "do not begin their own lines"),
    ("a:\n- 1\n# why\n- 2\n", lambda e: e.set(("a",), [3]), "a comment stands in it"),
    ("a: 1\n", lambda e: e.set(("a", "b"), 1), "no mapping to put it into"),
    ("a: null\n", lambda e: e.set(("a", "b"), 1), "no mapping to put it into"),
    ("a: &x\n", lambda e: e.set(("a", "b"), 1), "no mapping to put it into"),
    ("? a\n:\n", lambda e: e.set(("a", "b"), 1), QUESTION),
    ("? a\n: b: 1\n", lambda e: e.set(("a", "c"), 1), "do not begin their own lines"),
    ("a:\n  b: |\n    x", lambda e: e.set(("a", "c"), 1), "the file ends inside a text block"),
    ("a:\n  b: 1\n  c: 2\n", lambda e: e.remove(("a", "b", "c")), ELSEWHERE),
    ("- a: 1\n  b: 2\n", lambda e: e.remove((0, "a")), "it does not begin its own line"),
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "act", "reason"), REFUSED)
def test_refused(text: str, act: Act, reason: str) -> None:
    told = done(text, act)
    assert told.startswith("no: ")
    assert reason in told


DONE: list[tuple[str, Act, str]] = [
    ("a:\n", lambda e: e.append(("a",), 1), "a: [1]\n"),
    ("a:\n", lambda e: e.set(("a",), 1), "a: 1\n"),
    ("b: 1\n", lambda e: e.append(("a",), 1), "b: 1\na:\n  - 1\n"),
    ("a: []\n", lambda e: e.append(("a",), 1), "a: [1]\n"),
    ("a: [1]\n", lambda e: e.append(("a",), 2), "a: [1, 2]\n"),
    ("a: [1]\n", lambda e: e.set(("a",), [2, 3]), "a: [2, 3]\n"),
    ("a:\n- 1\n- 2\n", lambda e: e.set(("a",), [3]), "a:\n- 3\n"),
    ("a: [b, c]\n", lambda e: e.keyed(("a",), {"b": {"x": 1}, "c": {"z": None}}), "a: {b: {x: 1}, c: {z: null}}\n"),
    ("a: 'x'\n", lambda e: e.set(("a",), "y"), "a: 'y'\n"),
    ("a: 'x'\n", lambda e: e.set(("a",), "it's"), 'a: "it\'s"\n'),
    ('a: "x"\n', lambda e: e.set(("a",), "y"), 'a: "y"\n'),
    ("a: {b: 1, c: 2}\n", lambda e: e.remove(("a", "b")), "a: {c: 2}\n"),
    ("a: {b: 1, c: 2}\n", lambda e: e.remove(("a", "c")), "a: {b: 1}\n"),
    ("a: 1\nb: 2", lambda e: e.remove(("b",)), "a: 1\n"),
    ("a: 1\r\nb: 2\r\n", lambda e: e.remove(("a",)), "b: 2\r\n"),
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "act", "after"), DONE)
def test_done(text: str, act: Act, after: str) -> None:
    assert done(text, act) == after
