"""Word splitting and variable expansion as BuildKit's Dockerfile frontend does them.

The grammar is that of `frontend/dockerfile/shell` in moby/buildkit: quotes, `$name`, and `${name}` with the modifiers
`:- :+ :? - + ? # ## % %% / //`. It is no shell: there is no command substitution.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

GO_SPACE = (
    " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""What Go's unicode.IsSpace accepts. Python's str.isspace differs (it takes U+001C to U+001F too)."""

_DEEPEST = 100
"""Substitutions within substitutions; nobody writes more, and each takes several calls of Python's stack."""
_SPECIAL_PARAMETERS = "@*#?-$!0"
_NOTHING: Mapping[str, str] = {}


class ShellWordError(ValueError):
    """The text has an unclosed quote or brace, or a substitution that the Dockerfile language has not."""


@dataclass
class _Words:
    """Collects words: characters join one until white space outside quotes ends it."""

    done: list[str] = field(default_factory=list[str])
    buffer: list[str] = field(default_factory=list[str])
    inside: bool = False

    def add(self, character: str) -> None:
        if character in GO_SPACE:
            if self.inside:
                self.finish()
        else:
            self.add_raw(character)

    def add_raw(self, text: str) -> None:
        self.buffer.append(text)
        self.inside = True

    def finish(self) -> None:
        word = "".join(self.buffer)
        if word:
            self.done.append(word)
            self.buffer.clear()
            self.inside = False


@dataclass
class _Lexer:
    text: str
    escape: str
    env: Mapping[str, str]
    raw_quotes: bool = False
    raw_escapes: bool = False
    keep_unset: bool = False
    at: int = 0
    depth: int = 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def next(self) -> str:
        character = self.peek()
        self.at += len(character)
        return character

    def until(self, stop: str, raw_escapes: bool) -> tuple[str, list[str]]:
        if self.depth == _DEEPEST:
            raise ShellWordError("substitutions are nested too deeply")
        outer, self.raw_escapes = self.raw_escapes, raw_escapes
        self.depth += 1
        special: dict[str, Callable[[], str]] = {
            "$": self.dollar, "<": self.heredoc_mark, "'": self.single_quoted, '"': self.double_quoted,
        }  # fmt: skip
        result: list[str] = []
        words = _Words()
        try:
            while character := self.peek():
                if character == stop:
                    self.next()
                    words.finish()
                    return "".join(result), words.done
                if character in special:
                    piece = special[character]()
                    self._collect(words, piece, splits=character == "$")
                    result.append(piece)
                else:
                    result.append(self._plain(words))
        finally:
            self.raw_escapes = outer
            self.depth -= 1
        if stop:
            raise ShellWordError(f"unexpected end of statement while looking for matching {stop}")
        words.finish()
        return "".join(result), words.done

    @staticmethod
    def _collect(words: _Words, piece: str, *, splits: bool) -> None:
        if not splits:
            words.add_raw(piece)
            return
        for character in piece:
            words.add(character)

    def _plain(self, words: _Words) -> str:
        character = self.next()
        if character != self.escape:
            words.add(character)
            return character
        kept = ""
        if self.raw_escapes:
            words.add_raw(character)
            kept = character
        escaped = self.next()
        if escaped:
            words.add_raw(escaped)
        return kept + escaped

    def single_quoted(self) -> str:
        start = self.at
        end = self.text.find("'", start + 1)
        if end < 0:
            self.at = len(self.text)
            raise ShellWordError("unexpected end of statement while looking for matching single-quote")
        self.at = end + 1
        return self.text[start : end + 1] if self.raw_quotes else self.text[start + 1 : end]

    def double_quoted(self) -> str:
        result = [self.next()] if self.raw_quotes else [self.next()[:0]]
        while character := self.peek():
            if character == '"':
                self.next()
                return "".join(result) + ('"' if self.raw_quotes else "")
            if character == "$":
                result.append(self.dollar())
                continue
            self.next()
            if character == self.escape:
                if self.raw_escapes:
                    result.append(character)
                if not self.peek():
                    continue
                if self.peek() in ('"', "$", self.escape):
                    character = self.next()
            result.append(character)
        raise ShellWordError("unexpected end of statement while looking for matching double-quote")

    def heredoc_mark(self) -> str:
        self.next()
        if self.peek() != "<":
            return "<"
        self.next()
        start = self.at
        while self.peek() and self.peek() in " \t\v\f\r\n":
            self.next()
        return "<<" + self.text[start : self.at]

    def name(self) -> str:
        first = self.peek()
        start = self.at
        if first and first in _SPECIAL_PARAMETERS and not first.isdigit():
            return self.next()
        if first.isdigit():
            while self.peek().isdigit():
                self.next()
            return self.text[start : self.at]
        while (character := self.peek()) and (character.isalnum() or character == "_"):
            self.next()
        return self.text[start : self.at]

    def dollar(self) -> str:
        self.next()
        if self.peek() != "{":
            name = self.name()
            if not name:
                return "$"
            value = self.env.get(name)
            return f"${name}" if value is None and self.keep_unset else value or ""
        self.next()
        if not self.peek():
            raise ShellWordError("syntax error: missing '}'")
        if self.peek() in "{}:":
            raise ShellWordError("syntax error: bad substitution")
        return self._braced(self.name())

    def _braced(self, name: str) -> str:
        modifier = self.next()
        if modifier == "}":
            value = self.env.get(name)
            return f"${{{name}}}" if value is None and self.keep_unset else value or ""
        if modifier == "/":
            return self._replaced(name)
        null_is_unset = modifier == ":"
        if null_is_unset:
            modifier = self.next()
        if not modifier or modifier not in "+-?#%" or (null_is_unset and modifier in "#%"):
            raise ShellWordError(f"unsupported modifier ({modifier}) in substitution")
        word, _ = self.until("}", modifier in "#%")
        value = self.env.get(name)
        if value is None and self.keep_unset:
            return f"${{{name}{':' * null_is_unset}{modifier}{word}}}"
        missing = value is None or (null_is_unset and not value)
        if modifier == "-":
            return word if missing else value or ""
        if modifier == "+":
            return "" if missing else word
        if modifier == "?":
            if missing:
                raise ShellWordError(f"{name}: {word or 'is not allowed to be unset'}")
            return value or ""
        return _trimmed(value or "", word, modifier)

    def _replaced(self, name: str) -> str:
        every = self.peek() == "/"
        if every:
            self.next()
        pattern, _ = self.until("/", raw_escapes=True)
        replacement, _ = self.until("}", raw_escapes=True)
        value = self.env.get(name)
        if value is None and self.keep_unset:
            return f"${{{name}/{pattern}/{replacement}}}"
        regex = _glob_regex(pattern, greedy=True)
        return re.sub(regex, lambda _: replacement, value or "", count=0 if every else 1)


