"""What Dockerfiles declare by name, and in which line."""

from collections.abc import Iterator

from trimtab.syntax.dockerfile import Instruction, parse
from trimtab.text import Source

_DECLARE = frozenset({"ENV", "ARG", "LABEL"})


def declarations(path: str, text: str) -> dict[int, list[tuple[str, str]]]:
    """The names and values of every ENV, ARG and LABEL, those of ONBUILD included, by the line of the name."""
    source = Source(path, text)
    found: dict[int, list[tuple[str, str]]] = {}
    for each in parse(source).instructions:
        for offset, name, value in _pairs(each.trigger or each):
            found.setdefault(source.position(offset).line, []).append((name.strip("\"'"), value))
    return found


def _pairs(instruction: Instruction) -> Iterator[tuple[int, str, str]]:
    words = instruction.words
    if instruction.keyword not in _DECLARE or not words:
        return
    if instruction.keyword != "ARG" and "=" not in words[0].raw:
        # The old form: a name, and everything behind it.
        yield words[0].span.start, words[0].raw, " ".join(word.raw for word in words[1:])
        return
    for word in words:
        name, _, value = word.raw.partition("=")
        yield word.span.start, name, value
