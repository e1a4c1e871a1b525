"""What the services of a fleet really install from the Python index, with its includes and constraints."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from packaging.requirements import InvalidRequirement, Requirement

from trimtab.fleet.context import BuildContext
from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.dependencies import Manifests, install_inputs, logical_lines
from trimtab.fleet.installs import Install, is_local_package
from trimtab.fleet.model import FleetFile
from trimtab.fleet.stage import Run, Stage

_PYTHON_TAG = re.compile(r"(?:^|/)python:(?P<minor>3\.\d+)")


@dataclass(frozen=True, slots=True)
class PythonInstall:
    """One `pip install` or `uv pip install` with everything it is asked for."""

    stage: Stage
    run: Run
    install: Install
    requirements: tuple[Requirement, ...]
    complete: bool
    """Whether every file that it reads was found."""
    manifests: tuple[str, ...]
    """Context paths of the requirement files."""
    context: BuildContext


def python_minor(base: str) -> str | None:
    """`3.12` for an official Python image, None for any other."""
    match = _PYTHON_TAG.search(base)
    return match["minor"] if match else None


def python_installs(file: FleetFile) -> Sequence[PythonInstall]:
    """The Python installs of a file, in each context that it is built in."""
    key = ("python installs",)
    if key not in file.memo:
        file.memo[key] = tuple(_python_installs(file))
    return cast("Sequence[PythonInstall]", file.memo[key])


def _python_installs(file: FleetFile) -> Iterator[PythonInstall]:
    for context in file.contexts:
        for stage in file.stages:
            for run in stage.runs:
                for install in run.installs:
                    if install.manager.name in {"pip", "uv"} and install.command.literal:
                        yield _read(stage, run, install, context)


def _read(stage: Stage, run: Run, install: Install, context: BuildContext) -> PythonInstall:
    files = CopiedFiles.before(stage, run.index, context)
    found = [name for name in install.packages if not is_local_package(name)] if install.manager.name == "pip" else []
    inputs = install_inputs(install, run.state.workdir, files)
    paths = inputs.paths if isinstance(inputs, Manifests) else ()
    constraints = {posixpath.normpath(posixpath.join(run.state.workdir, path)) for path in install.pip.constraints}
    for path in paths:
        if path not in constraints:
            found.extend(requirement_lines(files.read(path) or ""))
    parsed = tuple(requirement for line in found if (requirement := parse_requirement(line)) is not None)
    complete = isinstance(inputs, Manifests)
    return PythonInstall(stage, run, install, parsed, complete, tuple(files.paths[path] for path in paths), context)


def requirement_lines(text: str) -> list[str]:
    """The lines of a requirements file that name a project, comments and per-line options taken off."""
    return [re.split(r"\s--", line)[0].strip() for line in logical_lines(text) if not line.startswith("-")]


@lru_cache(maxsize=1 << 14)
def parse_requirement(text: str) -> Requirement | None:
    """A requirement, None for what is none."""
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None
