"""What the files around a fleet say about how it is used: read-me files, make files, CI, scripts and requirements."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import cast

from trimtab.fleet.tree import Tree, Unreadable, own_files

_TELLING = re.compile(
    r"(?i)^(?:readme.*|(?:make|just|task|jenkins|rake)file.*|package\.json|.*\.(?:mk|md|rst|ya?ml|ps1|sh|bash|bat|cmd|service)"
    r"|requirements.*\.txt|pyproject\.toml|pipfile|tox\.ini|(?:.*\.)?dockerfile(?:\..*)?)$"
)


@dataclass(frozen=True)
class _Look:
    """A pattern, and texts one of which stands in whatever it finds: those are looked for 20 times as fast."""

    marks: tuple[str, ...]
    pattern: "re.Pattern[str]"

    def finds(self, text: str) -> bool:
        return self.may_find(text) and self.pattern.search(text) is not None

    def may_find(self, text: str) -> bool:
        return any(mark in text for mark in self.marks)


_PINNED_1 = _Look(
    ("docker-compose==", "compose/releases/download/", "COMPOSE_VERSION", "compose_version"),
    re.compile(r"(?:docker-compose==|compose/releases/download/v?|(?i:COMPOSE_VERSION)\W{1,4}v?)1\.(?P<minor>\d+)"),
)


class Mention(Enum):
    """Something that such a file may say, and how it says it."""

    ATTACHED = _Look(
        ("--abort-on-container-", "--exit-code-from"),
        re.compile(r"--abort-on-container-(?:exit|failure)|--exit-code-from"),
    )
    """A project is run until one of its services ends."""
    STACK = _Look(("stack",), re.compile(r"docker\s+stack\s+(?:deploy|up)\b"))
    """It is deployed to a swarm."""
    PROCESSORS = _Look(("linux/",), re.compile(r"(?<![\w/.-])linux/(?:amd64|arm|386|ppc64|s390x|riscv)"))
    """Which processors images are built for."""
    NO_BUILDKIT = _Look(
        ("DOCKER_BUILDKIT", "kaniko-project/executor"),
        re.compile(r"DOCKER_BUILDKIT[\"']?\s*[:=]\s*[\"']?(?:0|false)\b|kaniko-project/executor"),
    )
    """Images are built without BuildKit."""
    CLI_BUILD = _Look(("COMPOSE_DOCKER_CLI_BUILD",), re.compile(r"COMPOSE_DOCKER_CLI_BUILD"))
    """A docker-compose 1 is told to build with docker's own command line."""


@dataclass
class _Said:
    where: dict[Mention, list[str]] = field(default_factory=dict[Mention, list[str]])
    minors: list[int] = field(default_factory=list[int])
    """Minor versions of a docker-compose 1 that are pinned."""


def old_compose(tree: Tree) -> int | None:
    """The smallest minor version of a docker-compose 1 that they pin, such as 27 for 1.27.4; None where none is pinned."""
    return min(_said(tree).minors, default=None)


def is_mentioned(tree: Tree, what: Mention) -> bool:
    """Whether any of them says it."""
    return what in _said(tree).where


def mentioned_in(tree: Tree, what: Mention) -> tuple[str, ...]:
    """The paths of those that say it."""
    return tuple(_said(tree).where.get(what, ()))


def _said(tree: Tree) -> _Said:
    """All that is looked for, in one go: to read so many files takes longer than to search them."""
    key = ("said",)
    if key not in tree.memo:
        found = _Said()
        for path, text in _telling(tree):
            for what in Mention:
                if what.value.finds(text):
                    found.where.setdefault(what, []).append(path)
            if _PINNED_1.may_find(text):
                found.minors.extend(int(match["minor"]) for match in _PINNED_1.pattern.finditer(text))
        tree.memo[key] = found
    return cast("_Said", tree.memo[key])


def _telling(tree: Tree) -> Iterator[tuple[str, str]]:
    for name, entry in own_files(tree):
        source = tree.peek(entry.path) if _TELLING.match(name) else None
        if source is not None and not isinstance(source, Unreadable):
            yield entry.path, source.text
