"""A whole fleet built by trimtab, by `docker compose build` and by `docker buildx bake`: wall time, in turns, on one engine.

    bench/build.py [FLEET] [--repeats 3] [--cold 1] [--only SERVICE …] [--skip cold]

Scenarios: cold (every step done anew), nothing changed, and after an edit of a source, a shared file, and a dependency list.
Every tool gets an edit of its own before its turn, because an edit that another tool has built would come from the cache. The
order of the tools changes from turn to turn. Bake gets the file that `trimtab bake` prints. Prints medians, their spread, and
how many times as long as trimtab each other takes; `--changed` is trimtab told to build only what the edit reaches.

All tools are given the services of one compose file, the one that compose reads itself, so that fleets with several can be
measured. What no tool builds is left out for all of them and named; what only some of them build ends the bench, because their
times would be times of different work.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

from trimtab.build import Graph, Wanted, build_graph
from trimtab.build.inputs import read_files
from trimtab.fleet import DiskTree, discover
from trimtab.fleet.copies import manifest_files, source_file
from trimtab.fleet.plain import items, mapping

SHOP = Path(__file__).parent.parent / "examples" / "shop"
TOOLS = ("trimtab", "trimtab --changed", "compose", "bake")
COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""What compose looks for, in its order (compose-go, `DefaultFileNames`)."""


class Failed(Exception):
    """A tool that did not build the fleet has no time."""


@dataclass(frozen=True)
class Bench:
    """What every tool is given."""

    folder: Path
    compose_file: str
    graph: Graph

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(self.graph.targets)

    def without(self, names: Sequence[str]) -> "Bench":
        kept = {name: target for name, target in self.graph.targets.items() if name not in names}
        return replace(self, graph=replace(self.graph, targets=kept))

    def only(self, name: str) -> "Bench":
        return replace(self, graph=replace(self.graph, targets={name: self.graph.targets[name]}))


def run(argv: Sequence[str], folder: Path) -> float:
    started = time.monotonic()
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        # What trimtab has to say is in the file that it was told to write.
        said = Path(argv[argv.index("--output") + 1]) if "--output" in argv else None
        told = said.read_text(encoding="utf-8") if said and said.is_file() else ""
        raise Failed(f"{' '.join(argv[:4])}: {(done.stderr or told or done.stdout).strip()[-1000:]}")
    return time.monotonic() - started


def trimtab(*words: str) -> list[str]:
    return [sys.executable, "-m", "trimtab", *words, "--quiet"]


def command(tool: str, bench: Bench, *, cold: bool) -> list[str]:
    anew = ["--no-cache"] if cold else []
    if tool.startswith("trimtab"):
        named = [word for name in bench.targets for word in ("--service", name)]
        words = [bench.compose_file, *named, "--output", str(bench.folder / ".trimtab" / "out")]
        return [*trimtab("build", *words), *(["--changed"] if "changed" in tool else []), *anew]
    if tool == "compose":
        services = [target.services[0] for target in bench.graph.targets.values()]
        return ["docker", "compose", "--profile", "*", "build", "--quiet", *anew, *services]
    file = str(bench.folder / ".trimtab" / "bake.json")
    return ["docker", "buildx", "bake", "--progress", "quiet", "--file", file, *anew, *bench.targets]


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
    bench: Bench, before: Callable[[], None], tools: Sequence[str], repeats: int, *, cold: bool
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {tool: [] for tool in tools}
    for turn in range(repeats):
        for tool in [*tools[turn % len(tools) :], *tools[: turn % len(tools)]]:
            before()
            times[tool].append(run(command(tool, bench, cold=cold), bench.folder))
            subprocess.run(["git", "-C", str(bench.folder), "checkout", "-q", "."], check=True)
    return times


def spread(values: Sequence[float]) -> float:
    return median(abs(value - median(values)) for value in values)


def shown(values: Sequence[float], own: float) -> str:
    if not values:
        return "–"
    around = f"±{spread(values):.1f}" if len(values) > 1 else ""
    return f"{median(values):.1f}{around} s ({median(values) / own:.2f}×)"


def show(title: str, times: dict[str, list[float]]) -> str:
    own = median(times["trimtab"])
    cells = [shown(values, own) for values in times.values()]
    return f"| {title} | " + " | ".join(cells) + " |"


