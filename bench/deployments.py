"""What the benchmarks of deployments have in common: sums over one strategy, turns, and the table at the end."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass
class Sum:
    """Everything seen of one strategy."""

    requests: int = 0
    failed: dict[str, int] = field(default_factory=dict[str, int])
    longest: float = 0.0
    reconnects: int = 0
    seconds: list[float] = field(default_factory=list[float])
    codes: list[int] = field(default_factory=list[int])
    examples: list[str] = field(default_factory=list[str])


def remove_project(project: str) -> None:
    """Remove every container that trimtab has made for a project."""
    words = ["docker", "ps", "--all", "--quiet", "--filter", f"label=io.trimtab.project={project}"]
    names = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    if names:
        subprocess.run(["docker", "rm", "--force", "--volumes", *names], check=False, capture_output=True)


def in_turns(strategies: Sequence[str], turns: int, one: Callable[[str, Path, Sum], None]) -> dict[str, Sum]:
    """Every strategy once a turn, in an order that changes from turn to turn; the sums of each."""
    totals = {strategy: Sum() for strategy in strategies}
    root = Path(tempfile.mkdtemp(prefix="trimtab-bench-"))
    try:
        for turn in range(turns):
            at = turn % len(strategies)
            for strategy in [*strategies[at:], *strategies[:at]]:
                one(strategy, root, totals[strategy])
                print(f"turn {turn + 1}: {strategy} done", file=sys.stderr)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return totals


def show(totals: Mapping[str, Sum]) -> None:
    """Print a row for each strategy, and some of what failed."""
    head = f"{'strategy':10} {'deployments':>11} {'requests':>9} {'failed':>7} {'longest':>8} {'median':>8}"
    print(f"{head}  exit codes; failed by kind; websockets opened anew")
    for strategy, total in totals.items():
        failed = sum(total.failed.values())
        kinds = ", ".join(f"{kind} {count}" for kind, count in total.failed.items() if count)
        codes = ",".join(map(str, sorted(set(total.codes))))
        row = f"{strategy:10} {len(total.seconds):11} {total.requests:9} {failed:7} {total.longest:6.1f} s"
        print(f"{row} {median(total.seconds):6.1f} s  {codes}; {kinds or 'none'}; {total.reconnects}")
        for example in total.examples[:6]:
            print(f"           {example}")
