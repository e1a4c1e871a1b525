"""Git submodules that are not checked out: what they hold belongs to the fleet and is not there."""

import posixpath
import re
from collections.abc import Iterator

from trimtab.fleet.tree import Tree, Unreadable

_PATH = re.compile(r"^\s*path\s*=\s*(?P<path>.*?)\s*$", re.MULTILINE | re.IGNORECASE)
NOT_THERE = "is a git submodule that is not checked out: `git submodule update --init` brings it"


def absent_submodules(tree: Tree, below: str = "") -> Iterator[str]:
    """The folders of submodules that hold nothing, those of submodules included; of those that lie below a folder, or that it
    lies in."""
    for path, entry in tree.entries.items():
        if posixpath.basename(path) != ".gitmodules" or entry.kind != "file":
            continue
        source = tree.read(path)
        for match in () if isinstance(source, Unreadable) else _PATH.finditer(source.text):
            name = match["path"].strip('"')
            folder = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            # A folder that is checked out has at least the file that says where its repository is.
            if not any(each.path for each in tree.folder(folder)) and _concerns(folder, below):
                yield folder


def _concerns(folder: str, below: str) -> bool:
    return not below or f"{folder}/".startswith(f"{below}/") or f"{below}/".startswith(f"{folder}/")
