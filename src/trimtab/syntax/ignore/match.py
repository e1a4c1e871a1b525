"""Reading and matching `.dockerignore` as moby/patternmatcher does.

The last matching pattern wins, `!` re-includes, a match on a parent directory covers what is below it, `*` stops at a
slash, `**` does not, and a pattern is anchored at the context's root: `*.log` does not match `sub/a.log`.
"""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property


class PatternError(ValueError):
    """A pattern that moby refuses, such as an unclosed character class or a lone `!`."""


def clean_path(path: str) -> str:
    """Go's `filepath.Clean`: the shortest equal path, `.` for nothing."""
    cleaned = posixpath.normpath(path) if path else "."
    return cleaned[1:] if cleaned.startswith("//") else cleaned


@dataclass(frozen=True)
class _Pattern:
    text: str
    excludes: bool
    """Written with `!`: takes back what an earlier pattern matched."""

    @cached_property
    def _regex(self) -> "re.Pattern[str] | None":
        source, special = _compile(self.text)
        return re.compile(source, re.DOTALL) if special else None

    @cached_property
    def _many(self) -> "tuple[re.Pattern[str] | str, ...] | None":
        """The pieces of a pattern with so many stars that a regular expression could take hours: it tries all their lengths."""
        return _pieces(self.text) if self.text.count("*") > _MOST_STARS else None

    def matches(self, path: str) -> bool:
        if self._suffix is not None:
            return path.endswith(self._suffix) or (self._suffix.startswith("/") and path == self._suffix[1:])
        if self._many is not None:
            return _walks(self._many, path)
        if self._regex is None:
            return path == self.text
        return self._regex.search(path) is not None

    @cached_property
    def _suffix(self) -> str | None:
        """What follows a leading `**` when it is plain: such a pattern matches any path with that end."""
        rest = self.text[2:]
        return rest if self.text.startswith("**") and not re.search(r"[*?\[\]\\]", rest) else None

    @cached_property
    def fixed_prefix(self) -> str:
        """The leading directories that hold no wildcard."""
        return re.split(r"[*?\[\\]", self.text, maxsplit=1)[0]


_FOLDERS, _REST, _STAR, _ANY = "(.*/)?", ".*", "[^/]*", "[^/]"
_ONE_PART = frozenset({_STAR, _ANY})
_MOST_STARS = 8
"""More than two `**/` with names between them, which is more than is written."""


def _compile(pattern: str) -> tuple[str, bool]:
    """A regular expression for a pattern, and whether it needs one at all."""
    parts, special = _parts(pattern)
    return f"^{''.join(parts)}\\Z", special


def _pieces(pattern: str) -> "tuple[re.Pattern[str] | str, ...]":
    """A pattern as stars, by their names here, and expressions for one character each. Equal stars in a row are one."""
    found: list[re.Pattern[str] | str] = []
    opened = ""
    for part in _parts(pattern)[0]:
        opened += part
        # A character class is several parts, from its bracket to the one that closes it.
        if opened[:1] == "[" and opened not in _ONE_PART and part != "]":
            continue
        if opened not in {_FOLDERS, _REST, _STAR}:
            found.append(re.compile(opened, re.DOTALL))
        elif found[-1:] != [opened]:
            found.append(opened)
        opened = ""
    return tuple(found)


def _walks(pieces: "tuple[re.Pattern[str] | str, ...]", path: str) -> bool:
    """Whether pieces match a whole path: all places that a piece can end at are followed at once, so that the time grows by
    the product of both lengths and no more.
    """
    ends = {0}
    for piece in pieces:
        if isinstance(piece, re.Pattern):
            ends = {end + 1 for end in ends if end < len(path) and piece.fullmatch(path[end])}
        elif piece == _FOLDERS:
            first = min(ends)
            ends |= {at + 1 for at in range(first, len(path)) if path[at] == "/"}
        elif piece == _REST:
            ends = set(range(min(ends), len(path) + 1))
        else:
            ends = _within_a_name(ends, path)
        if not ends:
            return False
    return len(path) in ends


def _within_a_name(ends: set[int], path: str) -> set[int]:
    found: set[int] = set()
    for end in sorted(ends):
        at = end
        while at not in found and at <= len(path):
            found.add(at)
            if path[at : at + 1] == "/":
                break
            at += 1
    return found


def _parts(pattern: str) -> tuple[list[str], bool]:
    """A pattern's regular expression in parts, and whether it is one at all.

    Kept as in moby: a leading `**` matches any suffix, a trailing one any rest, and neither is anchored behind it.
    """
    parts: list[str] = []
    special = False
    inside = False
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*" and pattern.startswith("*", at):
            special = True
            at += 1 + pattern.startswith("/", at + 1)
            parts.append(_FOLDERS if at < len(pattern) else _REST)
        elif character in "*?":
            special = True
            parts.append(_STAR if character == "*" else _ANY)
        elif character == "\\" and at < len(pattern):
            special = True
            parts.append(re.escape(pattern[at]))
            at += 1
        elif character in "[]":
            special = True
            # A bracket that opens or closes nothing is itself; Python would warn that it may mean a set within a set.
            opens, closes = character == "[" and not inside, character == "]" and inside
            parts.append(character if opens or closes else f"\\{character}")
            inside = opens or (inside and not closes)
        elif character == "^" or character == "-":
            parts.append(character if special and inside else re.escape(character))
        else:
            parts.append(re.escape(character))
    return parts, special


