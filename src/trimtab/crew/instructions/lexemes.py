"""Phrases of the vocabulary in a row of tokens: the longest that fits wins, and what fits none is unknown."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from trimtab.crew.instructions import vocabulary
from trimtab.crew.instructions.tokens import Kind, Token
from trimtab.crew.instructions.topics import Topic
from trimtab.text import Span

_REFERENCE = re.compile(r"[a-z0-9][\w./-]*:\w[\w.-]*(?:@sha256:[0-9a-f]{64})?")
_EXTENSION = re.compile(r"[\w*-]+(?:\.[\w*-]+)+")
_COUNT = re.compile(r"\d+\+")
_FIGURE = re.compile(r"[~<>]?\d[\d.,]*(?:-\d[\d.,]*)?(?:%|x)")
_IRREGULAR = {"built": "build", "kept": "keep", "made": "make", "written": "write", "left": "leave", "cut": "cut"}
_LONGEST = 7
"""Words of the longest phrase."""


@dataclass(frozen=True, slots=True)
class Sense:
    """One meaning of a noun: what may be done with it, and what is asked for then."""

    allows: str
    topic: Topic


@dataclass(frozen=True, slots=True)
class Lexeme:
    """A phrase with its part of speech, a letter as `grammar` explains it."""

    tag: str
    text: str
    span: Span
    senses: tuple[Sense, ...] = ()
    verb: str = ""
    value: str = ""
    """A runtime, a tool, a literal, or the number of a step."""

    def allows(self, what: str) -> Sense | None:
        """The first meaning that something may be done with."""
        return next((sense for sense in self.senses if what in sense.allows), None)


@dataclass(frozen=True, slots=True)
class _Atom:
    """One word in its plain form; several may come from one token: `non-root`."""

    word: str
    past: bool
    token: Token
    last: bool
    """Whether it is the end of its token."""


def lexemes_of(tokens: Sequence[Token]) -> list[Lexeme]:
    """The phrases of tokens that no punctuation divides. Each token is in exactly one."""
    atoms = [atom for token in tokens for atom in _atoms(token)]
    found: list[Lexeme] = []
    at = 0
    while at < len(atoms):
        length, lexeme = _phrase(atoms, at)
        if not length:
            token = atoms[at].token
            length = next(n for n in range(1, len(atoms) - at + 1) if atoms[at + n - 1].last)
            lexeme = _unknown(token)
        found.append(lexeme)
        at += length
    return _named(found)


def _phrase(atoms: Sequence[_Atom], at: int) -> tuple[int, Lexeme]:
    """How many atoms the longest phrase has that begins here and ends with a token, and the phrase."""
    starts = at == 0 or atoms[at - 1].last
    for length in range(min(_LONGEST, len(atoms) - at), 0, -1):
        part = atoms[at : at + length]
        known = _table().get(tuple(atom.word for atom in part)) if starts and part[-1].last else None
        past = any(atom.past for atom in part)
        if known is not None and not (past and known.tag in "tnM"):
            span = Span(part[0].token.span.start, part[-1].token.span.end)
            text = " ".join(dict.fromkeys(atom.token.text for atom in part))
            return length, replace(known, tag="p" if past and known.tag == "V" else known.tag, span=span, text=text)
    return 0, Lexeme("?", "", Span(0, 0))


def _unknown(token: Token) -> Lexeme:
    text, span = token.text, token.span
    if token.kind is Kind.WORD:
        tag = "Z" if "-" in text else "W" if text != text.lower() else "?"
        return Lexeme(tag, text, span, value=text)
    tag = _literal_tag(text)
    return Lexeme("Z" if tag == "?" and token.kind is Kind.QUOTED and _is_name(text) else tag, text, span, value=text)


def _is_name(text: str) -> bool:
    return bool(re.fullmatch(r"[\w.-]+", text))


def _literal_tag(text: str) -> str:
    if text.startswith("--"):
        return "F"
    if _COUNT.fullmatch(text):
        return "M"
    if _FIGURE.fullmatch(text):
        return "%"
    if _REFERENCE.fullmatch(text):
        return "R"
    if re.search(r"[/*\[\]_~]", text) or text.startswith((".", "!")) or _EXTENSION.fullmatch(text):
        return "X"
    return "Z" if re.fullmatch(r"[A-Za-z][\w-]*\d[\w-]*", text) else "?"


def _named(found: Sequence[Lexeme]) -> list[Lexeme]:
    """An unknown word in front of `service` is a service's name, and "consider using" uses."""
    named: list[Lexeme] = []
    for lexeme in found:
        before = named[-1] if named else None
        if lexeme.tag == "S" and before and before.tag in "?WZ" and not lexeme.text.lower().endswith("s"):
            named[-1] = replace(before, tag="Z", span=Span(before.span.start, lexeme.span.end))
        elif before and before.verb == "any" and lexeme.text.lower() == "using":
            named.append(replace(lexeme, tag="V", verb="plus"))
        else:
            named.append(lexeme)
    return named


