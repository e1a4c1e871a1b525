"""Whole compose projects really started, before and after a change of their settings."""

import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import anyio

from trimtab.docker import Runner
from trimtab.docker import command as argv
from trimtab.errors import CommandFailed, ToolError
from trimtab.fleet.plain import items, mapping
from trimtab.verify.evidence import Measurement, Pair, Scenario

_WAIT_SECONDS = 300
_SIDES = {"before": "as it is, it does not start", "after": "with the proposal it does not start"}


class NotStarted(ToolError):
    """A project whose services did not all run, and become healthy; the message says on which side."""

    def __init__(self, side: str, cause: CommandFailed) -> None:
        self.side = side
        super().__init__(f"{_SIDES[side]}: {cause}")


async def measure_start(
    runner: Runner, root: Path, folder: Path, run: str, files: Sequence[str], texts: Mapping[str, str], repeats: int
) -> Measurement:
    """A project's start with its files as they are and with other texts, in interleaved pairs.

    The project gets a name of its own; container names, ports of the host and restart policies are left out, so that nothing
    that runs is touched. Images are built, or pulled where they are missing, once, before the clock runs. Everything is removed
    after each start, volumes included, which are this project's own.

    Raises:
        CommandFailed: compose refuses the files, or an image does not build or cannot be pulled.
        NotStarted: a service ends, or does not become healthy.
    """
    old = await _resolved(runner, root, folder, run, files, {})
    new = await _resolved(runner, root, folder, run, files, texts)
    pairs: list[Pair] = []
    async with _built(runner, folder, run, old):
        for turn in range(repeats):
            seconds: dict[str, float] = {}
            for name in ("before", "after") if turn % 2 == 0 else ("after", "before"):
                project = old if name == "before" else new
                try:
                    seconds[name] = await _started(runner, folder, run, project)
                except CommandFailed as error:
                    raise NotStarted(name, error) from error
            pairs.append(Pair(seconds["before"], seconds["after"]))
    return Measurement(Scenario.START, ", ".join(files), tuple(pairs))


async def _resolved(
    runner: Runner, root: Path, folder: Path, run: str, files: Sequence[str], texts: Mapping[str, str]
) -> dict[str, object]:
    """The project as compose itself reads it, without what would meet a running one."""
    names: list[str] = []
    for number, file in enumerate(files):
        path = root / file
        if file in texts:
            path = folder / f"changed-{number}.yaml"
            path.write_bytes(texts[file].encode("utf-8", "surrogateescape"))
        names.append(str(path))
    done = (await runner.run(argv.compose_config(names, str((root / files[0]).parent)))).checked()
    return isolated(cast("dict[str, object]", json.loads(done.stdout)), run)


def isolated(project: Mapping[str, object], run: str) -> dict[str, object]:
    """A project that can be started beside itself; everything that it makes carries the run's label."""
    labels = {argv.LABEL: run}
    services = {name: _isolated_service(name, mapping(body), run) for name, body in mapping(project.get("services")).items()}
    kept: dict[str, object] = {"services": services}
    for kind in ("networks", "volumes"):
        own = {name: {**_unnamed(mapping(body)), "labels": labels} for name, body in mapping(project.get(kind)).items()}
        if own:
            kept[kind] = own
    for kind in ("secrets", "configs"):
        if project.get(kind):
            kept[kind] = project[kind]
    return kept


def _isolated_service(name: str, body: Mapping[str, object], run: str) -> dict[str, object]:
    left_out = {"container_name", "ports", "restart"}
    found = {key: value for key, value in body.items() if key not in left_out}
    if "volumes" in body:
        # A folder of the host would be written to.
        found["volumes"] = [item for item in items(body["volumes"]) if not _may_write(mapping(item))]
    labels = {argv.LABEL: run}
    found["labels"] = labels
    if build := mapping(body.get("build")):
        found["image"] = f"trimtab-{run}-start:{name.lower()}"
        found["build"] = {**build, "labels": labels}
    return found


def _may_write(volume: Mapping[str, object]) -> bool:
    """Whether a container could change a folder of the host."""
    return volume.get("type") == "bind" and not volume.get("read_only")


def _unnamed(body: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in body.items() if key not in {"name", "external"}}


@asynccontextmanager
async def _built(runner: Runner, folder: Path, run: str, project: Mapping[str, object]) -> AsyncGenerator[None]:
    """The project's images, built, under names of this run's."""
    file = folder / "start.json"
    file.write_text(json.dumps(project), encoding="utf-8")
    missing = ("pull", "--quiet", "--ignore-buildable", "--policy", "missing")
    for words in (("build",), missing):
        (await runner.run(argv.compose(str(file), _project(run), *words))).checked()
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await runner.run(argv.compose(str(file), _project(run), "down", "--volumes", "--rmi", "local", "--timeout", "1"))


async def _started(runner: Runner, folder: Path, run: str, project: dict[str, object]) -> float:
    file = folder / "start.json"
    file.write_text(json.dumps(project), encoding="utf-8")
    began = time.monotonic()
    up = argv.compose(
        str(file),
        _project(run),
        "up",
        "--detach",
        "--wait",
        "--no-build",
        "--pull",
        "never",
        "--wait-timeout",
        str(_WAIT_SECONDS),
    )
    done = await runner.run(up)
    seconds = time.monotonic() - began
    with anyio.CancelScope(shield=True):
        await runner.run(argv.compose(str(file), _project(run), "down", "--volumes", "--timeout", "1"))
    if done.code != 0:
        raise CommandFailed(up.argv, done.code, done.stderr)
    return seconds


def _project(run: str) -> str:
    return f"trimtab-{run}-start"
