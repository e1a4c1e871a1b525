"""Several versions of one fleet measured against each other: bytes above the base, and rebuilds in interleaved turns.

    bench/fleet.py before=DIR trimtab=DIR by-hand=DIR [--repeats 3] [--only services/a/Dockerfile …] [--keep FILE]

The first version is what the others are held against. Each Dockerfile is built from its own version's tree. In every turn all
versions get the same edit and are rebuilt one behind the other, each time in another order, on an engine that does nothing
else of ours. A version that does not build drops out of the service's row and is named.

A fleet of forty services takes hours: with `--keep` each row is written to a file as soon as it is measured, a service that has
its row there is not measured again, and the totals are over all of them. The file is for these trees only.
"""

import argparse
import secrets
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import anyio
from pydantic import TypeAdapter

from trimtab.build import Slots
from trimtab.docker import ProcessRunner, read_config
from trimtab.docker.command import docker
from trimtab.errors import TrimtabError
from trimtab.fleet import DiskTree, Fleet, discover
from trimtab.fleet.bases import outside_base
from trimtab.fleet.copies import manifest_files, source_file
from trimtab.verify import Laboratory, Measures, Scenario, clean_up
from trimtab.verify.staged import Staged

EDITS = (Scenario.SOURCE_EDIT, Scenario.DEPENDENCY_EDIT)
TARGETS = {"bytes above the base": "-40…60 %", Scenario.SOURCE_EDIT: "-70 %", Scenario.DEPENDENCY_EDIT: "-60…80 %"}


@dataclass
class Version:
    """One tree, and what is known of one service in it."""

    name: str
    root: Path
    fleet: Fleet


@dataclass
class Row:
    """One service: bytes above the base and seconds of each version that built."""

    path: str
    bytes: dict[str, int] = field(default_factory=dict[str, int])
    seconds: dict[Scenario, dict[str, list[float]]] = field(default_factory=dict[Scenario, dict[str, list[float]]])
    failed: dict[str, str] = field(default_factory=dict[str, str])


async def prepared(version: Version, path: str, folder: Path, run: str, number: int) -> Staged | str:
    """A version's service staged and built once, or why it is not."""
    file = version.fleet.file(path)
    if file is None or not file.contexts:
        return "has no such file"
    laboratory = Laboratory(
        ProcessRunner(), run, version.root, folder, Slots(1), version.fleet, lambda _path, _doing: None, Measures(0)
    )
    build = next((each for each in file.builds if each.context is not None), None)
    context = next((each for each in file.contexts if build and each.root == build.context), None)
    if build is None or context is None:
        return "its context is outside the fleet"
    staged = Staged(laboratory, file, build, context, number)
    await staged.stage()
    built = await staged.built("measured", file.dockerfile.source.text)
    if built.image is not None:
        return staged
    staged.workspace.remove()
    return f"does not build: {built.reason}"


async def above_base(staged: Staged) -> int:
    """Bytes of an image's own layers."""
    built = await staged.built("measured", staged.file.dockerfile.source.text)
    base = outside_base(staged.file, staged.file.stages[-1]).base
    assert built.image is not None
    below = 0 if base == "scratch" else (await read_config(staged.runner, base)).size
    return built.image.size - below


async def measure(path: str, versions: Sequence[Version], folder: Path, run: str, first: int, repeats: int) -> Row:
    """One service in all versions."""
    row = Row(path)
    ready: dict[str, Staged] = {}
    for number, version in enumerate(versions):
        staged = await prepared(version, path, folder, run, first + number)
        if isinstance(staged, str):
            row.failed[version.name] = staged
        else:
            ready[version.name] = staged
    try:
        if versions[0].name in ready:
            for name, staged in ready.items():
                row.bytes[name] = await above_base(staged)
            for scenario in EDITS:
                row.seconds[scenario] = await timed(ready, edited_file(scenario, ready[versions[0].name]), repeats)
    finally:
        for staged in ready.values():
            staged.workspace.remove()
    return row


def edited_file(scenario: Scenario, staged: Staged) -> str | None:
    if scenario is Scenario.SOURCE_EDIT:
        return source_file(staged.file, staged.context)
    return next(iter(manifest_files(staged.file, staged.context)), None)


async def timed(ready: dict[str, Staged], edited: str | None, repeats: int) -> dict[str, list[float]]:
    """Seconds of each version's rebuilds after the same edit; a version without the file is not measured."""
    those = {name: staged for name, staged in ready.items() if edited and (staged.workspace.context_path / edited).is_file()}
    found: dict[str, list[float]] = {name: [] for name in those}
    for turn in range(repeats):
        names = list(those)
        for name in names[turn % len(names) :] + names[: turn % len(names)] if names else []:
            staged = those[name]
            staged.workspace.edit(edited or "")
            built = await staged.built("measured", staged.file.dockerfile.source.text)
            if built.ok:
                found[name].append(built.seconds)
    return found


