"""What holds for every text, whatever it says."""

import itertools
import re
from bisect import bisect_right

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.crew.instructions import Fate, understand, vocabulary
from trimtab.crew.instructions.grammar import FORMS, MOST
from trimtab.crew.instructions.tokens import Kind, tokens_of

PHRASES = sorted(
    {
        phrase.strip()
        for text in [*vocabulary.WORDS.values(), *vocabulary.VERBS.values(), *(nouns for *_, nouns in vocabulary.NOUNS)]
        for phrase in text.split(";")
    }
    | {"python", "npm", "python:3.12-slim", "node:latest", "--no-cache-dir", "*.md", "docs/", "ml-service", "`api`", "Acme"}
    | {"--mount=type=cache,target=/root/.npm", "40%", "pony", "etc."}
)
SEPARATORS = [" ", " ", " ", ", ", "; ", ": ", ". ", "\n- ", " (", ") ", " 1) ", "? ", " – ", "’ ", " “"]
SENTENCES = st.lists(st.tuples(st.sampled_from(PHRASES), st.sampled_from(SEPARATORS)), max_size=25).map(
    lambda parts: "".join(itertools.chain.from_iterable(parts))
)


def check(text: str) -> None:
    found = understand(text)
    assert found == understand(text)
    end = 0
    for clause in found.clauses:
        assert end <= clause.span.start < clause.span.end <= len(text)
        assert text[clause.span.start : clause.span.end] == clause.said
        end = clause.span.end
    fates = {clause.span: clause.fate for clause in found.clauses}
    for intent in found.intents:
        assert fates[intent.span] is Fate.UNDERSTOOD
    for kept in found.kept:
        assert fates[kept.span] is Fate.KEPT
    with_intents = {intent.span for intent in found.intents} | {kept.span for kept in found.kept}
    for clause in found.clauses:
        assert (clause.span in with_intents) == (clause.fate in {Fate.UNDERSTOOD, Fate.KEPT})
    refused = [clause.said for clause in found.clauses if clause.fate is Fate.REFUSED]
    assert sorted(refused) == sorted(each.said for each in found.refused)
    # Every word is in exactly one clause: clauses follow each other, and there is nothing between them but punctuation.
    words = [token for token in tokens_of(text) if token.kind not in {Kind.BREAK, Kind.MARK}]
    starts = [clause.span.start for clause in found.clauses]
    for token in words:
        clause = found.clauses[bisect_right(starts, token.span.start) - 1]
        assert clause.span.start <= token.span.start < token.span.end <= clause.span.end


@given(st.text(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_text(text: str) -> None:
    check(text)


@given(SENTENCES)
@settings(max_examples=400, deadline=None)
def test_any_row_of_known_phrases(text: str) -> None:
    check(text)


@given(SENTENCES)
@settings(max_examples=100, deadline=None)
def test_nothing_is_selected_without_an_intent(text: str) -> None:
    found = understand(text)
    assert bool(found.rules) <= bool(found.intents)
    assert not found.standard or any(str(intent.topic) == "base images" for intent in found.intents)
    assert not found.exclude or any(str(intent.topic) == "ignore files" for intent in found.intents)


@given(SENTENCES)
@settings(max_examples=100, deadline=None)
def test_case_quotes_and_typesetting_do_not_matter(text: str) -> None:
    plain = text.replace("’", "'").replace("“", '"').replace("–", "-")
    assert [clause.fate for clause in understand(plain).clauses] == [clause.fate for clause in understand(text).clauses]
    assert understand(plain).topics == understand(text).topics


@pytest.mark.parametrize(
    "unit", ["add ", "add health checks, ", "health checks and ", "(", "1) ", "python and ", "`", "not ", ":", "x" * 50, "x "]
)
def test_a_hundred_kilobytes(unit: str) -> None:
    check((unit * (100_000 // len(unit)))[:100_000])


@pytest.mark.parametrize(
    "unit",
    ["PGJ", "PZJ", "PXO", "POS", "nOP", "PVZ", "PWHJ", "tJ", "VJ", "H", "MS", "RJ", "PGSJ", "nS", "GJ", "HP", "OP", "XJ", "JM"],
)
def test_no_form_takes_long_to_be_turned_down(unit: str) -> None:
    """Each was once, or could be, a row that a pattern takes apart in exponentially many ways; the test would not end."""
    for begin, end in itertools.product(["", "V", "Vt", "tP"], ["?", "B"]):
        tags = (begin + unit * MOST)[: MOST - 1] + end
        for pattern in FORMS.values():
            assert isinstance(pattern, re.Pattern)
            pattern.fullmatch(tags)
