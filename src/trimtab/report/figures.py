"""Numbers for people."""


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
