"""When a measured difference counts."""

import pytest

from trimtab.report import evidence as told
from trimtab.report import figures
from trimtab.verify import Measurement, Pair, Scenario


def measured(*pairs: tuple[float, float]) -> Measurement:
    return Measurement(Scenario.SOURCE_EDIT, "a.py", tuple(Pair(*pair) for pair in pairs))


@pytest.mark.parametrize(
    ("pairs", "conclusive"),
    [
        ([(10, 1), (11, 1.2), (10.5, 1.1)], True),
        ([(10, 1)], False),
        ([(10, 9.9), (9.8, 10), (10.1, 9.9)], False),
        ([(10, 9), (14, 8), (6, 5)], False),
        ([(1, 2), (1.1, 2.1), (1, 2.2)], True),
    ],
)
def test_conclusive(pairs: list[tuple[float, float]], conclusive: bool) -> None:
    assert measured(*pairs).conclusive is conclusive


def test_figures() -> None:
    assert figures.size(1_234_000_000) == "1.2 GB"
    assert figures.size(999) == "999 B"
    assert figures.percent(200, 100) == "−50 %"
    assert figures.percent(100, 100.1) == "±0 %"
    assert told.times(measured((10, 1))) == "10.0 s → 1.0 s ~−90 %"
    assert told.times(measured((10, 1), (10, 1))) == "10.0 s → 1.0 s −90 %"
