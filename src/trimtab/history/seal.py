"""A mark on a kept result by which an edit of it is noticed.

Against a slip of an editor, a script that tidies up, a merge of two records: not against somebody who makes a new mark, since
whoever may write the history may write all of it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import cast

_KEY = "seal"


def sealed(data: Mapping[str, object]) -> dict[str, object]:
    """The result with its mark, a SHA-256 of the rest."""
    return {**data, _KEY: _seal(data)}


def is_sealed(data: object) -> bool:
    """Whether a result that was read back is as it was kept."""
    if not isinstance(data, dict):
        return False
    found = cast("dict[str, object]", data)
    return found.get(_KEY) == _seal({key: value for key, value in found.items() if key != _KEY})


def _seal(data: Mapping[str, object]) -> str:
    # As it will be read back: lists for tuples, and no difference by the order of keys.
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
