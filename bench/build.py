"""A whole fleet built by trimtab, by `docker compose build` and by `docker buildx bake`: wall time, in turns, on one engine.

    bench/build.py [FLEET] [--repeats 3] [--skip cold]

Scenarios: cold (every step done anew), nothing changed, and after an edit of a source, a shared file, and a dependency list.
Every tool gets an edit of its own before its turn, because an edit that another tool has built would come from the cache. The
order of the tools changes from turn to turn. Bake gets the file that `trimtab bake` prints. Prints medians, their spread, and
how many times as long as trimtab each other takes; `--changed` is trimtab told to build only what the edit reaches.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from trimtab.build import Graph, build_graph
from trimtab.build.inputs import read_files
from trimtab.fleet import DiskTree, discover
from trimtab.fleet.copies import manifest_files, source_file

SHOP = Path(__file__).parent.parent / "examples" / "shop"
TOOLS = ("trimtab", "trimtab --changed", "compose", "bake")


class Failed(Exception):
    """A tool that did not build the fleet has no time."""


def run(argv: Sequence[str], folder: Path) -> float:
    started = time.monotonic()
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(argv[:4])}: {(done.stderr or done.stdout).strip()[-400:]}")
    return time.monotonic() - started


def command(tool: str, folder: Path, *, cold: bool) -> list[str]:
    if tool.startswith("trimtab"):
        words = [sys.executable, "-m", "trimtab", "build", "--quiet", "--output", str(folder / ".trimtab" / "out")]
        return [*words, *(["--changed"] if "changed" in tool else []), *(["--no-cache"] if cold else [])]
    if tool == "compose":
        return ["docker", "compose", "--profile", "*", "build", "--quiet", *(["--no-cache"] if cold else [])]
    file = str(folder / ".trimtab" / "bake.json")
    return ["docker", "buildx", "bake", "--progress", "quiet", "--file", file, *(["--no-cache"] if cold else [])]


def edits(graph: Graph) -> dict[str, str]:
    """A file for each kind of edit: a source of one target, a file that several read, a list of dependencies."""
    found: dict[str, str] = {}
    readers: Counter[str] = Counter()
    for target in graph.targets.values():
        if target.file is None or target.context is None:
            continue
        context = target.context
        own = [context.tree_path(path) for path in read_files(target)]
        readers.update(path for path in own if path.endswith((".py", ".js", ".ts", ".go")))
        source = source_file(target.file, context)
        if source:
            found.setdefault("source edit", context.tree_path(source))
        manifests = [path for path in manifest_files(target.file, context) if path.endswith((".txt", ".toml"))]
        if manifests:
            found.setdefault("dependency edit", context.tree_path(manifests[0]))
    shared = [(count, path) for path, count in readers.items() if count > 1]
    if shared:
        found["shared edit"] = max(shared)[1]
    return found


def edit(folder: Path, path: str) -> None:
    with (folder / path).open("a", encoding="utf-8") as file:
        file.write(f"\n# {time.monotonic_ns()}\n")


def nothing() -> None:
    """No edit."""


def measure(
    folder: Path, before: Callable[[], None], tools: Sequence[str], repeats: int, *, cold: bool
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {tool: [] for tool in tools}
    for turn in range(repeats):
        for tool in [*tools[turn % len(tools) :], *tools[: turn % len(tools)]]:
            before()
            times[tool].append(run(command(tool, folder, cold=cold), folder))
            subprocess.run(["git", "-C", str(folder), "checkout", "-q", "."], check=True)
    return times


def spread(values: Sequence[float]) -> float:
    return median(abs(value - median(values)) for value in values)


def shown(values: Sequence[float], own: float) -> str:
    return f"{median(values):.1f}±{spread(values):.1f} s ({median(values) / own:.2f}×)" if values else "–"


def show(title: str, times: dict[str, list[float]]) -> str:
    own = median(times["trimtab"])
    cells = [shown(values, own) for values in times.values()]
    return f"| {title} | " + " | ".join(cells) + " |"


def prepared(source: Path, folder: Path) -> Graph:
    """A copy of the fleet as a repository of its own, built once by everybody's means."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".git", ".trimtab"), symlinks=True)
    # Compose wants what the fleet's own files name; an empty file says as little as a missing one.
    (folder / ".env").touch()
    # What trimtab notes here, and git's own files, are nobody's source: else the others would build anew because of them.
    with (folder / ".dockerignore").open("a", encoding="utf-8") as file:
        file.write("\n.trimtab\n.git\n")
    git = ["git", "-C", str(folder), "-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "bench"]):
        subprocess.run([*git, *words], check=True)
    (folder / ".trimtab").mkdir()
    (folder / ".trimtab" / ".gitignore").write_text("*\n")
    argv = [sys.executable, "-m", "trimtab", "bake", "-q", str(folder)]
    bake = subprocess.run(argv, capture_output=True, text=True, check=False)
    (folder / ".trimtab" / "bake.json").write_text(bake.stdout)
    return build_graph(discover(DiskTree(folder)), folder.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fleet", nargs="?", type=Path, default=SHOP)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--skip", nargs="*", default=[])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trimtab-bench-") as work:
        folder = Path(work) / arguments.fleet.resolve().name
        graph = prepared(arguments.fleet.resolve(), folder)
        print(f"{len(graph.targets)} targets of {folder.name}; medians of {arguments.repeats} turns ± median deviation\n")
        print(f"| | {' | '.join(TOOLS)} |\n|{'---|' * (len(TOOLS) + 1)}")
        plain = [tool for tool in TOOLS if "changed" not in tool]
        for tool in plain:
            run(command(tool, folder, cold=False), folder)
        scenarios: dict[str, tuple[Callable[[], None], bool]] = {"cold": (nothing, True), "nothing changed": (nothing, False)}
        for title, path in edits(graph).items():
            scenarios[f"{title} ({path})"] = (partial(edit, folder, path), False)
        for title, (before, cold) in scenarios.items():
            if title.partition(" (")[0] in arguments.skip:
                continue
            tools = plain if cold or title == "nothing changed" else TOOLS
            times: dict[str, list[float]] = {tool: [] for tool in TOOLS}
            print(show(title, times | measure(folder, before, tools, arguments.repeats, cold=cold)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
