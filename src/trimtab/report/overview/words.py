"""Figures and their sources in words, the same in every format that people read."""

from datetime import datetime, timedelta

from trimtab.report import figures
from trimtab.report.overview.model import Metric, Unit, Where
from trimtab.scan.verdict import age

_IDS = 2
"""How many runs are named; the rest is counted."""


def shown(unit: Unit, value: float) -> str:
    """A figure with its unit."""
    if unit is Unit.SECONDS:
        return figures.seconds(value)
    if unit is Unit.BYTES:
        return figures.size(value)
    if unit is Unit.SHARE:
        # Near its ends a share is told as exactly as its change is, so that both can be held against each other.
        return f"{100 * value:.1f} %" if 0 < abs(value) < 0.1 or 0.9 < value < 1 else f"{100 * value:.0f} %"
    if unit is Unit.DAYS:
        return f"{value:.1f} days"
    if unit is Unit.OF_HUNDRED:
        return f"{value:.1f} of 100"
    if unit is Unit.OF_TEN:
        return f"{value:.1f} of 10"
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"


def value(metric: Metric) -> str:
    """The metric's value; `not measured` where there is none."""
    return "not measured" if metric.value is None else shown(metric.unit, metric.value)


def change(metric: Metric) -> str:
    """From what to what, and by how much; empty where there is nothing to hold it against."""
    against = metric.change
    if against is None:
        return ""
    pair = f"{shown(metric.unit, against.before)} → {shown(metric.unit, against.after)}"
    relative = metric.unit in {Unit.SECONDS, Unit.BYTES, Unit.COUNT}
    by = figures.percent(against.before, against.after) if relative else _points(metric.unit, against.after - against.before)
    return f"{pair}, {by}" if by else pair


def _points(unit: Unit, by: float) -> str:
    scale, told = (100, " points") if unit is Unit.SHARE else (1, "")
    if not by:
        return f"±0{told}"
    decimals = 0 if unit is Unit.SHARE and abs(by) >= 0.1 else 1
    return f"{scale * by:+.{decimals}f}{told}".replace("-", "−")


def moment(at: str) -> str:
    """A moment as people write it, in UTC."""
    try:
        return datetime.fromisoformat(at).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return at


def span(seconds: float) -> str:
    """How long something was seen, in the largest unit that fits."""
    return age(timedelta(seconds=seconds))


def source(where: Where) -> str:
    """`trimtab build`, runs 12ab-3 and 2 more, 2026-01-02 03:04 UTC."""
    parts = [where.command, moment(where.at)]
    if where.ids:
        names = ", ".join(each or "unnamed" for each in where.ids[:_IDS])
        more = f" and {len(where.ids) - _IDS} more" if len(where.ids) > _IDS else ""
        parts.insert(1, names + more)
    return " · ".join(parts)
