"""One target under hypothesis, for where there is no atheris: `python -m fuzz.varied TARGET SECONDS`."""

import sys
import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.finding import Watch
from fuzz.target import Target, load


def cases(target: Target) -> st.SearchStrategy[bytes]:
    """Any bytes, and seeds of which parts are cut out, doubled, or replaced."""
    seeds = [path.read_bytes() for path in target.cases()] or [b""]
    return st.binary(max_size=400) | st.builds(
        _spliced, st.sampled_from(seeds), st.sampled_from(seeds),
        st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.3), st.binary(max_size=4), st.booleans()), max_size=4),
    )  # fmt: skip


def _spliced(seed: bytes, other: bytes, cuts: list[tuple[float, float, bytes, bool]]) -> bytes:
    for where, length, new, from_other in cuts:
        at, wide = int(where * len(seed)), int(length * len(seed))
        put = other[at : at + wide] if from_other else new
        seed = seed[:at] + put + seed[at + wide :]
    return seed


def main() -> int:
    """Vary the seeds until the time is over."""
    name, seconds = sys.argv[1:3]
    watch = Watch(load(name))
    until = time.monotonic() + float(seconds)

    @settings(
        max_examples=1000,
        deadline=None,
        database=None,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
    )
    @given(cases(watch.target))
    def one(data: bytes) -> None:
        if time.monotonic() < until:
            watch(data)

    while time.monotonic() < until:
        one()
    print(f"stat::number_of_executed_units: {watch.cases}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
