"""Replacing spans of a text."""

from collections.abc import Iterable
from dataclasses import dataclass

from trimtab.text.source import Span


class OverlappingEdits(ValueError):
    """Two edits want the same characters; applying both has no meaning."""


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Put `text` where `span` is; an empty span inserts."""

    span: Span
    text: str

    @classmethod
    def insert(cls, offset: int, text: str) -> "Edit":
        return cls(Span(offset, offset), text)

    @classmethod
    def delete(cls, span: Span) -> "Edit":
        return cls(span, "")


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text after all edits; identical edits count once.

    Raises:
        OverlappingEdits: two different edits touch one place.
    """
    parts: list[str] = []
    done = 0
    previous: Edit | None = None
    for edit in sorted(set(edits)):
        if previous is not None and (edit.span.overlaps(previous.span) or edit.span.start < done):
            raise OverlappingEdits(f"{previous} and {edit}")
        parts.append(text[done : edit.span.start])
        parts.append(edit.text)
        done = edit.span.end
        previous = edit
    parts.append(text[done:])
    return "".join(parts)
