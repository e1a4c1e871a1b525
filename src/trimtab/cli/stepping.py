"""What a role's steps show while they go on: each is a command, and some of them take an hour."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.table import Table
from rich.text import Text

from trimtab.cli.live import LiveLines
from trimtab.cli.options import Common
from trimtab.crew.model import Role, Step
from trimtab.crew.work import Watcher
from trimtab.report import figures

_BETWEEN = 15.0
"""Seconds. Without a terminal, what a command says is passed on no more often; what ends sooner has its result to show."""


class StepWatcher(Watcher):
    """Names each command; below it stands, on a terminal, the last that it said, and elsewhere a line of that now and then."""

    def __init__(self, common: Common) -> None:
        self._common = common

    def done_before(self, role: Role, step: Step, number: int) -> None:
        if self._common.verbose:
            LiveLines(self._common).say(f"{role}: {step.name}: done before, in step {number}")

    @contextmanager
    def doing(self, role: Role, step: Step) -> Generator[Callable[[str], None]]:
        lines = LiveLines(self._common)
        lines.say(f"{role}: trimtab {step.line if self._common.verbose else step.short}")
        began = told = time.monotonic()
        last = ""

        def table() -> Table:
            grid = Table.grid(padding=(0, 2))
            grid.add_row(
                Text(figures.seconds(time.monotonic() - began), "dim"), Text(last, "dim", no_wrap=True, overflow="ellipsis")
            )
            return grid

        def take(line: str) -> None:
            nonlocal last, told
            last = line
            if self._common.verbose:
                lines.say(f"{role}: {line}")
            elif time.monotonic() - told >= _BETWEEN:
                told = time.monotonic()
                lines.line(f"{role}: {figures.seconds(told - began)}: {line}")

        with lines.shown(table):
            yield take
