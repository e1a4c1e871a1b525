"""What goes from a history when it is pruned, and what stays at any age."""

import json
import os
import sqlite3
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trimtab.cli import app
from trimtab.errors import StateError
from trimtab.history import COMPARED, BuildRow, FleetBuildRow, Pruned, ScanRow, ScoreRow, StepRow, Store, open_store
from trimtab.history.deployments import DeploymentRow, ServiceRow
from trimtab.history.prune import prune
from trimtab.history.usage import HOUR, MINUTE, Subject, Usage

NOW = datetime.now(UTC)
BEFORE = NOW - timedelta(days=90)
STEPS = (StepRow("RUN make", "RUN", False, 0.0, 1.0), StepRow("COPY . .", "COPY", True, 0.0, 0.0))


def ago(days: float) -> str:
    return (NOW - timedelta(days=days)).isoformat(timespec="milliseconds")


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    found = open_store(tmp_path)
    connection(found).execute("PRAGMA synchronous = OFF")
    yield found
    found.close()


def connection(store: Store) -> sqlite3.Connection:
    return store._connection  # pyright: ignore[reportPrivateUsage]


def built(store: Store, run: str, days: float, outcome: str | None = "done", image: str = "") -> None:
    store.ledger.begin(FleetBuildRow(run, ago(days), None, 1, 1, None, "default", 1))
    store.ledger.add(BuildRow(run, "api", "api", "default", None, ago(days), 0.0, 2.0, 2.0, "built", image=image, steps=STEPS))
    if outcome:
        store.ledger.end(run, seconds=2.0, busy=2.0, bound=2.0, peak_memory=None, outcome=outcome)


def deployed(store: Store, revision: int, days: float, outcome: str | None = "done", image: str = "sha256:x") -> None:
    key = f"{revision}-d"
    store.deployments.begin(DeploymentRow(key, "shop", revision, "deploy", ago(days), None, None, 1, "preparing", None, "", {}))
    store.deployments.service(ServiceRow(key, "api", "recreate", "", image, "deployed"))
    store.deployments.done(key, store.deployments.intend(key, "api", "create", "forward", ""), 1.0)
    if outcome:
        store.deployments.end(key, outcome, "", 1.0)


def date(path: Path, days: float) -> None:
    """Make it as old as that."""
    when = NOW.timestamp() - days * 86400
    os.utime(path, (when, when))


def kept(store: Store, run: str, name: str, days: float) -> Path:
    """A result of a run, as old as that."""
    path = store.write_text(run, name, "x" * 5000)
    for each in (path, path.parent):
        date(each, days)
    return path.parent


def test_old_builds_go_with_their_steps_and_the_last_of_each_target_stay_with_all_sums(store: Store) -> None:
    for number in range(COMPARED + 8):
        built(store, f"r{number:03}", 300 - number)
    before = store.ledger.totals()
    found = store.prune(BEFORE)
    assert (found.builds, found.steps, found.build_runs) == (8, 16, 8)
    assert [row.run for row in store.ledger.last("api", 100)] == [
        f"r{number:03}" for number in reversed(range(8, COMPARED + 8))
    ]
    assert {row[0] for row in connection(store).execute("SELECT build FROM build_steps")} == {
        row.id for row in store.ledger.builds()
    }
    assert store.ledger.totals() == before
    assert store.prune(BEFORE) == Pruned(database_bytes=0)


def test_builds_stay_that_a_deployment_or_the_next_run_goes_by(store: Store) -> None:
    built(store, "deployed", 400, image="sha256:deployed")
    built(store, "gone", 399, image="sha256:gone")
    for number in range(COMPARED):
        built(store, f"r{number:03}", 300 - number)
    store.ledger.begin(FleetBuildRow("done", ago(200), None, 1, 1, None, "default", 1))
    store.ledger.add(BuildRow("done", "api", "", "default", None, ago(200), 0.0, 0.0, 0.0, "skipped"))
    store.ledger.end("done", seconds=1.0, busy=1.0, bound=1.0, peak_memory=None, outcome="done")
    built(store, "killed", 199, None)
    deployed(store, 1, 390, image="sha256:deployed")
    assert store.prune(BEFORE).builds == 2
    assert store.ledger.run("gone") is None
    assert store.ledger.builds(run="deployed")
    assert [row.outcome for row in store.ledger.builds(run="done")] == ["skipped"]
    assert store.ledger.builds(run="killed")


