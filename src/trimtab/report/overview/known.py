"""What a fleet's history holds that the report is made from."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from trimtab.fleet.plain import items, mapping
from trimtab.history import COMPARED, BuildRow, FleetBuildRow, Run, ScanRow, ScoreRow, StepRow, Store, process_of
from trimtab.history.containers import Place
from trimtab.history.deployments import DeploymentRow, ServiceRow
from trimtab.history.runs import WAITING
from trimtab.history.totals import Total
from trimtab.report.overview.whole import Running
from trimtab.scan import Part

RECENT = 10
"""How many builds, runs and deployments a figure looks at: older ones were of other code."""
USED = 7 * 24 * 3600
"""Seconds of use that are looked at."""
PERIOD = 30
"""Days over which scans are counted, against as many before."""
_RUNS, _DEPLOYMENTS, _SCANS, _FILES = 20, 50, 5000, 20
_SHOWN = 8
"""How many files are told of that something is done about just now."""


@dataclass(frozen=True)
class Known:
    """Rows of the history, each list the newest first. Without anything it is that of a fleet nothing was done with yet."""

    runs: Sequence[FleetBuildRow] = ()
    run_rows: Mapping[str, Sequence[BuildRow]] = field(default_factory=dict[str, Sequence[BuildRow]])
    """The builds of those runs."""
    steps: Mapping[int, Sequence[StepRow]] = field(default_factory=dict[int, Sequence[StepRow]])
    """Of the builds in the last run that built something."""
    recent: Mapping[str, Sequence[BuildRow]] = field(default_factory=dict[str, Sequence[BuildRow]])
    """Each target's last builds."""
    optimised: tuple[Run, object] | None = None
    """The last optimisation, and its evidence as it was kept."""
    scans: Sequence[ScanRow] = ()
    scan_files: Sequence[tuple[str, object]] = ()
    """Runs of scans with what was kept of them: the last, and the last two that asked for compliance."""
    scores: Sequence[ScoreRow] = ()
    gate: tuple[ScoreRow, object] | None = None
    """The last gate's outcome as it was kept."""
    deployments: Sequence[DeploymentRow] = ()
    services: Mapping[str, Sequence[ServiceRow]] = field(default_factory=dict[str, Sequence[ServiceRow]])
    places: Sequence[Place] = ()
    totals: Mapping[str, Sequence[Total]] = field(default_factory=dict[str, Sequence[Total]])
    running: Sequence[Running] = ()

    def asked(self, row: ScanRow) -> bool:
        """Whether advisories were at hand when a target was scanned: without any, no vulnerability says nothing."""
        told = row.as_of is not None or any(run == row.run and mapping(data).get("sources") for run, data in self.scan_files)
        return told and Part.VULNERABILITIES in row.parts

    @property
    def last_built(self) -> FleetBuildRow | None:
        """The last run that built something, or tried to."""
        return next((run for run in self.runs if any(map(_tried, self.run_rows[run.run]))), None)


def _tried(row: BuildRow) -> bool:
    return row.outcome in {"built", "failed"}


def read_known(store: Store, now: datetime) -> Known:
    """What the store holds.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    runs = store.ledger.runs(_RUNS)
    run_rows = {run.run: store.ledger.builds(run=run.run) for run in runs}
    deployments = store.deployments.rows(_DEPLOYMENTS)
    scans = _scans(store, now)
    scores = store.scans.scores(limit=_RUNS)
    known = Known(
        runs, run_rows, {}, store.ledger.recent(COMPARED), _optimised(store), scans, _scan_files(store, scans), scores,
        _gate(store, scores), deployments, {row.id: store.deployments.services(row.id) for row in deployments},
        store.usage.places(),
        {project: store.usage.totals(project, now.timestamp() - USED) for project in store.usage.projects()},
        _running(store, runs, run_rows, deployments),
    )  # fmt: skip
    last = known.last_built
    steps = {row.id: store.ledger.steps(row.id) for row in run_rows[last.run]} if last else {}
    return replace(known, steps=steps)


def _scans(store: Store, now: datetime) -> list[ScanRow]:
    """The last scans: so many rows, one a target, and more where those do not reach over the days that are compared."""
    since = (now - timedelta(days=2 * PERIOD)).isoformat(timespec="seconds")
    rows = store.scans.rows(limit=_SCANS)
    return store.scans.since(since) if len(rows) == _SCANS and rows[-1].started > since else rows


def _optimised(store: Store) -> tuple[Run, object] | None:
    for run in store.runs():
        if run.command == "optimize" and run.ended:
            data = store.read_result(run.id, "evidence")
            if mapping(data).get("files"):
                return run, data
    return None


def _scan_files(store: Store, scans: Sequence[ScanRow]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    compliant = 0
    for number, run in enumerate(list(dict.fromkeys(row.run for row in scans))[:_FILES]):
        data = store.read_result(run, "scan")
        controls = bool(items(mapping(data).get("controls")))
        if number == 0 or controls:
            found.append((run, data))
        compliant += controls
        if compliant == 2:
            break
    return found


def _gate(store: Store, scores: Sequence[ScoreRow]) -> tuple[ScoreRow, object] | None:
    for row in scores:
        data = store.read_result(row.run, "gate")
        if mapping(data).get("checks"):
            return row, data
    return None


def _running(
    store: Store, runs: Sequence[FleetBuildRow], rows: Mapping[str, Sequence[BuildRow]], deployments: Sequence[DeploymentRow]
) -> list[Running]:
    """What has begun and not ended, as far as the process that does it is still there."""
    found: list[Running] = []
    for run in runs:
        if run.outcome is None and _alive(run.pid):
            done = [row for row in rows[run.run] if row.outcome != "skipped"]
            failed = sum(row.outcome == "failed" for row in done)
            told = f"{len(done)} of {run.asked} targets ended" + (f", {failed} failed" if failed else "")
            found.append(Running("build", run.run, run.started, told, len(done), run.asked))
    for run in store.runs():
        if run.ended is None and run.command == "optimize" and _alive(process_of(run.id)):
            found.append(_proof(run, store.done_now(run.id)))
    for row in deployments:
        if row.outcome is None and _alive(row.pid):
            steps = store.deployments.steps(row.id)
            now = next((each for each in reversed(steps) if each.seconds is None), None)
            told = f"revision {row.revision} of {row.project}, {row.phase}" + (f": {now.step} {now.service}" if now else "")
            decided = {each.service for each in store.deployments.services(row.id) if each.outcome != "pending"}
            found.append(Running("deployment", row.id, row.started, told, len(decided), len(decided | _planned(row))))
    return found


def _planned(row: DeploymentRow) -> set[str]:
    """The services that a deployment is to change: what became of one is noted once it is decided, and not before."""
    moves = [mapping(each) for each in items(row.plan.get("moves"))]
    return {str(each.get("service") or mapping(each.get("slot")).get("service")) for each in moves}


def _proof(run: Run, noted: Mapping[str, tuple[str, str]]) -> Running:
    """How far an optimisation is: what was decided, and what is being done."""
    if not noted:
        return Running("proof", run.id, run.started, "nothing is planned yet")
    decided = Counter(verdict for verdict, _ in noted.values() if verdict)
    verdicts = ", ".join(f"{number} {kind}" for kind, number in decided.items())
    told = f"{decided.total()} of {len(noted)} files decided" + (f": {verdicts}" if verdicts else "")
    now = [f"{path}: {doing}" for path, (_, doing) in noted.items() if doing not in {"", WAITING}]
    return Running("proof", run.id, run.started, told, decided.total(), len(noted), now[:_SHOWN])


def _alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
