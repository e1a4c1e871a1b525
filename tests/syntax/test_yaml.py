"""YAML as compose reads it."""

import pytest

from trimtab.syntax.yaml import YamlDocument, YamlProblem, load_yaml
from trimtab.text import Source


def load(text: str) -> YamlDocument:
    return load_yaml(Source("a.yaml", text))


def test_scalars_follow_1_2() -> None:
    data = load("a: 22:22\nb: no\nc: true\nd: '1'\ne: 0o17\nf: 1.5\ng:\nh: 012\ni: {j: false, k: yes}\n").data
    assert data == {
        "a": "22:22",
        "b": "no",
        "c": True,
        "d": "1",
        "e": 15,
        "f": 1.5,
        "g": None,
        "h": 12,
        "i": {"j": False, "k": "yes"},
    }


def test_merge_keys_and_lines() -> None:
    document = load("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n")
    assert document.data == {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}}
    assert document.line("y", "b") == 4
    assert document.line("y", "missing") == 2


def test_tags() -> None:
    assert load("a: !reset null\n").tags == {("a",): "!reset"}


@pytest.mark.parametrize(
    "text", ["a: [", "a: 1\na: 2\n", "\t- x", "a: &a [*a]\n", "a: *gone\n", "[" * 3000 + "]" * 3000, "%YAML 9\n--- a\n: b: c"]
)
def test_broken(text: str) -> None:
    with pytest.raises(YamlProblem):
        load(text)


def test_alias_bomb() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(YamlProblem):
        load("\n".join(lines))


def test_aliases_that_nest_too_deeply() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 1000))]
    # From its end, where no shorter chain has been followed before.
    with pytest.raises(YamlProblem, match="nested too deeply"):
        load("\n".join(lines))


def test_a_piece_of_another_file_is_told_for_what_it_is() -> None:
    with pytest.raises(YamlProblem) as caught:
        load("# Add this below `services:`\n\n  a:\n    image: a\n\nvolumes:\n  d: {}\n")
    assert caught.value.line == 6
    assert "`volumes` stands further left than the keys from line 3 on" in caught.value.message


def test_what_is_not_there_is_on_the_first_line() -> None:
    assert load("").line("a") == 1
    assert load("b:\n  a:\n").line("b", "a", "c") == 2
