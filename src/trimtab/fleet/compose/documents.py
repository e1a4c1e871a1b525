"""The YAML documents of a file, read once."""

from typing import cast

from trimtab.fleet.tree import Tree, Unreadable
from trimtab.syntax.yaml import YamlDocument, YamlProblem, load_documents

Documents = tuple[YamlDocument, ...]


def read_documents(tree: Tree, path: str) -> Documents | Unreadable | YamlProblem:
    """The documents of a file, or why there are none."""
    key = ("yaml", path)
    if key not in tree.memo:
        tree.memo[key] = _read(tree, path)
    return cast("Documents | Unreadable | YamlProblem", tree.memo[key])


def _read(tree: Tree, path: str) -> Documents | Unreadable | YamlProblem:
    source = tree.read(path)
    if isinstance(source, Unreadable):
        return source
    try:
        return load_documents(source)
    except YamlProblem as problem:
        return problem
