"""Charts as plain geometry for the HTML pages: rectangles and bars in the units of an SVG's view box."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rectangle:
    """One rectangle of a chart; `index` tells which value it stands for."""

    index: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Start:
    """One service in a start, before and after a change, in percent of the longest start."""

    name: str
    critical: bool
    waits: float
    before: float
    waits_after: float
    after: float
    text: str


def treemap(values: Sequence[float], width: float, height: float) -> list[Rectangle]:
    """Rectangles whose areas are as the values, as square as can be had.

    Squarified treemaps: Bruls, Huizing and van Wijk, 2000. Values of zero get none.
    """
    order = sorted((index for index, value in enumerate(values) if value > 0), key=lambda index: -values[index])
    total = sum(values[index] for index in order)
    scale = width * height / total if total else 0
    left = [(index, values[index] * scale) for index in order]
    found: list[Rectangle] = []
    x, y = 0.0, 0.0
    while left:
        side = min(width, height)
        count = _row_length([area for _, area in left], side)
        row, left = left[:count], left[count:]
        thickness = sum(area for _, area in row) / side
        offset = 0.0
        for index, area in row:
            length = area / thickness
            place = (x, y + offset, thickness, length) if width >= height else (x + offset, y, length, thickness)
            found.append(Rectangle(index, *place))
            offset += length
        if width >= height:
            x, width = x + thickness, max(width - thickness, 0.0)
        else:
            y, height = y + thickness, max(height - thickness, 0.0)
    return found


def _row_length(areas: Sequence[float], side: float) -> int:
    """How many of the next areas share a row before their worst aspect ratio gets worse."""
    best, count = float("inf"), 0
    total = 0.0
    for number, area in enumerate(areas, start=1):
        total += area
        largest, smallest = areas[0], area
        worst = max(side * side * largest / (total * total), total * total / (side * side * smallest))
        if worst > best:
            break
        best, count = worst, number
    return count


_WIDEST = 48.0
"""Few columns stand side by side all the same."""


def polyline(values: Sequence[float], width: float, height: float) -> str:
    """The points of a line through values at equal distances, from nothing at the bottom to the largest at the top."""
    largest = max(values, default=0.0) or 1.0
    step = width / max(len(values) - 1, 1)
    return " ".join(
        f"{number * step:.1f},{height - value / largest * (height - 2) - 1:.1f}" for number, value in enumerate(values)
    )


def columns(values: Sequence[float], width: float, height: float) -> list[Rectangle]:
    """Columns side by side, from nothing at the bottom to the largest at the top."""
    largest = max(values, default=0.0) or 1.0
    step = min(width / max(len(values), 1), _WIDEST)
    heights = [max(value / largest * height, 1.0) for value in values]
    return [
        Rectangle(number, number * step + step * 0.12, height - tall, step * 0.76, tall) for number, tall in enumerate(heights)
    ]


def cascade(seconds: Sequence[float], width: float, longest: float) -> list[tuple[float, float]]:
    """Start and length of bars that follow one another; `longest` is the time that the whole width stands for."""
    found: list[tuple[float, float]] = []
    at = 0.0
    for value in seconds:
        found.append((width * at / longest if longest else 0.0, width * value / longest if longest else 0.0))
        at += value
    return found
