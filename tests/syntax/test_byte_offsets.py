"""Byte offsets of a grammar as offsets of characters."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from trimtab.syntax.shell.commands import ByteOffsets
from trimtab.text import Span


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_the_first_byte_of_each_character_stands_for_it(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    starts = list(accumulate((len(letter.encode("utf-8", "surrogatepass")) for letter in text), initial=0))
    offsets = ByteOffsets(text, data)
    assert [offsets.span(start, len(data)) for start in starts] == [Span(n, len(text)) for n in range(len(text) + 1)]