def _glob_regex(pattern: str, *, greedy: bool) -> str:
    many = ".*" if greedy else ".*?"
    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            parts.append(many)
        elif character == "?":
            parts.append(".")
        elif character == "\\":
            parts.append(re.escape(next(characters, "")))
        else:
            parts.append(re.escape(character))
    return "".join(parts)


def _trimmed(value: str, word: str, modifier: str) -> str:
    """`#`, `##`, `%` and `%%`: cut the shortest or longest match off the front or the back."""
    longest = word.startswith(modifier)
    pattern = word[1:] if longest else word
    cuts = range(len(value) + 1)
    if longest == (modifier == "#"):
        cuts = reversed(cuts)
    for cut in cuts:
        matched, kept = (value[:cut], value[cut:]) if modifier == "#" else (value[cut:], value[:cut])
        if re.fullmatch(_glob_regex(pattern, greedy=True), matched, re.DOTALL):
            return kept
    return value


def split_words(text: str, *, escape: str = "\\", raw: bool = True) -> list[str]:
    """The words of a text, variables left as they are; with `raw`, quotes and escapes are kept too.

    Raises:
        ShellWordError: an unclosed quote or brace, or a bad substitution.
    """
    return _Lexer(text, escape, _NOTHING, raw, raw, keep_unset=True).until("", raw)[1]


def unquote(word: str, *, escape: str = "\\", keep_quotes: bool = False) -> list[str]:
    """The words of a text with escapes resolved, and quotes removed unless `keep_quotes`."""
    return _Lexer(word, escape, _NOTHING, keep_quotes, keep_unset=True).until("", raw_escapes=False)[1]


def expand(text: str, env: Mapping[str, str], *, escape: str = "\\", keep_unset: bool = False) -> str:
    """The text with quotes resolved and variables replaced; an unset one is empty, or kept with `keep_unset`.

    Raises:
        ShellWordError: an unclosed quote or brace, or a bad or failing substitution.
    """
    return _Lexer(text, escape, env, keep_unset=keep_unset).until("", raw_escapes=False)[0]
