"""Fuzz: `python fuzz/run.py [TARGET …] --seconds N`.

With atheris the cases are led by coverage; without it hypothesis varies the seeds. Every target runs in a process of its own.
What breaks is written to `fuzz/found/TARGET/`, once for each place in the code; to be kept when it is mended, below `fuzz/kept/`.
The table that is printed says what was really tried.
"""

import argparse
import importlib.util
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_WHOLE = "to the end"
HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

from fuzz.target import names  # noqa: E402  the folder above is not on the path when this file is run


@dataclass(frozen=True, slots=True)
class Tried:
    """What one target has been put through."""

    target: str
    cases: int
    seconds: float
    found: int
    ended: str


def main() -> int:
    """Run the chosen targets one after the other; 1 when anything broke, or could not be tried to the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(names()))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--without-atheris", action="store_true", help="use hypothesis even where atheris is installed")
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - set(names())
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    atheris = not arguments.without_atheris and importlib.util.find_spec("atheris") is not None
    kind = "coverage" if atheris else "hypothesis"
    print(f"{'target':<14}{'cases':>12}{'seconds':>9}{'broke':>7}  how ({kind})", flush=True)
    broke = 0
    for name in arguments.targets or names():
        tried = _tried(name, arguments.seconds, kind)
        broke += bool(tried.found or tried.ended != _WHOLE or not tried.cases)
        print(f"{tried.target:<14}{tried.cases:>12}{tried.seconds:>9.0f}{tried.found:>7}  {tried.ended}", flush=True)
        with (HERE / "tried.tsv").open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d')}\t{kind}\t{name}\t{tried.cases}\t{tried.seconds:.0f}\t{tried.found}\n")
    return 1 if broke else 0


def _tried(name: str, seconds: int, kind: str) -> Tried:
    started = time.monotonic()
    module = f"fuzz.{kind}_led" if kind == "coverage" else "fuzz.varied"
    argv = [sys.executable, "-m", module, name, str(seconds)]
    try:
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=seconds + 300)
        text, code = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as error:
        text, code = str(error.stderr or ""), -1
    took = time.monotonic() - started
    counts = re.findall(r"number_of_executed_units: *(\d+)", text)
    broke = re.findall(r"places_that_broke: *(\d+)", text)
    lines = [line for line in text.splitlines() if "ERROR" in line or "Error" in line]
    ended = _WHOLE if code == 0 else f"ended with {code}: {lines[-1][:100] if lines else ''}"
    return Tried(name, int(counts[-1]) if counts else 0, took, int(broke[-1]) if broke else 0, ended)


if __name__ == "__main__":
    sys.exit(main())
