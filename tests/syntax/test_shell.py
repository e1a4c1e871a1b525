"""Commands of a shell text and where they stand."""

import pytest

from trimtab.syntax.shell import parse_powershell, parse_shell


def test_chain() -> None:
    text = "set -eux; apt-get update && apt-get install -y 'a b' \"$C\" >/dev/null || true"
    script = parse_shell(text)
    assert [command.name for command in script.commands] == ["set", "apt-get", "apt-get", "true"]
    assert [command.operator for command in script.commands] == ["", ";", "&&", "||"]
    install = script.commands[2]
    assert install.words == ("apt-get", "install", "-y", "a b", "$C")
    assert not install.literal
    assert text[install.span.start : install.span.end].endswith(">/dev/null")
    assert all(command.top_level for command in script.commands)


@pytest.mark.parametrize(
    "text",
    ["if x; then pip install a; fi", "for i in 1 2; do rm $i; done", "(cd a && b)", "a | b", "x=$(pip list)", "f() { b; }"],
)
def test_nested_commands_are_not_top_level(text: str) -> None:
    assert not any(command.top_level for command in parse_shell(text).commands)


def test_assignments_and_unicode_offsets() -> None:
    text = "echo 'ä ü' && A=1 B=2 pip install x"
    pip = parse_shell(text).commands[1]
    assert pip.assignments == (("A", "1"), ("B", "2"))
    assert text[pip.word_spans[0].start : pip.word_spans[0].end] == "pip"


def test_broken_is_said() -> None:
    assert parse_shell("a && (b").broken
    assert not parse_shell("").commands


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cd $root/x\ndocker ps\n", [("cd", "$root/x"), ("docker", "ps")]),
        ("rm $Old\\*\r\ndocker ps\r\n", [("rm", "$Old\\*"), ("docker", "ps")]),
        ("cd $src/$name/x\ndocker ps\n", [("cd", "$src/$name/x"), ("docker", "ps")]),
        ("Copy-Item $a/b ${env:C}/d\ndocker ps\n", [("Copy-Item", "$a/b", "${env:C}/d"), ("docker", "ps")]),
        ("$half = $all/2\n$share = $a/$b\ndocker ps\n", [("docker", "ps")]),
    ],
)
def test_a_path_of_powershell_ends_with_its_line(text: str, words: list[tuple[str, ...]]) -> None:
    script = parse_powershell(text)
    assert not script.broken
    assert [command.words for command in script.commands] == words
    assert all(text[command.span.start : command.span.end].startswith(command.words[0]) for command in script.commands)


def test_a_text_that_is_too_deep_is_a_broken_one() -> None:
    script = parse_shell("$(" * 5000 + "x" + ")" * 5000)
    assert (script.broken, script.commands) == (True, ())
