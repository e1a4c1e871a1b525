"""Speed against others on the same input, in one run, in turns; prints ratios of medians.

make bench
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import dockerfile as go_parser
from e2b_dockerfile_utils import parse_dockerfile_ast

from trimtab.fleet import DiskTree, discover
from trimtab.review import review
from trimtab.rewrite import rewrite
from trimtab.syntax.dockerfile import parse
from trimtab.text import Source

SHOP = Path(__file__).parent.parent / "examples" / "shop"
ROUNDS = 31


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def compare(title: str, ours: Callable[[], object], theirs: dict[str, Callable[[], object]]) -> None:
    """Run all in turns and print how many times as long as ours each other takes."""
    times: dict[str, list[float]] = {name: [] for name in ("ours", *theirs)}
    for _ in range(ROUNDS):
        times["ours"].append(timed(ours))
        for name, work in theirs.items():
            times[name].append(timed(work))
    own = median(times["ours"])
    ratios = ", ".join(f"{name} takes {median(times[name]) / own:.2f} times as long" for name in theirs)
    print(f"{title}: {own * 1000:.1f} ms; {ratios}")


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHOP
    texts = [path.read_text() for path in sorted(folder.rglob("Dockerfile"))]
    compare(
        f"parsing {len(texts)} Dockerfiles losslessly",
        lambda: [parse(Source("Dockerfile", text)) for text in texts],
        {
            "the Go parser, lossy": lambda: [go_parser.parse_string(text) for text in texts],
            "its Python port, lossy": lambda: [parse_dockerfile_ast(text) for text in texts],
        },
    )
    fleet = discover(DiskTree(folder))
    compare(
        "reviewing the fleet",
        lambda: review(fleet),
        {"discovering it": lambda: discover(DiskTree(folder)), "rewriting it": lambda: rewrite(fleet)},
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
