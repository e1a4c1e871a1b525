"""The Dockerfile layer against BuildKit's own parser, and its own promises."""

import os
from pathlib import Path

import dockerfile as go_parser
import pytest
from e2b_dockerfile_utils import parse_dockerfile_ast
from hypothesis import given
from hypothesis import strategies as st

from trimtab.syntax.dockerfile import Dockerfile, LineKind, parse
from trimtab.text import Source

SAMPLES = {
    "plain": "FROM a\nRUN b\n",
    "no final newline": "FROM a\nRUN b",
    "continuation": "FROM a\nRUN b \\\n  c \\\n\n  # note\n  d\nCMD x\n",
    "continuation at end": "FROM a\nRUN b \\\n",
    "comment ends file inside continuation": "FROM a\nRUN b \\\n# c\n",
    "crlf": "FROM a\r\nRUN b \\\r\n  c\r\n",
    "escape": "# escape=`\nFROM a\nRUN b `\n  c\\\nRUN d\n",
    "syntax": "# syntax=docker/dockerfile:1\n# check=skip=all\nFROM a\n",
    "directive after comment": "# hello\n# escape=`\nFROM a\nRUN b \\\n c\n",
    "heredoc": "FROM a\nRUN <<EOF\nb\nc \\\nEOF\nCMD d\n",
    "two heredocs": "FROM a\nCOPY <<A <<B /x/\none\nA\ntwo\nB\nRUN c\n",
    "heredoc with tabs": "FROM a\nRUN <<-EOF\n\tb\n\tEOF\nRUN c\n",
    "quoted heredoc": "FROM a\nRUN <<'E O' cat\nb\nE O\nRUN c\n",
    "heredoc in onbuild": "FROM a\nONBUILD RUN <<EOF\nb\nEOF\nRUN c\n",
    "shift is no heredoc": 'FROM a\nRUN echo "<<EOF"\nRUN x=$((1<<2))\n',
    "json": 'FROM a\nCMD ["b", "c d"]\nRUN ["x", "<<EOF"]\n',
    "json that is none": "FROM a\nCMD ['b']\nRUN [ -f x ] && y\n",
    "flags": "FROM --platform=linux/arm64 a AS b\nCOPY --from=b --chown=1:1 x \\\n  y /z/\n",
    "onbuild": "FROM a\nONBUILD COPY x \\\n y\n",
    "odd spaces": "  FROM   a\n\tRUN\tb\n \n#x\nENV A=b C='d e'\nLABEL x y z\n",
    "lower case": "from a\nrun b\n",
    "backslash line": "FROM a\nRUN b && \\\n\\\n c\n",
    "unicode": "FROM a\nRUN echo ü \\\n  'ß'\n",
}


def sequence(file: Dockerfile) -> list[tuple[str, int, int]]:
    return [(each.keyword, each.start_line, each.end_line) for each in file.instructions]


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES.keys())
def test_same_as_buildkit(text: str) -> None:
    file = parse(Source("Dockerfile", text))
    assert not file.problems
    assert "".join(line.text for line in file.lines) == text
    expected = [(each.cmd.upper(), each.start_line, each.end_line) for each in go_parser.parse_string(text)]
    assert sequence(file) == expected
    if "ONBUILD" in text:
        return  # the Python port drops what an ONBUILD carries, heredocs included
    port = parse_dockerfile_ast(text)
    assert sequence(file) == [(each.name.upper(), each.start_line, each.end_line) for each in port.instructions]


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES.keys())
def test_every_logical_character_maps_to_the_same_character(text: str) -> None:
    for instruction in parse(Source("Dockerfile", text)).instructions:
        for offset, character in enumerate(instruction.logical.text):
            at = instruction.logical.source_offset(offset)
            assert text[at] == character


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES.keys())
def test_words_and_keywords_stand_where_they_say(text: str) -> None:
    source = Source("Dockerfile", text)
    for instruction in parse(source).instructions:
        assert source.at(instruction.keyword_span).upper() == instruction.keyword
        for word in instruction.words:
            assert instruction.logical.text[word.start : word.end] == word.raw


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "file with no instructions"),
        ("# only\n", "file with no instructions"),
        ("FROM a\nHELLO x\n", "unknown instruction: HELLO"),
        ("FROM a\nENV A\n", "ENV must have two arguments"),
        ("FROM a\nENV A=b C\n", "can't find = in 'C'"),
        ("FROM a\nRUN <<EOF\nb\n", "unterminated heredoc"),
        ('FROM a\nCMD ["a", 1]\n', "arrays must be comprised of strings only"),
        ("# escape=x\nFROM a\n", "invalid escape token"),
        ("# syntax=a\n# syntax=b\nFROM a\n", "only one syntax parser directive"),
    ],
)
def test_what_buildkit_refuses_is_a_problem(text: str, message: str) -> None:
    file = parse(Source("Dockerfile", text))
    assert any(message in problem.message for problem in file.problems)
    assert "".join(line.text for line in file.lines) == text


