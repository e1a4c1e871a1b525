"""Keeping credentials out of what is shown and kept."""

from collections.abc import Iterable, Mapping

from trimtab.fleet.secrets import secret_kind

_LEAST = 6
"""Characters. Shorter values stand in too many other words."""
_MASK = "***"


class Redactor:
    """Replaces values that are known to be secret."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = sorted({value for value in values if len(value) >= _LEAST}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """A text without them."""
        for value in self._values:
            text = text.replace(value, _MASK)
        return text


def secret_values(variables: Mapping[str, str]) -> list[str]:
    """The values of those variables that look like credentials, by their name or their own form."""
    return [value for name, value in variables.items() if secret_kind(name, value)]
