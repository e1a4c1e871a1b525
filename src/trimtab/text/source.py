"""A file's text with its path, and positions in it."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

_ODD_BREAK = re.compile("\r(?!\n)|[\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of character offsets, `start <= end`."""

    start: int
    end: int

    def overlaps(self, other: "Span") -> bool:
        """Whether both touch a common character, or insert at one place."""
        if self.start == other.start:
            return True
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Position:
    """A line and a column, both counted from 1; columns count characters."""

    line: int
    column: int


@dataclass(frozen=True)
class Source:
    """The text of one file, kept exactly: `text.encode("utf-8", "surrogateescape")` is the file."""

    path: str
    text: str

    @classmethod
    def from_bytes(cls, path: str, data: bytes) -> "Source":
        """Bytes that are no UTF-8 become lone surrogates, so that nothing is lost on the way back."""
        return cls(path, data.decode("utf-8", "surrogateescape"))

    def to_bytes(self) -> bytes:
        return self.text.encode("utf-8", "surrogateescape")

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        """The offset of each line's first character; lines end at a line feed and nowhere else."""
        starts = [0]
        find = self.text.find
        at = find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = find("\n", at + 1)
        return tuple(starts)

    def position(self, offset: int) -> Position:
        line = bisect_right(self.line_starts, offset)
        return Position(line, offset - self.line_starts[line - 1] + 1)

    def line_of(self, offset: int) -> int:
        return bisect_right(self.line_starts, offset)

    def line_span(self, line: int) -> Span:
        """The span of a line counted from 1, its line feed included."""
        start = self.line_starts[line - 1]
        end = self.line_starts[line] if line < len(self.line_starts) else len(self.text)
        return Span(start, end)

    def at(self, span: Span) -> str:
        return self.text[span.start : span.end]

    @cached_property
    def newline(self) -> str:
        """The line ending that the file's first line uses."""
        first = self.text.find("\n")
        return "\r\n" if first > 0 and self.text[first - 1] == "\r" else "\n"

    @cached_property
    def has_odd_breaks(self) -> bool:
        """Whether something ends a line for a reader of YAML, and for nothing else here."""
        return _ODD_BREAK.search(self.text) is not None
