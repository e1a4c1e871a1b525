"""What `deploy`, `rollback` and `status` have in common: the project they are about, and what is shown meanwhile."""

import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Literal, Protocol

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from trimtab.cli.app import CLEAN, FINDINGS, INTERRUPTED
from trimtab.cli.live import LiveLines, interruptible
from trimtab.cli.options import Common, Loaded, Paths, RuleChoice, load, open_output, show
from trimtab.config import Config
from trimtab.deploy.holder.choose import Wish
from trimtab.deploy.lease import Lease
from trimtab.deploy.outcome import Result
from trimtab.deploy.project import ask_desired
from trimtab.deploy.run import Deployer, Settings
from trimtab.deploy.site import Checks, Direction
from trimtab.docker import Runner
from trimtab.errors import UsageError
from trimtab.git import head
from trimtab.history import Store
from trimtab.report import figures
from trimtab.report.deploy import Refused, refusal_data, refusal_view, result_data, result_view
from trimtab.report.exchange import json_text

_SHOWN = 20
DONE, UNDONE = ("done",), ("rolled-back", "abandoned")
"""How a deployment ends that was wanted, and one that was to be undone."""


Target = Annotated[
    Literal["compose", "swarm"] | None,
    Parameter(help="What runs the project; as `[deploy] target` says when left out, which is compose when nothing does."),
]


@dataclass(frozen=True)
class Stack:
    """The compose project that a command is about."""

    loaded: Loaded
    folder: Path
    files: tuple[str, ...]
    """Absolute, in override order."""

    @property
    def relative(self) -> frozenset[str]:
        """The files as the fleet names them."""
        root = self.loaded.root
        return frozenset(Path(file).relative_to(root).as_posix() for file in self.files if Path(file).is_relative_to(root))


def find_stack(paths: Paths, common: Common, project: str = "") -> Stack:
    """The project that the arguments name; one that is named itself needs no files.

    Raises:
        UsageError: there is none, or several and nothing says which.
    """
    loaded = load(paths, common, RuleChoice(offline=True))
    if any(path.is_file() for path in paths):
        files = tuple(str(path.resolve()) for path in paths)
        return Stack(loaded, Path(files[0]).parent, files)
    if project:
        return Stack(loaded, loaded.root, ())
    chosen = [each.files for each in loaded.fleet.meant_projects]
    if len(chosen) != 1:
        named = ", ".join(f"`{' '.join(files)}`" for files in chosen)
        raise UsageError(
            f"There are several compose projects below `{loaded.root}`: {named}. Name the files of one."
            if chosen
            else f"There is no compose project below `{loaded.root}`."
        )
    files = tuple(str(loaded.root / file) for file in chosen[0])
    return Stack(loaded, Path(files[0]).parent, files)


async def project_name(runner: Runner, stack: Stack, store: Store) -> str:
    """The compose project of a stack; where its files cannot be read any more, the one that was deployed from here last.

    Raises:
        UsageError: nothing says which it is.
    """
    try:
        return (await ask_desired(runner, stack.folder, stack.files)).project
    except UsageError as error:
        last = store.deployments.rows(1)
        if not last:
            raise UsageError(f"{error} Name the project by --project.") from error
        return last[0].project


def settings_of(config: Config) -> Settings:
    """What the configuration says about deployments."""
    table = config.deploy
    checks = Checks(config.smoke_commands(), table.timeout, table.settle, table.bake, table.drain)
    return Settings(checks, table.on_failure == "deployment", table.retain, config.deploy_commands())


def wish_of(config: Config) -> Wish:
    """What the configuration says about the holder."""
    table = config.deploy
    return Wish(table.holder, frozenset(table.start_first), frozenset(table.stop_first), frozenset(table.shared_port))


async def deployer_of(
    runner: Runner, stack: Stack, store: Store, project: str, watcher: "DeployWatcher", lease: Lease
) -> Deployer:  # fmt: skip
    """What deploys a project."""
    settings = settings_of(stack.loaded.config)
    return Deployer(runner, store.deployments, project, watcher, settings, await head(runner, stack.folder), lease)


