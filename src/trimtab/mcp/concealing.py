"""Keeping credentials out of what a client gets to see, whatever a command or a report says."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import cast

from trimtab.fleet.redact import Redactor, secret_values
from trimtab.fleet.secrets import named_kind
from trimtab.scan.leaks import values_of

_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_PAIR = re.compile(r"""(?P<name>[A-Za-z_][\w-]*)=(?P<value>"[^"]+"|'[^']+'|[^\s"'<>&;|]{4,})""")
"""A variable with its value anywhere in a line, as commands and pages show it."""
_MASK = "***"


class Concealer:
    """Hides the credentials of an environment, and those that a text shows by their form or their name."""

    def __init__(self, environment: Mapping[str, str], others: Iterable[str] = ()) -> None:
        self._known = Redactor([*secret_values(environment), *others])

    def text(self, text: str) -> str:
        """A text without credentials. In a diff the sign in front of a line does not matter."""
        text = _KEY.sub(_MASK, self._known.text(text))
        return "\n".join(_line(line) for line in text.split("\n"))

    def document(self, text: str) -> str:
        """A JSON document without credentials in its texts, where it is one."""
        try:
            return json.dumps(self.data(cast("object", json.loads(text))), indent=2, ensure_ascii=False) + "\n"
        except ValueError:
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


def _line(line: str) -> str:
    pairs = [match["value"].strip("\"'") for match in _PAIR.finditer(line) if named_kind(match["name"], match["value"])]
    for value in {*pairs, *values_of(line[1:] if line[:1] in "+- " else line)}:
        # The whole word: of some formats only the beginning is recognised, `ghp` of a GitHub token.
        line = re.sub(rf"[\w-]*{re.escape(value)}[\w+/=-]*", _MASK, line)
    return line
