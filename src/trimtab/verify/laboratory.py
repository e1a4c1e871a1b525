"""What all experiments of one run share."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trimtab.build import Slots
from trimtab.docker import Runner
from trimtab.docker.machine import shortage
from trimtab.fleet import Fleet

LEAST_FREE = 5_000_000_000
"""Bytes. Building and comparing one service's image needs some of its size several times over."""

Progress = Callable[[str, str], None]
"""Told the Dockerfile's path and what is being done about it."""


@dataclass(frozen=True)
class Measures:
    """What is measured beyond sizes and behaviour."""

    repeats: int = 3
    """Interleaved pairs of each scenario; 0 measures no time at all."""
    cold: bool = False
    fresh_runner: bool = False
    link_mbit: float | None = None
    """The rate of the slow link in Mbit/s, None for no such scenario."""
    replay: int = 0
    """How many of the last commits are rebuilt."""


@dataclass(frozen=True)
class Laboratory:
    """What all experiments of one run share."""

    runner: Runner
    run: str
    root: Path
    folder: Path
    """Where contexts are staged; empty before and after."""
    slots: Slots
    fleet: Fleet
    progress: Progress
    measures: Measures = field(default_factory=Measures)
    deadline: float | None = None
    """When, on the monotonic clock, nothing more is begun that only measures time."""
    smoke: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The user's own check of a service, run inside its container."""

    engine_folder: Path | None = None
    """Where the engine keeps its images, when that is a folder of this machine."""

    def shortage(self) -> str | None:
        """Why nothing more should be built: the disk is nearly full, and what is built here is not what has to fail by it."""
        short = shortage((self.engine_folder, self.folder), LEAST_FREE)
        if short is None:
            return None
        return (
            f"not tried: {short}; make room, for example with `docker builder prune`, and run again: what is decided is"
            " remembered"
        )

    @property
    def in_time(self) -> bool:
        return self.deadline is None or time.monotonic() < self.deadline