class DeployWatcher:
    """Tells people, or a program, what happens while it happens: a live table, plain lines, or a line of JSON each."""

    def __init__(self, common: Common, events: IO[str] | None) -> None:
        self._lines = LiveLines(common)
        self._events = events
        self._began = time.monotonic()
        self._doing: dict[str, tuple[float, str, Direction]] = {}

    def shown(self) -> AbstractContextManager[object]:
        return self._lines.shown(self._table)

    def step(self, place: str, text: str, direction: Direction) -> None:
        self._doing.pop(place, None)
        self._doing[place] = (time.monotonic(), text, direction)
        self._event("step", place=place, step=text, direction=direction)
        self._show(self._lines.line, f"{place or 'all'}: {'back: ' if direction == 'back' else ''}{text}")

    def told(self, place: str, text: str) -> None:
        self._event("told", place=place, text=text)
        self._show(self._lines.say, f"{place or 'all'}: {text}")

    def failed(self, service: str, reason: str, tail: str) -> None:
        self._event("failed", service=service, reason=reason)
        self._show(self._lines.say, f"{service}: not good: {reason}")
        for line in tail.splitlines():
            self._show(self._lines.say, f"    {line}")

    def finished(self, result: Mapping[str, object]) -> None:
        """The last event, which is the result."""
        self._write(result)

    def _show(self, show: Callable[[str], None], text: str) -> None:
        # Whoever watched may have gone, as `| head` does; that is no reason to stop between two versions.
        with suppress(OSError):
            show(f"{time.monotonic() - self._began:6.1f} s  {text}")

    def _event(self, event: str, **values: object) -> None:
        self._write({"event": event, **values})

    def _write(self, data: Mapping[str, object]) -> None:
        if self._events is not None:
            with suppress(OSError):
                print(json_text(data, None), file=self._events, flush=True)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for column in ("service", "for", "doing"):
            table.add_column(column, no_wrap=True, overflow="ellipsis", justify="right" if column == "for" else "left")
        for place, (began, text, direction) in list(self._doing.items())[-_SHOWN:]:
            style = "yellow" if direction == "back" else ""
            table.add_row(place or "all", figures.seconds(time.monotonic() - began), Text(text, style=style))
        return table


@contextmanager
def watching_deployment(common: Common) -> Generator[DeployWatcher]:
    """A watcher, with the file that events go to open as long as it is needed.

    Raises:
        UsageError: the file cannot be written.
    """
    if common.format != "json":
        yield DeployWatcher(common, None)
        return
    with open_output(common) as file:
        yield DeployWatcher(common, file)


class Deploying(Protocol):
    """Whatever deploys, as far as it is told how that has ended."""

    result: Result | None


async def carried_out(
    common: Common,
    watcher: DeployWatcher,
    deployer: Deploying,
    does: Callable[[], Awaitable[Result | None]],
    wanted: Sequence[str] = DONE,
) -> int:
    """Do it until it ends or is interrupted, show how it has ended, and say by the exit code whether that is as wanted."""

    async def whole() -> tuple[Result | None]:
        return (await does(),)

    with watcher.shown():
        ended = await interruptible(whole)
    result = (ended[0] if ended else None) or deployer.result
    if result is None:
        return CLEAN if ended else INTERRUPTED
    watcher.finished(result_data(result))
    if common.format != "json":
        show(common, dict, lambda: result_view(result))
    if not ended:
        return INTERRUPTED
    return CLEAN if result.outcome in wanted else FINDINGS


def refused(common: Common, watcher: DeployWatcher, plan: Refused, problems: Sequence[str]) -> int:
    """Show why nothing is done."""
    watcher.finished(refusal_data(plan, problems))
    if common.format != "json":
        show(common, dict, lambda: refusal_view(problems, plan.kind))
    return FINDINGS


def noted(common: Common, lines: Iterable[str]) -> None:
    """Tell what is worth knowing and keeps nothing from going on."""
    for line in lines:
        if not common.quiet:
            common.messages.print(f"[yellow]note:[/yellow] {escape(line)}", soft_wrap=True)
