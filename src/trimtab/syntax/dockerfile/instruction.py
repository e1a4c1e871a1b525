"""One instruction's keyword, flags and arguments, from its logical text."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from trimtab.syntax.data import read_json
from trimtab.syntax.dockerfile.shellwords import GO_SPACE
from trimtab.syntax.dockerfile.tree import Flag, Instruction, Logical, Word

KEYWORDS = frozenset(
    [
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
        "ONBUILD",
        "RUN",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    ]
)
_JSON_KEYWORDS = frozenset({"ADD", "COPY", "CMD", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"})
_SPLIT = re.compile(r"[\t\v\f\r ]+")


def read_instruction(logical: Logical, escape: str, line: int, start: int = 0) -> Instruction:
    """The instruction in a logical text, from `start` on; its end and heredocs are yet to be set.

    Raises:
        ValueError: BuildKit would refuse it; the message says why.
    """
    text = logical.text
    begin = start + len(text[start:]) - len(text[start:].lstrip(GO_SPACE))
    separator = _SPLIT.search(text, begin)
    keyword_end = separator.start() if separator else len(text.rstrip(GO_SPACE))
    keyword = text[begin:keyword_end].upper()
    if keyword not in KEYWORDS:
        raise ValueError(f"unknown instruction: {text[begin:keyword_end]}")
    flags, arguments = _flags(logical, separator.end() if separator else len(text), escape)
    end = len(text.rstrip(GO_SPACE))
    instruction = Instruction(
        keyword, logical.source_span(begin, keyword_end), logical, line, line, logical.source_span(begin, end), flags,
        min(arguments, end), tuple(_words(logical, arguments, end, escape)), None, (),
    )  # fmt: skip
    if keyword == "ONBUILD" and instruction.words:
        if instruction.words[0].raw.upper() == "ONBUILD":
            raise ValueError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
        return replace(instruction, trigger=read_instruction(logical, escape, line, arguments))
    _check(instruction)
    return replace(instruction, json=_json_form(instruction))


def _flags(logical: Logical, start: int, escape: str) -> tuple[tuple[Flag, ...], int]:
    """Leading `--name[=value]` words, and where the arguments begin behind them."""
    flags: list[Flag] = []
    at = start
    text = logical.text
    while True:
        while at < len(text) and text[at] in GO_SPACE:
            at += 1
        if not text.startswith("--", at):
            return tuple(flags), at
        end, value = _flag_word(text, at, escape)
        if value == "--":
            return tuple(flags), end + len(text[end:]) - len(text[end:].lstrip(GO_SPACE))
        name, equals, rest = value[2:].partition("=")
        flags.append(Flag(name, rest if equals else None, logical.source_span(at, end)))
        at = end


def _flag_word(text: str, at: int, escape: str) -> tuple[int, str]:
    """The end of a flag and its text without quotes and escapes."""
    value: list[str] = []
    quote = ""
    while at < len(text):
        character = text[at]
        if not quote and character in GO_SPACE:
            break
        if character == escape and at + 1 < len(text):
            at += 1
            value.append(text[at])
        elif quote and character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif character != escape:
            value.append(character)
        at += 1
    return at, "".join(value)


def _words(logical: Logical, start: int, end: int, escape: str) -> list[Word]:
    """White-space separated words; quotes keep white space in, and stay in the word."""
    words: list[Word] = []
    text = logical.text
    at = start
    while at < end:
        if text[at] in GO_SPACE:
            at += 1
            continue
        stop = _word_end(text, at, end, escape)
        words.append(Word(text[at:stop], at, stop, logical.source_span(at, stop)))
        at = stop
    return words


def _word_end(text: str, at: int, end: int, escape: str) -> int:
    quote = ""
    while at < end:
        character = text[at]
        if character == escape and quote != "'":
            at += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in GO_SPACE:
            break
        at += 1
    return min(at, end)


def _check(instruction: Instruction) -> None:
    """The refusals of BuildKit's line parsers."""
    first = instruction.words[0].raw if instruction.words else ""
    if instruction.keyword in {"ENV", "LABEL"} and instruction.words:
        if "=" not in first and len(_SPLIT.split(instruction.arguments, maxsplit=1)) < 2:
            raise ValueError(f"{instruction.keyword} must have two arguments")
        missing = next((word.raw for word in instruction.words if "=" not in word.raw), None)
        if "=" in first and missing is not None:
            raise ValueError(f"can't find = in {missing!r}. Must be of the form: name=value")


def _json_form(instruction: Instruction) -> tuple[str, ...] | None:
    text = instruction.arguments
    if instruction.keyword == "HEALTHCHECK":
        kind, _, text = text.partition(" ")
        if kind.upper() != "CMD":
            return None
    elif instruction.keyword not in _JSON_KEYWORDS:
        return None
    text = text.lstrip(GO_SPACE)
    if not text.startswith("["):
        return None
    try:
        # What begins with a bracket is a list, or no JSON.
        values = cast("list[object]", read_json(text))
    except ValueError:
        return None
    strings: list[str] = []
    for value in values:
        if not isinstance(value, str):
            raise ValueError("when using JSON array syntax, arrays must be comprised of strings only")
        strings.append(value)
    return tuple(strings)


def named_values(instruction: Instruction) -> Iterator[tuple[str, str, Word]]:
    """The names and values that an ENV, ARG or LABEL gives, as they are written, each with the word that the name stands in."""
    words = instruction.words
    if instruction.keyword != "ARG" and words and "=" not in words[0].raw:
        # The old form: a name, and everything behind it.
        yield words[0].raw, " ".join(word.raw for word in words[1:]), words[0]
        return
    for word in words:
        name, _, value = word.raw.partition("=")
        yield name, value, word
