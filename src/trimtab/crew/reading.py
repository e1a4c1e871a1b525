"""Reading a value out of a step's result, so that a claim cannot say anything else than its source."""

from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a value is in a JSON document: keys and numbers on the way, then which items, then perhaps their count."""

    path: tuple[str | int, ...]
    only: tuple[str, object] | None = None
    """Of a list, the items whose key has this value."""
    counted: bool = False

    def of(self, data: object) -> object | None:
        """The value; None where the document has no such place."""
        found = data
        for key in self.path:
            found = _inner(found, key)
        if self.only is not None:
            key, value = self.only
            listed = _list(found)
            found = None if listed is None else [each for each in listed if _inner(each, key) == value]
        if not self.counted:
            return found
        return len(cast("list[object]", found)) if isinstance(found, list | dict) else None

    def __str__(self) -> str:
        text = "/" + "/".join(str(key) for key in self.path)
        text += f"[{self.only[0]}={self.only[1]}]" if self.only is not None else ""
        return f"count of {text}" if self.counted else text


def _list(data: object) -> list[object] | None:
    return cast("list[object]", data) if isinstance(data, list) else None


def _inner(data: object, key: str | int) -> object | None:
    if isinstance(data, dict):
        return cast("dict[object, object]", data).get(key)
    listed = _list(data)
    if listed is not None and isinstance(key, int):
        return listed[key] if -len(listed) <= key < len(listed) else None
    return None
