"""Finding what fails among many changes."""

from collections.abc import Collection, Sequence

import anyio
import pytest

from trimtab.verify import Trial, Verdict, VerdictKind
from trimtab.verify.bisect import largest_holding

EIGHT = tuple("abcdefgh")


def bisected(rules: Sequence[str], bad: Collection[frozenset[str]]) -> tuple[tuple[str, ...], list[tuple[str, ...]], int]:
    """What is kept, what is blamed, and how many experiments it took; `bad` are the sets that fail together."""
    tried: set[tuple[str, ...]] = set()

    async def test(subset: Sequence[str]) -> Trial | None:
        tried.add(tuple(subset))
        fails = any(each <= set(subset) for each in bad)
        return Trial(tuple(subset), Verdict(VerdictKind.REJECTED if fails else VerdictKind.ACCEPTED, ""))

    kept, failed = anyio.run(largest_holding, rules, test)
    return kept, [trial.rules for trial in failed], len(tried)


def test_all_at_once_when_nothing_fails() -> None:
    assert bisected(EIGHT, []) == (EIGHT, [], 1)


@pytest.mark.parametrize("rule", EIGHT)
def test_one_bad_change_is_found_in_logarithmic_steps(rule: str) -> None:
    kept, blamed, experiments = bisected(EIGHT, [frozenset(rule)])
    assert kept == tuple(each for each in EIGHT if each != rule)
    assert blamed == [(rule,)]
    assert experiments <= 8


def test_two_changes_that_fail_together_only() -> None:
    kept, blamed, _ = bisected(EIGHT, [frozenset("bg")])
    assert blamed == [("b", "g")]
    assert kept == tuple("acdefh")


def test_several_bad_changes_do_not_hide_each_other() -> None:
    kept, blamed, _ = bisected(EIGHT, [frozenset("a"), frozenset("d"), frozenset("h")])
    assert kept == tuple("bcefg")
    assert sorted(blamed) == [("a",), ("d",), ("h",)]


def test_nothing_holds() -> None:
    assert bisected("ab", [frozenset("a"), frozenset("b")])[0] == ()
