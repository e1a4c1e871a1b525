"""The order of versions, by the rules of each ecosystem."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Protocol, Self, cast

import univers.versions as univers


class Ordered(Protocol):
    """A version that can be compared with others of its ecosystem."""

    def __lt__(self, other: Self, /) -> bool:
        """The one comparison that is used: `<=` of univers' Alpine versions compares texts (32.0.1)."""
        ...


class UnreadableVersion(ValueError):
    """A text that is no version by its ecosystem's rules, so that no order can be given."""


_READERS: Mapping[str, str] = {
    "PyPI": "PypiVersion", "npm": "SemverVersion", "Go": "SemverVersion", "crates.io": "SemverVersion",
    "Maven": "MavenVersion", "RubyGems": "RubygemsVersion", "NuGet": "NugetVersion",
    "Debian": "DebianVersion", "Ubuntu": "DebianVersion", "Alpine": "AlpineLinuxVersion", "Wolfi": "AlpineLinuxVersion",
    "Chainguard": "AlpineLinuxVersion", "Rocky Linux": "RpmVersion", "AlmaLinux": "RpmVersion",
}  # fmt: skip
"""Composer's is left out: univers cuts versions of four parts and patch levels (32.0.1), and what cannot be put in order is
said to be not checked."""

_AFTER = ("cvs", "svn", "git", "hg")
"""Suffixes of Alpine's versions that come behind none and before `_p`, in order."""
_SUFFIX = re.compile(rf"_({'|'.join(_AFTER)}|p)(\d*)(?![a-z])")


def _as_gentoo(text: str) -> str:
    """An Alpine version in Gentoo's words, in the same order: univers takes the one for the other (32.0.1), and reads none of
    `_git20230717`, which the musl of Alpine 3.19 has.

    `_p1` is `_p2`, so that `_p0` is free for what comes before it.
    """

    def said(match: re.Match[str]) -> str:
        name, number = match[1], int(match[2] or 0)
        return f"_p{number + 1}" if name == "p" else f"_p0_p{_AFTER.index(name)}_p{number}"

    return _SUFFIX.sub(said, text)


def can_order(ecosystem: str) -> bool:
    """Whether versions of this ecosystem can be compared."""
    return ecosystem.partition(":")[0] in _READERS


@cache
def read_version(ecosystem: str, text: str) -> Ordered:
    """A version of an ecosystem, which may carry a release: `Debian:12`.

    Raises:
        UnreadableVersion: the text is none, or nobody here knows the ecosystem's order.
    """
    name = _READERS.get(ecosystem.partition(":")[0])
    if name is None:
        raise UnreadableVersion(f"the order of versions of `{ecosystem}` is not known here")
    # Go's modules carry a `v`, its advisories do not.
    plain = text.removeprefix("v") if name == "SemverVersion" else text
    plain = _as_gentoo(plain) if name == "AlpineLinuxVersion" else plain
    try:
        return cast("Callable[[str], Ordered]", getattr(univers, name))(plain)
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        raise UnreadableVersion(f"`{text}` is no version of {ecosystem}") from error
