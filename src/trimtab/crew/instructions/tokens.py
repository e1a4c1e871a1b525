"""Words, literals and punctuation of an instruction, with the place of each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from trimtab.text import Span

_SAME = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u2032\u00b4", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\u2033", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
    | dict.fromkeys("\u00a0\u2007\u202f\u2009\t", " ")
    | {"\u2026": ".", "\uff0c": ",", "\uff1a": ":", "\uff1b": ";", "\r": " "}
)
"""What typesetting puts in the place of a plain character; one for one, so that places stay what they are."""
_CHUNK = re.compile(r"\n|[^\s]+")
_BULLETS = frozenset({"-", "*", "\u2022", "\u00b7", "+"})
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_NUMBERED = re.compile(r"\(?(?:\d{1,2}|[a-hA-H])\)|\d{1,2}\.")
_ABBREVIATED = frozenset({"e.g.", "i.e.", "etc.", "vs."})
_ENDS = ",.;:!?"
_QUOTES = "`\"'"


class Kind(Enum):
    """What a token is."""

    WORD = 1
    QUOTED = 2
    """One word or literal in quotes or backticks."""
    LITERAL = 3
    """A path, a pattern, an image, an option, a number: anything that is no plain word."""
    BREAK = 4
    """Punctuation."""
    MARK = 5
    """The number or bullet in front of an item."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `text` is what stands there without quotes, typesetting undone."""

    kind: Kind
    text: str
    span: Span
    """Quotes included."""

    @property
    def lower(self) -> str:
        return self.text.lower()


def tokens_of(sentence: str) -> list[Token]:
    """All tokens of a text, in order. Never raises; each character that is no white space is in one, but for lone quotes."""
    text = sentence.translate(_SAME)
    found: list[Token] = []
    for match in _CHUNK.finditer(text):
        if match[0] == "\n":
            found += _line_end(text, match.end(), found)
        elif _is_pattern(sentence, match, found):
            found.append(Token(Kind.LITERAL, match[0][0], Span(match.start(), match.start() + 1)))
            found += [Token(Kind.BREAK, ",", Span(match.start() + 1, match.end()))] if len(match[0]) > 1 else []
        else:
            found += _chunk(match[0], match.start(), found)
    return found


def _is_pattern(sentence: str, match: re.Match[str], before: list[Token]) -> bool:
    """Whether a lone `*` or `.` is an item of a list: a bullet has something behind it, a full stop something in front."""
    opened = bool(before) and before[-1].kind is Kind.BREAK and before[-1].text in {":", ","}
    if match[0] == "*":
        return opened and not sentence[match.end() :].partition("\n")[0].strip(" .;,")
    return opened and sentence[match.start() : match.end()] in {".", ".,", ".;"}


def _line_end(text: str, at: int, before: list[Token]) -> Iterator[Token]:
    """The end of a line ends a sentence before an item or an empty line; elsewhere a text is only wrapped."""
    following = text[at : at + 40].lstrip(" ")
    first = following.split(maxsplit=1)[0] if following.strip() else ""
    item = first in _BULLETS or _NUMBERED.fullmatch(first)
    if before and before[-1].kind is not Kind.BREAK and (item or following.startswith("\n")):
        yield Token(Kind.BREAK, "\n", Span(at - 1, at))


def _chunk(chunk: str, at: int, before: list[Token]) -> Iterator[Token]:
    fresh = not before or before[-1].kind is Kind.BREAK
    if chunk in _BULLETS:
        # A lone dash in the middle of a line sets apart, as a comma does.
        yield Token(Kind.MARK if fresh else Kind.BREAK, chunk if fresh else ",", Span(at, at + len(chunk)))
        return
    if _NUMBERED.fullmatch(chunk) and (fresh or chunk.endswith(")")):
        yield Token(Kind.MARK, chunk, Span(at, at + len(chunk)))
        return
    start, end = 0, len(chunk)
    while start < end and chunk[start] == "(":
        yield Token(Kind.BREAK, "(", Span(at + start, at + start + 1))
        start += 1
    behind: list[Token] = []
    while end > start and _is_punctuation(chunk, start, end):
        end -= 1
        behind.append(Token(Kind.BREAK, chunk[end], Span(at + end, at + end + 1)))
    if end > start:
        yield from _core(chunk[start:end], at + start)
    yield from reversed(behind)


def _is_punctuation(chunk: str, start: int, end: int) -> bool:
    last = chunk[end - 1]
    if end - start < 6 and chunk[start:end].lower() in _ABBREVIATED:
        return False
    return last in _ENDS or (last == ")" and chunk.find("(", start, end) < 0)


def _core(text: str, at: int) -> Iterator[Token]:
    span = Span(at, at + len(text))
    plain = text.strip(_QUOTES)
    if not plain:
        return
    if len(text) > 2 and text[0] in _QUOTES and text[-1] == text[0]:
        yield Token(Kind.QUOTED, plain.rstrip(_ENDS) or plain, span)
    else:
        yield Token(Kind.WORD if _WORD.fullmatch(plain) else Kind.LITERAL, plain, span)
