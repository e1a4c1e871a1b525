"""Edits of YAML: what they change, and that they change nothing else."""

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.syntax.yaml import NoEdit, YamlDocument, YamlEditor, YamlProblem, load_documents, load_yaml
from trimtab.syntax.yaml import Path as Place
from trimtab.text import Edit, Source, apply_edits


def editor(text: str) -> YamlEditor:
    source = Source("a.yaml", text)
    return YamlEditor(source, load_yaml(source))


def edited(text: str, edit: Edit | tuple[Edit, ...] | NoEdit) -> str:
    assert not isinstance(edit, NoEdit), edit.reason
    return apply_edits(text, edit if isinstance(edit, tuple) else [edit])


def with_value(data: object, path: Place, value: object) -> object:
    """The data with one path set."""
    result = copy.deepcopy(data)
    at: Any = result
    for part in path[:-1]:
        if not isinstance(part, int):
            at[part] = {} if at.get(part) is None else at[part]
        at = at[part]
    at[path[-1]] = value
    return result


INSERTED = [
    ("a:\n  b: 1\n", ("a", "c"), 2, "a:\n  b: 1\n  c: 2\n"),
    ("a:\n  b: 1", ("a", "c"), 2, "a:\n  b: 1\n  c: 2"),
    ("a:\r\n  b: 1\r\nd: 3\r\n", ("a", "c"), 2, "a:\r\n  b: 1\r\n  c: 2\r\nd: 3\r\n"),
    ("a:\n  b: 1  # why\n\n# next\nd: 3\n", ("a", "c"), 2, "a:\n  b: 1  # why\n  c: 2\n\n# next\nd: 3\n"),
    ("a: {b: 1}\n", ("a", "c"), "x y", 'a: {b: 1, c: "x y"}\n'),
    ("a: {}\n", ("a", "c"), 2, "a: {c: 2}\n"),
    ("a:\n  b: 1\n", ("a", "c", "d"), True, "a:\n  b: 1\n  c:\n    d: true\n"),
    ("a: # note\nb: 1\n", ("a", "c"), 2, "a: # note\n  c: 2\nb: 1\n"),
    ("a:\n    b: |\n        text\n\n\nc: 1\n", ("a", "d"), 2, "a:\n    b: |\n        text\n    d: 2\n\n\nc: 1\n"),
    ("a:\n  b:\n  - x\n  - y\nc: 1\n", ("a", "d"), [1, 2], "a:\n  b:\n  - x\n  - y\n  d:\n    - 1\n    - 2\nc: 1\n"),
    ("\ufeffa: 1\n", ("b",), 2, "\ufeffa: 1\nb: 2\n"),
    ("a:\n  b: é✓𝄞 # 𝄞\n", ("a", "c"), "1", 'a:\n  b: é✓𝄞 # 𝄞\n  c: "1"\n'),
    ("a:\n  - b: 1\n    c: 2\n", ("a", 0, "d"), 3, "a:\n  - b: 1\n    c: 2\n    d: 3\n"),
    ("a: &x {b: 1}\nd:\n  <<: *x\n  e: 2\n", ("d", "c"), 3, "a: &x {b: 1}\nd:\n  <<: *x\n  e: 2\n  c: 3\n"),
    ("a:\n  b: 'x\n    y'\n  # end\n", ("a", "c"), 2, "a:\n  b: 'x\n    y'\n  c: 2\n  # end\n"),
    ("a:\n  b: {x: 1,\n      y: 2}\n", ("a", "c"), 2, "a:\n  b: {x: 1,\n      y: 2}\n  c: 2\n"),
    ("a:\n  b: |+\n    x\n\nc: 1\n", ("a", "d"), 2, "a:\n  b: |+\n    x\n\n  d: 2\nc: 1\n"),
    ("a:\n  b: >\n    x\n      \nc: 1\n", ("a", "d"), 2, "a:\n  b: >\n    x\n      \n  d: 2\nc: 1\n"),
    ("a: 1\n...\n", ("b",), 2, "a: 1\nb: 2\n...\n"),
    # An item that is commented out stays with its list; what stands in the new key's own column is not the list's.
    ("a:\n  b:\n    - x\n    # - y\n  # c\n", ("a", "d"), 2, "a:\n  b:\n    - x\n    # - y\n  d: 2\n  # c\n"),
    ("a:\r\n  b:\r\n    - x\r\n    # y\r\n", ("a", "d"), 2, "a:\r\n  b:\r\n    - x\r\n    # y\r\n  d: 2\r\n"),
    ("a:\n  b:\n    - x\n    # y", ("a", "d"), 2, "a:\n  b:\n    - x\n    # y\n  d: 2"),
    ("a:\n  b:\n    - x\n\n    # y\n", ("a", "d"), 2, "a:\n  b:\n    - x\n  d: 2\n\n    # y\n"),
]


