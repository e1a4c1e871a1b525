"""What two versions got on trial, and what follows from it."""

import pytest

from trimtab.deploy.holder.runtime import Counters
from trimtab.deploy.holder.trial import Trial


def trial(new: tuple[int, int], old: tuple[int, int]) -> Trial:
    """Requests that were not done, of how many, by the new version and by the old one."""
    return Trial(*(Counters(sessions=given, server_errors=failed) for failed, given in (new, old)))


@pytest.mark.parametrize(
    ("new", "old", "is_worse", "is_decided"),
    [
        ((0, 0), (0, 0), False, False),
        ((0, 100), (0, 100), False, False),
        ((2, 2), (0, 2), False, False),  # so few are nobody's verdict
        ((3, 3), (0, 3), True, False),
        ((5, 5), (0, 5), True, True),
        ((5, 5), (0, 0), True, False),  # nobody knows how the old one does meanwhile
        ((4, 100), (0, 100), False, False),
        ((6, 100), (0, 100), True, False),
        ((12, 100), (0, 100), True, True),
        ((50, 50), (50, 50), False, False),  # whatever it is, the old one has it as well
        ((20, 100), (18, 100), False, False),
        ((0, 100), (50, 100), False, False),
    ],
)
def test_when_a_version_is_worse(new: tuple[int, int], old: tuple[int, int], is_worse: bool, is_decided: bool) -> None:
    found = trial(new, old)
    assert (found.worse is not None, found.is_decided) == (is_worse, is_decided)


def test_what_callers_did_not_see_is_held_against_it_all_the_same() -> None:
    found = Trial(Counters(sessions=20, passed_on=10, server_errors=2), Counters(sessions=30))
    assert found.worse == "12 of 20 requests failed on trial, 10 of them unseen by callers, of the one before 0.0%"
    alike = Trial(Counters(sessions=4, server_errors=2), Counters(sessions=4, server_errors=2))
    assert (alike.worse, alike.text) == (None, "2 of 4 requests failed on trial, of the one before 50.0%")
    # A connection that is refused is counted where it was tried, each time that it was.
    assert Counters(sessions=3, passed_on=3, refused=1).not_done == 3
