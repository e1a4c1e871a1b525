"""How long images get security fixes, from the table that ships with the package."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import cast

from trimtab.fleet.bases import Reference
from trimtab.fleet.plain import mapping

_DEBIAN = frozenset({"jessie", "stretch", "buster", "bullseye", "bookworm", "trixie", "forky"})


@dataclass(frozen=True, slots=True)
class Lifetime:
    """One release cycle and the day of its last security fix."""

    product: str
    cycle: str
    end: date


@cache
def _table() -> Mapping[str, object]:
    text = resources.files("trimtab.fleet").joinpath("end_of_life.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def as_of() -> date:
    """The day that the table's dates were read."""
    return cast("date", _table()["as_of"])


def lifetimes(reference: Reference) -> Iterator[Lifetime]:
    """What is known of an official image: its own release cycle, and that of the distribution in its tag."""
    if not reference.official:
        return
    own = _cycle(reference.name, [".".join(map(str, reference.version[:length])) for length in (3, 2, 1)])
    if own:
        yield own
    distribution = reference.distribution
    if distribution and distribution.startswith("alpine"):
        found = _cycle("alpine", [distribution.removeprefix("alpine")])
    elif distribution in _DEBIAN:
        found = _cycle("debian-lts", [distribution]) or _cycle("debian", [distribution])
    else:
        found = _cycle("ubuntu", [distribution]) if distribution else None
    if found and (own is None or own.product != found.product.removesuffix("-lts")):
        yield found


def _cycle(product: str, names: list[str]) -> Lifetime | None:
    tables = [mapping(_table().get(f"{product}-lts")), mapping(_table().get(product))]
    for name in names:
        for table in tables:
            end = table.get(name)
            if isinstance(end, date):
                return Lifetime(product.removesuffix("-lts"), name, end)
    return None
