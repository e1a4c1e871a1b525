"""Keeping credentials out of what a client gets to see, whatever a command or a report says."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import cast

from trimtab.fleet.redact import Redactor, secret_values
from trimtab.fleet.secrets import named_kind
from trimtab.scan.leaks import values_of
from trimtab.syntax.data import read_json

_END = re.compile(r"-{4,5} ?END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)? ?-{4,5}")
_KEY = re.compile(rf"{_END.pattern.replace('END', 'BEGIN')}.*?(?:{_END.pattern}|(?P<open>\Z))", re.DOTALL)
"""A private key by its armour: PEM (RFC 7468), OpenPGP (RFC 9580: `… KEY BLOCK`), SSH2 (RFC 4716: four signs and a space)."""
_PAIR = re.compile(r"""(?P<name>[A-Za-z_][\w-]*)=(?P<value>"[^"]+"|'[^']+'|[^\s"'<>&;|]{4,})""")
"""A variable with its value anywhere in a line, as commands and pages show it."""
_MASK = "***"


class Concealer:
    """Hides the credentials of an environment, and those that a text shows by their form or their name."""

    def __init__(self, environment: Mapping[str, str], others: Iterable[str] = ()) -> None:
        self._known = Redactor(part for value in (*secret_values(environment), *others) for part in _parts(value))

    def text(self, text: str) -> str:
        """A text without credentials. In a diff the sign in front of a line does not matter."""
        # Keys first: without its first line, which many keys have in common, the rest is not known as one.
        text = self._known.text(_KEY.sub(_MASK, text))
        return "\n".join(_line(line) for line in text.split("\n"))

    def lines(self) -> Callable[[str], str]:
        """What conceals the lines of one output, which it has to be given in their order.

        Of a private key that goes over several lines the first is masked, the others are empty, and so is the rest of an output
        in which a key does not end.
        """
        inside = False

        def conceal(line: str) -> str:
            nonlocal inside
            if inside:
                end = _END.search(line)
                if end is None:
                    return ""
                line = line[end.end() :]
            inside = any(match["open"] is not None for match in _KEY.finditer(line))
            return self.text(line)

        return conceal

    def document(self, text: str) -> str:
        """A JSON document without credentials in its texts, where it is one."""
        try:
            return json.dumps(self.data(read_json(text)), indent=2, ensure_ascii=False) + "\n"
        except (ValueError, RecursionError):
            # What can just be read may be too deep to be walked.
            return self.text(text)

    def data(self, value: object) -> object:
        """Plain data without credentials in its texts; names stay as they are."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.data(each) for key, each in cast("dict[str, object]", value).items()}
        if isinstance(value, list):
            return [self.data(each) for each in cast("list[object]", value)]
        return value


def _parts(value: str) -> Iterator[str]:
    """A value as it may be met: whole, or line by line."""
    yield value
    if "\n" in value:
        yield from (line.strip() for line in value.splitlines())


def _line(line: str) -> str:
    pairs = [match["value"].strip("\"'") for match in _PAIR.finditer(line) if named_kind(match["name"], match["value"])]
    for value in {*pairs, *values_of(line[1:] if line[:1] in "+- " else line)}:
        # The whole word: of some formats only the beginning is recognised, `ghp` of a GitHub token.
        line = re.sub(rf"[\w-]*{re.escape(value)}[\w+/=-]*", _MASK, line)
    return line
