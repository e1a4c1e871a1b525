"""Credentials that command lines hand to a program as an option: `redis-server --requirepass …`, `--password=…`."""

import re
from collections.abc import Iterator

_VALUE = r"""\\?["']?(?P<value>[^\s"',\]}\\]+)"""
_AFTER = rf"""(?:\s*=\s*|\\?["']?(?:\s*,\s*|\s+)){_VALUE}"""
"""What stands between an option and its value: `=`, spaces, or the comma of a list."""
_OPTION = re.compile(rf"(?<![\w-])--(?P<name>[A-Za-z][\w.-]*){_AFTER}")
_STORES = re.compile(rf"^\s*(?P<name>requirepass|masterauth)\s+{_VALUE}")
"""Redis's and Valkey's configuration, whose options are those of the command line."""
_CLIENT = re.compile(rf"\b(?:redis|valkey)-cli\b.*?[\s\"']-a{_AFTER}")
_ATTACHED = re.compile(r"""\b(?:mysql|mariadb)(?:-?(?:admin|dump|check|show))?\b.*?[\s"']-p(?P<value>[^\s"',\]}\\]+)""")
_LAST = re.compile(r"""(?:^|[\s"',\[])--(?P<name>[A-Za-z][\w.-]*)["']?\s*,?\s*$""")
"""An option at the end of its line: in a list of one entry a line, its value is the next."""
_ENTRY = re.compile(rf"""^\s*(?:-\s+)?{_VALUE}["']?\s*,?\s*\]?\s*(?:\s#.*)?$""")
_NO_VALUE = re.compile(
    r"[-`|{%<&;]|(?:id|type|src|source)=|(?:to|is|are|as|was|and|or|with|from|for|in|on|if|when|must|may|can|will|should|option"
    r"|options|flag|argument|parameter|value|set|not)$"
)
"""What is no credential behind such an option: another option, what the shell puts in, a build's secret, a sentence."""
_TAKE_NONE = frozenset({"secret", "disabled-password"})
"""Options that say which secret, as docker's, gcloud's and kubectl's do; adduser's, which takes no value."""

MARKS = ("masterauth", "redis-cli", "valkey-cli", "mysql", "mariadb")
"""What lines have in which a credential stands behind an option that has no name, or none that says so to others."""


def options(line: str, following: str = "") -> Iterator[tuple[str, str]]:
    """The options of a line with what they are given, under names that say what they are; `following` is the next line."""
    found = [(match["name"], match["value"]) for pattern in (_OPTION, _STORES) for match in pattern.finditer(line)]
    if any(mark in line for mark in MARKS):
        found += [("password", match["value"]) for pattern in (_CLIENT, _ATTACHED) for match in pattern.finditer(line)]
    last = _LAST.search(line)
    entry = _ENTRY.match(following) if last else None
    found += [(last["name"], entry["value"])] if last and entry else []
    yield from ((name, value) for name, value in found if name not in _TAKE_NONE and not _NO_VALUE.match(value))
