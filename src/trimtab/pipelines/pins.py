"""The actions that generated workflows use, pinned to commits by a table with a date."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import cast

from trimtab.fleet.plain import items, mapping


@dataclass(frozen=True, slots=True)
class Pin:
    """One action at one commit."""

    action: str
    commit: str
    release: str
    seen: tuple[str, ...]
    """Where the commit was read under that release's name."""

    @property
    def use(self) -> str:
        """As a workflow says it; Dependabot and Renovate keep the commit and the comment in step."""
        return f"{self.action}@{self.commit} # {self.release}"


@dataclass(frozen=True, slots=True)
class PinTable:
    """All pins, and the day on which they were the newest releases that could be seen."""

    as_of: date
    pins: Mapping[str, Pin]


@cache
def pin_table() -> PinTable:
    """The table that is shipped."""
    data = cast(
        "dict[str, object]", tomllib.loads(files("trimtab.pipelines").joinpath("pins.toml").read_text(encoding="utf-8"))
    )
    pins = {name: _pin(entry) for name, value in data.items() if (entry := mapping(value))}
    return PinTable(cast("date", data["as_of"]), pins)


def _pin(entry: Mapping[str, object]) -> Pin:
    seen = tuple(str(each) for each in items(entry["seen"]))
    return Pin(str(entry["uses"]), str(entry["commit"]), str(entry["release"]), seen)
