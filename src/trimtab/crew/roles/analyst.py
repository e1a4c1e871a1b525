"""The analyst: what is here, and what is wrong with it."""

from trimtab.crew.conclude import Claims, conclude
from trimtab.crew.model import Brief, Do, Done, Left, Report, Role, Step
from trimtab.fleet.plain import items, mapping

SEVERITIES = ("critical", "high", "medium", "low", "info")
CATEGORIES = ("security", "maintainability", "caching", "size", "reliability")


async def analyst(brief: Brief, do: Do) -> Report:
    """Reviews and scores the fleet; changes nothing."""
    review = await do(Step("review", ("review", *brief.where, *brief.settings)))
    score = await do(Step("score", ("score", *brief.where, *brief.settings)))
    claims = judged(brief, Role.ANALYST, review, score)
    claims.add(review, "build contexts", "contexts", counted=True)
    total = len(items(mapping(review.data).get("findings")))
    said = f"{total} findings in {len(items(mapping(review.data).get('files')))} files"
    return conclude(Role.ANALYST, said, [review, score], claims=claims.found, left=unread(review))


def judged(brief: Brief, role: Role, review: Done, score: Done) -> Claims:
    """What a review and a score say."""
    claims = Claims(brief, role)
    claims.add(score, "score of the fleet", "score", unit="of 100")
    for category in CATEGORIES:
        claims.add(score, category, "scores", category, unit="of 10")
    claims.add(review, "files", "files", counted=True)
    claims.add(review, "findings", "findings", counted=True)
    for severity in SEVERITIES:
        claims.add(review, f"findings: {severity}", "findings", only=("severity", severity), counted=True)
    return claims


def unread(review: Done) -> list[Left]:
    """The files that a review could not read."""
    found = (mapping(each) for each in items(mapping(review.data).get("errors")))
    return [Left(str(each.get("path")), f"not read: {each.get('message')}") for each in found]
