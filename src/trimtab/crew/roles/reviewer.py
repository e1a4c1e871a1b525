"""The reviewer: whether the fleet is better than it was, by the same rules."""

from trimtab.crew.conclude import conclude
from trimtab.crew.model import Brief, Do, Done, Left, Report, Role, Standing, Step
from trimtab.crew.results import before
from trimtab.crew.roles.analyst import judged, unread
from trimtab.fleet.plain import items, mapping

_GRAVE = ("critical", "high")
_ROUNDING = 0.05
"""Scores are printed with one digit: less than half of that is no difference."""


async def reviewer(brief: Brief, do: Do) -> Report:
    """Reviews and scores the changed tree, and holds it against what the branch began with, or what the analyst has seen where
    there is no branch; a new grave finding or a lower score fails."""
    review = await do(Step("review", ("review", *brief.where, *brief.settings)))
    score = await do(Step("score", ("score", *brief.where, *brief.settings)))
    claims = judged(brief, Role.REVIEWER, review, score)
    steps = [review, score]
    was, rated = before(brief, Role.ANALYST, "review"), before(brief, Role.ANALYST, "score")
    if brief.before is not None:
        # The analyst has seen the user's own tree, with files that git does not have, and the branch has not.
        own = (str(await brief.before()), *brief.settings)
        steps += [await do(Step("review-before", ("review", *own))), await do(Step("score-before", ("score", *own)))]
        was, rated = steps[2].data, steps[3].data
    if was is None or rated is None:
        found = len(items(mapping(review.data).get("findings")))
        said = f"{found} findings; there is no earlier review in this run to compare with"
        return conclude(Role.REVIEWER, said, steps, claims=claims.found, left=unread(review))
    new = _new(was, review)
    lower = _score(score.data) < _score(rated) - _ROUNDING
    grave = [each for each in new if each.what in _GRAVE]
    said = f"{_score(rated):.1f} → {_score(score.data):.1f} of 100, {len(new)} findings that were not there before"
    standing = Standing.FAILED if lower or grave else Standing.DONE
    left = [*unread(review), *new]
    return conclude(Role.REVIEWER, said, steps, standing=standing, claims=claims.found, left=left)


def _score(data: object) -> float:
    found = mapping(data).get("score")
    return float(found) if isinstance(found, int | float) else 0.0


def _new(was: object, review: Done) -> list[Left]:
    """The findings that were not there before, by an identity that survives the shifting of lines."""
    known = {str(mapping(each).get("fingerprint")) for each in items(mapping(was).get("findings"))}
    found = (mapping(each) for each in items(mapping(review.data).get("findings")))
    new = [each for each in found if str(each.get("fingerprint")) not in known]
    return [
        Left(str(each.get("severity")), f"{each.get('path')}:{each.get('line')} {each.get('rule')} {each.get('message')}")
        for each in new
    ]  # fmt: skip
