"""How the time for a report grows with the fleet: 300 services against 30, with the same history each.

    bench/report.py [--turns 5]

What is measured is the processor time of what `trimtab report` adds to a review: reading the history, making the figures,
writing the page. Both sizes take turns, and the medians are held against each other: about ten means that nothing grows faster
than the fleet.
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

SMALL, LARGE = 30, 300
MOST = 2.0
"""Seconds of the processor that 300 services may take."""


class Kept(Protocol):
    """The fleet that the tests of the report use, too."""

    NOW: datetime
    write_files: Callable[[Path, int], None]
    fill: Callable[[Path, int], Review]


def kept_fleet() -> Kept:
    path = Path(__file__).parents[1] / "tests" / "report" / "kept_fleet.py"
    spec = importlib.util.spec_from_file_location("kept_fleet", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["kept_fleet"] = module
    spec.loader.exec_module(module)
    return cast("Kept", module)


def page_of(kept: Kept, root: Path, review: Review) -> tuple[float, int]:
    """Seconds of the processor from the history to the page, and the page's bytes."""
    begun = time.process_time()
    store = open_store(root)
    try:
        known = read_known(store, kept.NOW)
    finally:
        store.close()
    text = report_page(overview(root.name, None, review, known, GatePolicy(), kept.NOW))
    return time.process_time() - begun, len(text.encode())


def main() -> int:
    parser = argparse.ArgumentParser(description="How the time for a report grows with the fleet.")
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    kept = kept_fleet()
    with tempfile.TemporaryDirectory(prefix="trimtab-bench-") as folder:
        reviews: dict[int, Review] = {}
        for count in (SMALL, LARGE):
            root = Path(folder) / str(count)
            root.mkdir()
            kept.write_files(root, count)
            reviews[count] = kept.fill(root, count)
        seconds: dict[int, list[float]] = {SMALL: [], LARGE: []}
        sizes: dict[int, int] = {}
        for _ in range(turns + 1):
            for count, review in reviews.items():
                took, sizes[count] = page_of(kept, Path(folder) / str(count), review)
                seconds[count].append(took)
    # The first turn also reads the templates.
    small, large = (median(seconds[count][1:]) for count in (SMALL, LARGE))
    for count, took in ((SMALL, small), (LARGE, large)):
        print(f"{count} services: {took:.2f} s of the processor, {sizes[count] / 1e3:.0f} kB")
    print(f"ratio {large / small:.1f} for {LARGE / SMALL:.0f} times the services")
    return 0 if large <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
