"""What containers have used, minute by minute, and hour by hour after that.

Every hour is kept as a row from its first minute on, beside its minutes: sums over a week then read 168 rows a container and
not 10,080. `usage_folded` says up to when minutes are not kept any more; before it only hours are there.
"""

import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from operator import itemgetter
from typing import TypeVar

from trimtab.history import callers, containers, totals
from trimtab.history.callers import Callers
from trimtab.history.containers import Place
from trimtab.history.totals import Total
from trimtab.history.unwritten import unwritten

T = TypeVar("T", int, float)
SCHEMA = f"""{containers.SCHEMA}{callers.SCHEMA}
CREATE TABLE IF NOT EXISTS usage_subjects (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    service TEXT NOT NULL,
    number INTEGER NOT NULL,
    image TEXT NOT NULL,
    config TEXT NOT NULL,
    UNIQUE (project, service, number, image, config)
);
CREATE TABLE IF NOT EXISTS usage (
    subject INTEGER NOT NULL REFERENCES usage_subjects (id),
    width INTEGER NOT NULL,
    start INTEGER NOT NULL,
    last REAL NOT NULL,
    samples INTEGER NOT NULL,
    seconds REAL NOT NULL,
    cpu_mean REAL,
    cpu_p95 REAL,
    cpu_max REAL,
    cpu_limit REAL,
    periods INTEGER NOT NULL,
    throttled INTEGER NOT NULL,
    memory_max INTEGER,
    memory_last INTEGER,
    memory_limit INTEGER,
    uptime REAL,
    ooms INTEGER NOT NULL,
    restarts INTEGER NOT NULL,
    health_changes INTEGER NOT NULL,
    received INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    bytes_read INTEGER NOT NULL,
    bytes_written INTEGER NOT NULL,
    PRIMARY KEY (subject, width, start)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS usage_folded (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    until INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS usage_observers (
    project TEXT PRIMARY KEY,
    observer TEXT NOT NULL,
    until REAL NOT NULL
);
"""
MINUTE, HOUR = 60, 3600
MINUTES_KEPT = 8 * 24 * HOUR
"""Seconds for which minutes are kept as they are: a week, and a day to look at it."""
_LONGEST = 30 * 24 * HOUR
"""Seconds ahead of now at which no observer's time ends: a later end was noted by a clock that has been set back since."""
HOURS_KEPT = 90 * 24 * HOUR


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Whose use it is: one container of a service, as long as its image and configuration stay the same."""

    project: str
    service: str
    number: int
    image: str
    """The image's id, with its algorithm."""
    config: str
    """Compose's own digest of the service's configuration; empty where compose has not made it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one container used in one minute or hour. Bytes, seconds, and processor cores; None for what was not measured."""

    width: int
    """Seconds that it stands for: `MINUTE` or `HOUR`."""
    start: int
    """Seconds since 1970, a multiple of the width."""
    last: float
    """When its last sample with a figure of memory was taken, without any its last sample; in seconds since 1970."""
    samples: int
    seconds: float
    """How much of it the figures of the processor cover."""
    cpu_mean: float | None = None
    cpu_p95: float | None = None
    """Of samples in a minute, by nearest rank; the largest of its minutes in an hour, which is no less than the true one."""
    cpu_max: float | None = None
    cpu_limit: float | None = None
    """The highest that was in force; None for none."""
    periods: int = 0
    """Scheduler periods in which a limited container wanted to run."""
    throttled: int = 0
    """Those of them in which it was held back."""
    memory_max: int | None = None
    """The working set: what is in use without page cache that can be dropped at once."""
    memory_last: int | None = None
    memory_limit: int | None = None
    uptime: float | None = None
    """How long the container had been up at the earliest moment after a start that the figures cover."""
    ooms: int = 0
    """Processes of it that the kernel has killed for want of memory."""
    restarts: int = 0
    health_changes: int = 0
    received: int = 0
    sent: int = 0
    bytes_read: int = 0
    bytes_written: int = 0

    @property
    def throttled_ratio(self) -> float | None:
        """The share of periods in which it was held back; None without a limit."""
        return self.throttled / self.periods if self.periods else None


_COLUMNS = [each.name for each in fields(Usage)]
_SUMS = (
    "samples", "seconds", "periods", "throttled", "ooms", "restarts", "health_changes", "received", "sent", "bytes_read",
    "bytes_written",
)  # fmt: skip


