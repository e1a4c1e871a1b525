"""Running rules over a fleet, and scoring what they find."""

from trimtab.review.baseline import Baseline, BaselineError, baseline_text, read_baseline
from trimtab.review.identity import fingerprints
from trimtab.review.run import Part, Review, ReviewError, RuleCrash, review, review_file, review_fleet
from trimtab.review.score import CATEGORY_WEIGHTS, Score, score_findings

__all__ = [
    "CATEGORY_WEIGHTS",
    "Baseline",
    "BaselineError",
    "Part",
    "Review",
    "ReviewError",
    "RuleCrash",
    "Score",
    "baseline_text",
    "fingerprints",
    "read_baseline",
    "review",
    "review_file",
    "review_fleet",
    "score_findings",
]
