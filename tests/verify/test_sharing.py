"""When a shared base is worth it."""

import pytest

from trimtab.verify import Measurement, Pair, Scenario, VerdictKind
from trimtab.verify.sharing import judge

FASTER = Measurement(Scenario.COLD, "", (Pair(30, 20), Pair(31, 21)))
SLOWER = Measurement(Scenario.COLD, "", (Pair(20, 30), Pair(21, 31)))
EQUAL = Measurement(Scenario.COLD, "", (Pair(20, 21), Pair(21, 20)))


@pytest.mark.parametrize(
    ("unique", "cold", "kind"),
    [
        ((100, 80), FASTER, VerdictKind.ACCEPTED),
        ((100, 100), FASTER, VerdictKind.REJECTED),
        ((100, 120), FASTER, VerdictKind.REJECTED),
        ((100, 80), SLOWER, VerdictKind.REJECTED),
        ((100, 80), EQUAL, VerdictKind.INCONCLUSIVE),
        ((100, 80), Measurement(Scenario.COLD, "", ()), VerdictKind.INCONCLUSIVE),
    ],
)
def test_bytes_and_time_have_to_win(unique: tuple[int, int], cold: Measurement, kind: VerdictKind) -> None:
    assert judge(unique, cold).kind is kind