def join(one: Usage, other: Usage) -> Usage:
    """Two parts of the same minute or hour as one; their order does not matter.

    Counts and bytes add up, means weigh by the seconds they cover, limits and largest values are the larger ones. The 95th
    percentile of both together cannot be known from two percentiles; the larger one is no less than it.
    """
    later = max(one, other, key=lambda each: (each.memory_last is not None, each.last, each.memory_last or 0))
    weighed = [(each.cpu_mean, each.seconds) for each in (one, other) if each.cpu_mean is not None]
    covered = sum(seconds for _, seconds in weighed)
    sums = {name: getattr(one, name) + getattr(other, name) for name in _SUMS}
    return replace(
        later,
        **sums,
        cpu_mean=sum(mean * seconds for mean, seconds in weighed) / covered if covered else later.cpu_mean,
        cpu_p95=_of(max, one.cpu_p95, other.cpu_p95),
        cpu_max=_of(max, one.cpu_max, other.cpu_max),
        cpu_limit=_of(max, one.cpu_limit, other.cpu_limit),
        memory_max=_of(max, one.memory_max, other.memory_max),
        memory_limit=_of(max, one.memory_limit, other.memory_limit),
        uptime=_of(min, one.uptime, other.uptime),
    )


def _of(choose: Callable[[T, T], T], one: T | None, other: T | None) -> T | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)


def as_hour(minute: Usage) -> Usage:
    """A minute as the part of its hour that it is."""
    return replace(minute, width=HOUR, start=minute.start - minute.start % HOUR)


def hours(minutes: Sequence[Usage]) -> dict[int, Usage]:
    """One container's minutes folded to hours, by the hour's start."""
    found: dict[int, Usage] = {}
    for each in minutes:
        hour = as_hour(each)
        found[hour.start] = join(found[hour.start], hour) if hour.start in found else hour
    return found


def fold_all(connection: sqlite3.Connection) -> None:
    """Make the rows of hours for a history that was written without those beside minutes; part of the caller's transaction."""
    folded = connection.execute("SELECT COALESCE(MAX(start) + width, 0) FROM usage WHERE width = ?", (HOUR,)).fetchone()[0]
    query = f"SELECT {', '.join(_COLUMNS)} FROM usage WHERE subject = ? AND width = ? ORDER BY start"  # noqa: S608
    for (identity,) in connection.execute("SELECT id FROM usage_subjects").fetchall():
        minutes = [Usage(*row) for row in connection.execute(query, (identity, MINUTE))]
        for hour in hours(minutes).values():
            _put(connection, identity, hour)
    # A minute that came late, after its hour was folded, is in that hour now.
    connection.execute("DELETE FROM usage WHERE width = ? AND start < ?", (MINUTE, folded))
    _fold(connection, folded)


def _fold(connection: sqlite3.Connection, until: int) -> None:
    connection.execute(
        "INSERT INTO usage_folded VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET until = MAX(until, excluded.until)", (until,)
    )


def forget_old(connection: sqlite3.Connection, now: float) -> int:
    """Forget minutes and hours that are not kept any longer; how many. Part of the caller's transaction."""
    until = int(now - MINUTES_KEPT) // HOUR * HOUR
    old = "DELETE FROM usage WHERE subject IN (SELECT id FROM usage_subjects) AND width = ? AND start < ?"
    _fold(connection, until)
    number = connection.execute(old, (MINUTE, until)).rowcount
    number += connection.execute(old, (HOUR, now - HOURS_KEPT)).rowcount
    containers.forget(connection, now - HOURS_KEPT)
    callers.forget(connection, now - HOURS_KEPT)
    connection.execute("DELETE FROM usage_subjects WHERE NOT EXISTS (SELECT 1 FROM usage WHERE subject = usage_subjects.id)")
    return number


def folded_until(connection: sqlite3.Connection) -> int:
    """Up to when minutes are not kept any more, in seconds since 1970; an hour's beginning."""
    row = connection.execute("SELECT until FROM usage_folded").fetchone()
    return int(row[0]) if row else 0


def _put(connection: sqlite3.Connection, identity: int, usage: Usage) -> None:
    query = f"SELECT {', '.join(_COLUMNS)} FROM usage WHERE subject = ? AND width = ? AND start = ?"  # noqa: S608
    row = connection.execute(query, (identity, usage.width, usage.start)).fetchone()
    kept = join(Usage(*row), usage) if row else usage
    marks = ", ".join("?" * (len(_COLUMNS) + 1))
    statement = f"INSERT OR REPLACE INTO usage (subject, {', '.join(_COLUMNS)}) VALUES ({marks})"  # noqa: S608
    connection.execute(statement, (identity, *(getattr(kept, name) for name in _COLUMNS)))


_ROWS = f"""
SELECT {", ".join(_COLUMNS)} FROM usage
WHERE subject = :subject AND width = {HOUR} AND start > :since - {HOUR} AND start < :folded
UNION ALL SELECT {", ".join(_COLUMNS)} FROM usage
WHERE subject = :subject AND width = {MINUTE} AND start > :since - {MINUTE}
"""  # noqa: S608  no part of it is data


