"""Plain data from YAML, JSON and HCL, narrowed to what is expected of it."""

import posixpath
import re
from collections.abc import Mapping
from typing import cast

from trimtab.syntax.data import read_json

_LONGEST_NUMBER = 8192
"""Bits of a number that is still written in decimal digits."""
_MOST_DIGITS = 4300
"""Of a number that Python reads (`sys.int_info.default_max_str_digits`)."""
_NO_FOLDER = re.compile(r"^[a-z][a-z0-9+.-]*:|^git@|^/")


def mapping(value: object) -> Mapping[str, object]:
    """The value when it is a mapping, else an empty one."""
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def items(value: object) -> list[object]:
    """The value's items when it is a list, nothing for None, else the value alone."""
    if value is None:
        return []
    return cast("list[object]", value) if isinstance(value, list) else [value]


def mapping_of(json: str | bytes) -> Mapping[str, object]:
    """What a JSON text maps; nothing for a text that is none, or is no mapping."""
    try:
        return mapping(read_json(json))
    except ValueError:
        return {}


def text(value: object) -> str | None:
    """A scalar as it would be written; None stays None."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > _LONGEST_NUMBER:
        # Python refuses to write a number of more than 4,300 digits, and YAML's `0x…` may have as many as it likes.
        return hex(value)
    return None if value is None else str(value)


def is_true(value: object) -> bool:
    """Whether compose takes a value for true: besides `true` itself these words, which a variable may be replaced by."""
    return (text(value) or "").lower() in {"true", "yes", "on", "y", "t", "1"}


def named_context(folder: str, value: str) -> str:
    """What an additional context stands for; a folder that is counted from `folder` is counted from the fleet's root."""
    return value if _NO_FOLDER.match(value) else posixpath.normpath(posixpath.join(folder or ".", value))


def whole(value: object) -> int | None:
    """A whole number that is not negative, given or written in decimal digits; None for anything else."""
    written = text(value) or ""
    return int(written) if written.isdecimal() and len(written) <= _MOST_DIGITS else None
