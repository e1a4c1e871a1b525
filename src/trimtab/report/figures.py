"""Numbers for people."""

from trimtab.verify import Evidence, Measurement, Scenario


def size(count: float) -> str:
    """Bytes in decimal units, as docker prints them."""
    for unit, power in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(count) >= power:
            return f"{count / power:.{0 if abs(count) >= 100 * power else 1}f} {unit}"
    return f"{count:.0f} B"


def seconds(value: float) -> str:
    """A duration with one decimal below a hundred seconds."""
    return f"{value:.1f} s" if value < 100 else f"{value:.0f} s"


def percent(before: float, after: float) -> str:
    """The relative change; empty when there is nothing to relate it to."""
    if before == 0:
        return ""
    change = 100 * (after - before) / before
    return "±0 %" if abs(change) < 0.5 else f"{change:+.0f} %".replace("-", "−")


def sizes(evidence: Evidence) -> str:
    """An image's bytes before and after."""
    if evidence.before_bytes is None or evidence.after_bytes is None:
        return "–"
    change = percent(evidence.before_bytes, evidence.after_bytes)
    return f"{size(evidence.before_bytes)} → {size(evidence.after_bytes)} {change}"


def contexts(evidence: Evidence) -> str:
    """The bytes of context that a build sends, before and after."""
    if evidence.before_context is None or evidence.after_context is None:
        return "–"
    change = percent(evidence.before_context, evidence.after_context)
    return f"{size(evidence.before_context)} → {size(evidence.after_context)} {change}"


def saved_a_week(measurement: Measurement) -> str:
    """`12 minutes a week (8 … 15)`: the median, and the quartiles of the pairs; empty when the pace is not known."""
    saved = measurement.saved_a_week
    if saved is None:
        return ""
    low, middle, high = (value / 60 for value in saved)
    return f"{middle:.1f} minutes a week ({low:.1f} … {high:.1f})"


def times(measurement: Measurement | None) -> str:
    """`8.1 s → 0.9 s −89 %`, with `~` before the change when the pairs do not settle it."""
    if measurement is None:
        return "–"
    mark = "" if measurement.conclusive else "~"
    change = percent(measurement.before, measurement.after)
    return f"{seconds(measurement.before)} → {seconds(measurement.after)} {mark}{change}"


def totals(evidence: list[Evidence]) -> list[tuple[str, str]]:
    """Sums over everything accepted, a line per figure; only services that have the figure count in it."""
    rows: list[tuple[str, str]] = []
    sized = [(e.before_bytes, e.after_bytes) for e in evidence if e.before_bytes is not None and e.after_bytes is not None]
    if sized:
        before, after = sum(pair[0] for pair in sized), sum(pair[1] for pair in sized)
        rows.append((f"image bytes, {len(sized)} images", f"{size(before)} → {size(after)} {percent(before, after)}"))
    for scenario in Scenario:
        found = [m for e in evidence if (m := e.measurement(scenario)) is not None]
        if found:
            before, after = sum(m.before for m in found), sum(m.after for m in found)
            label = f"rebuild after {scenario}, {len(found)} images"
            rows.append((label, f"{seconds(before)} → {seconds(after)} {percent(before, after)}"))
            weeks = [m.saved_a_week for m in found if m.saved_a_week is not None]
            if weeks:
                low, middle, high = (sum(week[index] for week in weeks) / 60 for index in range(3))
                rows.append(("saved at git's pace", f"{middle:.1f} minutes a week ({low:.1f} … {high:.1f})"))
    wasted = [(e.before_image, e.after_image) for e in evidence if e.before_image and e.after_image]
    if wasted:
        before, after = (sum(pair[side].reclaimable_bytes for pair in wasted) for side in (0, 1))
        rows.append((f"hidden bytes, {len(wasted)} images", f"{size(before)} → {size(after)} {percent(before, after)}"))
    return rows
