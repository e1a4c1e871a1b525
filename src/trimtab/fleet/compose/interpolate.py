"""Compose's variable interpolation and `.env` files."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

_VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<named>[_a-zA-Z][_a-zA-Z0-9]*)|\{(?P<braced>[_a-zA-Z][_a-zA-Z0-9]*)(?P<rest>[^}]*))"
)
_MODIFIERS = (":-", ":?", ":+", "-", "?", "+")


@dataclass
class Interpolation:
    """Replaces variables and remembers which had neither a value nor a default."""

    env: Mapping[str, str]
    unset: dict[str, str] = field(default_factory=dict[str, str])
    """Name to the message of `:?`, or empty where the variable is merely unset."""

    def value(self, value: object) -> object:
        """A copy of a YAML value with every string interpolated; keys stay as they are."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in cast("dict[str, object]", value).items()}
        if isinstance(value, list):
            return [self.value(item) for item in cast("list[object]", value)]
        return value

    def text(self, text: str) -> str:
        parts: list[str] = []
        at = 0
        while match := _VARIABLE.search(text, at):
            parts.append(text[at : match.start()])
            at = match.end()
            if match["escaped"]:
                parts.append("$")
            elif match["named"]:
                parts.append(self._plain(match["named"]))
            else:
                end = closing_brace(text, match.start() + 2)
                parts.append(self._modified(match["braced"], text[match.start("rest") : end]))
                at = end + 1
        parts.append(text[at:])
        return "".join(parts)

    def _plain(self, name: str) -> str:
        if name not in self.env:
            self.unset.setdefault(name, "")
        return self.env.get(name, "")

    def _modified(self, name: str, rest: str) -> str:
        modifier = next((one for one in _MODIFIERS if rest.startswith(one)), "")
        if not modifier:
            return self._plain(name)
        word: Callable[[], str] = lambda: self.text(rest[len(modifier) :])  # noqa: E731
        present = bool(self.env.get(name)) if modifier.startswith(":") else name in self.env
        if modifier.endswith("+"):
            return word() if present else ""
        if present:
            return self.env[name]
        if modifier.endswith("-"):
            return word()
        self.unset[name] = word() or "is required"
        return ""


def closing_brace(text: str, at: int) -> int:
    """The offset of the brace that closes one which is open at an offset; the text's end where none does."""
    depth = 1
    while at < len(text):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return at
        at += 1
    return len(text)


def parse_env(text: str) -> dict[str, str]:
    """A `.env` file: `NAME=value` lines, `export` allowed, quotes removed, comments dropped."""
    found: dict[str, str] = {}
    for raw in text.removeprefix("\ufeff").splitlines():
        line = raw.strip().removeprefix("export ").lstrip()
        name, equals, value = line.partition("=")
        if not line or line.startswith("#") or not equals:
            continue
        found[name.strip()] = _env_value(value.strip())
    return found


def _env_value(value: str) -> str:
    if value[:1] in {'"', "'"} and (end := value.find(value[0], 1)) > 0:
        return value[1:end]
    return re.split(r"\s#", value, maxsplit=1)[0].strip()
