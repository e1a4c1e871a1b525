"""Scores, and what each finding costs.

A category starts at 10 and every finding takes its share of what is left: the score is ten times the product of
`1 - share` over the category's findings. So a file without findings has 10, every finding costs something, taking one
away never lowers a score, and no number of small findings outweighs everything. The overall score is ten times the
weighted mean of the categories. A service's score covers the findings that name it; a fleet's is the mean over its files.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trimtab.rules import Category, Confidence, Finding, Severity

CATEGORY_WEIGHTS: Mapping[Category, float] = {
    Category.SECURITY: 0.30,
    Category.RELIABILITY: 0.25,
    Category.CACHING: 0.15,
    Category.SIZE: 0.15,
    Category.MAINTAINABILITY: 0.15,
}
"""Parts of one. What can be broken into or breaks weighs more than what costs time or space."""

_SHARES: Mapping[Severity, float] = {
    Severity.INFO: 0.01,
    Severity.LOW: 0.05,
    Severity.MEDIUM: 0.15,
    Severity.HIGH: 0.30,
    Severity.CRITICAL: 0.60,
}
_CERTAINTY: Mapping[Confidence, float] = {Confidence.LOW: 0.5, Confidence.MEDIUM: 0.8, Confidence.HIGH: 1.0}


@dataclass(frozen=True, slots=True)
class Score:
    """An overall score from 0 to 100 and one per category from 0 to 10, higher being better."""

    overall: float
    categories: Mapping[Category, float]

    @classmethod
    def perfect(cls) -> "Score":
        return cls(100.0, dict.fromkeys(CATEGORY_WEIGHTS, 10.0))


def share(finding: Finding) -> float:
    """The part of its category that a finding costs, between 0 and 1."""
    return _SHARES[finding.severity] * _CERTAINTY[finding.confidence]


def score_findings(findings: Iterable[Finding]) -> Score:
    """The score of one file or service from its findings."""
    left = dict.fromkeys(CATEGORY_WEIGHTS, 1.0)
    for finding in findings:
        left[finding.category] *= 1 - share(finding)
    return _weighted({category: 10 * part for category, part in left.items()})


def mean_score(scores: Iterable[Score]) -> Score:
    """The mean of several scores, category by category; perfect for none."""
    all_scores = list(scores)
    if not all_scores:
        return Score.perfect()
    means = {c: sum(score.categories[c] for score in all_scores) / len(all_scores) for c in CATEGORY_WEIGHTS}
    return _weighted(means)


def _weighted(categories: Mapping[Category, float]) -> Score:
    overall = 10 * sum(CATEGORY_WEIGHTS[category] * value for category, value in categories.items())
    return Score(overall, categories)


def deductions(findings: Iterable[Finding]) -> list[tuple[Finding, float]]:
    """What each finding costs overall, in points of 100, the dearest first.

    Findings share a category, so the costs are counted one after another, the worst finding first; their sum is exactly
    what is missing to 100.
    """
    left = dict.fromkeys(CATEGORY_WEIGHTS, 1.0)
    found: list[tuple[Finding, float]] = []
    for finding in sorted(findings, key=lambda each: (-share(each), each.sort_key)):
        cost = left[finding.category] * share(finding)
        left[finding.category] -= cost
        found.append((finding, 100 * CATEGORY_WEIGHTS[finding.category] * cost))
    return sorted(found, key=lambda pair: -pair[1])
