"""Names and values in bake files: attributes and one-line objects of HCL, and what variables are where nobody sets them."""

import re
from collections.abc import Iterator, Sequence

_QUOTED = r'"(?P<value>(?:[^"\\]|\\.)*)"'
_ATTRIBUTE = re.compile(rf'(?:^|[{{,\s])"?(?P<name>[A-Za-z_][\w.-]*)"?\s*[=:]\s*{_QUOTED}')
"""What has no quotes in HCL is the name of a variable."""
_DEFAULT = re.compile(
    rf'(?:^\s*variable\s+"?(?P<name>\w+)"?|"(?P<key>\w+)"\s*:)\s*\{{[^{{}}]*?(?<![\w-])"?default"?\s*[=:]\s*{_QUOTED}'
)
_MOST_LINES = 20
"""How far a variable's block is followed."""
BAKE_JSON = re.compile(r"(?:^|/)[\w.-]*bake[\w.-]*\.json$")


def attributes(line: str) -> Iterator[tuple[str, str]]:
    """What a line of HCL sets to a text."""
    yield from ((match["name"], match["value"]) for match in _ATTRIBUTE.finditer(line))


def defaults(number: int, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The variables whose blocks begin in a line, with their defaults; a bake file in JSON has the same blocks."""
    line = lines[number - 1]
    text = "\n".join([line, *lines[number : number + _MOST_LINES]])
    for match in _DEFAULT.finditer(text):
        if match.start() <= len(line):
            yield match["name"] or match["key"], match["value"]
