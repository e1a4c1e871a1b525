"""BuildKit's line algorithm, with positions.

Follows `frontend/dockerfile/parser` of moby/buildkit step for step, because what counts is what the builder does: when
a comment inside a continuation vanishes, when a trailing backslash continues, where a heredoc ends.
"""

import re
from dataclasses import dataclass, field

from trimtab.syntax.dockerfile.instruction import read_instruction
from trimtab.syntax.dockerfile.shellwords import GO_SPACE, ShellWordError, split_words, unquote
from trimtab.syntax.dockerfile.tree import Dockerfile, Heredoc, Instruction, Line, LineKind, Logical, SyntaxProblem
from trimtab.text import Source, Span

_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
_DIRECTIVE_NAMES = frozenset({"syntax", "escape", "check"})
_HEREDOC = re.compile(r"^(\d*)<<(-?)\s*([^<]*)$")
_HEREDOC_KEYWORDS = frozenset({"RUN", "COPY", "ADD"})
_CONTINUATION = {
    "\\": re.compile(r"(?:(?<=[^\\])|^)\\[ \t]*$"),
    "`": re.compile(r"(?:(?<=[^`])|^)`[ \t]*$"),
}
BOM = "\ufeff"


@dataclass
class _Reader:
    source: Source
    raw: list[str]
    escape: str = "\\"
    at: int = 0
    """Index of the next physical line."""
    lines: list[Line] = field(default_factory=list[Line])
    directives: dict[str, str] = field(default_factory=dict[str, str])
    directives_done: bool = False
    instructions: list[Instruction] = field(default_factory=list[Instruction])
    problems: list[SyntaxProblem] = field(default_factory=list[SyntaxProblem])

    def read(self) -> Dockerfile:
        while self.at < len(self.raw):
            self._logical_line()
        if not self.instructions and not self.problems:
            self.problem(max(1, len(self.raw)), "file with no instructions")
        return Dockerfile(
            self.source, tuple(self.lines), self.directives, self.escape, tuple(self.instructions), tuple(self.problems)
        )

    def problem(self, line: int, message: str) -> None:
        self.problems.append(SyntaxProblem(line, message))

    def take(self, kind: LineKind, *, inside: bool = False) -> str:
        text = self.raw[self.at]
        self.at += 1
        self.lines.append(Line(self.at, kind, text, inside))
        return text

    def _logical_line(self) -> None:
        """Everything up to the end of one instruction, or one line that is none."""
        first = self.raw[self.at]
        text = first.rstrip("\r\n")
        offset = self.source.line_starts[self.at]
        if self.at == 0 and text.startswith(BOM):
            text, offset = text[1:], offset + 1
        stripped = text.lstrip(GO_SPACE)
        if self._directive(stripped):
            self.take(LineKind.DIRECTIVE)
            return
        if stripped.startswith("#"):
            self.take(LineKind.COMMENT)
            return
        body, continues = self._cut_continuation(stripped)
        if not continues and not body:
            self.take(LineKind.BLANK)
            return
        start_line = self.at + 1
        pieces = [(body, offset + len(text) - len(stripped))]
        self.take(LineKind.INSTRUCTION)
        while continues and self.at < len(self.raw):
            continues = self._continuation(pieces)
        self._instruction(start_line, pieces)

    def _directive(self, stripped: str) -> bool:
        if self.directives_done:
            return False
        match = _DIRECTIVE.match(stripped[1:].lstrip(GO_SPACE)) if stripped.startswith("#") else None
        name = match.group(1).lower() if match else ""
        if match is None or name not in _DIRECTIVE_NAMES:
            self.directives_done = True
            return False
        value = match.group(2)
        if name in self.directives:
            self.problem(self.at + 1, f"only one {name} parser directive can be used")
        elif name == "escape" and value not in _CONTINUATION:
            self.problem(self.at + 1, f"invalid escape token '{value}' does not match ` or \\")
        else:
            self.directives[name] = value
            self.escape = value if name == "escape" else self.escape
        return True

    def _cut_continuation(self, text: str) -> tuple[str, bool]:
        match = _CONTINUATION[self.escape].search(text)
        return (text, False) if match is None else (text[: match.start()], True)

    def _continuation(self, pieces: list[tuple[str, int]]) -> bool:
        """Take one more physical line; whether yet another follows."""
        offset = self.source.line_starts[self.at]
        text = self.raw[self.at].rstrip("\r\n")
        self.directives_done = True
        if text.lstrip(GO_SPACE).startswith("#"):
            self.take(LineKind.COMMENT, inside=True)
            return True
        if not text.strip(GO_SPACE):
            self.take(LineKind.BLANK, inside=True)
            return True
        body, continues = self._cut_continuation(text)
        pieces.append((body, offset))
        self.take(LineKind.INSTRUCTION, inside=True)
        return continues

    def _instruction(self, start_line: int, pieces: list[tuple[str, int]]) -> None:
        logical = _join(pieces)
        if not logical.text.strip(GO_SPACE):
            self.problem(start_line, "a continuation with nothing to continue")
            return
        try:
            instruction = read_instruction(logical, self.escape, start_line)
            heredocs = tuple(self._heredoc_body(mark, start_line) for mark in _announced(instruction))
        except ValueError as error:
            self.problem(start_line, str(error))
            return
        span = Span(self.source.line_starts[start_line - 1], self._end_of_taken())
        self.instructions.append(instruction.ended(self.at, span, heredocs))

    def _end_of_taken(self) -> int:
        return self.source.line_span(self.at).end

    def _heredoc_body(self, mark: "_Mark", start_line: int) -> Heredoc:
        start = self.source.line_starts[self.at] if self.at < len(self.raw) else len(self.source.text)
        body: list[str] = []
        while self.at < len(self.raw):
            end = self.source.line_starts[self.at]
            line = self.raw[self.at].rstrip("\r\n")
            if (line.lstrip("\t") if mark.chomp else line) == mark.name:
                self.take(LineKind.HEREDOC_END, inside=True)
                return Heredoc(mark.name, mark.descriptor, mark.expand, mark.chomp, "".join(body), Span(start, end))
            body.append(self.take(LineKind.HEREDOC, inside=True))
        raise ValueError(f"unterminated heredoc {mark.name} (began on line {start_line})")


