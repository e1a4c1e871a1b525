"""Finding the changes that fail among many, in few experiments."""

from collections.abc import Awaitable, Callable, Sequence

from trimtab.verify.evidence import Trial, VerdictKind

Test = Callable[[Sequence[str]], Awaitable[Trial | None]]
"""Tries out the changes of some rules together; None when they change nothing, which holds."""


async def largest_holding(rules: Sequence[str], test: Test) -> tuple[tuple[str, ...], list[Trial]]:
    """The rules whose changes hold together, and a trial for each smallest set of them that did not.

    All at once is tried first. When that fails, delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating
    Failure-Inducing Input", 2002) finds a smallest set that fails; it is taken out, and the rest is tried again. One bad
    change among n costs about 2·log₂(n) experiments.
    """
    remaining = list(rules)
    failed: list[Trial] = []
    while remaining:
        trial = await test(remaining)
        if _holds(trial):
            break
        guilty = await _smallest_failing(remaining, test)
        blamed = trial if guilty == remaining else await test(guilty)
        failed += [blamed] if blamed is not None else []
        remaining = [rule for rule in remaining if rule not in guilty]
    return tuple(remaining), failed


def _holds(trial: Trial | None) -> bool:
    return trial is None or trial.verdict.kind is VerdictKind.ACCEPTED


async def _smallest_failing(rules: Sequence[str], test: Test) -> list[str]:
    """A set that fails and of which no part that was tried fails: ddmin. The whole of `rules` is known to fail."""
    current, parts = list(rules), 2
    while len(current) > 1:
        chunks = _split(current, parts)
        without = [[rule for rule in current if rule not in chunk] for chunk in chunks] if parts > 2 else []
        for index, subset in enumerate((*chunks, *without)):
            if not _holds(await test(subset)):
                current, parts = subset, 2 if index < len(chunks) else max(parts - 1, 2)
                break
        else:
            if parts >= len(current):
                break
            parts = min(2 * parts, len(current))
    return current


def _split(rules: Sequence[str], parts: int) -> list[list[str]]:
    size, rest = divmod(len(rules), parts)
    ends = [(number + 1) * size + min(number + 1, rest) for number in range(parts)]
    return [list(rules[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