def _check(pattern: str) -> None:
    """Go's `filepath.Match` refuses unclosed and empty classes and a trailing backslash; so do we."""
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "\\":
            at += 1
            if at >= len(pattern):
                raise PatternError(f"syntax error in pattern {pattern!r}: trailing backslash")
        elif character == "[":
            at = _class_end(pattern, at + 1)
        at += 1


def _refuse_bad_range(pattern: str) -> None:
    try:
        re.compile(_compile(pattern)[0])
    except re.error as error:
        raise PatternError(f"syntax error in pattern {pattern!r}: {error.msg}") from error


def _class_end(pattern: str, at: int) -> int:
    at += pattern.startswith("^", at)
    first = at
    while at < len(pattern):
        character = pattern[at]
        if character == "]" and at > first:
            return at
        if character in "-]":
            break
        if character == "\\":
            at += 1
        if pattern.startswith("-", at + 1):
            at += 2
            if at >= len(pattern) or pattern[at] in "-]":
                break
        at += 1
    raise PatternError(f"syntax error in pattern {pattern!r}: bad character class")


@dataclass(frozen=True)
class IgnoreFile:
    """The patterns of an ignore file, in order."""

    patterns: tuple[str, ...] = ()
    _compiled: tuple[_Pattern, ...] = field(default=(), repr=False)
    _memo: dict[str, tuple[bool, tuple[bool, ...]]] = field(
        default_factory=dict[str, tuple[bool, tuple[bool, ...]]], repr=False, compare=False
    )

    @classmethod
    def of(cls, patterns: Iterable[str]) -> "IgnoreFile":
        """Compile patterns as they stand in a file.

        Raises:
            PatternError: moby would refuse one of them.
        """
        compiled: list[_Pattern] = []
        for pattern in patterns:
            stripped = pattern.strip()
            if not stripped:
                continue
            text = clean_path(stripped)
            excludes = text.startswith("!")
            if text == "!":
                raise PatternError('illegal exclusion pattern: "!"')
            text = text[1:] if excludes else text
            _check(text)
            compiled.append(_Pattern(text, excludes))
            if "[" in text:
                # Go's own check lets `[z-a]` pass, and its regular expressions, which come after it, do not.
                _refuse_bad_range(text)
        return cls(tuple(patterns), tuple(compiled))

    def ignores(self, path: str) -> bool:
        """Whether a slash-separated path of the context is left out, by itself or by one of its parents."""
        path = clean_path(path)
        return bool(self._compiled) and path != "." and self._walked(path)[0]

    def ignores_listed(self, path: str) -> bool:
        """The same for a path that was listed, which is clean and below the context's root."""
        return bool(self._compiled) and self._walked(path)[0]

    def _walked(self, path: str) -> tuple[bool, tuple[bool, ...]]:
        """The verdict on a path and which patterns matched, found as the builder's walk finds it: parents first.

        A pattern that matched a parent counts as matching everything below; one that was passed over there, because it
        could not have changed the parent's verdict, does not.
        """
        known = self._memo.get(path)
        if known is not None:
            return known
        folder = path.rpartition("/")[0]
        inherited = self._walked(folder)[1] if folder else (False,) * len(self._compiled)
        ignored = False
        matches: list[bool] = []
        for pattern, above in zip(self._compiled, inherited, strict=True):
            match = above or (pattern.excludes == ignored and pattern.matches(path))
            ignored = (not pattern.excludes) if match else ignored
            matches.append(match)
        self._memo[path] = ignored, tuple(matches)
        return self._memo[path]

    def ignores_whole_directory(self, path: str) -> bool:
        """Whether nothing below an ignored directory can come back by a `!` pattern."""
        return self.ignores(path) and not any(
            pattern.excludes and (pattern.fixed_prefix.startswith(path + "/") or path.startswith(pattern.fixed_prefix))
            for pattern in self._compiled
        )


def parse_ignore(text: str) -> IgnoreFile:
    """Read an ignore file's text.

    Raises:
        PatternError: moby would refuse one of its patterns.
    """
    patterns: list[str] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n")):
        pattern = line.removeprefix("\ufeff") if number == 0 else line
        if pattern.startswith("#") or not (pattern := pattern.strip()):
            continue
        inverted = pattern.startswith("!")
        pattern = pattern[1:].strip() if inverted else pattern
        if pattern:
            pattern = clean_path(pattern)
            pattern = pattern[1:] if len(pattern) > 1 and pattern.startswith("/") else pattern
        patterns.append("!" + pattern if inverted else pattern)
    return IgnoreFile.of(patterns)
