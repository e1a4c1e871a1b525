"""How many times two behaviours are looked at before a difference is believed."""

from collections.abc import Awaitable, Callable, Sequence

from trimtab.verify.behave import LOGGED, compare_behaviours
from trimtab.verify.evidence import Behaviour, Difference

MOST = 3
"""Rounds at most, when the two go on behaving differently."""
_TIMES, _MORE = 2.0, 5.0
"""How much longer the original is watched than the other was, and seconds on top."""

KILLED = "exited 137"
"""By a signal that cannot be caught: the kernel's, for want of memory."""

Pair = tuple[Behaviour, Behaviour]
Longer = Callable[[float], Awaitable[Behaviour]]
"""The original, watched for so many seconds at least."""


async def compared(
    observed: Callable[[int], Awaitable[Pair]], declared: Sequence[str], longer: Longer
) -> tuple[list[Difference], Pair]:
    """What differs between two that are observed once a round, and the first round's pair.

    What differs is looked at again, and a third time when the first two do not agree. A difference counts when most rounds show
    it and the original itself was the same in all of them. What only the other has logged does not count when the original logs
    the same once it is watched longer: whatever works in the background logs its failure at its own time. Nor does that only
    the other was killed, when the original is as well once it is watched longer.
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
    if often and (found := await _killed_as_well(pairs, longer)) is not None:
        return compare_behaviours(*found, declared), found
    first = {each.subject: each for found in reversed(rounds) for each in found}
    logged = await _never_logged(pairs, rounds, longer) if LOGGED in often else []
    believed = (each for each in first.values() if each.explained_by or each.subject in often - {LOGGED})
    return [*believed, *logged], pairs[0]


async def _killed_as_well(pairs: Sequence[Pair], longer: Longer) -> Pair | None:
    """Where only the other one was killed, the two of which the original was killed as well once it was watched longer.

    That is the limit's doing, and a matter of seconds: the original of a service of HomeIQ, given 512 MiB, was killed in one
    trial, and in the next still called unhealthy after 31 s.
    """
    killed = next((new for old, new in pairs if new.state == KILLED != old.state), None)
    if killed is None:
        return None
    late = await longer(_TIMES * max(old.watched_seconds or 0.0 for old, _ in pairs) + _MORE)
    return (late, killed) if late.state == KILLED else None


async def _never_logged(pairs: Sequence[Pair], rounds: Sequence[Sequence[Difference]], longer: Longer) -> list[Difference]:
    """What the other one has logged and the original does not, however long it is watched; each line once."""
    lines = {each.after: each for found in rounds for each in found if each.subject == LOGGED}
    seconds = max((new.watched_seconds or 0.0 for _, new in pairs), default=0.0)
    known = (await longer(_TIMES * seconds + _MORE)).errors if seconds else ()
    return [each for line, each in lines.items() if line not in known]


def _subjects(differences: Sequence[Difference]) -> set[str]:
    return {each.subject for each in differences if not each.explained_by}
