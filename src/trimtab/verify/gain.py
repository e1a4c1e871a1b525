"""Whether a change that is harmless is also worth anything."""

from collections.abc import Sequence

from trimtab.verify.evidence import Measurement, Verdict, VerdictKind

_LEAST = 0.01
"""The part by which an image's size has to change to count: below it lie time stamps and the order of files."""

_LEAST_SECONDS = 0.1
PAIRS_OF_A_GAIN = 2
"""With fewer no time is ever settled, and nothing is built to find that out."""
NOT_MEASURED = f"not tried: its gain is settled by {PAIRS_OF_A_GAIN} measured pairs at least (`--repeats`)"


def judge_gain(sizes: tuple[int, int], measurements: Sequence[Measurement]) -> Verdict:
    """Accepted when something is better by more than its noise, and nothing worse.

    `sizes` are the image's bytes before and after. Rejected when something is worse, or when all was measured and nothing is
    better; inconclusive when no time was measured that could have settled it.
    """
    before, after = sizes
    smaller, larger = after < before * (1 - _LEAST), after > before * (1 + _LEAST)
    counting = [each for each in measurements if each.conclusive and _is_large(each)]
    faster = [each for each in counting if each.after < each.before]
    slower = [each for each in counting if each.after > each.before]
    if larger:
        return Verdict(VerdictKind.REJECTED, f"harmless, but the image grows: {before} → {after} bytes")
    if slower:
        return Verdict(VerdictKind.REJECTED, f"harmless, but slower: {_times(slower)}")
    if smaller or faster:
        gained = [f"{before} → {after} bytes"] if smaller else []
        return Verdict(VerdictKind.ACCEPTED, f"harmless, and it gains: {', '.join([*gained, *map(_time, faster)])}")
    if not measurements or any(len(each.pairs) < PAIRS_OF_A_GAIN for each in measurements):
        return Verdict(VerdictKind.INCONCLUSIVE, "harmless, but its gain was not measured in two pairs or more")
    return Verdict(VerdictKind.REJECTED, f"harmless, but no gain above the noise: {_times(measurements)}")


def _is_large(measurement: Measurement) -> bool:
    """Whether anybody would notice: the client's own start alone varies by some hundredths of a second."""
    difference = abs(measurement.before - measurement.after)
    return difference > _LEAST_SECONDS and difference > 0.05 * measurement.before


def _times(measurements: Sequence[Measurement]) -> str:
    return ", ".join(map(_time, measurements))


def _time(measurement: Measurement) -> str:
    return f"{measurement.scenario} {measurement.before:.1f} → {measurement.after:.1f} s ± {measurement.spread:.1f}"
