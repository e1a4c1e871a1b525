"""Running rules over a fleet, and scoring what they find."""

from trimtab.review.run import Review, ReviewError, RuleCrash, review, review_file
from trimtab.review.score import CATEGORY_WEIGHTS, Score, score_findings

__all__ = ["CATEGORY_WEIGHTS", "Review", "ReviewError", "RuleCrash", "Score", "review", "review_file", "score_findings"]
