"""How long a review takes, how that grows, and how it compares with other linters on the same files, in one run.

    python bench/review.py [FOLDER] [--rounds N] [--most N] [--files N]

FOLDER is the fleet to compare on; the example when left out. Everything runs as a command, start-up included, in turns, and
medians are shown with their ratios. hadolint, tally (its slow checks off) and BuildKit's checks are given the Dockerfiles and
nothing else, compose-lint the compose files: trimtab reviews all of them together with build contexts, scripts
and what belongs to what. What cannot be had here is said to be missing.

Growth is measured within a process: fleets of 1, 10, 100, … Dockerfiles up to `--most`, each Dockerfile in a folder of its own,
with one compose file for all; time and peak memory a file (as Linux tells it), and the exponent of the growth, 1 being a
straight line. A compose file of 20,000 lines follows, and a repository of `--files` files, nearly all of them in folders that
no build sees.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.linters import ToolFailed, installed_linters

from trimtab.fleet import DiskTree, discover

EXAMPLE = Path(__file__).parent.parent / "examples" / "shop"
TRIMTAB = (sys.executable, "-m", "trimtab")

DOCKERFILE = """FROM python:3.12-slim AS build
WORKDIR /app
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip pip install --no-cache-dir -r requirements.txt
COPY . .
FROM python:3.12-slim
COPY --from=build /app /app
ENV NUMBER={number}
RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*
HEALTHCHECK CMD curl -f http://localhost:8000/
CMD python /app/main.py
"""


def processor_seconds(argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Seconds of a command by the clock and by the processor, whatever it finds.

    Raises:
        ToolFailed: it could not do its work.
    """
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([str(word) for word in argv], capture_output=True, check=False, env={**os.environ, **(env or {})})
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in {0, 1}:
        raise ToolFailed(done.stderr.decode(errors="replace").strip()[-200:] or f"ended with {done.returncode}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def contestants(folder: Path) -> dict[str, Callable[[], tuple[float, float]]]:
    """Each way of looking at the folder's files; what is missing raises `ToolFailed` when it is called."""
    fleet = discover(DiskTree(folder))
    files = [str(folder / file.path) for file in fleet.files]
    compose = [str(folder / path) for path in fleet.compose_files]
    print(f"{folder.name}: {len(files)} Dockerfiles, {len(compose)} compose files, {len(fleet.tree.entries):,} names below it")
    review = (*TRIMTAB, "review", str(folder), "--offline", "--format", "json")
    found: dict[str, Callable[[], tuple[float, float]]] = {
        "trimtab, everything, from scratch": lambda: processor_seconds((*review, "--no-cache")),
        "trimtab, everything, again": lambda: processor_seconds(review),
    }
    programs = installed_linters()
    words = {
        "hadolint": ("--no-fail", "--format", "json", *files),
        "tally": ("lint", "--no-config", "--slow-checks", "off", "--format", "json", "--fail-level", "none", *files),
        "compose-lint": ("check", "--format", "json", "--allow-partial-coverage", *compose),
    }
    for name, program in programs.items():
        found[name] = _command(program, words[name]) if isinstance(program, Path) else _missing(program)
    found["docker build --check"] = lambda: _checks(folder, files)
    return found


def _command(program: Path, words: Sequence[str]) -> Callable[[], tuple[float, float]]:
    return lambda: processor_seconds((program, *words))


def _missing(error: ToolFailed) -> Callable[[], tuple[float, float]]:
    def fail() -> tuple[float, float]:
        raise error

    return fail


def _checks(folder: Path, files: Sequence[str]) -> tuple[float, float]:
    """BuildKit's checks; most of the work is the engine's, so its processor time is not known here."""
    total = 0.0
    for file in files:
        total += processor_seconds(("docker", "build", "--check", "--file", file, folder))[0]
    return total, math.nan


def compare(folder: Path, rounds: int) -> None:
    """Run all in turns and print medians, and how many times as long as hadolint each takes."""
    ways = contestants(folder)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    missing: dict[str, str] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            if name not in missing:
                try:
                    times[name].append(way())
                except (ToolFailed, OSError) as error:
                    missing[name] = " ".join(str(error).split())[:120]
    clock = {name: median(each for each, _ in values) for name, values in times.items() if values}
    work = {name: median(each for _, each in values) for name, values in times.items() if values}
    base = "hadolint" if "hadolint" in clock else next(iter(clock))
    for name in ways:
        if name in missing:
            print(f"  {name}: not measured: {missing[name]}")
        else:
            ratios = f"{clock[name] / clock[base]:.2f} and {work[name] / work[base]:.2f} times {base}'s"
            print(f"  {name}: {clock[name]:.2f} s, {work[name]:.2f} s of processor time; {ratios}")
    scratch, again = "trimtab, everything, from scratch", "trimtab, everything, again"
    print(
        f"  again is {clock[scratch] / clock[again]:.1f} times faster by the clock, {work[scratch] / work[again]:.1f} by work"
    )


def fleet_of(folder: Path, size: int) -> None:
    """A fleet of some size: each Dockerfile in its own folder with sources, all of them in one compose file."""
    services: list[str] = []
    for number in range(size):
        place = folder / "services" / f"s{number:05}"
        place.mkdir(parents=True)
        (place / "Dockerfile").write_text(DOCKERFILE.format(number=number))
        (place / "requirements.txt").write_text("flask==3.0\nrequests\n")
        (place / "main.py").write_text("import flask\n")
        needs = f"    depends_on: [s{number - 1:05}]\n" if number % 10 else ""
        services.append(f"  s{number:05}:\n    build: services/s{number:05}\n    ports: ['{20000 + number}:80']\n{needs}")
    (folder / "compose.yaml").write_text("services:\n" + "".join(services))


MEASURE = """
import gc, json, sys, time
from pathlib import Path
from trimtab.fleet import DiskTree, discover
from trimtab.gather import closed_folders
from trimtab.review import review
gc.disable()
root, started = Path(sys.argv[1]), time.process_time()
fleet = discover(DiskTree(root, closed_folders(root)))
found = len(review(fleet).findings)
seconds = time.process_time() - started
kib = next((int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line[:6] == "VmHWM:"), 0)
print(json.dumps([seconds, kib, found, len(fleet.files), len(fleet.tree.listed)]))
"""


def measured(folder: Path) -> tuple[float, float, int, int, int]:
    """Processor seconds, peak KiB, findings, Dockerfiles and folders looked into, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", MEASURE, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolFailed(done.stderr.strip().splitlines()[-1])
    return tuple(json.loads(done.stdout))


def growth(most: int) -> None:
    """Time and memory a Dockerfile for fleets of growing size, above what an empty one takes."""
    points: list[tuple[int, float, float]] = []
    with tempfile.TemporaryDirectory(prefix="trimtab-") as folder:
        empty = measured(Path(folder))
        for size in (10**power for power in range(1 + int(math.log10(most)))):
            place = Path(folder) / str(size)
            fleet_of(place, size)
            seconds, kib, found, files, _ = measured(place)
            points.append((size, seconds - empty[0], kib - empty[1]))
            each = f"{(seconds - empty[0]) / size * 1000:.1f} ms and {(kib - empty[1]) / size:.0f} KiB a file"
            print(
                f"  {files:,} Dockerfiles: {seconds:.2f} s, {kib / 1024:.0f} MiB at most, {found:,} findings; {each}",
                flush=True,
            )
    print(f"  growth from 10 on: time as n^{slope(points, 1):.2f}, memory as n^{slope(points, 2):.2f}")


def slope(points: Sequence[tuple[int, float, float]], which: int) -> float:
    """The exponent that fits best, by least squares over the logarithms; files below ten are all start-up."""
    known = [(math.log(point[0]), math.log(max(point[which], 1e-6))) for point in points if point[0] >= 10]
    if len(known) < 2:
        return math.nan
    middle = sum(x for x, _ in known) / len(known), sum(y for _, y in known) / len(known)
    over = sum((x - middle[0]) * (y - middle[1]) for x, y in known)
    return over / sum((x - middle[0]) ** 2 for x, _ in known)


def long_file(lines: int) -> None:
    with tempfile.TemporaryDirectory(prefix="trimtab-") as folder:
        services = [
            f"  s{number}:\n    image: example/s{number}:1\n    restart: always\n    ports:\n      - '{1024 + number}:80'\n"
            f"    environment:\n      NAME: s{number}\n      PASSWORD: change-me-{number}\n"
            for number in range(lines // 8)
        ]
        (Path(folder) / "compose.yaml").write_text("services:\n" + "".join(services))
        seconds, kib, found, *_ = measured(Path(folder))
        print(f"  a compose file of {lines:,} lines: {seconds:.2f} s, {kib / 1024:.0f} MiB at most, {found:,} findings")


def many_files(count: int) -> None:
    """A repository of many files in deep ignored folders, and the same without them.

    Half of them are in folders that are known by their names, and half in folders that only the ignore rules name.
    """
    with tempfile.TemporaryDirectory(prefix="trimtab-") as folder:
        root = Path(folder) / "few"
        fleet_of(root, 10)
        (root / ".gitignore").write_text("node_modules/\ntarget/\n")
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
        few = measured(root)
        for number in range(count // 1000):
            kind = "target" if number % 2 else "node_modules"
            place = root / "services" / f"s{number // 2 % 10:05}" / kind / f"m{number}" / "a" / "b" / "c"
            place.mkdir(parents=True)
            for each in range(1000):
                os.close(os.open(place / f"{each}.js", os.O_CREAT))
        for number in range(10):
            (root / "services" / f"s{number:05}" / ".dockerignore").write_text("node_modules\ntarget\n")
        many = measured(root)
        for name, (seconds, kib, _, _, folders) in {f"{count:,} files in ignored folders": many, "without them": few}.items():
            print(f"  {name}: {seconds:.2f} s, {folders} folders looked into, {kib / 1024:.0f} MiB at most")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=EXAMPLE)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--most", type=int, default=1000, help="the largest fleet; 10000 takes some minutes")
    parser.add_argument("--files", type=int, default=100_000, help="files in ignored folders; 0 leaves it out")
    arguments = parser.parse_args()
    print("starting:")
    starts = [processor_seconds((*TRIMTAB, "--version")) for _ in range(arguments.rounds)]
    clock, work = (median(each[which] for each in starts) * 1000 for which in (0, 1))
    print(f"  --version: {clock:.0f} ms, {work:.0f} ms of processor time")
    compare(arguments.folder.resolve(), arguments.rounds)
    print("growth, in one process, from the folder to the findings:")
    growth(arguments.most)
    long_file(20_000)
    if arguments.files:
        many_files(arguments.files)
    return 0


if __name__ == "__main__":
    sys.exit(main())
