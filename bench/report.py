"""How long a report takes: of an empty folder, and of fleets as large as the example, as HomeIQ, and of 300 services.

    bench/report.py [--turns 5]

What is measured is what `trimtab report` adds to a review: reading the history, making the figures, writing the page. All
services have the same history. Sizes take turns; the median of the processor's time is what has to stay below the limit, for
that of the clock depends on what else the machine does. A ratio near that of the sizes means that nothing grows faster than
the fleet. The whole page of 300 services has to stay below a megabyte.
"""

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Protocol, cast

from trimtab.gate import GatePolicy
from trimtab.history import open_store
from trimtab.report.overview import overview, read_known
from trimtab.report.overview.page import report_page
from trimtab.review import Review

SIZES = {"nothing": 0, "the example": 9, "HomeIQ": 34, "300 services": 300}
"""Services by what has so many."""
MOST, LARGEST = 2.0, 1_000_000
"""Seconds of the processor that each may take, and bytes of its page."""


class Kept(Protocol):
    """The fleet that the tests of the report use, too."""

    NOW: datetime
    write_files: Callable[[Path, int], None]
    fill: Callable[[Path, int], Review]
    reviewed_files: Callable[[Path], Review]


def kept_fleet() -> Kept:
    path = Path(__file__).parents[1] / "tests" / "report" / "kept_fleet.py"
    spec = importlib.util.spec_from_file_location("kept_fleet", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["kept_fleet"] = module
    spec.loader.exec_module(module)
    return cast("Kept", module)


def prepared(kept: Kept, root: Path, count: int) -> Review:
    """A fleet of so many services with its history; of none, an empty folder that nothing was done in."""
    root.mkdir()
    if not count:
        return kept.reviewed_files(root)
    kept.write_files(root, count)
    return kept.fill(root, count)


def page_of(kept: Kept, root: Path, review: Review) -> tuple[float, float, int]:
    """Seconds of the processor and of the clock from the history to the page, and the page's bytes."""
    begun, clock = time.process_time(), time.monotonic()
    store = open_store(root)
    try:
        known = read_known(store, kept.NOW)
    finally:
        store.close()
    text = report_page(overview(root.name, None, review, known, GatePolicy(), kept.NOW))
    return time.process_time() - begun, time.monotonic() - clock, len(text.encode())


def main() -> int:
    parser = argparse.ArgumentParser(description="How long a report takes, by the size of the fleet.")
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    kept = kept_fleet()
    taken: dict[str, list[tuple[float, float, int]]] = {name: [] for name in SIZES}
    with tempfile.TemporaryDirectory(prefix="trimtab-bench-") as folder:
        roots = {name: Path(folder) / str(count) for name, count in SIZES.items()}
        reviews = {name: prepared(kept, roots[name], count) for name, count in SIZES.items()}
        for _ in range(turns + 1):
            for name, review in reviews.items():
                taken[name].append(page_of(kept, roots[name], review))
    # The first turn also reads the templates.
    middle = {name: [median(each) for each in zip(*rows[1:], strict=True)] for name, rows in taken.items()}
    for name, (processor, clock, size) in middle.items():
        print(f"{name:13}{processor:6.2f} s of the processor{clock:6.2f} s in all{size / 1e3:7.0f} kB")
    ratio = middle["300 services"][0] / middle["HomeIQ"][0]
    print(f"ratio {ratio:.1f} for {SIZES['300 services'] / SIZES['HomeIQ']:.1f} times the services of HomeIQ")
    return 0 if all(processor <= MOST and size < LARGEST for processor, _, size in middle.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
