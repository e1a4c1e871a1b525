"""JSON and TOML of other people as plain values. Whatever is wrong with a text is a ValueError, its depth included."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import cast

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONG_KEY = re.compile(r"^\s*\[{0,2}\s*(?:[\w\"'-]+\s*\.\s*){200}", re.MULTILINE)
"""More parts than any key has; `tomllib` takes time by their square: 100,000 of them took 14 s."""


def read_json(text: str | bytes) -> object:
    """The value of a JSON document.

    Raises:
        ValueError: it is none, or is nested so deeply that Python gives up.
    """
    try:
        return cast("object", json.loads(text))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_toml(text: str) -> dict[str, object]:
    """The tables of a TOML document.

    Raises:
        ValueError: it is none, is nested so deeply that Python gives up, or has keys of hundreds of parts.
    """
    if _LONG_KEY.search(text):
        raise ValueError("it has a key of more than 200 parts")
    try:
        return cast("dict[str, object]", tomllib.loads(text))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def toml_key(name: str) -> str:
    """A key as TOML has it, without quotes where it needs none."""
    return name if _BARE_KEY.fullmatch(name) else toml_value(name)


def toml_value(value: object) -> str:
    """A value as TOML has it, on one line. JSON's texts, numbers and lists are TOML's, too, but for DEL, which it escapes.

    Mappings are inline tables. Dates, and None, which TOML does not have, are not for it.
    """
    if isinstance(value, Mapping):
        found = cast("Mapping[str, object]", value)
        return "{" + ", ".join(f"{toml_key(key)} = {toml_value(each)}" for key, each in found.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(toml_value(each) for each in cast("Sequence[object]", value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
