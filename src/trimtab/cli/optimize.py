"""`trimtab optimize`."""

import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import Parameter
from platformdirs import user_cache_path
from rich.table import Table

from trimtab.build import Slots
from trimtab.cli.app import CLEAN, COULD_NOT_RUN, FINDINGS, INTERRUPTED
from trimtab.cli.deliver import Delivery, deliver
from trimtab.cli.fix import refuse_dirty, refuse_off_branch
from trimtab.cli.live import LiveLines, interruptible
from trimtab.cli.options import Common, Loaded, Paths, RuleChoice, load, overlooked, show
from trimtab.docker import ProcessRunner, Runner, engine_folder, engine_version
from trimtab.docker.engine_socket import chosen_runner
from trimtab.errors import StateError, UsageError
from trimtab.git import check_branch
from trimtab.history import Store, new_run, opened, process_of
from trimtab.history.runs import WAITING
from trimtab.report.evidence import evidence_view, optimization_data
from trimtab.report.markdown import evidence_markdown
from trimtab.report.page import evidence_page
from trimtab.rewrite import rewrite
from trimtab.verify import Choice, Laboratory, Measures, Memory, Optimization, VerdictKind, clean_up
from trimtab.verify import optimize as run_experiments


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is measured, and how long it may take."""

    repeats: Annotated[int, Parameter(help="Interleaved pairs to measure; 0 means what the configuration says.")] = 0
    quick: Annotated[bool, Parameter(negative="", help="Prove size and behaviour; measure no times.")] = False
    budget: Annotated[str, Parameter(help="Begin no measurement after this long: `15m`, `90s`, `1h`.")] = ""
    cold: Annotated[bool, Parameter(negative="", help="Measure builds with nothing cached, too.")] = False
    fresh_runner: Annotated[
        bool, Parameter(negative="", help="Measure a dependency edit with layers cached and empty cache mounts, too.")
    ] = False
    link: Annotated[float, Parameter(help="Measure a dependency edit over a link of so many Mbit/s, too.")] = 0
    replay: Annotated[int, Parameter(help="Rebuild so many of the last commits, too.")] = 0

    @property
    def words(self) -> tuple[str, ...]:
        """The same as options, for a child that is to do it."""
        given = ((each.name.replace("_", "-"), getattr(self, each.name)) for each in fields(self))
        said = ((f"--{name}", *(() if value is True else (str(value),))) for name, value in given if value)
        return tuple(word for words in said for word in words)

    def measures(self, configured: int) -> Measures:
        """What the laboratory is to measure."""
        repeats = 0 if self.quick else self.repeats or configured
        return Measures(repeats, self.cold, self.fresh_runner, self.link or None, self.replay)

    @property
    def deadline(self) -> float | None:
        """When the budget ends, on the monotonic clock.

        Raises:
            UsageError: the budget is no duration.
        """
        if not self.budget:
            return None
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h)", self.budget.strip())
        if match is None:
            raise UsageError(f"`--budget {self.budget}` is no duration; write `90s`, `15m` or `1h`.")
        return time.monotonic() + float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


@dataclass(frozen=True)
class _Outcome:
    run: str
    engine: str
    result: Optimization | None
    """None when the run was interrupted."""


def optimize(
    paths: Paths = (),
    /,
    *,
    allow_dirty: Annotated[bool, Parameter(negative="", help="Change files with uncommitted changes, too.")] = False,
    safe_only: Annotated[bool, Parameter(negative="", help="Leave fixes alone that are called unsafe.")] = False,
    jobs: Annotated[int, Parameter(name=["--jobs", "-j"], help="Experiments at once; 0 means one per core.")] = 0,
    canary: Annotated[int, Parameter(help="Prove so many services of each shape first, then the rest.")] = 0,
    effort: Effort | None = None,
    delivery: Delivery | None = None,
    choice: RuleChoice | None = None,
    common: Common | None = None,
) -> int:
    """Plan changes, build and run every touched service before and after, and keep what is proven.

    The files stay as they are until everything about them is decided. Exits with 1 when nothing could be accepted.
    """
    common, effort, delivery = common or Common(), effort or Effort(), delivery or Delivery()
    deadline = effort.deadline
    loaded = load(paths, common, choice)
    overlooked(loaded, common)
    changes = rewrite(loaded.fleet, unsafe=not safe_only, proof=not safe_only, paths=loaded.chosen, rules=loaded.rules)
    planned = [change.path for change in changes.changed]
    if delivery.to_tree:
        refuse_dirty(loaded, planned, allow_dirty=allow_dirty)
    if delivery.branch:
        anyio.run(check_branch, ProcessRunner(), loaded.root, delivery.branch)
        if not delivery.dry_run and not allow_dirty:
            refuse_off_branch(loaded.root, loaded.fleet)
    asked = _Asked(
        Choice(loaded.chosen, not safe_only, loaded.rules, canary),
        effort.measures(loaded.config.repeats), deadline, jobs or loaded.config.jobs or os.cpu_count() or 2, planned,
    )  # fmt: skip
    with opened(loaded.root) as store:
        outcome = anyio.run(_run, loaded, common, asked, store)
        if outcome.result is None:
            return INTERRUPTED
        return _finish(loaded, common, outcome, store, asked, delivery)


@dataclass(frozen=True)
class _Asked:
    """What one run is to do."""

    choice: Choice
    measures: Measures
    deadline: float | None
    jobs: int
    planned: list[str]


async def _run(loaded: Loaded, common: Common, asked: _Asked, store: Store) -> _Outcome:
    runner = await chosen_runner()
    engine = await engine_version(runner)
    staging = user_cache_path("trimtab") / "staging"
    await _reclaim(runner, staging)
    run = new_run()
    folder = staging / run
    folder.mkdir(parents=True)
    store.begin(run, "optimize")
    display = Display(common, asked.planned, partial(_note, store, run))
    _note(store, run, dict.fromkeys(asked.planned, ("", WAITING)))
    laboratory = Laboratory(
        runner, run, loaded.root, folder, Slots(asked.jobs), loaded.fleet, display.tell, asked.measures, asked.deadline,
        loaded.config.smoke_commands(), await engine_folder(runner),
    )  # fmt: skip
    try:
        with display.shown():
            memory = Memory(None if common.no_cache else store, engine)
            result = await interruptible(lambda: run_experiments(laboratory, asked.choice, memory))
    except BaseException:
        store.end(run, "failed")
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if result is None:
        store.end(run, "interrupted")
        common.messages.print(
            "interrupted: no file was changed; the run's containers and images are removed; what was decided is remembered"
        )
    return _Outcome(run, engine, result)


async def _reclaim(runner: Runner, staging: Path) -> None:
    """Remove what runs left behind that were killed: their staged contexts, containers and images."""
    for folder in staging.glob("*-*"):
        pid = process_of(folder.name)
        if pid and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            await clean_up(runner, folder.name)
            shutil.rmtree(folder, ignore_errors=True)


def _finish(loaded: Loaded, common: Common, outcome: _Outcome, store: Store, asked: _Asked, delivery: Delivery) -> int:
    result = outcome.result
    if result is None:
        return INTERRUPTED
    written = list(result.proven) if delivery.to_tree else []
    environment = {"engine": outcome.engine, "cores": os.cpu_count(), "repeats": asked.measures.repeats}
    data = optimization_data(outcome.run, result.evidence, written, environment)
    page = evidence_page(outcome.run, result, environment)
    for each in result.evidence:
        sizes = (each.before_bytes, each.after_bytes)
        store.verdict(outcome.run, each.path, str(each.verdict.kind), each.verdict.reason, each.accepted, sizes)
    kept = store.write_evidence(outcome.run, data, page)
    delivered = deliver(loaded, result, delivery)
    store.end(outcome.run, "done")
    others = {"markdown": lambda: evidence_markdown(result.evidence, asked.measures.repeats)}
    show(common, lambda: data, lambda: evidence_view(result.evidence, repeats=asked.measures.repeats), others)
    if not common.quiet:
        common.messages.print(f"{len(result.proven)} of {len(result.planned.changed)} files {delivered}", markup=False)
        common.messages.print(f"evidence: {kept} and evidence.html beside it", markup=False, soft_wrap=True)
    return _exit_code(loaded, result)


def _exit_code(loaded: Loaded, result: Optimization) -> int:
    if any(problem.kind == "unreadable" for problem in loaded.fleet.problems):
        return COULD_NOT_RUN
    if not result.planned.changed:
        return CLEAN
    return CLEAN if any(each.verdict.kind is VerdictKind.ACCEPTED for each in result.evidence) else FINDINGS


def _note(store: Store, run: str, states: Mapping[str, tuple[str, str]]) -> None:
    """Let others see what is being done; that they may not is no reason to stop."""
    with suppress(StateError):
        store.doing(run, states)


class Display:
    """Progress: a live table on a terminal, plain lines elsewhere; `note` is told what has changed."""

    def __init__(self, common: Common, paths: list[str], note: Callable[[Mapping[str, tuple[str, str]]], None]) -> None:
        self._lines = LiveLines(common)
        self._states = dict.fromkeys(paths, WAITING)
        self._verdicts: dict[str, str] = {}
        self._note = note

    def shown(self) -> AbstractContextManager[object]:
        return self._lines.shown(self.table)

    def tell(self, path: str, doing: str) -> None:
        changed = self._states.get(path) != doing
        self._states[path] = doing
        if changed:
            if doing in set(VerdictKind):
                self._verdicts[path] = doing
            verdict = self._verdicts.get(path, "")
            self._note({path: (verdict, "" if doing == verdict else doing)})
            self._lines.line(f"{path}: {doing}")

    def table(self) -> Table:
        """How far it is, and what is being done."""
        ended = {str(kind) for kind in VerdictKind}
        done = len(self._verdicts)
        table = Table(
            box=None, pad_edge=False, title=f"{done} of {len(self._states)} Dockerfiles decided", title_justify="left"
        )
        table.add_column("Dockerfile", overflow="ellipsis", no_wrap=True)
        table.add_column("doing", overflow="ellipsis", no_wrap=True)
        active = {path: state for path, state in self._states.items() if state not in ended and state != WAITING}
        for path, state in list(active.items())[: max(3, self._lines.console.height - 6)]:
            table.add_row(path, state)
        return table
