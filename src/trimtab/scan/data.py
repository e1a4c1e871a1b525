"""YAML and JSON of other people, as plain values, without what is only there to do harm."""

import re
from typing import cast

import yaml

_ALIAS = re.compile(r"(?:^|[\s\[,:])\*\w")
_OPENED = re.compile(r"[\[{]|[-?](?=\s)|^ {100}", re.MULTILINE)
_DEEPEST = 100
"""Collections within collections. PyYAML's C loader ends the whole process some ten thousand deep."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str) -> object:
    """The values of one document.

    Raises:
        ValueError: it is no YAML, refers to parts of itself (which may unfold without end), or is nested too deeply.
    """
    try:
        if _ALIAS.search(text) or sum(1 for _ in _OPENED.finditer(text)) > _DEEPEST:
            _check(text)
        return cast("object", yaml.load(text, Loader=_LOADER))  # noqa: S506  a loader of plain values
    except yaml.YAMLError as error:
        raise ValueError(str(error).partition("\n")[0]) from error


def _check(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it refers to parts of itself, which may unfold without end")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ValueError(f"it is nested more than {_DEEPEST} deep")