def test_heredocs_keep_their_bodies() -> None:
    file = parse(Source("Dockerfile", SAMPLES["two heredocs"]))
    one, two = file.instructions[1].heredocs
    assert (one.name, one.content, two.name, two.content) == ("A", "one\n", "B", "two\n")
    assert file.source.at(one.span) == "one\n"
    assert not parse(Source("Dockerfile", SAMPLES["quoted heredoc"])).instructions[1].heredocs[0].expand


def test_onbuild_carries_its_instruction() -> None:
    trigger = parse(Source("Dockerfile", SAMPLES["onbuild"])).instructions[1].trigger
    assert trigger is not None
    assert (trigger.keyword, [word.raw for word in trigger.words]) == ("COPY", ["x", "y"])


def test_lines_know_what_they_are() -> None:
    kinds = [line.kind for line in parse(Source("Dockerfile", SAMPLES["continuation"])).lines]
    assert kinds[:4] == [LineKind.INSTRUCTION, LineKind.INSTRUCTION, LineKind.INSTRUCTION, LineKind.BLANK]
    assert kinds[4] == LineKind.COMMENT


_PIECES = st.sampled_from(
    [
        "FROM a",
        "RUN b",
        "COPY x y",
        " ",
        "\\",
        "`",
        "\n",
        "\r\n",
        "# c",
        "# escape=`",
        "<<EOF",
        "EOF",
        "\t",
        "'",
        '"',
        "[",
        "]",
        "ENV A=b",
        "ONBUILD",
        "CMD",
        "$",
        "{",
        "}",
        "--mount=type=cache",
        "\ufeff",
        "ä",
        ",",
    ]
)


@given(st.lists(_PIECES, max_size=30).map("".join))
def test_any_text_round_trips(text: str) -> None:
    file = parse(Source("Dockerfile", text))
    assert "".join(line.text for line in file.lines) == text
    for instruction in file.instructions:
        for offset, character in enumerate(instruction.logical.text):
            assert text[instruction.logical.source_offset(offset)] == character


@given(st.lists(_PIECES, max_size=30).map("".join))
def test_any_text_gives_the_instructions_that_buildkit_sees(text: str) -> None:
    file = parse(Source("Dockerfile", text))
    try:
        commands = go_parser.parse_string(text)
    except (go_parser.GoParseError, ValueError):
        return
    # The Go parser gives continuations of nothing as instructions without a name; the builder then refuses them.
    expected = [(each.cmd.upper(), each.start_line, each.end_line) for each in commands if each.cmd]
    if not file.problems:
        assert sequence(file) == expected


@given(st.binary(max_size=300))
def test_any_bytes_round_trip(data: bytes) -> None:
    source = Source.from_bytes("Dockerfile", data)
    assert source.to_bytes() == data
    assert "".join(line.text for line in parse(source).lines) == source.text


def buildkit_testfiles() -> list[Path]:
    """BuildKit's published parser files, for whoever has a checkout of it."""
    checkout = os.environ.get("BUILDKIT_CHECKOUT")
    return sorted(Path(checkout).glob("frontend/dockerfile/parser/testfile*/**/Dockerfile")) if checkout else []


@pytest.mark.skipif(not buildkit_testfiles(), reason="BUILDKIT_CHECKOUT does not name a checkout of moby/buildkit")
@pytest.mark.parametrize("path", buildkit_testfiles(), ids=lambda path: path.parent.name)
def test_buildkit_testfiles(path: Path) -> None:
    source = Source.from_bytes(str(path), path.read_bytes())
    file = parse(source)
    assert "".join(line.text for line in file.lines) == source.text
    if "negative" in str(path):
        assert file.problems
        return
    expected = [(each.cmd.upper(), each.start_line, each.end_line) for each in go_parser.parse_string(path.read_text())]
    assert sequence(file) == expected


def test_an_instruction_ends_behind_its_last_character() -> None:
    file = parse(Source("Dockerfile", "FROM a\nRUN b \\\n  c\n"))
    logical = file.instructions[1].logical
    assert file.source.text[: logical.source_offset(len(logical.text))].endswith("  c")