def test_every_deployment_stays_and_the_steps_of_the_last_and_of_one_that_has_not_ended(store: Store) -> None:
    deployed(store, 1, 401, None)
    for revision in range(2, 15):
        deployed(store, revision, 400 - revision)
    assert store.prune(BEFORE).deployment_steps == 3
    assert [row.revision for row in store.deployments.rows()] == list(range(14, 0, -1))
    assert [revision for revision in range(1, 15) if store.deployments.steps(f"{revision}-d")] == [1, *range(5, 15)]
    assert all(store.deployments.services(f"{revision}-d") for revision in range(1, 15))
    assert store.deployments.unfinished("shop") is not None


def test_each_files_newest_verdict_stays_with_its_evidence(store: Store) -> None:
    for run, days, paths in (("o1", 300, "ab"), ("o2", 200, "b"), ("o3", 150, ""), ("o4", 120, "c")):
        store.begin(run, "optimize")
        for path in paths:
            store.verdict(run, path, "accepted", run, (), (None, None))
        store.end(run, "done")
        connection(store).execute("UPDATE runs SET started = ? WHERE id = ?", (ago(days), run)).connection.commit()
        kept(store, run, "evidence.json", days)
    verdicts = store.verdicts()
    found = store.prune(BEFORE)
    assert (found.runs, found.verdicts, found.folders) == (1, 1, ("o3",))
    assert store.verdicts() == verdicts
    assert {each.name for each in (store.folder / "runs").iterdir()} == {"o1", "o2", "o4"}


def test_a_proof_stays_for_as_long_as_it_is_believed(store: Store) -> None:
    for key, days in (("old", 8), ("believed", 6)):
        store.keep_proof(key, "{}")
        connection(store).execute("UPDATE proofs SET kept = ? WHERE key = ?", (ago(days), key)).connection.commit()
    assert store.prune(NOW - timedelta(days=1)).proofs == 1
    assert store.proof("believed")
    assert store.proof("old") is None


def test_a_target_s_last_scan_that_had_advisories_stays(store: Store) -> None:
    row = ScanRow(
        "s", "api", "image", ago(300), None, "sha256:a", ("api",), ("vulns",), 3, {"critical": 0}, 0, 0, None, "met"
    )  # fmt: skip
    found = replace(row, counts={"critical": 2})
    store.scans.add(
        [
            replace(found, run="s400", started=ago(400), as_of=ago(401)),
            *(replace(row, run=f"s{days}", started=ago(days)) for days in (350, 300, 200)),
            replace(found, run="other", target="web", started=ago(400)),
            *(replace(row, run=f"web{days}", target="web", started=ago(days)) for days in (300, 200)),
        ]
    )
    assert store.prune(BEFORE).scans == 1
    assert [each.run for each in store.scans.rows()] == ["s200", "web200", "s300", "web300", "other", "s400"]


def test_the_last_scans_and_scores_stay_and_minutes_become_hours(store: Store) -> None:
    row = ScanRow("", "api", "image", "", None, "sha256:1", ("api",), (), 1, {}, 0, 0, None, "clean")
    store.scans.add([replace(row, run=f"s{days}", started=ago(days)) for days in (400, 300, 200)])
    store.scans.add_scores([ScoreRow(f"g{days}", ago(days), None, "", 1.0, {}) for days in range(100, 135)])
    start = int(NOW.timestamp()) // HOUR * HOUR - 20 * 24 * HOUR
    usage = Usage(MINUTE, start, start + 1.0, 1, 60.0)
    store.usage.add([(Subject("shop", "api", 1, "i", "c"), replace(usage, start=start + MINUTE * each)) for each in range(3)])
    found = store.prune(BEFORE)
    assert (found.scans, found.scores, found.usage) == (1, 5, 3)
    assert [each.run for each in store.scans.rows()] == ["s200", "s300"]
    assert len(store.scans.scores()) == 30
    assert [each.width for _, each in store.usage.rows("shop")] == [HOUR]