class UsageHistory:
    """Access to what one fleet has used. Everything that is written is on the disk when the call returns."""

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self._connection = connection
        self._where = where

    def add(self, rows: Sequence[tuple[Subject, Usage]]) -> None:
        """Keep rows in one go, each joined with what is there of its minute or hour already.

        Raises:
            StateError: it could not be written; nothing of it is then there.
        """
        with self._writing() as connection:
            connection.execute("BEGIN IMMEDIATE")
            folded = folded_until(connection)
            for subject, usage in rows:
                identity = self._id(subject)
                if usage.width == MINUTE:
                    _put(connection, identity, as_hour(usage))
                if usage.width != MINUTE or usage.start >= folded:
                    _put(connection, identity, usage)

    def rows(self, project: str, since: float = 0, service: str | None = None) -> list[tuple[Subject, Usage]]:
        """What was used from a time on, in seconds since 1970, in the order of time."""
        query = "SELECT id, project, service, number, image, config FROM usage_subjects WHERE project = ?"
        values = [project]
        if service is not None:
            query, values = f"{query} AND service = ?", [project, service]
        found: list[tuple[int, int, Subject, Usage]] = []
        folded = folded_until(self._connection)
        for identity, *names in self._connection.execute(f"{query} ORDER BY id", values).fetchall():
            subject = Subject(*names)
            rows = self._connection.execute(_ROWS, {"subject": identity, "since": since, "folded": folded})
            found += [(row[1], identity, subject, Usage(*row)) for row in rows]
        found.sort(key=itemgetter(0, 1))
        return [(subject, usage) for _, _, subject, usage in found]

    def totals(self, project: str, since: float = 0) -> list[Total]:
        """What each place of a project has used from a time on, in seconds since 1970, over all of its images."""
        return totals.read(self._connection, project, since, folded_until(self._connection))

    def note(self, places: Sequence[Place]) -> None:
        """Keep how containers are now, and add their counts to those that are kept, all or none.

        Raises:
            StateError: it could not be written.
        """
        with self._writing() as connection:
            for place in places:
                containers.put(connection, place)

    def note_callers(self, counted: Sequence[Callers]) -> None:
        """Add what callers got to what is kept, all or none.

        Raises:
            StateError: it could not be written.
        """
        with self._writing() as connection:
            for each in counted:
                callers.put(connection, each)

    def callers(self) -> list[Callers]:
        """What callers of every service behind a holder got, of all projects."""
        return callers.read(self._connection)

    def places(self) -> list[Place]:
        """Every container's place, of all projects, as it was seen last."""
        return containers.read(self._connection)

    def projects(self) -> list[str]:
        """The compose projects that were observed, the last one first."""
        newest = f"SELECT last FROM usage WHERE subject = id AND width = {HOUR} ORDER BY start DESC LIMIT 1"  # noqa: S608
        query = f"SELECT project, MAX(({newest})) AS seen FROM usage_subjects GROUP BY project"  # noqa: S608
        return [str(row[0]) for row in self._connection.execute(f"{query} HAVING seen IS NOT NULL ORDER BY seen DESC")]

    def claim(self, project: str, observer: str, now: float, seconds: float) -> bool:
        """Note who observes a project, for so long; False where somebody else does, whose counts would be there twice.

        Raises:
            StateError: it could not be written.
        """
        statement = (
            "INSERT INTO usage_observers VALUES (?, ?, ?) ON CONFLICT (project) DO UPDATE SET observer = excluded.observer,"
            " until = excluded.until WHERE observer = excluded.observer OR until < ? OR until > ?"
        )
        return self._changed(statement, (project, observer, now + seconds, now, now + _LONGEST)) == 1

    def release(self, project: str, observer: str) -> None:
        """Note that nobody observes a project any more.

        Raises:
            StateError: it could not be written.
        """
        self._changed("DELETE FROM usage_observers WHERE project = ? AND observer = ?", (project, observer))

    def _changed(self, statement: str, values: tuple[object, ...]) -> int:
        with self._writing() as connection:
            return connection.execute(statement, values).rowcount

    def compact(self, now: float) -> None:
        """Forget minutes that are older than `MINUTES_KEPT`, whose hours stay, and hours that are older than `HOURS_KEPT`.

        Raises:
            StateError: it could not be written; nothing is then changed.
        """
        with self._writing() as connection:
            connection.execute("BEGIN IMMEDIATE")
            forget_old(connection, now)

    def _id(self, subject: Subject) -> int:
        values = (subject.project, subject.service, subject.number, subject.image, subject.config)
        self._connection.execute(
            "INSERT OR IGNORE INTO usage_subjects (project, service, number, image, config) VALUES (?, ?, ?, ?, ?)", values
        )
        query = "SELECT id FROM usage_subjects WHERE project = ? AND service = ? AND number = ? AND image = ? AND config = ?"
        return int(self._connection.execute(query, values).fetchone()[0])

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        """One change, on the disk or not there at all.

        Raises:
            StateError: it could not be written.
        """
        try:
            with self._connection:
                yield self._connection
        except sqlite3.Error as error:
            raise unwritten(self._where, error) from error