@dataclass(frozen=True, slots=True)
class _Mark:
    name: str
    descriptor: int
    expand: bool
    chomp: bool


def _announced(instruction: Instruction) -> "list[_Mark]":
    carrier = instruction.trigger or instruction
    if carrier.keyword not in _HEREDOC_KEYWORDS or carrier.json is not None or "<<" not in instruction.logical.text:
        return []
    return _heredoc_marks(instruction.logical.text)


def _heredoc_marks(text: str) -> list[_Mark]:
    """The heredocs that a line announces, left to right; a line the lexer cannot read announces none."""
    try:
        words = split_words(text)
    except ShellWordError:
        return []
    return [mark for word in words if (mark := _heredoc_mark(word)) is not None]


def _heredoc_mark(word: str) -> _Mark | None:
    match = _HEREDOC.match(word)
    if match is None or not match.group(3):
        return None
    plain = unquote(match.group(3))
    if len(plain) != 1:
        return None
    quoted = unquote(match.group(3), keep_quotes=True)
    same = _quotes(plain[0]) == _quotes(quoted[0])
    return _Mark(plain[0], int(match.group(1) or 0), expand=same, chomp=match.group(2) == "-")


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')


def _join(pieces: list[tuple[str, int]]) -> Logical:
    texts = [(text, source) for text, source in pieces if text]
    starts: list[int] = []
    length = 0
    for text, _ in texts:
        starts.append(length)
        length += len(text)
    return Logical("".join(text for text, _ in texts), tuple(starts), tuple(source for _, source in texts))


def _physical_lines(text: str) -> list[str]:
    lines = text.split("\n")
    ended = [line + "\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended


def parse(source: Source) -> Dockerfile:
    """Read a Dockerfile. Never raises: what BuildKit would refuse is in `problems`, the rest is still there."""
    return _Reader(source, _physical_lines(source.text)).read()
