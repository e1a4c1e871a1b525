"""How long questions to a large history take: a million build steps, and a year of use of 30 containers after compaction.

    bench/ledger.py [--steps 1000000] [--days 365] [--turns 7] [--folder DIR]

The history is written through the store's own functions. Of use, only what a year of minutes comes to is written: the hours
that compaction has made of it, and the minutes that are kept. Every line is one command's questions, as the median over the
turns in milliseconds of the clock, with the largest beside it; what a command then makes of the rows counts where it says so.
"""

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from statistics import median

from trimtab.cli.metrics import known as metrics
from trimtab.history import COMPARED, BuildRow, FleetBuildRow, ScanRow, ScoreRow, StepRow, Store, open_store
from trimtab.history.containers import Place
from trimtab.history.deployments import DeploymentRow, ServiceRow
from trimtab.history.usage import HOUR, HOURS_KEPT, MINUTE, MINUTES_KEPT, Subject, Usage, hours
from trimtab.observe.evidence import WINDOW, evidence_of
from trimtab.report.history import service_figures
from trimtab.report.overview import read_known

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
PROJECT = "fleet"
MB = 1_000_000
TARGET = 100.0
"""Milliseconds that a command's questions should stay under."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much history there is."""

    services: int = 30
    runs: int = 1667
    """Each builds every service once."""
    steps: int = 20
    """In each build."""
    days: int = 365
    """Over which all of it is spread."""

    @property
    def names(self) -> list[str]:
        """The services."""
        return [f"service-{number:03}" for number in range(self.services)]


def at(days: float) -> str:
    """So many days before `NOW`."""
    return (NOW - timedelta(days=days)).isoformat(timespec="milliseconds")


def fill(store: Store, size: Size) -> None:
    """Write everything, with commits that wait for no disk: what is lost when the power goes is no matter here."""
    store._connection.execute("PRAGMA synchronous = OFF")  # pyright: ignore[reportPrivateUsage]
    _builds(store, size)
    _days(store, size)
    usage(store, size)


def _builds(store: Store, size: Size) -> None:
    for number in range(size.runs):
        run, started = f"{number:06x}-1", at(size.days * (1 - number / size.runs))
        store.ledger.begin(FleetBuildRow(run, started, None, 1, 4, f"{number:07x}", "default", size.services))
        for service, name in enumerate(size.names):
            store.ledger.add(_build(run, name, started, number, service, size.steps), {"files": {"app.py": f"{number:064x}"}})
        store.ledger.end(run, seconds=90.0, busy=300.0, bound=80.0, peak_memory=900 * MB, outcome="done")


def _build(run: str, name: str, started: str, number: int, service: int, steps: int) -> BuildRow:
    cached = (number + service) % steps
    failed = (number + service) % 50 == 0
    done = tuple(
        StepRow(f"RUN make part-{each}", "RUN", each < cached, each * 0.5, 0.0 if each < cached else 0.5 + number % 7)
        for each in range(steps)
    )
    return BuildRow(
        run, name, name, "default", f"{number:07x}", started, service * 3.0, 10.0 + number % 9, 9.0,
        "failed" if failed else "built", "exit code: 1" if failed else "", 1, steps, cached, 20_000, 0,
        "" if failed else f"sha256:{number:032}{service:032}",
        None if failed else (200 + service) * MB, None if failed else 9, f"RUN make part-{cached}", "COPY .: `app.py` changed",
        f"{number:032}{service:032}", f"{number:08x}{service:08x}", done,
    )  # fmt: skip


def _days(store: Store, size: Size) -> None:
    """A scan, a gate, an optimisation a week, and a deployment, on every day."""
    for day in range(size.days):
        started = at(size.days - day - 0.5)
        counts = {"critical": day % 2, "high": 3, "medium": 11, "low": 40}
        store.scans.add([
            ScanRow(f"scan-{day:04}", f"{PROJECT}-{name}", "image", started, None, f"sha256:{day:064}", (name,),
                    ("vulns", "secrets"), 120, counts, 0, 0, started, "findings")
            for name in size.names
        ])  # fmt: skip
        names = ["", *size.names]
        store.scans.add_scores([ScoreRow(f"gate-{day:04}", started, None, name, 80.0, {"caching": 7.0}) for name in names])
        _deployment(store, size, f"{day}-d", day + 1, started)
        if day % 7 == 0:
            run = f"{day:08x}-1"
            store.begin(run, "optimize")
            for name in size.names:
                store.verdict(
                    run, f"services/{name}/Dockerfile", "accepted", "same behaviour", ("DF101",), (400 * MB, 200 * MB)
                )
            store.end(run, "done")


def _deployment(store: Store, size: Size, key: str, revision: int, started: str) -> None:
    plan: Mapping[str, object] = {"schema": "trimtab.plan/1"}
    store.deployments.begin(
        DeploymentRow(key, PROJECT, revision, "deploy", started, None, None, 1, "preparing", None, "", plan)
    )
    for name in size.names:
        store.deployments.service(ServiceRow(key, name, "recreate", "sha256:1", "sha256:2", "deployed", "", 3.0, 1.5, 10.0))
        store.deployments.done(key, store.deployments.intend(key, name, "create", "forward", ""), 1.0)
    store.deployments.end(key, "done", "", 40.0)


