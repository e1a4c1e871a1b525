"""A text as sentences, and sentences as the clauses that are read one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from trimtab.crew.instructions.lexemes import Lexeme, lexemes_of
from trimtab.crew.instructions.tokens import Kind, Token
from trimtab.text import Span

_SENTENCE_ENDS = frozenset(".!?\n")
_STARTS_CLAUSE = frozenset("VsENIfpO")
"""What begins a clause behind "and": a verb, a negation, a whole request."""
_ASKS = frozenset("VsItRDpX")
"""What a clause has to have in front of a "without" or "not" that begins another one."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What is read as a whole. `before` and `after` are the punctuation around it; empty inside of it."""

    lexemes: tuple[Lexeme, ...]
    before: str = ""
    after: str = ""
    numbered: bool = False
    """Whether it has a number or a bullet."""
    bracketed: bool = False

    @property
    def span(self) -> Span:
        return Span(self.lexemes[0].span.start, self.lexemes[-1].span.end)

    @property
    def tags(self) -> str:
        return "".join(lexeme.tag for lexeme in self.lexemes)


Sentence = tuple[Segment, ...]


def sentences_of(tokens: Sequence[Token]) -> list[Sentence]:
    """The sentences of a text. A list that is numbered goes on over full stops."""
    sentences: list[Sentence] = []
    current: list[Segment] = []
    for segment in _segments(tokens):
        goes_on = segment.numbered and any(each.after == ":" for each in current)
        if current and segment.before in _SENTENCE_ENDS and segment.before and not goes_on:
            sentences.append(tuple(current))
            current = []
        current.append(segment)
    return [*sentences, tuple(current)] if current else sentences


def _segments(tokens: Sequence[Token]) -> Iterator[Segment]:
    run: list[Token] = []
    before, depth, numbered = "", 0, False
    for token in tokens:
        if token.kind not in {Kind.BREAK, Kind.MARK}:
            run.append(token)
            continue
        after = token.text if token.kind is Kind.BREAK else ","
        if run:
            yield from _divided(Segment(tuple(lexemes_of(run)), before, after, numbered, depth > 0))
            run, before, numbered = [], after, False
        else:
            before = _stronger(before, after)
        numbered = numbered or token.kind is Kind.MARK
        depth = max(0, depth + {"(": 1, ")": -1}.get(token.text, 0)) if token.kind is Kind.BREAK else depth
    if run:
        yield from _divided(Segment(tuple(lexemes_of(run)), before, ".", numbered, depth > 0))


def _stronger(one: str, other: str) -> str:
    """Of two marks in a row the one that divides more: `.` and the `)` before it."""
    for mark in (*_SENTENCE_ENDS, ":"):
        if mark in (one, other):
            return mark
    return other


def _divided(segment: Segment) -> Iterator[Segment]:
    """The clauses of one run of words: "add a and b without c" are two."""
    found = segment.lexemes
    starts = [0, *(at for at in range(1, len(found)) if _begins(found, at))]
    # A beginning right behind another one would leave a clause with nothing but "and" in it.
    kept = [at for number, at in enumerate(starts) if number == 0 or found[starts[number - 1] : at] != found[at - 1 : at] or
            found[at - 1].tag not in "JbL"]  # fmt: skip
    for number, (start, end) in enumerate(zip(kept, [*kept[1:], len(found)], strict=True)):
        last = number == len(kept) - 1
        yield replace(
            segment, lexemes=found[start:end], before=segment.before if number == 0 else "",
            after=segment.after if last else "", numbered=segment.numbered and number == 0,
        )  # fmt: skip


def _begins(found: Sequence[Lexeme], at: int) -> bool:
    tag, earlier = found[at].tag, "".join(each.tag for each in found[max(0, at - 40) : at])
    if tag in "xbf":
        return earlier[-1] not in "AB"
    if tag == "N":
        return bool(set(earlier) & _ASKS) and earlier[-1] not in "ABELJxb"
    if tag not in "JL":
        return False
    following = next((each for each in islice(found, at + 1, at + 20) if each.tag not in "LM"), None)
    if following is None:
        return False
    if following.tag in "RF":
        # "A for x and B for y" are two; "A and B for x" are one.
        return following.tag == "F" or ("R" in earlier and "P" in earlier[earlier.rindex("R") :])
    if following.tag == "D":
        return "D" in earlier
    return following.tag in _STARTS_CLAUSE and bool(set(earlier) - set("LEVsJM"))
