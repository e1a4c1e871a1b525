"""Dockerfiles: the lines stay the file, every span lies in it, and what is wrong is a problem of the file."""

from fuzz.fleets import text_of
from trimtab.syntax.dockerfile import Instruction, parse
from trimtab.text import Source


def check(data: bytes) -> None:
    source = Source("Dockerfile", text_of(data))
    file = parse(source)
    assert "".join(line.text for line in file.lines) == source.text, "the lines are not the file"
    end = 0
    for instruction in file.instructions:
        assert instruction.span.start >= end, "instructions overlap"
        end = instruction.span.end
        assert end <= len(source.text), "an instruction goes on behind the file"
        _instruction(instruction, len(source.text))
    for problem in file.problems:
        assert 1 <= problem.line <= len(file.lines) + 1, "a problem outside the file"


def _instruction(instruction: Instruction, length: int) -> None:
    for word in instruction.words:
        assert instruction.logical.text[word.start : word.end] == word.raw, "a word that is not there"
        assert 0 <= word.span.start <= word.span.end <= length, "a word outside the file"
    for flag in instruction.flags:
        flag.options()
    for heredoc in instruction.heredocs:
        assert heredoc.span.end <= instruction.span.end, "a here-document outside its instruction"
