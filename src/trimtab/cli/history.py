"""`trimtab history`."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import App, Parameter

from trimtab.build.imported import import_records
from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.options import Common, show
from trimtab.docker import ProcessRunner
from trimtab.errors import UsageError
from trimtab.fleet import DiskTree, discover
from trimtab.fleet.told_apart import told_apart
from trimtab.history import COMPARED, LEAST, FleetBuildRow, Ledger, Store, opened, regressions
from trimtab.history.scans import asked_for_vulnerabilities
from trimtab.report.deploy import deployment_data, deployment_view, deployments_data, deployments_view
from trimtab.report.history import (
    comparison_data,
    comparison_view,
    pruned_data,
    pruned_view,
    run_data,
    run_view,
    runs_data,
    runs_view,
    service_figures,
    trend_data,
    trend_view,
)
from trimtab.report.scans import scans_data, scans_view, scores_data, scores_view

history = App(name="history", help="Show what earlier runs have built, scanned and scored, and find what became worse.")

_LONGEST = timedelta(days=36_500)
Folder = Annotated[Path, Parameter(help="The fleet's folder.")]


@contextmanager
def _store(folder: Path) -> Generator[Store]:
    if not folder.is_dir():
        raise UsageError(f"`{folder}` is no folder.")
    with opened(folder.resolve()) as store:
        yield store


@contextmanager
def _ledger(folder: Path) -> Generator[Ledger]:
    with _store(folder) as store:
        yield store.ledger


@history.command
def builds(
    path: Folder = Path(),
    /,
    *,
    limit: Annotated[int, Parameter(help="How many runs are listed.")] = 20,
    common: Common | None = None,
) -> int:
    """List the last runs, and each target's average time, cache hits and failures. Exits with 1 when one became worse."""
    common = common or Common()
    with _ledger(path) as ledger:
        runs = ledger.runs(limit)
        services = service_figures(ledger.totals(), ledger.recent(COMPARED))
    show(common, lambda: runs_data(runs, services), lambda: runs_view(runs, services))
    return FINDINGS if any(each.worse for each in services) else CLEAN


@history.command(name="show")
def show_run(run: str = "last", path: Folder = Path(), /, *, common: Common | None = None) -> int:
    """Show one run, by its id or the beginning of one: every build, the first step that was missed, and why."""
    common = common or Common()
    with _ledger(path) as ledger:
        row = _run(ledger, run)
        rows = ledger.builds(run=row.run)
        steps = {build.id: ledger.steps(build.id) for build in rows}
    show(common, lambda: run_data(row, rows, steps), lambda: run_view(row, rows, steps))
    return CLEAN


@history.command
def compare(before: str = "previous", after: str = "last", path: Folder = Path(), /, *, common: Common | None = None) -> int:
    """Hold the builds of two runs against each other: when none are named, the last one against the one before it."""
    common = common or Common()
    with _ledger(path) as ledger:
        later = _run(ledger, after)
        earlier = _before(ledger, later) if before == "previous" else _run(ledger, before)
        one, other = (ledger.builds(run=row.run) for row in (earlier, later))
    data = {"schema": "trimtab.history-comparison/1", "targets": comparison_data(one, other)}
    show(common, lambda: data, lambda: comparison_view(one, other))
    return CLEAN


@history.command
def trend(
    target: str,
    path: Folder = Path(),
    /,
    *,
    limit: Annotated[int, Parameter(help="How many builds are listed.")] = 30,
    common: Common | None = None,
) -> int:
    """Show one target's builds over time. Exits with 1 when the newest is slower or larger than those before it."""
    common = common or Common()
    with _ledger(path) as ledger:
        every = ledger.last(target, max(limit, COMPARED))
    if not every:
        raise UsageError(f"The ledger has no builds of `{target}`. `trimtab history builds` lists what there is.")
    rows, worse = every[:limit], regressions(every[:COMPARED])
    show(common, lambda: trend_data(target, rows, worse), lambda: trend_view(target, rows, worse))
    return FINDINGS if worse else CLEAN


@history.command
def scans(
    path: Folder = Path(),
    /,
    *,
    limit: Annotated[int, Parameter(help="How many rows, one a target, are looked at.")] = 1000,
    common: Common | None = None,
) -> int:
    """List the last scans with what they found by severity, and how old each service's last scan is."""
    common = common or Common()
    with _store(path) as store:
        rows = store.scans.rows(limit=limit)
        asked = asked_for_vulnerabilities(lambda run: store.read_result(run, "scan"))
        told = told_apart(discover(DiskTree(path)))
        show(common, lambda: scans_data(rows, asked, told), lambda: scans_view(rows, asked, told))
    return CLEAN