def test_folders_go_by_what_was_written_last_in_them_and_the_newest_of_each_kind_stays(store: Store) -> None:
    kept(store, "scan-old", "scan.json", 300)
    kept(store, "scan-last", "scan.json", 200)
    kept(store, "build-old", "build.html", 250)
    kept(store, "fresh", "build.html", 5)
    half = kept(store, "half", "scan.json", 400)
    date(half / "scan.json", 95)
    (store.folder / "runs" / "elsewhere").symlink_to(store.folder)
    found = store.prune(BEFORE)
    assert found.folders == ("build-old", "scan-last", "scan-old")
    assert found.folder_bytes >= 3 * 5000
    assert {each.name for each in (store.folder / "runs").iterdir()} == {"fresh", "half", "elsewhere"}
    assert (store.folder / "history.db").exists()


def test_of_many_folders_those_stay_that_something_is_told_of_which_is_asked_once(store: Store) -> None:
    """Two scans out of three are still told of, and stay at any age."""
    row = ScanRow("", "", "image", "", None, "sha256:1", ("api",), (), 1, {}, 0, 0, None, "clean")
    every = [f"run-{number:03}" for number in range(600)]
    told = [name for number, name in enumerate(every) if number % 3]
    store.scans.add([replace(row, run=name, target=name, started=ago(300)) for name in told])
    for number, name in enumerate(every):
        kept(store, name, "scan.json", 300 - number / 10)
    asked: list[str] = []
    connection(store).set_trace_callback(asked.append)
    found = store.prune(BEFORE)
    connection(store).set_trace_callback(None)
    assert found.folders == tuple(name for name in every if name not in told)
    assert sorted(each.name for each in (store.folder / "runs").iterdir()) == told
    assert len(asked) < 100


def test_a_dry_run_says_the_same_and_changes_nothing(store: Store) -> None:
    for number in range(COMPARED + 20):
        built(store, f"r{number:03}", 300 - number)
        kept(store, f"r{number:03}", "build.html", 300 - number)
    before = list(connection(store).iterdump())
    would = store.prune(BEFORE, dry_run=True)
    assert list(connection(store).iterdump()) == before
    assert len(list((store.folder / "runs").iterdir())) == COMPARED + 20
    assert would.builds == 20
    assert len(would.folders) == 20
    did = store.prune(BEFORE)
    assert replace(did, database_bytes=None) == would


def test_the_database_becomes_smaller_by_what_is_said(store: Store) -> None:
    for number in range(COMPARED + 400):
        built(store, f"r{number:03}", 600 - number)
    size = (store.folder / "history.db").stat().st_size
    found = store.prune(BEFORE)
    assert found.database_bytes
    assert found.database_bytes == size - (store.folder / "history.db").stat().st_size > 0


def test_while_somebody_writes_nothing_goes(store: Store) -> None:
    for number in range(COMPARED + 2):
        built(store, f"r{number:03}", 300 - number)
    folder = kept(store, "scan", "scan.json", 300)
    file = store.folder / "history.db"
    with closing(sqlite3.connect(file)) as other, closing(sqlite3.connect(file, timeout=0)) as mine:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="another process"):
            prune(mine, store.folder, BEFORE, NOW)
        other.rollback()
    assert folder.is_dir()
    assert len(store.ledger.builds()) == COMPARED + 2


def test_the_command_says_what_would_go_and_what_went(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(store.folder.parent)
    for number in range(COMPARED + 3):
        built(store, f"r{number:03}", 300 - number)
    assert app.run(["history", "prune", root, "--dry-run"]) == 0
    assert "would go" in (said := capsys.readouterr().out)
    assert "6 steps of builds" in " ".join(said.split())
    assert app.run(["history", "prune", root, "--keep", "42w", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["schema"], data["builds"], data["steps"], data["dry_run"]) == ("trimtab.history-prune/1", 3, 6, False)
    assert app.run(["history", "prune", root]) == 0
    assert "nothing from before" in capsys.readouterr().out


@pytest.mark.parametrize("keep", ["", "0d", "90", "1h", "-1d", "99999w", "१d"])
def test_what_is_no_time_to_keep_is_refused(tmp_path: Path, keep: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["history", "prune", str(tmp_path), f"--keep={keep}"]) == 2
    assert "write `90d` or `12w`" in capsys.readouterr().err
    assert not (tmp_path / ".trimtab").exists()