def show(row: Row, names: Sequence[str]) -> str:
    parts = [" → ".join(f"{row.bytes[name] / 1e6:.0f}" if name in row.bytes else "-" for name in names) + " MB"]
    for scenario in EDITS:
        values = row.seconds.get(scenario, {})
        shown = [f"{median(values[name]):.1f}±{spread(values[name]):.1f}" if values.get(name) else "-" for name in names]
        parts.append(" → ".join(shown) + " s")
    parts += [f"{name} {reason[:90]}" for name, reason in row.failed.items()]
    return f"| {row.path} | " + " | ".join(parts) + " |"


def spread(values: Sequence[float]) -> float:
    """The median absolute deviation."""
    return median(abs(value - median(values)) for value in values)


def totals(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """What each version makes of the first one, over the services where both built."""
    reference = names[0]
    lines: list[str] = []
    for name in names[1:]:
        for title in ("bytes above the base", *EDITS):
            pairs = [pair for row in rows if (pair := _pair(row, title, reference, name))]
            if pairs:
                before, after = sum(one for one, _ in pairs), sum(other for _, other in pairs)
                ratios = sorted(other / one for one, other in pairs if one)
                middle = f"per service {ratios[0] - 1:+.0%} … {median(ratios) - 1:+.0%} … {ratios[-1] - 1:+.0%}"
                unit = (f"{before / 1e6:.0f} → {after / 1e6:.0f} MB") if title == "bytes above the base" else (
                    f"{before:.1f} → {after:.1f} s"
                )  # fmt: skip
                lines.append(f"{name}: {title}, {len(pairs)} services: {unit}, {after / before - 1:+.0%} ({middle}); "
                             f"target {TARGETS[title]}")  # fmt: skip
    return lines


def _pair(row: Row, title: str, reference: str, name: str) -> tuple[float, float] | None:
    if title == "bytes above the base":
        return (row.bytes[reference], row.bytes[name]) if reference in row.bytes and name in row.bytes else None
    values = row.seconds.get(Scenario(title), {})
    one, other = values.get(reference), values.get(name)
    return (median(one), median(other)) if one and other else None


_ROW = TypeAdapter(Row)


def kept_rows(keep: Path | None) -> list[Row]:
    """What earlier runs have measured."""
    if keep is None or not keep.exists():
        return []
    return [_ROW.validate_json(line) for line in keep.read_text(encoding="utf-8").splitlines()]


async def main(versions: Sequence[Version], paths: Sequence[str], repeats: int, keep: Path | None, *, prune: bool) -> int:
    run = f"{secrets.token_hex(4)}-0"
    names = [version.name for version in versions]
    rows = kept_rows(keep)
    left = [path for path in paths if path not in {row.path for row in rows}]
    print(f"| Dockerfile | above the base: {' → '.join(names)} | source edit | dependency edit |\n|---|---|---|---|")
    for row in rows:
        print(show(row, names))
    with tempfile.TemporaryDirectory(prefix="trimtab-") as folder:
        try:
            for number, path in enumerate(left):
                try:
                    rows.append(await measure(path, versions, Path(folder), run, number * 10, repeats))
                    print(show(rows[-1], names), flush=True)
                    if keep is not None:
                        with keep.open("ab") as file:
                            file.write(_ROW.dump_json(rows[-1]) + b"\n")
                except (TrimtabError, OSError) as error:
                    print(f"| {path} | could not be measured: {error} | | |", flush=True)
                if prune:
                    await clean_up(ProcessRunner(), run)
                    await ProcessRunner().run(docker("builder", "prune", "--all", "--force"))
        finally:
            with anyio.CancelScope(shield=True):
                await clean_up(ProcessRunner(), run)
    for line in totals(rows, names):
        print(line)
    return 0 if rows else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="+", metavar="NAME=DIR")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--prune", action="store_true", help="empty the engine's build cache between services")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep what is measured, and go on from there")
    arguments = parser.parse_args()
    given = [each.partition("=") for each in arguments.versions]
    fleets = [Version(name, Path(folder).resolve(), discover(DiskTree(Path(folder).resolve()))) for name, _, folder in given]
    wanted = arguments.only or [file.path for file in fleets[0].fleet.files]
    sys.exit(anyio.run(partial(main, prune=arguments.prune), fleets, wanted, arguments.repeats, arguments.keep))