def prepared(source: Path, folder: Path, services: Sequence[str]) -> Bench:
    """A copy of the fleet as a repository of its own, with what every tool needs to read it.

    Raises:
        Failed: compose would find no file there, or a named service is none of its.
    """
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(".git", ".trimtab"), symlinks=True)
    compose_file = next((name for name in COMPOSE_FILES if (folder / name).is_file()), None)
    if compose_file is None:
        raise Failed(f"{source} has none of {', '.join(COMPOSE_FILES)}")
    # Compose wants what the fleet's own files name; an empty file says as little as a missing one.
    missing = [each.message.split("`")[1] for each in discover(DiskTree(folder)).problems if each.kind == "missing-env-file"]
    for name in (".env", *missing):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    # What trimtab notes here, and git's own files, are nobody's source: else the others would build anew because of them.
    with (folder / ".dockerignore").open("a", encoding="utf-8") as file:
        file.write("\n.trimtab\n.git\n")
    git = ["git", "-C", str(folder), "-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "bench"]):
        subprocess.run([*git, *words], check=True)
    (folder / ".trimtab").mkdir()
    (folder / ".trimtab" / ".gitignore").write_text("*\n")
    argv = trimtab("bake", compose_file, *(word for name in services for word in ("--service", name)))
    bake = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if bake.returncode != 0:
        raise Failed(bake.stderr.strip()[-400:])
    (folder / ".trimtab" / "bake.json").write_text(bake.stdout)
    wanted = Wanted(frozenset({compose_file}), tuple(services))
    return Bench(folder, compose_file, build_graph(discover(DiskTree(folder)), folder.name, wanted))


def that_build(bench: Bench) -> tuple[Bench, dict[str, str]]:
    """The targets that all tools build, each built once, and why no tool builds the others.

    Raises:
        Failed: one is built by some of the tools and not by the others.
    """
    argv = [*command("trimtab", bench, cold=False), "--format", "json"]
    done = subprocess.run(argv, cwd=bench.folder, capture_output=True, text=True, check=False)
    lines = (bench.folder / ".trimtab" / "out").read_text(encoding="utf-8").splitlines()
    ends = {str(each["target"]): each for each in map(mapping, items(mapping(json.loads(lines[-1])).get("targets")))}
    dropped: dict[str, str] = {}
    for name in bench.targets:
        end = ends.get(name, {})
        if end.get("outcome") == "built":
            continue
        dropped[name] = str(end.get("reason") or done.stderr.strip()[-400:])
        for tool in ("compose", "bake"):
            if built_by(tool, bench.only(name)):
                raise Failed(f"{tool} builds {name} and trimtab does not: {dropped[name]}")
    kept = bench.without(list(dropped))
    for tool in ("compose", "bake"):
        run(command(tool, kept, cold=False), kept.folder)
    return kept, dropped


def built_by(tool: str, bench: Bench) -> bool:
    try:
        run(command(tool, bench, cold=False), bench.folder)
    except Failed:
        return False
    return True


def scenarios(bench: Bench) -> dict[str, tuple[Callable[[], None], bool]]:
    """What is done before each build, and whether nothing may come from the cache."""
    found: dict[str, tuple[Callable[[], None], bool]] = {"cold": (nothing, True), "nothing changed": (nothing, False)}
    for title, path in edits(bench.graph).items():
        found[f"{title} ({path})"] = (partial(edit, bench.folder, path), False)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fleet", nargs="?", type=Path, default=SHOP)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cold", type=int, help="turns of the cold builds, where those of the others would take too long")
    parser.add_argument("--only", nargs="*", default=[], metavar="SERVICE")
    parser.add_argument("--skip", nargs="*", default=[])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trimtab-bench-") as work:
        source: Path = arguments.fleet.resolve()
        bench, dropped = that_build(prepared(source, Path(work) / source.name, arguments.only))
        for name, reason in dropped.items():
            print(f"left out for all: {name}, which no tool builds: {reason}")
        print(f"{len(bench.targets)} targets of {source.name}: {', '.join(bench.targets)}")
        print(f"medians of {arguments.repeats} turns ± median deviation\n")
        print(f"| | {' | '.join(TOOLS)} |\n|{'---|' * (len(TOOLS) + 1)}", flush=True)
        plain = [tool for tool in TOOLS if "changed" not in tool]
        for title, (before, cold) in scenarios(bench).items():
            if title.partition(" (")[0] in arguments.skip:
                continue
            turns = arguments.cold if cold and arguments.cold else arguments.repeats
            measured = measure(bench, before, plain if cold or title == "nothing changed" else TOOLS, turns, cold=cold)
            times: dict[str, list[float]] = {tool: measured.get(tool, []) for tool in TOOLS}
            print(show(f"{title}, turns: {turns}" if turns != arguments.repeats else title, times), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