@pytest.mark.parametrize(("before", "path", "value", "after"), INSERTED)
def test_a_new_key_is_a_new_line(before: str, path: Place, value: object, after: str) -> None:
    assert edited(before, editor(before).set(path, value)) == after
    assert load_yaml(Source("a", after)).data == with_value(load_yaml(Source("a", before)).data, path, value)


def test_a_new_key_goes_behind_the_one_that_is_named() -> None:
    text = "a:\n  b: 1\n  c:\n    d: 1\n  e: 1\n"
    assert edited(text, editor(text).set(("a", "x"), 2, after=("q", "c"))) == "a:\n  b: 1\n  c:\n    d: 1\n  x: 2\n  e: 1\n"


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ("a: 1 # x\n", ("a",), 2, "a: 2 # x\n"),
        ("a: '1'\n", ("a",), "2s", "a: '2s'\n"),
        ('a: "1"\n', ("a",), "2", 'a: "2"\n'),
        ("a:\nb: 1\n", ("a",), 2, "a: 2\nb: 1\n"),
        ("x: &v 5\na: *v\n", ("a",), 2, "x: &v 5\na: 2\n"),
        ("a: [1, 2]\n", ("a", 1), "no", 'a: [1, "no"]\n'),
        ("a: [x, z] # 1\n", ("a",), ["w"], "a: [w] # 1\n"),
        ("a:\n- x\n- z\nb: 1\n", ("a",), ["w", "v"], "a:\n- w\n- v\nb: 1\n"),
    ],
)
def test_a_value_is_replaced_where_it_stands(before: str, path: Place, value: object, after: str) -> None:
    assert edited(before, editor(before).set(path, value)) == after


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("version: '3'\n\nservices: {}\n", ("version",), "\nservices: {}\n"),
        ("a: 1\nb:\n  c: 1\n  d: 2 # x\n", ("b", "c"), "a: 1\nb:\n  d: 2 # x\n"),
        ("a: {b: 1, c: 2}\n", ("a", "b"), "a: {c: 2}\n"),
        ("a: {b: 1, c: 2}\n", ("a", "c"), "a: {b: 1}\n"),
        ("a: 1\r\nb: |\r\n  x\r\n  y\r\nc: 2", ("b",), "a: 1\r\nc: 2"),
    ],
)
def test_a_key_goes_with_its_value(before: str, path: Place, after: str) -> None:
    assert edited(before, editor(before).remove(path)) == after


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("a:\n  - x # 1\n  # 2\nb: 1\n", ("a",), "a:\n  - x # 1\n  - z:1\n  # 2\nb: 1\n"),
        ("a:\n- x\n- y\n", ("a",), "a:\n- x\n- y\n- z:1\n"),
        ("a: [x]\n", ("a",), "a: [x, z:1]\n"),
        ("a: []\n", ("a",), "a: [z:1]\n"),
        ("a:\n  b: 1\n", ("a", "c"), "a:\n  b: 1\n  c:\n    - z:1\n"),
    ],
)
def test_an_item_goes_to_the_end(before: str, path: Place, after: str) -> None:
    assert edited(before, editor(before).append(path, "z:1")) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "a:\n  on:\n    - db # 1\n    # 2\n    - web\nb: 1\n",
            "a:\n  on:\n    db: # 1\n      c: d\n    # 2\n    web:\n      c: e\nb: 1\n",
        ),
        ("a:\n  on:\n  - db\n  - web\n", "a:\n  on:\n    db:\n      c: d\n    web:\n      c: e\n"),
        ("a:\n  on: [db, web]\n", "a:\n  on: {db: {c: d}, web: {c: e}}\n"),
    ],
)
def test_a_list_becomes_a_mapping(before: str, after: str) -> None:
    assert edited(before, editor(before).keyed(("a", "on"), {"db": {"c": "d"}, "web": {"c": "e"}})) == after


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: &x\n  b: 1\nc: *x\n", ("c", "d")),
        ("a: &x\n  b: 1\nc: *x\n", ("a", "d")),
        ("a: &x\n  b: {c: 1}\nd:\n  <<: *x\n", ("d", "b", "e")),
        ("a: &x\n  b: {c: 1}\nd:\n  <<: *x\n", ("a", "b", "e")),
        ("a: text\n", ("a", "b")),
        ("a: |\n  text\n", ("a",)),
        ("a: [1]\n", ("a", "b")),
        ("- a: 1\n", ("b",)),
        ("", ("b",)),
        ("a:\n  b: |\n    x", ("a", "c")),
    ],
)
def test_what_would_change_something_else_is_refused(text: str, path: Place) -> None:
    assert isinstance(editor(text).set(path, 1), NoEdit)


