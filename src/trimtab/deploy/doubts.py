"""What the review of a fleet knows that a deployment would only find out by failing."""

from collections.abc import Collection, Sequence

from trimtab.fleet import Fleet
from trimtab.review import review
from trimtab.rules import Finding, Rule

_CANNOT_PASS = frozenset({"DF302", "DF303", "DF304"})
"""Health checks that ask for a program, a port or a module which the image does not have."""
_ENDS_BADLY = frozenset({"DF305", "CM504", "CM505"})
"""First processes that do not get the stop signal, or have too little time after it: what they are at is cut off."""
_MAY_NOT_PASS = frozenset({"CM125", "CM126"})
"""Health checks of images from elsewhere, of which a list says what they have: no proof, and so no reason to do nothing. A
version that does not become healthy is gone back from anyway."""


def doubts(
    fleet: Fleet, rules: Sequence[Rule], services: Collection[str], files: Collection[str]
) -> tuple[list[str], list[str]]:  # fmt: skip
    """What keeps services from being deployed, and what is only to be told; each with where it is written.

    Args:
        fleet: The fleet.
        rules: The rules that are in use; what the user ignores does not count here either.
        services: The services that are to be replaced.
        files: The compose files that they are of; other ones have services of the same names.
    """
    found = review(fleet, [rule for rule in rules if rule.code in _CANNOT_PASS | _ENDS_BADLY | _MAY_NOT_PASS]).findings
    others = set(fleet.compose_files) - set(files)
    meant = [each for each in found if set(each.services) & set(services) and each.path not in others]
    return (
        [_said(each) for each in meant if each.rule in _CANNOT_PASS],
        [_said(each) for each in meant if each.rule not in _CANNOT_PASS],
    )


def _said(finding: Finding) -> str:
    names = ", ".join(f"`{name}`" for name in finding.services)
    return f"{names}: {finding.message} ({finding.path}:{finding.line}, {finding.rule})"
