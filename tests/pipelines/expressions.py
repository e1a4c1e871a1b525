"""The expressions of GitHub Actions, as far as generated workflows use them (documentation: "Evaluate expressions")."""

import json
import re
from collections.abc import Callable, Mapping
from typing import cast

Functions = Mapping[str, Callable[..., object]]
_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<word>[A-Za-z_][\w-]*)|(?P<sign>&&|\|\||==|!=|[!().,]))")
_MARK = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


def truth(value: object) -> bool:
    return value not in (None, "", False, 0)


def shown(value: object) -> str:
    """A value as it stands in a text."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def filled(text: str, context: Mapping[str, object], functions: Functions) -> str:
    """A text with its expressions evaluated."""
    return _MARK.sub(lambda match: shown(evaluate(match[1], context, functions)), text)


def whole(text: str, context: Mapping[str, object], functions: Functions) -> object:
    """The value of a text that is one expression, with or without its marks."""
    match = _MARK.fullmatch(text.strip())
    return evaluate(match[1] if match else text, context, functions)


def evaluate(text: str, context: Mapping[str, object], functions: Functions) -> object:
    """One expression's value.

    Raises:
        AssertionError: it is none, or names what does not exist.
    """
    reader = _Reader(_tokens(text), context, functions)
    value = reader.either()
    assert not reader.tokens, f"left over in `{text}`: {reader.tokens}"
    return value


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        assert match, f"not understood: `{text[place:]}`"
        found.append(match[0].strip())
        place = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[str], context: Mapping[str, object], functions: Functions) -> None:
        self.tokens, self.context, self.functions = tokens, context, functions

    def _take(self, *signs: str) -> str | None:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in signs else None

    def either(self) -> object:
        value = self.both()
        while self._take("||"):
            other = self.both()
            value = value if truth(value) else other
        return value

    def both(self) -> object:
        value = self.compared()
        while self._take("&&"):
            other = self.compared()
            value = other if truth(value) else value
        return value

    def compared(self) -> object:
        value = self.single()
        while sign := self._take("==", "!="):
            value = _equal(value, self.single()) is (sign == "==")
        return value

    def single(self) -> object:
        if self._take("!"):
            return not truth(self.single())
        if self._take("("):
            value = self.either()
            assert self._take(")"), "a bracket is not closed"
            return value
        token = self.tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if self._take("("):
            return self._called(token)
        return self._looked_up(token)

    def _called(self, name: str) -> object:
        arguments: list[object] = []
        while not self._take(")"):
            arguments.append(self.either())
            self._take(",")
        if name == "fromJSON":
            return json.loads(shown(arguments[0]))
        return self.functions[name](*arguments)

    def _looked_up(self, name: str) -> object:
        assert name in self.context, f"there is no `{name}` here"
        value = self.context[name]
        while self._take("."):
            key = self.tokens.pop(0)
            value = cast("Mapping[str, object]", value).get(key) if isinstance(value, Mapping) else None
        return value


def _equal(one: object, other: object) -> bool:
    """Texts without regard to case; what is of two kinds as numbers, nothing and an empty text being 0."""
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    if type(one) is type(other):
        return one == other
    return (one or 0) == (other or 0)
