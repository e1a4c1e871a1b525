"""What long work has in common: a live table or plain lines, and an end by Ctrl-C that cleans up first."""

import signal
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import anyio
from rich.live import Live
from rich.table import Table

from trimtab.cli.options import Common

_Result = TypeVar("_Result")


class LiveLines:
    """A table that is drawn anew on a terminal; elsewhere lines, one after the other."""

    def __init__(self, common: Common) -> None:
        self.console = common.messages
        self.quiet = common.quiet
        self.is_drawn = False

    def shown(self, table: Callable[[], Table]) -> AbstractContextManager[object]:
        """Draw the table for as long as the context lasts, where there is a terminal to draw on."""
        if self.quiet or not self.console.is_terminal:
            return nullcontext()
        self.is_drawn = True
        return Live(get_renderable=table, console=self.console, refresh_per_second=4, transient=True)

    def line(self, text: str) -> None:
        """Say something where no table is drawn."""
        if not self.is_drawn and not self.quiet:
            self.console.print(text, markup=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Say something that has to stay on the screen, above the table where one is drawn."""
        if not self.quiet:
            self.console.print(text, markup=False, soft_wrap=True)


async def interruptible(work: Callable[[], Awaitable[_Result]]) -> _Result | None:
    """Do something that an interrupt ends, with its own clean-up; None when that has happened."""
    result: _Result | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(_watch_signals, group.cancel_scope)
        result = await work()
        group.cancel_scope.cancel()
    return result


async def _watch_signals(scope: anyio.CancelScope) -> None:
    """An interrupt cancels the work, whose own clean-up then runs to its end."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return