def _atoms(token: Token) -> Iterator[_Atom]:
    word = token.lower
    plain = _plain(word)
    if plain is None and re.fullmatch(r"[^\W_]+(?:[-/][^\W_]+)+", word):
        parts = [part for part in re.split(r"([-/])", word) if part != "-"]
        words = [_plain(part) if part != "/" else ("and", False) for part in parts]
        if all(words) and _covers(words):
            for number, each in enumerate(words, start=1):
                if each:
                    yield _Atom(each[0], each[1], token, number == len(words))
            return
    yield _Atom(*(plain or (word, False)), token, last=True)


def _covers(words: Sequence[tuple[str, bool] | None]) -> bool:
    """Whether a divided word may begin a phrase of the vocabulary as a whole; if not, it is a name."""
    begin = tuple(each[0] for each in words if each)
    return any(key[: len(begin)] == begin for key in _table())


@lru_cache(maxsize=4096)
def _plain(word: str) -> tuple[str, bool] | None:
    """A word as the vocabulary has it, and whether it was a past participle; None for one that it does not have."""
    known = _words()
    for spelled in _spellings(word):
        if spelled in known:
            return spelled, False
        for ending, instead in (("ies", "y"), ("es", ""), ("s", ""), ("ing", ""), ("ing", "e")):
            if spelled.endswith(ending) and spelled[: -len(ending)] + instead in known:
                return spelled[: -len(ending)] + instead, False
        if spelled.endswith("ing") and spelled[-5:-4] == spelled[-4:-3] and spelled[:-4] in known:
            return spelled[:-4], False
        if spelled in _IRREGULAR and _IRREGULAR[spelled] in known:
            return _IRREGULAR[spelled], True
        for ending, instead in (("ied", "y"), ("ed", ""), ("d", "")):
            if spelled.endswith("ed") and spelled[: -len(ending)] + instead in known:
                return spelled[: -len(ending)] + instead, True
        if spelled.endswith("ed") and spelled[-4:-3] == spelled[-3:-2] and spelled[:-3] in known:
            return spelled[:-3], True
    return None


def _spellings(word: str) -> Iterator[str]:
    """The word, and its American form: optimise, behaviour, analyse."""
    yield word
    yield re.sub(r"is(e[sdr]?|ing|ations?)$", r"iz\1", word)
    yield re.sub(r"ys(e[sd]?|ing)$", r"yz\1", word)
    yield word.replace("our", "or")
    yield re.sub(r"isation", "ization", word)


@cache
def _words() -> frozenset[str]:
    return frozenset(word for key in _table() for word in key) | {"and"}


@cache
def _table() -> dict[tuple[str, ...], Lexeme]:
    """Every phrase of the vocabulary by its words."""
    table: dict[tuple[str, ...], Lexeme] = {}
    nowhere = Span(0, 0)
    for tag, text in vocabulary.WORDS.items():
        table.update({key: Lexeme(tag, "", nowhere) for key in _keys(text)})
    for kind, text in vocabulary.VERBS.items():
        table.update({key: Lexeme("V", "", nowhere, verb=kind) for key in _keys(text)})
    for number, text in enumerate(vocabulary.STEPS):
        table.update({key: Lexeme("D", "", nowhere, value=str(number)) for key in _keys(text)})
    for names, tag in ((vocabulary.RUNTIMES, "G"), (vocabulary.TOOLS, "T")):
        table.update({(name,): Lexeme(tag, "", nowhere, value=name) for name in names})
    for topic, text in vocabulary.IDIOMS:
        table.update({key: Lexeme("I", "", nowhere, (Sense("+", topic),)) for key in _keys(text)})
    for allows, topic, text in vocabulary.NOUNS:
        for key in _keys(text):
            senses = (*table[key].senses, Sense(allows, topic)) if key in table else (Sense(allows, topic),)
            tag = "n" if any("n" in sense.allows for sense in senses) else "t"
            table[key] = Lexeme(tag, "", nowhere, senses)
    return table


def _keys(phrases: str) -> Iterator[tuple[str, ...]]:
    for phrase in phrases.split(";"):
        yield tuple(phrase.split())