@pytest.mark.parametrize("text", ["?\n a\n:\n", "? a\n:\n", "? a\n", "b: 2\n? a\n"])
def test_keys_with_question_marks_are_left_alone(text: str) -> None:
    assert isinstance(editor(text).set(("a", "new"), 1), NoEdit)
    assert isinstance(editor(text).set(("new",), 1), NoEdit)
    assert isinstance(editor(text).remove(("a",)), NoEdit)


def test_keys_beside_one_with_a_question_mark_are_edited() -> None:
    text = "? [x]\n: 1\na:\n  b: 1\n"
    assert edited(text, editor(text).set(("a", "c"), 2)) == "? [x]\n: 1\na:\n  b: 1\n  c: 2\n"


def test_a_comment_is_not_removed() -> None:
    assert isinstance(editor("a: 1\nb: # x\n  c: 1\n").remove(("b",)), NoEdit)
    assert isinstance(editor("a: 1\nb:\n  # x\n  c: 1\n").remove(("b",)), NoEdit)


def test_the_only_key_stays() -> None:
    assert isinstance(editor("a:\n  b: 1\n").remove(("a", "b")), NoEdit)


scalars = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12), st.integers(), st.booleans(), st.none()
)


@given(scalars, st.sampled_from(["a:\n  b: 1\n", "a: {b: 1}\n", "a:\n  b: 1", "a:\n    b: 'x'\n"]))
def test_every_value_is_read_as_it_was_meant(value: object, text: str) -> None:
    after = edited(text, editor(text).set(("a", "new"), value))
    assert cast("Any", load_yaml(Source("a", after)).data)["a"]["new"] == value


def mappings(document: YamlDocument) -> Iterator[Place]:
    for path, node in document.nodes.items():
        if node.kind == "mapping" and len(path) < 5:
            yield path


def law(text: str) -> int:
    """Insert a key into every mapping, one at a time; how many could be."""
    source = Source("a.yaml", text)
    documents = load_documents(source)
    document = documents[0]
    done = 0
    for path in mappings(document):
        edit = YamlEditor(source, document).set((*path, "x-law"), "1s")
        if isinstance(edit, NoEdit):
            continue
        after = apply_edits(text, [edit])
        again = load_documents(Source("a.yaml", after))
        assert len(again) == len(documents)
        assert again[0].data == with_value(document.data, (*path, "x-law"), "1s"), (path, after)
        assert text == after[: edit.span.start] + after[edit.span.start + len(edit.text) :]
        if not document.nodes[path].flow:
            added = edit.text.replace("\r\n", "\n").lstrip("\n")
            assert added.strip() == "x-law: 1s"
        done += 1
    return done


def test_law_on_examples() -> None:
    assert sum(law(before) for before, *_ in INSERTED) > 20


def corpus() -> list[Path]:
    folder = os.environ.get("COMPOSE_CORPUS")
    return sorted(path for path in Path(folder).iterdir() if path.is_file()) if folder else []


def test_law_on_a_corpus() -> None:
    """Real compose files, and pairs of them as one stream of two documents."""
    files = corpus()
    if not files:
        pytest.skip("COMPOSE_CORPUS names no folder of compose files")
    done = 0
    previous = ""
    for path in files:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        try:
            done += law(text)
            if previous and not text.startswith("\ufeff"):
                law(f"{previous}\n---\n{text}")
        except YamlProblem:
            continue
        except AssertionError as error:
            raise AssertionError(path.name) from error
        previous = text
    assert done > 10 * len(files)
