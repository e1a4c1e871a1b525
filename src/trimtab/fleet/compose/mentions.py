"""What the files around a fleet say about how it is used: read-me files, make files, CI, scripts and requirements."""

import re
from collections.abc import Iterator
from typing import cast

from trimtab.fleet.tree import Tree, Unreadable, own_files

_TELLING = re.compile(
    r"(?i)^(?:readme.*|(?:make|just|task|jenkins|rake)file.*|package\.json|.*\.(?:mk|md|rst|ya?ml|ps1|sh|bash|bat|cmd|service)"
    r"|requirements.*\.txt|pyproject\.toml|pipfile|tox\.ini|(?:.*\.)?dockerfile(?:\..*)?)$"
)


_PINNED_1 = re.compile(
    r"(?:docker-compose==|compose/releases/download/v?|COMPOSE_VERSION\W{1,4}v?)1\.(?P<minor>\d+)", re.IGNORECASE
)


def old_compose(tree: Tree) -> int | None:
    """The smallest minor version of a docker-compose 1 that they pin, such as 27 for 1.27.4; None where none is pinned."""
    key = ("old compose",)
    if key not in tree.memo:
        found = (int(match["minor"]) for text in _telling(tree) for match in _PINNED_1.finditer(text))
        tree.memo[key] = min(found, default=None)
    return cast("int | None", tree.memo[key])


def is_mentioned(tree: Tree, pattern: "re.Pattern[str]") -> bool:
    """Whether any of them says what a pattern describes; looked for once in each tree."""
    key = ("mentioned", pattern.pattern)
    if key not in tree.memo:
        tree.memo[key] = any(pattern.search(text) for text in _telling(tree))
    return bool(tree.memo[key])


def mentioned_in(tree: Tree, pattern: "re.Pattern[str]") -> tuple[str, ...]:
    """The paths of those that say what a pattern describes; looked for once in each tree."""
    key = ("mentioned in", pattern.pattern)
    if key not in tree.memo:
        tree.memo[key] = tuple(path for path, text in _told(tree) if pattern.search(text))
    return cast("tuple[str, ...]", tree.memo[key])


def _telling(tree: Tree) -> Iterator[str]:
    return (text for _, text in _told(tree))


def _told(tree: Tree) -> Iterator[tuple[str, str]]:
    for name, entry in own_files(tree):
        source = tree.peek(entry.path) if _TELLING.match(name) else None
        if source is not None and not isinstance(source, Unreadable):
            yield entry.path, source.text
