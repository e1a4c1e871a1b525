"""What is accepted once stays quiet, and what is new does not."""

import pytest

from trimtab.fleet import MemoryTree, discover
from trimtab.review import review
from trimtab.review.baseline import BaselineError, baseline_text, read_baseline


def test_the_same_finding_a_second_time_is_new() -> None:
    one = review(discover(MemoryTree({"Dockerfile": "FROM debian:13\nRUN sudo ls\n"})))
    two = review(discover(MemoryTree({"Dockerfile": "FROM debian:13\n\nRUN sudo ls\nRUN sudo ls\n"})))
    known = read_baseline(baseline_text(one.findings))
    assert known.new(one.findings) == []
    assert [(each.rule, each.line) for each in known.new(two.findings) if each.rule == "DF210"] == [("DF210", 4)]
    assert known.apply(two).findings == tuple(known.new(two.findings))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "is no baseline"),
        ('{"schema": "other"}', "is no baseline"),
    ],
)
def test_what_is_no_baseline(text: str, reason: str) -> None:
    with pytest.raises(BaselineError, match=reason):
        read_baseline(text)
