"""`trimtab observe`."""

import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Annotated

import anyio
from cyclopts import Parameter
from rich.table import Table

from trimtab import __version__
from trimtab.cli.app import CLEAN
from trimtab.cli.deploying import Stack, find_stack, project_name
from trimtab.cli.live import LiveLines, interruptible
from trimtab.cli.options import Common, Paths, check_format, length_of_time, open_output, show, write_text
from trimtab.deploy.holder.figures import holder_counters
from trimtab.deploy.site import observed
from trimtab.docker import ProcessRunner, Runner
from trimtab.docker.api import Api
from trimtab.docker.command import engine_address
from trimtab.docker.containers import Containers
from trimtab.docker.engine_socket import engine_runner
from trimtab.errors import UsageError
from trimtab.history import Store, history_folder, opened
from trimtab.observe.callers import Ask, Got
from trimtab.observe.sampler import Seen
from trimtab.observe.service_file import Seat, service_file
from trimtab.observe.watch import Observation
from trimtab.report.console import console
from trimtab.report.exchange import json_text
from trimtab.report.observe import cost_line, result_data, result_view, round_lines, round_table, seen_data


def observe(
    paths: Paths = (),
    /,
    *,
    for_: Annotated[str, Parameter(name="--for", help="How long, `10m` or `24h`; until it is interrupted when left out.")] = "",
    every: Annotated[str, Parameter(help="How long from one round to the next.")] = "10s",
    once: Annotated[bool, Parameter(negative="", help="Look for a second, show it, and keep nothing.")] = False,
    project: Annotated[str, Parameter(help="The compose project, where its files cannot be read.")] = "",
    snippet: Annotated[
        bool,
        Parameter(negative="", help="Observe nothing: print a compose file whose container, of trimtab's image, does."),
    ] = False,
    common: Common | None = None,
) -> int:
    """Sample what a compose project's containers use, and keep it minute by minute for `trimtab resources` and `metrics`.

    Memory is the working set, without page cache that can be dropped. Ctrl-C ends it with a summary, which is a good end.
    The docker client is not needed where the engine's socket can be opened.
    """
    common = common or Common()
    check_format(common)
    if snippet:
        length_of_time("--every", every)
        return _snippet(paths, common, project, every, alone=not (for_ or once))
    pace, length = length_of_time("--every", every), length_of_time("--for", for_) if for_ else math.inf
    stack = find_stack(paths, common, project)
    with _history(stack.folder, once) as store:
        return anyio.run(_observe, stack, common, store, project, 1.0 if once else length, pace, once)


@contextmanager
def _history(folder: Path, once: bool) -> Generator[Store]:
    """The fleet's history; one look, of which nothing is kept, makes none where there is none."""
    with ExitStack() as stack:
        kept = not once or (history_folder(folder) / "history.db").is_file()
        where = folder if kept else Path(stack.enter_context(TemporaryDirectory(prefix="trimtab-")))
        yield stack.enter_context(opened(where))


def _snippet(paths: Paths, common: Common, project: str, every: str, *, alone: bool) -> int:
    """Print the compose file of an observer for this machine.

    Raises:
        UsageError: something else is asked for with it, or the engine is not behind a socket of this machine.
    """
    if not alone or common.format != "text":
        raise UsageError("`--snippet` prints a compose file and observes nothing: leave `--for`, `--once` and `--format` out.")
    stack = find_stack(paths, common, project)
    with opened(stack.folder) as store:
        text = service_file(anyio.run(_seat, stack, store, project, every))
    write_text(common, text)
    return CLEAN


async def _seat(stack: Stack, store: Store, project: str, every: str) -> Seat:
    runner = ProcessRunner()
    name = project or await project_name(runner, stack, store)
    address = (await runner.run(engine_address(), timeout=10)).checked().text
    path = Path(address.removeprefix("unix://"))
    if not address.startswith("unix://") or not path.is_socket():
        raise UsageError(f"The engine answers at `{address}`, which is no socket here. Use this on the engine's own machine.")
    ours, engine = store.folder.stat(), path.stat()
    image = f"trimtab:{__version__}"
    return Seat(name, str(store.folder), str(path.resolve()), ours.st_uid, ours.st_gid, engine.st_gid, image, every)


async def _observe(
    stack: Stack, common: Common, store: Store, project: str, length: float, pace: float, once: bool
) -> int:  # fmt: skip
    runner = await engine_runner()
    name = project or await project_name(runner, stack, store)
    with _watching(common, name) as watcher:
        watch = Observation(runner, name, watcher, None if once else store.usage, pace, _asking(runner, name))
        with watcher.shown():
            await interruptible(lambda: watch.watch(length))
        watcher.finished(result_data(watch))
    if common.format != "json":
        show(
            common,
            dict,
            lambda: round_table(name, watcher.last, console(color=common.color).width) if once else result_view(watch),
        )
    if common.verbose:
        common.messages.print(cost_line(watch.cost), markup=False)
    return CLEAN


def _asking(runner: Runner, project: str) -> Ask:
    """Asks the project's holder, where there is one."""
    containers = Containers(Api(runner))

    async def ask() -> dict[str, Got | None]:
        held = await holder_counters(runner, await observed(containers, project))
        return {service: None if each is None else Got(each.sessions, each.failed) for service, each in held.items()}

    return ask


class ObserveWatcher:
    """Tells people, or a program, what is seen while it is seen: a live table, plain lines, or a line of JSON each."""

    def __init__(self, common: Common, project: str, events: IO[str] | None) -> None:
        self._lines = LiveLines(common)
        self._project = project
        self._events = events
        self.last: Sequence[Seen] = ()
        self._nothing: bool | None = None
        """Whether nothing was there in the round before; None before the first."""

    def shown(self) -> AbstractContextManager[object]:
        return self._lines.shown(self._table)

    def round(self, at: float, seen: Sequence[Seen]) -> None:
        if not seen and self._nothing is not True:
            self._lines.line(f"nothing of `{self._project}` is there {'yet' if self._nothing is None else 'any more'}")
        self._nothing, self.last = not seen, seen
        self._event({"event": "round", "at": round(at, 3), "services": [seen_data(each) for each in seen]})
        for line in round_lines(seen):
            self._lines.say(line)

    def told(self, text: str) -> None:
        self._event({"event": "told", "text": text})
        self._lines.say(text)

    def finished(self, result: Mapping[str, object]) -> None:
        """The last event, which is the result."""
        self._event(result)

    def _event(self, event: Mapping[str, object]) -> None:
        if self._events is not None:
            print(json_text(event, None), file=self._events, flush=True)

    def _table(self) -> Table:
        return round_table(self._project, self.last, self._lines.console.width)


@contextmanager
def _watching(common: Common, project: str) -> Generator[ObserveWatcher]:
    """A watcher, with the file that events go to open as long as it is needed.

    Raises:
        UsageError: the file cannot be written.
    """
    if common.format != "json":
        yield ObserveWatcher(common, project, None)
        return
    with open_output(common) as file:
        yield ObserveWatcher(common, project, file)
