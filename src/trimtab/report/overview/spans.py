"""Windows over what is kept: what counts as now, and what as before."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from trimtab.history import BuildRow
from trimtab.report.overview.model import Change, Where

T = TypeVar("T")


def halves(rows: Sequence[T], most: int) -> tuple[Sequence[T], Sequence[T]]:
    """The newer and the older half of the last rows, which come the newest first; a lone row is new, and the middle one too."""
    last = rows[:most]
    middle = (len(last) + 1) // 2
    return last[:middle], last[middle:]


def built(rows: Iterable[BuildRow]) -> list[BuildRow]:
    """Those that made an image."""
    return [row for row in rows if row.outcome == "built"]


def of_builds(rows: Iterable[BuildRow]) -> Where:
    """Where a figure of builds comes from."""
    every = sorted(rows, key=lambda row: row.started, reverse=True)
    return Where("trimtab build", every[0].started, tuple(dict.fromkeys(row.run for row in every)))


def mean(values: Iterable[float]) -> float | None:
    """The mean; None of nothing."""
    every = list(values)
    return sum(every) / len(every) if every else None


def ratio(part: float, whole: float) -> float | None:
    """A share of one; None of nothing."""
    return part / whole if whole else None


def change(before: float | None, after: float | None, where: Where, subjects: str = "") -> Change | None:
    """The change, where both sides are known."""
    return None if before is None or after is None else Change(before, after, where, subjects)


def in_fleet(rows: Mapping[str, Sequence[BuildRow]], names: frozenset[str]) -> dict[str, Sequence[BuildRow]]:
    """The targets that the fleet still has: a name of a service of it, or no service at all, as imported builds."""
    return {
        target: mine
        for target, mine in rows.items()
        if not mine[0].services or not names.isdisjoint(mine[0].services.split(",")) or target in names
    }
