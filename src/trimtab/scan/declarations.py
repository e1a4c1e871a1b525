"""What Dockerfiles declare by name, and in which line."""

from trimtab.syntax.dockerfile import named_values, parse
from trimtab.text import Source

_DECLARE = frozenset({"ENV", "ARG", "LABEL"})


def declarations(path: str, text: str) -> dict[int, list[tuple[str, str]]]:
    """The names and values of every ENV, ARG and LABEL, those of ONBUILD included, by the line of the name."""
    source = Source(path, text)
    found: dict[int, list[tuple[str, str]]] = {}
    instructions = (each.trigger or each for each in parse(source).instructions)
    for instruction in (each for each in instructions if each.keyword in _DECLARE):
        for name, value, word in named_values(instruction):
            found.setdefault(source.position(word.span.start).line, []).append((name.strip("\"'"), value))
    return found
