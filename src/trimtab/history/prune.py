"""Taking away what is old in a history, and never what something still goes by.

Whatever its age, this stays: each target's last builds, which times are held against; the runs back to the last one that ended
well, which a run goes on from; builds of images that the last deployments of a project put or found in place; every deployment
with its outcome, and the steps of the last ones and of those that have not ended; each file's newest verdict with its evidence;
proofs for as long as they are believed; each target's last two scans, the last that had advisories, and the last scores; sums,
which counters are made from.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from trimtab.history import builds_by_target, usage
from trimtab.history.ledger import COMPARED
from trimtab.history.unwritten import unwritten

PROOFS_KEPT = timedelta(days=7)
"""For how long a proof is believed: package indexes move on, and what was proven longer ago is proven again."""
LEAST = timedelta(days=1)
"""No run lasts as long: what is younger may be under way."""
_DEPLOYMENTS, _SCANS, _SCORES, _RUNS = 10, 2, 30, 100


KINDS = (
    "builds", "steps", "build_runs", "runs", "crew_steps", "verdicts", "proofs", "scans", "scores", "deployment_steps", "usage",
)  # fmt: skip
"""The kinds of rows, by their names in `Pruned`."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was taken away, or would be: rows by kind, folders of evidence, and bytes."""

    builds: int = 0
    steps: int = 0
    build_runs: int = 0
    runs: int = 0
    """Of optimisations, roles and workflows."""
    crew_steps: int = 0
    verdicts: int = 0
    proofs: int = 0
    scans: int = 0
    scores: int = 0
    deployment_steps: int = 0
    usage: int = 0
    """Minutes and hours."""
    folders: tuple[str, ...] = ()
    folder_bytes: int = 0
    """What they take on the disk."""
    database_bytes: int | None = None
    """By how much the database's file became smaller; None where that was not tried, or could not be done now."""

    @property
    def rows(self) -> int:
        """All rows together."""
        return sum(getattr(self, name) for name in KINDS)


def prune(connection: sqlite3.Connection, folder: Path, before: datetime, now: datetime, *, dry_run: bool = False) -> Pruned:
    """Take away what is older than `before`; `folder` is the history's own.

    What is younger than `LEAST` stays. A dry run does the same to the database and takes it back, so that both say the same.
    Rows go first, all or none, and folders after them: of what is interrupted in between, the next time takes the rest.

    Raises:
        StateError: the history cannot be written; nothing is then changed.
    """
    before = min(before, now - LEAST)
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = _rows(connection, before, now)
            kept = _named(connection) | _newest(folder)
            old = [each for each in _folders(folder, before) if each.name not in kept]
        except BaseException:
            connection.rollback()
            raise
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
    except sqlite3.Error as error:
        raise unwritten(str(folder / "history.db"), error) from error
    found = replace(found, folders=tuple(each.name for each in old), folder_bytes=sum(map(_size, old)))
    if dry_run:
        return found
    for each in old:
        shutil.rmtree(each, ignore_errors=True)
    return replace(found, database_bytes=_shrunk(connection, folder / "history.db"))


def _rows(connection: sqlite3.Connection, before: datetime, now: datetime) -> Pruned:
    # Times are ISO 8601 in UTC: texts in the order of time.
    values = {"before": before.isoformat(timespec="seconds"), "proofs": (min(before, now - PROOFS_KEPT)).isoformat()}

    def delete(table: str, where: str) -> int:
        return connection.execute(f"DELETE FROM {table} WHERE {where}", values).rowcount  # noqa: S608  no part of it is data

    _keep_builds(connection)
    # Of runs that were killed; those that end take theirs away.
    delete("doing", "run IN (SELECT id FROM runs WHERE started < :before)")
    old = "started < :before"
    return Pruned(
        builds=delete("builds", "started < :before AND id NOT IN (SELECT id FROM kept_builds)"),
        steps=delete("build_steps", "build IN (SELECT id FROM old_builds) AND build NOT IN (SELECT id FROM builds)"),
        build_runs=delete("fleet_builds", _OLD_RUNS),
        verdicts=delete("verdicts", _OLD_VERDICTS),
        runs=delete("runs", f"{old} AND id NOT IN (SELECT run FROM verdicts) AND id NOT IN ({_WORKED_ON})"),  # noqa: S608
        crew_steps=delete("crew_steps", "began < :before AND run NOT IN (SELECT id FROM runs)"),
        proofs=delete("proofs", "kept < :proofs"),
        scans=delete("scans", f"{old} AND rowid NOT IN ({_LAST_SCANS})"),
        scores=delete("scores", f"{old} AND rowid NOT IN ({_newest_rows('scores', 'name', 'started', _SCORES)})"),
        deployment_steps=delete("deployment_steps", _OLD_STEPS),
        usage=usage.forget_old(connection, now.timestamp()),
    )


def _newest_rows(table: str, name: str, order: str, number: int, among: str = "TRUE") -> str:
    ranked = f"ROW_NUMBER() OVER (PARTITION BY {name} ORDER BY {order} DESC, rowid DESC) AS place"
    return f"SELECT rowid FROM (SELECT rowid, {ranked} FROM {table} WHERE {among}) WHERE place <= {number}"  # noqa: S608


