"""The shape of a parsed Dockerfile.

Physical lines are the only stored text: joined they are the file. An instruction is a view over them: its *logical*
text is what BuildKit sees once continuations are joined and comments between them are gone, and every place in it maps
back to one place in the file.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from trimtab.text import Source, Span


class LineKind(StrEnum):
    """What a physical line is part of."""

    BLANK = "blank"
    COMMENT = "comment"
    DIRECTIVE = "directive"
    INSTRUCTION = "instruction"
    HEREDOC = "heredoc"
    HEREDOC_END = "heredoc-end"


@dataclass(frozen=True, slots=True)
class Line:
    """One physical line with its line ending; `number` counts from 1."""

    number: int
    kind: LineKind
    text: str
    inside: bool = False
    """Whether the line lies within an instruction that began on an earlier line."""


@dataclass(frozen=True)
class Logical:
    """An instruction's text after joining, with the way back to the file."""

    text: str
    starts: tuple[int, ...]
    """Where each piece begins in `text`, ascending."""
    sources: tuple[int, ...]
    """Where the same piece begins in the file."""

    def source_offset(self, offset: int) -> int:
        """The file offset of one character of the logical text; for its end, just behind the last character."""
        if offset >= len(self.text) > 0:
            return self.source_offset(len(self.text) - 1) + 1
        piece = bisect_right(self.starts, offset) - 1
        return self.sources[piece] + offset - self.starts[piece]

    def source_span(self, start: int, end: int) -> Span:
        """The smallest file span around `text[start:end]`; an empty range is an empty span."""
        first = self.source_offset(start)
        return Span(first, first if end <= start else self.source_offset(end - 1) + 1)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of an instruction's arguments."""

    raw: str
    """As written, quotes and escapes included."""
    start: int
    end: int
    """Offsets in the logical text."""
    span: Span


@dataclass(frozen=True, slots=True)
class Flag:
    """`--name=value` before an instruction's arguments; `value` is None without an equals sign."""

    name: str
    value: str | None
    span: Span

    def options(self) -> dict[str, str]:
        """`type=cache,target=/x,readonly` as a mapping; an option without a value maps to the empty string."""
        parts = (self.value or "").split(",")
        pairs = (part.partition("=") for part in parts if part)
        return {key.strip().lower(): value.strip().strip("\"'") for key, _, value in pairs}


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A here-document of RUN, COPY or ADD."""

    name: str
    file_descriptor: int
    expand: bool
    chomp: bool
    """Written `<<-`: leading tabs are removed."""
    content: str
    span: Span
    """The body, without the line that ends it."""


@dataclass(frozen=True)
class Instruction:
    """One instruction; `keyword` is upper case, lines count from 1."""

    keyword: str
    keyword_span: Span
    logical: Logical
    start_line: int
    end_line: int
    span: Span
    """From the keyword's first line to the end of the last line, heredocs and the line ending included."""
    flags: tuple[Flag, ...]
    arguments_start: int
    """Where the arguments begin in the logical text."""
    words: tuple[Word, ...]
    json: tuple[str, ...] | None
    """The strings of the exec form, None for the shell form."""
    heredocs: tuple[Heredoc, ...]
    trigger: "Instruction | None" = None
    """What an ONBUILD carries."""

    @property
    def arguments(self) -> str:
        """The logical text behind keyword and flags, trimmed."""
        return self.logical.text[self.arguments_start :].rstrip()

    @cached_property
    def arguments_span(self) -> Span:
        return self.logical.source_span(self.arguments_start, self.arguments_start + len(self.arguments))

    def ended(self, line: int, span: Span, heredocs: tuple[Heredoc, ...]) -> "Instruction":
        """The same instruction with its last line, its whole extent and its heredocs known."""
        trigger = self.trigger.ended(line, span, heredocs) if self.trigger else None
        return replace(self, end_line=line, span=span, heredocs=heredocs, trigger=trigger)

    def flag(self, name: str) -> Flag | None:
        return next((flag for flag in self.flags if flag.name == name), None)

    def mounts(self) -> list[dict[str, str]]:
        return [flag.options() for flag in self.flags if flag.name == "mount"]


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """Something BuildKit's parser would refuse."""

    line: int
    message: str


@dataclass(frozen=True)
class Dockerfile:
    """A parsed Dockerfile. `"".join(line.text for line in lines) == source.text` always holds."""

    source: Source
    lines: tuple[Line, ...]
    directives: Mapping[str, str]
    escape: str
    instructions: tuple[Instruction, ...]
    problems: tuple[SyntaxProblem, ...] = field(default=())

    def named(self, *keywords: str) -> Iterator[Instruction]:
        return (instruction for instruction in self.instructions if instruction.keyword in keywords)

    def can_be_followed(self, instruction: Instruction) -> bool:
        """Whether a line put behind an instruction begins a new one: the last line does not end in a continuation."""
        return not self.source.at(instruction.span).rstrip().endswith(self.escape)
