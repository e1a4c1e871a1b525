"""`trimtab doctor`."""

import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
from platformdirs import user_cache_path
from rich.console import Group, RenderableType
from rich.text import Text

from trimtab import __version__
from trimtab.cli.app import CLEAN, COULD_NOT_RUN
from trimtab.cli.options import Common, show
from trimtab.docker import Command, ProcessRunner, Runner, engine_version
from trimtab.errors import ToolError

_NEEDED_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that trimtab needs."""

    name: str
    ok: bool
    found: str
    needed_for: str


def doctor(*, common: Common | None = None) -> int:
    """Check what this machine has of what trimtab needs. Exits with 2 when `trimtab optimize` could not run."""
    common = common or Common()
    checks = anyio.run(_checks, ProcessRunner())
    show(common, lambda: {"schema": "trimtab.doctor/1", "checks": [_data(check) for check in checks]}, lambda: _view(checks))
    return CLEAN if all(check.ok for check in checks) else COULD_NOT_RUN


def _data(check: Check) -> dict[str, object]:
    return {"name": check.name, "ok": check.ok, "found": check.found, "needed_for": check.needed_for}


async def _checks(runner: Runner) -> list[Check]:
    cache = user_cache_path("trimtab").parent
    while not cache.exists():
        cache = cache.parent
    free = shutil.disk_usage(cache).free
    return [
        Check("trimtab", True, f"{__version__} on Python {platform.python_version()}", "everything"),
        await _engine(runner),
        await _program(runner, "buildx", ("docker", "buildx", "version")),
        await _program(runner, "git", ("git", "--version"), "asking before uncommitted changes are overwritten"),
        Check("disk", free > _NEEDED_BYTES, f"{free / 1e9:.0f} GB free at {cache}", "staging build contexts"),
        _workspace(Path.cwd()),
    ]


async def _engine(runner: Runner) -> Check:
    try:
        return Check("engine", True, await engine_version(runner), "optimize")
    except ToolError as error:
        return Check("engine", False, str(error), "optimize")


async def _program(runner: Runner, name: str, argv: Sequence[str], needed_for: str = "optimize") -> Check:
    try:
        result = await runner.run(Command(tuple(argv)), timeout=20)
    except ToolError as error:
        return Check(name, False, str(error), needed_for)
    first = (result.text or result.stderr).partition("\n")[0]
    return Check(name, result.code == 0, first, needed_for)


def _workspace(folder: Path) -> Check:
    writable = folder.is_dir() and os.access(folder, os.W_OK)
    return Check("folder", writable, f"{folder} is {'writable' if writable else 'read-only'}", "fix, optimize")


def _view(checks: Sequence[Check]) -> RenderableType:
    return Group(
        *(
            Text.assemble(
                ("ok  " if c.ok else "no  ", "green" if c.ok else "bold red"),
                (f"{c.name:<9}", "bold"),
                f"{c.found}  ",
                (f"for {c.needed_for}", "dim"),
            )
            for c in checks
        )
    )