# Metrics and alerts go by the last scan that had advisories, however many came after it without any.
_LAST_SCANS = " UNION ".join(
    _newest_rows("scans", "target", "started", number, among)
    for number, among in ((_SCANS, "TRUE"), (1, "as_of IS NOT NULL OR counts GLOB '*: [1-9]*'"))
)
_LAST_DEPLOYMENTS = _newest_rows("deployments", "project", "revision", _DEPLOYMENTS)
_OLD_STEPS = (
    "deployment IN (SELECT id FROM deployments WHERE started < :before AND outcome IS NOT NULL"  # noqa: S608
    f" AND rowid NOT IN ({_LAST_DEPLOYMENTS}))"
)
_OLD_RUNS = "started < :before AND run NOT IN (SELECT run FROM kept_runs UNION SELECT run FROM builds)"
_OLD_VERDICTS = (
    "run IN (SELECT id FROM runs WHERE started < :before) AND (run, path) NOT IN (SELECT run, path FROM (SELECT run, path,"
    " ROW_NUMBER() OVER (PARTITION BY path ORDER BY started DESC, runs.rowid DESC) AS place FROM verdicts JOIN runs"
    " ON runs.id = run) WHERE place = 1)"
)
"""All but each file's newest one."""
_WORKED_ON = (
    "SELECT id FROM runs WHERE ended IS NULL AND command LIKE 'workflow%' UNION ALL"
    " SELECT * FROM (SELECT id FROM runs WHERE command = 'optimize' AND ended IS NOT NULL ORDER BY started DESC LIMIT 1)"
)
"""Workflows that one can go on with, and the last optimisation."""


def _keep_builds(connection: sqlite3.Connection) -> None:
    """Note the builds that are there now, and those that stay, in tables of this connection only."""
    for name, column in (("old_builds", "id INTEGER"), ("kept_builds", "id INTEGER"), ("kept_runs", "run TEXT")):
        connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} ({column} PRIMARY KEY)")
        connection.execute(f"DELETE FROM {name}")  # noqa: S608
    connection.execute("INSERT INTO old_builds SELECT id FROM builds")
    query = builds_by_target.last(["id", "started"], ("built", "failed"))
    for target in {each.target for each in builds_by_target.read(connection)}:
        rows = connection.execute(query, {"target": target, "number": COMPARED})
        connection.executemany("INSERT INTO kept_builds VALUES (?)", [(row[0],) for row in rows])
    connection.executemany("INSERT INTO kept_runs VALUES (?)", [(run,) for run in _runs_back(connection)])
    images = "SELECT {} FROM deployed_services WHERE deployment IN (SELECT id FROM deployments WHERE rowid IN ({}))"
    for column in ("before_image", "after_image"):
        found = images.format(column, _LAST_DEPLOYMENTS)
        connection.execute(f"INSERT OR IGNORE INTO kept_builds SELECT id FROM builds WHERE image != '' AND image IN ({found})")  # noqa: S608
    connection.execute("INSERT OR IGNORE INTO kept_builds SELECT id FROM builds WHERE run IN (SELECT run FROM kept_runs)")


def _runs_back(connection: sqlite3.Connection) -> Iterator[str]:
    """The newest runs of builds, back to the last one that ended well."""
    query = "SELECT run, outcome FROM fleet_builds ORDER BY started DESC, rowid DESC LIMIT ?"
    for run, outcome in connection.execute(query, (_RUNS,)).fetchall():
        yield str(run)
        if outcome == "done":
            return


def _named(connection: sqlite3.Connection) -> frozenset[str]:
    """The runs that the database still tells of."""
    query = "SELECT id FROM runs UNION SELECT run FROM fleet_builds UNION SELECT run FROM scans UNION SELECT run FROM scores"
    return frozenset(str(row[0]) for row in connection.execute(query))


def _every(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder / "runs") as entries:
            return [each for each in entries if each.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _folders(folder: Path, before: datetime) -> list[Path]:
    """The folders of runs in which nothing was written since, in order."""
    limit = before.timestamp()
    return sorted(Path(each.path) for each in _every(folder) if _written(Path(each.path)) < limit)


def _newest(folder: Path) -> frozenset[str]:
    """For each kind of result, the run that has written it last."""
    last: dict[str, tuple[float, str]] = {}
    for entry in _every(folder):
        for path, about in list(_stats(Path(entry.path)))[1:]:
            last[path.name] = max(last.get(path.name, (0.0, "")), (about.st_mtime, entry.name))
    return frozenset(name for _, name in last.values())


def _stats(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """A folder and everything in it, as far as it is still there and can be read."""
    for path in (folder, *folder.rglob("*")):
        with suppress(OSError):
            yield path, path.lstat()


def _written(folder: Path) -> float:
    """When something in it was written last, in seconds since 1970."""
    return max((about.st_mtime for _, about in _stats(folder)), default=0.0)


def _size(folder: Path) -> int:
    return sum(about.st_blocks * 512 for _, about in _stats(folder))


def _shrunk(connection: sqlite3.Connection, database: Path) -> int | None:
    """Give the database's free pages back; None where somebody else is using it, or the disk has no room for a copy."""
    before = database.stat().st_size
    try:
        connection.execute("VACUUM")
    except sqlite3.Error:
        return None
    return before - database.stat().st_size