def usage(store: Store, size: Size) -> None:
    """What `size.days` of minutes come to after compaction at `NOW`, for one container of each service."""
    now = NOW.timestamp()
    first = int(now - size.days * 24 * HOUR) // HOUR * HOUR
    folded = int(now - MINUTES_KEPT) // HOUR * HOUR
    for number, name in enumerate(size.names):
        subject = Subject(PROJECT, name, 1, "sha256:2", "c1")
        one = _folded(number)
        old = range(max(first, -(-int(now - HOURS_KEPT) // HOUR) * HOUR), folded, HOUR)
        store.usage.add([(subject, replace(one, start=start, last=start + one.last)) for start in old])
        store.usage.add(
            [(subject, each) for start in range(max(first, folded), int(now), HOUR) for each in minutes(start, number)]
        )
    places = [Place(PROJECT, name, 1, "sha256:2", "c1", now - 5, "running", "healthy", 9 * MB, 64 * MB) for name in size.names]
    store.usage.note(places)
    store.usage.compact(now)


def minutes(hour: int, number: int) -> Iterator[Usage]:
    """The minutes of one hour of a container; every hour is like every other."""
    for each in range(60):
        start, cpu, memory = hour + each * MINUTE, 0.1 + each % 7 / 100, (100 + number + each % 13) * MB
        yield Usage(
            MINUTE, start, start + 55.0, 6, 60.0, cpu, cpu * 2, cpu * 3, 1.0, 600, each % 5, memory, memory, 256 * MB,
            received=100 * each, sent=10 * each,
        )  # fmt: skip


@cache
def _folded(number: int) -> Usage:
    """What compaction makes of the first hour of a container."""
    return hours(list(minutes(0, number)))[0]


Questions = Mapping[str, Callable[[], object]]


def questions(store: Store, size: Size) -> Questions:
    """What each command asks, by its name."""
    ledger, scans, name = store.ledger, store.scans, size.names[7]
    now = NOW.timestamp()

    def show() -> object:
        row = ledger.run("last")
        rows = ledger.builds(run=row.run) if row else []
        return [ledger.steps(each.id) for each in rows]

    def resources() -> object:
        rows = store.usage.rows(PROJECT, now - WINDOW)
        return [evidence_of([each for each in rows if each[0].service == service]) for service in size.names]

    return {
        "history builds (with its figures)": lambda: (
            ledger.runs(20),
            service_figures(ledger.totals(), ledger.recent(COMPARED)),
        ),
        "history show last": show,
        "history show <beginning of an id>": lambda: ledger.run(f"{size.runs // 2:06x}"),
        "history trend": lambda: ledger.last(name, 30),
        "history scans": lambda: scans.rows(limit=1000),
        "history scores": lambda: scans.scores("", 30),
        "history deployments": lambda: [store.deployments.services(row.id) for row in store.deployments.rows(30)],
        "build: estimates": ledger.estimates,
        "build: one target's inputs and steps": lambda: (ledger.inputs(name), ledger.step_seconds(name)),
        "gate: builds": lambda: ledger.recent(5, ("built",)),
        "metrics": lambda: metrics(store),
        "report (the whole overview)": lambda: read_known(store, NOW),
        "  of it: last builds of each target": lambda: ledger.recent(10),
        "  of it: projects": store.usage.projects,
        "  of it: a week's totals": lambda: store.usage.totals(PROJECT, now - 7 * 24 * HOUR),
        "resources: rows of two weeks": lambda: store.usage.rows(PROJECT, now - WINDOW),
        "resources (with the evidence)": resources,
    }


def timed(work: Callable[[], object]) -> float:
    """Milliseconds of the clock."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def measure(root: Path, size: Size, turns: int) -> None:
    begun = time.perf_counter()
    store = open_store(root)
    try:
        fill(store, size)
        took = time.perf_counter() - begun
        database = (store.folder / "history.db").stat().st_size / 1e6
        print(f"{size.services * size.runs * size.steps:,} steps, {size.days} days: {database:.0f} MB, filled in {took:.0f} s")
    finally:
        store.close()

    def opened() -> None:
        open_store(root).close()

    store = open_store(root)
    try:
        every = {"opening the history": opened, **questions(store, size)}
        times: dict[str, list[float]] = {title: [] for title in every}
        for _ in range(turns):
            for title, work in every.items():
                times[title].append(timed(work))
    finally:
        store.close()
    for title, found in times.items():
        middle = median(found)
        print(f"{title:<42} {middle:8.1f} ms (worst {max(found):.1f}){'' if middle < TARGET else f', over {TARGET:.0f} ms'}")
    over = sum(median(found) >= TARGET for found in times.values())
    print(f"{len(times) - over} of {len(times)} under {TARGET:.0f} ms, medians of {turns}")


def main() -> int:
    parser = argparse.ArgumentParser(description="How long questions to a large history take.")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where the history is made, and stays; an empty folder")
    given = parser.parse_args()
    small = Size()
    size = replace(small, runs=math.ceil(given.steps / (small.services * small.steps)), days=given.days)
    if given.folder:
        measure(given.folder, size, given.turns)
        return 0
    with tempfile.TemporaryDirectory(prefix="trimtab-bench-") as folder:
        measure(Path(folder), size, given.turns)
    return 0


if __name__ == "__main__":
    sys.exit(main())
