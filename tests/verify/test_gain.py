"""What a change has to gain to be worth anything."""

import pytest

from trimtab.verify import Measurement, Pair, Scenario, VerdictKind
from trimtab.verify.gain import judge_gain


def measured(*pairs: tuple[float, float]) -> Measurement:
    return Measurement(Scenario.SOURCE_EDIT, "a.py", tuple(Pair(*pair) for pair in pairs))


FASTER = measured((10, 5), (10.2, 5.1), (10.1, 5))
SLOWER = measured((5, 10), (5.1, 10.2), (5, 10.1))
EQUAL = measured((5, 5.1), (5.2, 5), (5, 5))
TINY = measured((0.20, 0.22), (0.20, 0.22), (0.20, 0.22))


@pytest.mark.parametrize(
    ("sizes", "measurements", "kind"),
    [
        ((100, 100), [FASTER, EQUAL], VerdictKind.ACCEPTED),
        ((100, 50), [EQUAL], VerdictKind.ACCEPTED),
        ((100, 50), [], VerdictKind.ACCEPTED),
        ((100, 100), [EQUAL], VerdictKind.REJECTED),
        ((100, 100), [FASTER, SLOWER], VerdictKind.REJECTED),
        ((100, 120), [FASTER], VerdictKind.REJECTED),
        ((100, 50), [SLOWER], VerdictKind.REJECTED),
        ((100, 100), [FASTER, TINY], VerdictKind.ACCEPTED),
        ((100, 100), [], VerdictKind.INCONCLUSIVE),
        ((100, 100), [measured((10, 5))], VerdictKind.INCONCLUSIVE),
    ],
)
def test_something_better_and_nothing_worse(sizes: tuple[int, int], measurements: list[Measurement], kind: VerdictKind) -> None:
    assert judge_gain(sizes, measurements).kind is kind


def test_the_reason_says_what_was_measured() -> None:
    reason = judge_gain((100, 100), [FASTER]).reason
    assert reason == "harmless, and it gains: source edit 10.1 → 5.0 s ± 0.1"
