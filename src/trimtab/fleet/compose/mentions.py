"""What the files around a fleet say about how it is used: read-me files, make files, CI, scripts and requirements."""

import posixpath
import re

from trimtab.fleet.tree import Tree, Unreadable, own_entries

_TELLING = re.compile(
    r"(?i)^(?:readme.*|(?:make|just|task|jenkins|rake)file.*|package\.json|.*\.(?:mk|md|rst|ya?ml|ps1|sh|bash|bat|cmd|service)"
    r"|requirements.*\.txt|pyproject\.toml|pipfile|tox\.ini|(?:.*\.)?dockerfile(?:\..*)?)$"
)


def is_mentioned(tree: Tree, pattern: "re.Pattern[str]") -> bool:
    """Whether any of them says what a pattern describes; looked for once in each tree."""
    key = ("mentioned", pattern.pattern)
    if key not in tree.memo:
        own = (entry.path for entry in own_entries(tree) if _TELLING.match(posixpath.basename(entry.path)))
        tree.memo[key] = any(_says(tree, path, pattern) for path in own if ".tox" not in path.split("/"))
    return bool(tree.memo[key])


def _says(tree: Tree, path: str, pattern: "re.Pattern[str]") -> bool:
    source = tree.peek(path)
    return not isinstance(source, Unreadable) and bool(pattern.search(source.text))
