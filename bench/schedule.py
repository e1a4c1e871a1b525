"""How near orders of building come to what no order can go below, on simulated fleets.

    bench/schedule.py

Durations are drawn from recorded builds: those of the ledger given with --ledger, else a table of 29 services measured once on
two cores (seconds after an edit of the dependencies). A tenth of the targets are bases that others start from. Each order is
held against the critical-path bound; the estimates that ours goes by are off by up to a third, as the ledger's are.
"""

import argparse
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from trimtab.build.schedule import bound, remaining, simulate
from trimtab.history import open_store

RECORDED = (24.2, 9.8, 4.4, 32.2, 20.6, 8.9, 16.2, 16.8, 24.9, 17.8, 17.8, 25.4, 9.0, 8.6, 8.0, 8.7, 7.9, 17.7, 5.4, 11.1, 15.1,
            16.4, 4.4, 22.1, 8.9, 18.1, 21.1, 11.9, 0.9)  # fmt: skip
ROUNDS = 40


def fleet(size: int, recorded: Sequence[float], chance: random.Random) -> tuple[dict[str, float], dict[str, frozenset[str]]]:
    names = [f"svc{chance.random():.12f}" for _ in range(size)]
    seconds = {name: chance.choice(recorded) * chance.uniform(0.8, 1.2) for name in names}
    bases = names[: max(1, size // 10)]
    needs = {name: frozenset([chance.choice(bases)]) if chance.random() < 0.4 else frozenset[str]() for name in names}
    return seconds, {name: frozenset[str]() if name in bases else each for name, each in needs.items()}


def orders(
    seconds: Mapping[str, float], needs: Mapping[str, frozenset[str]], chance: random.Random
) -> dict[str, dict[str, float]]:
    names = sorted(seconds)
    guessed = {name: value * chance.uniform(0.67, 1.5) for name, value in seconds.items()}
    return {
        "longest chain first": remaining(seconds, needs),
        "the same, estimates off": remaining(guessed, needs),
        "random": {name: chance.random() for name in names},
        "alphabetical": {name: -float(number) for number, name in enumerate(names)},
    }


def recorded_in(folder: Path | None) -> Sequence[float]:
    if folder is None:
        return RECORDED
    store = open_store(folder)
    try:
        return tuple(store.ledger.estimates().values()) or RECORDED
    finally:
        store.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", type=Path, help="a fleet whose recorded times are used")
    recorded = recorded_in(parser.parse_args().ledger)
    chance = random.Random(7)
    print("over the bound, median of 40 fleets (worst)\n")
    for size in (30, 100, 300):
        for jobs in (2, 4, 8, 16):
            found: dict[str, list[float]] = {}
            for _ in range(ROUNDS):
                seconds, needs = fleet(size, recorded, chance)
                least = bound(seconds, needs, jobs)
                for title, priority in orders(seconds, needs, chance).items():
                    end = max(each.end for each in simulate(seconds, needs, jobs, priority))
                    found.setdefault(title, []).append(end / least - 1)
            cells = ", ".join(f"{title} {median(values):+.1%} ({max(values):+.1%})" for title, values in found.items())
            print(f"{size} targets, {jobs} at once: {cells}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
