"""How many times two behaviours are looked at before a difference is believed."""

from collections.abc import Awaitable, Callable, Sequence

from trimtab.verify.behave import compare_behaviours
from trimtab.verify.evidence import Behaviour, Difference

MOST = 3
"""Rounds at most, when the two go on behaving differently."""

Pair = tuple[Behaviour, Behaviour]


async def compared(observed: Callable[[int], Awaitable[Pair]], declared: Sequence[str]) -> tuple[list[Difference], Pair]:
    """What differs between two that are observed once a round, and the first round's pair.

    What differs is looked at again, and a third time when the first two do not agree. A difference counts when most rounds show
    it and the original itself was the same in all of them.
    """
    rounds: list[list[Difference]] = []
    pairs: list[Pair] = []
    for number in range(MOST):
        pairs.append(await observed(number))
        rounds.append(compare_behaviours(*pairs[-1], declared))
        if (len(rounds) > 1 and _subjects(rounds[0]) == _subjects(rounds[1])) or not _subjects(rounds[0]):
            break
    olds = [old for old, _ in pairs]
    unstable = {each.subject for old in olds[1:] for each in compare_behaviours(olds[0], old, ())}
    shown = [subject for found in rounds for subject in _subjects(found)]
    often = {subject for subject in shown if 2 * shown.count(subject) > len(rounds)} - unstable
    first = {each.subject: each for found in reversed(rounds) for each in found}
    return [each for each in first.values() if each.explained_by or each.subject in often], pairs[0]


def _subjects(differences: Sequence[Difference]) -> set[str]:
    return {each.subject for each in differences if not each.explained_by}
