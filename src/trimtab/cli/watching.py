"""What a run of builds shows while it goes on: a live table, plain lines, or a line of JSON for each event."""

import time
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import IO

from rich.table import Table
from rich.text import Text

from trimtab.build import Done, Outcome
from trimtab.cli.live import LiveLines
from trimtab.cli.options import Common, open_output
from trimtab.docker import ProgressReader
from trimtab.report import figures
from trimtab.report.build import done_data
from trimtab.report.exchange import json_text


class BuildWatcher:
    """Tells people, or a program, what happens while it happens: a live table, plain lines, or a line of JSON each."""

    def __init__(self, common: Common, known: Mapping[str, float], left: int, events: IO[str] | None) -> None:
        self._lines = LiveLines(common)
        self._known = known
        self._left = left
        self._events = events
        self._running: dict[str, tuple[float, str, str]] = {}
        self._ended: dict[str, Done] = {}

    def shown(self) -> AbstractContextManager[object]:
        return self._lines.shown(self._table)

    def started(self, name: str, builder: str) -> None:
        self._running[name] = (time.monotonic(), "starting", "")
        self._event("started", target=name, builder=builder)
        self._lines.line(f"{name}: building{'' if builder == 'default' else f' on {builder}'}")

    def moved(self, name: str, reader: ProgressReader) -> None:
        began, step, _ = self._running.get(name, (time.monotonic(), "", ""))
        now = reader.current
        cached, done, known = reader.counts if self._lines.is_drawn else (0, 0, 0)
        self._running[name] = (began, now or step, f"{cached} cached, {done}/{known}")
        if now and now != step:
            self._event("step", target=name, step=now)

    def told(self, name: str, text: str) -> None:
        self._event("told", target=name, text=text)
        self._lines.line(f"{name}: {text}")

    def ended(self, done: Done) -> None:
        self._running.pop(done.name, None)
        self._ended[done.name] = done
        self._event("ended", **done_data(done))
        if done.outcome is Outcome.SKIPPED:
            return
        log = done.log
        cached = f", {log.cached_steps}/{log.cacheable_steps} steps cached" if log and done.outcome is Outcome.BUILT else ""
        took = f" in {figures.seconds(done.seconds)}" if done.seconds else ""
        reason = f": {done.reason}" if done.reason else ""
        self._lines.line(f"{done.name}: {done.outcome}{took}{cached}{reason}")

    def finished(self, result: Mapping[str, object]) -> None:
        """The last event, which is the result."""
        if self._events is not None:
            print(json_text(result, None), file=self._events, flush=True)

    def _event(self, event: str, **values: object) -> None:
        if self._events is not None:
            print(json_text({"event": event, **values}, None), file=self._events, flush=True)

    def _table(self) -> Table:
        done = sum(each.outcome is not Outcome.SKIPPED for each in self._ended.values())
        table = Table(box=None, pad_edge=False, title=f"{done} of {self._left} targets", title_justify="left")
        for column in ("target", "elapsed", "likely", "steps", "doing"):
            table.add_column(
                column, no_wrap=True, overflow="ellipsis", justify="right" if column in {"elapsed", "likely"} else "left"
            )
        for name, (began, step, counted) in self._running.items():
            likely = self._known.get(name)
            elapsed = figures.seconds(time.monotonic() - began)
            table.add_row(name, elapsed, figures.seconds(likely) if likely else "", counted, Text(step))
        failed = [name for name, each in self._ended.items() if each.outcome is Outcome.FAILED]
        if failed:
            table.add_row("[bold red]failed[/]", "", "", "", ", ".join(failed))
        return table


@contextmanager
def watching(common: Common, known: Mapping[str, float], left: int) -> Generator[BuildWatcher]:
    """A watcher of so many builds, with the file that events go to open as long as it is needed.

    Raises:
        UsageError: the file cannot be written.
    """
    if common.format != "json":
        yield BuildWatcher(common, known, left, None)
        return
    with open_output(common) as file:
        yield BuildWatcher(common, known, left, file)
