"""Sizes as compose and docker write them: `512m`, `1.5GB`, `64MiB`, all of them powers of 1024."""

import math
import re

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmgtp]?)(?:i?b)?", re.IGNORECASE)
_MOST = 2.0**63
"""Bytes that docker can say; a number of hundreds of digits is no size."""
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def byte_size(text: str | None) -> int | None:
    """Bytes; None for what is no size. docker/go-units' RAMInBytes: `1g` and `1GB` are both 1024³."""
    return _bytes((text or "").strip(), 1024)


def decimal_size(text: str) -> int | None:
    """Bytes of a size as docker prints it: `1kB` is 1000 (docker/go-units' HumanSize), `1KiB` 1024; None for what is none."""
    return _bytes(text.strip(), 1024 if "i" in text.lower() else 1000)


def _bytes(text: str, base: int) -> int | None:
    match = _SIZE.fullmatch(text)
    found = float(match["number"]) * base ** _POWERS[match["unit"].lower()] if match else math.inf
    return int(found) if found <= _MOST else None


def size_text(size: int) -> str:
    """A size in the largest unit that leaves at least 1: `1.5 GiB`."""
    value, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:.1f} {units[0]}".replace(".0 ", " ")
