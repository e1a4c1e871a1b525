"""Scores, suppressions and the isolation of a failing rule."""

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.fleet import Facts, Fleet, MemoryTree, discover
from trimtab.review import review
from trimtab.review.score import deductions, score_findings
from trimtab.rules import Category, Confidence, DockerfileRule, Finding, Severity
from trimtab.syntax.dockerfile import Dockerfile

Make = Callable[[Mapping[str, str]], Fleet]
PIP = "RUN pip install six\n"


@pytest.mark.parametrize(
    ("text", "suppressed"),
    [
        (f"FROM python:3.12\n# trimtab: ignore[DF101] it is tiny\n{PIP}", True),
        (f"FROM python:3.12\n# trimtab: ignore[missing-cache-mount, df999]\n{PIP}", True),
        (f"# trimtab: ignore-file[DF101]\nFROM python:3.12\n{PIP}", True),
        (f"FROM python:3.12\n# trimtab: ignore[DF104]\n{PIP}", False),
        (f"FROM python:3.12\n# trimtab: ignore[DF101]\nENV A=b\n{PIP}", False),
    ],
)
def test_suppression(fleet: Make, text: str, suppressed: bool) -> None:
    result = review(fleet({"Dockerfile": text}))
    assert ("DF101" in {each.rule for each in result.suppressed}) is suppressed
    assert ("DF101" in {each.rule for each in result.findings}) is not suppressed


class Crashing(DockerfileRule):
    """A rule with a bug."""

    code: ClassVar[str] = "DF999"
    category: ClassVar[Category] = Category.SIZE
    severity: ClassVar[Severity] = Severity.LOW
    since: ClassVar[str] = "0.1"

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        raise ZeroDivisionError


def test_a_crashing_rule_hides_nothing(fleet: Make) -> None:
    from trimtab.rules import all_rules

    result = review(fleet({"Dockerfile": f"FROM python:3.12\n{PIP}"}), [Crashing(), *all_rules()])
    assert [crash.rule for crash in result.crashes] == ["DF999"]
    assert "DF101" in {each.rule for each in result.findings}


_FINDING = st.builds(
    Finding, st.just("X"), st.just("x"), st.sampled_from(Category), st.sampled_from(Severity), st.sampled_from(Confidence),
    st.just("p"), st.integers(1, 99), st.just(1), st.just(1), st.just("m"),
)  # fmt: skip


@given(st.lists(_FINDING, max_size=12))
def test_score_laws(findings: list[Finding]) -> None:
    score = score_findings(findings)
    assert 0 <= score.overall <= 100
    assert (score.overall == 100) is (not findings)
    assert sum(points for _, points in deductions(findings)) == pytest.approx(100 - score.overall)
    for index in range(len(findings)):
        fewer = score_findings(findings[:index] + findings[index + 1 :])
        assert fewer.overall > score.overall
        assert all(fewer.categories[category] >= score.categories[category] for category in Category)


def test_clean_fleet_is_100(fleet: Make) -> None:
    assert review(fleet({"Dockerfile": "FROM scratch\nCOPY a /\nUSER 1\n", "a": ""})).score.overall == 100


def test_findings_of_one_place_come_in_the_order_they_were_found_in() -> None:
    # They are equal in all that they are sorted by; the order of a set changed from process to process.
    line = 'curl -X POST --data "$(curl -s http://localhost:8081/b)" http://a:8081/c\n'
    text = "#!/bin/bash\nset -e\ndocker compose up -d\n" + 12 * line
    findings = [each for each in review(discover(MemoryTree({"run.sh": text}))).findings if each.rule == "SC119"]
    assert [(each.line, each.fix is None) for each in findings] == [
        (line, fix) for line in range(4, 16) for fix in (True, False)
    ]
