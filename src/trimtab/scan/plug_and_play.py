"""Yarn's Plug'n'Play: packages stay in their archives, and one file says which there are."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

NAMES = (".pnp.cjs", ".pnp.js", ".pnp.data.json")
_GAP = r"[\s\\]*"
"""Since Yarn 3.1 the file has its data in a text, whose lines end with a backslash."""
_ENTRY = re.compile(
    rf"""\[{_GAP}(?:["'](?P<name>(?:@[^"'/@]+/)?[^"'/@]+)["']|(?P<top>null)),{_GAP}(?:new Map\({_GAP})?\[(?={_GAP}\[)"""
    rf"""|\[{_GAP}["'](?P<reference>[^"']+)["'],{_GAP}\{{"""
)
"""A package with its versions, then each of those: as pairs of JSON, and in Yarn 1's file as maps of a program."""
_VIRTUAL = re.compile(r"^virtual:[^#]*#")
_VERSION = re.compile(r"^(?:npm:)?(?:(?P<name>(?:@[^/@]+/)?[^/@:]+)@)?(?P<version>\d[\w.+-]*)(?:::.*)?$")
_ELSEWHERE = ".pnp.data.json"
"""What the file names instead, where Yarn was told to keep the data out of it."""
_OWN = ("workspace:", "link:", "portal:", "soft-link:")
_PATCHED = re.compile(r"^patch:(?P<name>(?:@[^/@]+/)?[^/@]+)@(?:npm:)?(?P<version>\d[\w.+-]*)")


def plug_and_play(text: str) -> Iterator[tuple[str, str]]:
    """The names and versions of every package; a version is empty where what is used comes from elsewhere than a registry.

    Raises:
        ValueError: it names no package, not even the project itself, nor the file that does.
    """
    name, known = "", _ELSEWHERE in text
    found: dict[tuple[str, str], None] = {}
    for match in _ENTRY.finditer(text):
        known = True
        if match["reference"] is None:
            name = match["name"] or ""
        elif name:
            found.update(dict.fromkeys(_said(name, _VIRTUAL.sub("", match["reference"]))))
    if not known:
        raise ValueError("it names no package")
    yield from found


def _said(name: str, reference: str) -> Iterator[tuple[str, str]]:
    """One package; none for the fleet's own."""
    if not reference.startswith(_OWN):
        plain = unquote(reference)
        match = _PATCHED.match(plain) or _VERSION.match(plain)
        yield (match["name"] or name, match["version"]) if match else (name, "")