@history.command
def scores(
    name: str = "",
    path: Folder = Path(),
    /,
    *,
    limit: Annotated[int, Parameter(help="How many are listed.")] = 30,
    common: Common | None = None,
) -> int:
    """List what the fleet, or the service that is named, scored each time that `trimtab gate` looked."""
    common = common or Common()
    with _store(path) as store:
        rows = store.scans.scores(name, limit)
    show(common, lambda: scores_data(name, rows), lambda: scores_view(name, rows))
    return CLEAN


@history.command
def deployments(
    path: Folder = Path(),
    /,
    *,
    limit: Annotated[int, Parameter(help="How many are listed.")] = 30,
    common: Common | None = None,
) -> int:
    """List the last deployments, and how many succeeded, were rolled back, and how long they took."""
    common = common or Common()
    with _store(path) as store:
        rows = store.deployments.rows(limit)
        services = {row.id: store.deployments.services(row.id) for row in rows}
    show(common, lambda: deployments_data(rows, services), lambda: deployments_view(rows, services))
    return CLEAN


@history.command
def deployment(revision: int | None = None, path: Folder = Path(), /, *, common: Common | None = None) -> int:
    """Show one deployment, the last one when no revision is named: each service's outcome, and every step with its time."""
    common = common or Common()
    with _store(path) as store:
        rows = [row for row in store.deployments.rows(10_000) if revision in {None, row.revision}]
        if not rows:
            raise UsageError("There is no such deployment. `trimtab history deployments` lists them.")
        row = rows[0]
        services, steps = store.deployments.services(row.id), store.deployments.steps(row.id)
    show(common, lambda: deployment_data(row, services, steps), lambda: deployment_view(row, services, steps))
    return CLEAN


@history.command(name="import")
def import_(
    path: Folder = Path(),
    /,
    *,
    builder: Annotated[str, Parameter(help="The buildx builder; the one in use when left out.")] = "",
    limit: Annotated[int, Parameter(help="How many of its records are looked at.")] = 200,
    common: Common | None = None,
) -> int:
    """Take over builds of the folder that were made without trimtab, from the builder's own records."""
    common = common or Common()
    with _ledger(path) as ledger:
        found = anyio.run(import_records, ProcessRunner(), ledger, path, builder or None, limit)
    data = {"schema": "trimtab.history-import/1", "imported": found.taken, "elsewhere": found.elsewhere}
    rest = f"; {found.elsewhere} are of other folders, or nobody knows of which" if found.elsewhere else ""
    show(common, lambda: data, lambda: f"{found.taken} builds taken over{rest}")
    return CLEAN


@history.command
def prune(
    path: Folder = Path(),
    /,
    *,
    keep: Annotated[str, Parameter(help="How far back everything is kept, in days or weeks: `90d`, `12w`.")] = "90d",
    dry_run: Annotated[bool, Parameter(negative="", help="Say what would go, and change nothing.")] = False,
    common: Common | None = None,
) -> int:
    """Take away old builds with their steps, old evidence, scans and proofs; what something still goes by stays.

    Kept at any age: each target's last 50 builds, the last run that ended well, builds of deployed images, deployments, each
    file's newest verdict with its evidence, the last scans and scores, and all counts. Minutes of use become hours after eight
    days and go after 90, whatever `--keep` says.
    """
    common = common or Common()
    before = datetime.now(UTC) - _age(keep)
    with _store(path) as store:
        pruned = store.prune(before, dry_run=dry_run)
    show(common, lambda: pruned_data(pruned, before, dry_run=dry_run), lambda: pruned_view(pruned, before, dry_run=dry_run))
    return CLEAN


def _age(text: str) -> timedelta:
    """The time that `90d` or `12w` means.

    Raises:
        UsageError: it means none, or less than a day, in which something may be under way, or more than a lifetime.
    """
    found = re.fullmatch(r"(\d{1,5})([dw])", text.strip(), re.ASCII)
    age = timedelta(days=int(found[1]) * (7 if found[2] == "w" else 1)) if found else None
    if age is None or not LEAST <= age <= _LONGEST:
        raise UsageError(f"`--keep {text}` is no time from a day up; write `90d` or `12w`.")
    return age


def _before(ledger: Ledger, later: FleetBuildRow) -> FleetBuildRow:
    found = ledger.before(later)
    if found is None:
        raise UsageError(f"There is no run before `{later.run}` to hold it against. `trimtab build` makes one.")
    return found


def _run(ledger: Ledger, name: str) -> FleetBuildRow:
    row = ledger.run(name)
    if row is None and ledger.run("last") is None:
        raise UsageError("There is no history of builds yet. `trimtab build` makes one.")
    if row is None:
        raise UsageError(f"The ledger has no one run `{name}`. `trimtab history builds` lists them.")
    return row
