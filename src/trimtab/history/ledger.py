"""The ledger of builds: what each one really did, in SQLite beside the other history of a fleet."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from statistics import median

from trimtab.errors import StateError
from trimtab.history import builds_by_target
from trimtab.history.builds_by_target import BuildTotal
from trimtab.history.unwritten import unwritten

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS fleet_builds (
    run TEXT PRIMARY KEY,
    started TEXT NOT NULL,
    seconds REAL,
    pid INTEGER NOT NULL,
    jobs INTEGER NOT NULL,
    revision TEXT,
    builders TEXT NOT NULL,
    asked INTEGER NOT NULL,
    busy REAL,
    bound REAL,
    peak_memory INTEGER,
    outcome TEXT
);
CREATE TABLE IF NOT EXISTS builds (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    target TEXT NOT NULL,
    services TEXT NOT NULL,
    builder TEXT NOT NULL,
    revision TEXT,
    started TEXT NOT NULL,
    begins REAL NOT NULL,
    seconds REAL NOT NULL,
    worked REAL NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    cacheable INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    context_bytes INTEGER NOT NULL,
    pulled_bytes INTEGER NOT NULL,
    image TEXT NOT NULL,
    image_bytes INTEGER,
    layers INTEGER,
    missed TEXT NOT NULL,
    cause TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS fleet_builds_by_time ON fleet_builds (started);
CREATE INDEX IF NOT EXISTS builds_of_run ON builds (run);
CREATE UNIQUE INDEX IF NOT EXISTS builds_by_record ON builds (record) WHERE record != '';
CREATE TABLE IF NOT EXISTS build_steps (
    build INTEGER NOT NULL REFERENCES builds (id),
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    keyword TEXT NOT NULL,
    cached INTEGER NOT NULL,
    begins REAL NOT NULL,
    seconds REAL NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (build, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS step_seconds (
    target TEXT NOT NULL,
    name TEXT NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (target, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS build_inputs (
    target TEXT PRIMARY KEY,
    inputs TEXT NOT NULL
);
{builds_by_target.SCHEMA}"""
_LAST = 5
"""How many builds an estimate looks at: older ones were of other code."""
COMPARED = 50
"""How many of a target's last builds are looked at when its newest is held against those before it."""
_SLOWER, _LARGER = 1.5, 1.1
"""What counts as a regression, against the median of the builds before: a half more time, a tenth more bytes."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of a build; `begins` counts in seconds from the build's own start."""

    name: str
    keyword: str
    cached: bool
    begins: float
    seconds: float
    error: str = ""


@dataclass(frozen=True)
class BuildRow:
    """One build of one target. Seconds and bytes; what is not known is None, zero or empty."""

    run: str
    target: str
    services: str
    builder: str
    revision: str | None
    started: str
    """UTC, ISO 8601."""
    begins: float
    """Seconds from the start of the run."""
    seconds: float
    worked: float
    outcome: str
    """`built`, `failed`, `blocked`, `skipped` or `cancelled`."""
    reason: str = ""
    attempts: int = 1
    cacheable: int = 0
    cached: int = 0
    context_bytes: int = 0
    pulled_bytes: int = 0
    image: str = ""
    image_bytes: int | None = None
    layers: int | None = None
    missed: str = ""
    """The first step that had to be done."""
    cause: str = ""
    fingerprint: str = ""
    record: str = ""
    """The builder's own record of it, for `docker buildx history`."""
    steps: tuple[StepRow, ...] = field(default=(), compare=False)
    id: int = field(default=0, compare=False)


@dataclass(frozen=True)
class FleetBuildRow:
    """One run of `trimtab build`."""

    run: str
    started: str
    seconds: float | None
    pid: int
    jobs: int
    revision: str | None
    builders: str
    asked: int
    """How many targets were to be built."""
    busy: float | None = None
    """Seconds of all builds together."""
    bound: float | None = None
    """Seconds that no order could have gone below."""
    peak_memory: int | None = None
    outcome: str | None = None
    """None for a run that was killed."""

    @property
    def efficiency(self) -> float | None:
        """The bound in relation to what it took: 1 is as good as can be."""
        return min(1.0, self.bound / self.seconds) if self.bound and self.seconds else None


_COLUMNS = [each.name for each in fields(BuildRow) if each.name not in {"steps", "id"}]
_RUN_COLUMNS = [each.name for each in fields(FleetBuildRow)]


class Ledger:
    """Access to the ledger of one fleet. Everything that is written is on the disk when the call returns."""

    def __init__(self, connection: sqlite3.Connection, where: str) -> None:
        self._connection = connection
        self._where = where

    def begin(self, row: FleetBuildRow) -> None:
        """Note that a run has begun."""
        self._write(_insert("fleet_builds", _RUN_COLUMNS), [getattr(row, name) for name in _RUN_COLUMNS])

    def end(self, run: str, *, seconds: float, busy: float, bound: float, peak_memory: int | None, outcome: str) -> None:
        """Note how a run has ended."""
        statement = "UPDATE fleet_builds SET seconds = ?, busy = ?, bound = ?, peak_memory = ?, outcome = ? WHERE run = ?"
        self._write(statement, [seconds, busy, bound, peak_memory, outcome, run])

    def add(self, row: BuildRow, inputs: Mapping[str, object] | None = None) -> None:
        """Keep one build with its steps, and what it was made from, in one go."""
        try:
            with self._connection:
                cursor = self._connection.execute(_insert("builds", _COLUMNS), [getattr(row, name) for name in _COLUMNS])
                steps = [
                    (cursor.lastrowid, number, s.name, s.keyword, s.cached, s.begins, s.seconds, s.error)
                    for number, s in enumerate(row.steps)
                ]
                self._connection.executemany("INSERT INTO build_steps VALUES (?, ?, ?, ?, ?, ?, ?, ?)", steps)
                done = [(row.target, s.name, s.seconds) for s in row.steps if s.keyword and not s.cached and not s.error]
                self._connection.executemany("INSERT OR REPLACE INTO step_seconds VALUES (?, ?, ?)", done)
                total = BuildTotal(row.target, row.outcome, 1, row.seconds, row.cached, row.cacheable)
                builds_by_target.count(self._connection, total)
                if inputs is not None:
                    text = json.dumps(inputs, ensure_ascii=True, separators=(",", ":"))
                    self._connection.execute("INSERT OR REPLACE INTO build_inputs VALUES (?, ?)", (row.target, text))
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def inputs(self, target: str) -> Mapping[str, object] | None:
        """What the last build of a target was made from."""
        row = self._connection.execute("SELECT inputs FROM build_inputs WHERE target = ?", (target,)).fetchone()
        return json.loads(row[0]) if row else None

    def step_seconds(self, target: str) -> dict[str, float]:
        """How long each step of a target took when it was last really done, by its name."""
        rows = self._connection.execute("SELECT name, seconds FROM step_seconds WHERE target = ?", (target,))
        return {str(name): float(seconds) for name, seconds in rows}

    def estimates(self) -> dict[str, float]:
        """Seconds that each target is likely to take: the median of its last builds."""
        recent = self.recent(_LAST, ("built",))
        return {target: median(row.seconds for row in rows) for target, rows in recent.items()}

    def totals(self) -> list[BuildTotal]:
        """What all builds of each target come to by how they ended, in order."""
        return builds_by_target.read(self._connection)

    def runs(self, limit: int = 20) -> list[FleetBuildRow]:
        """The last runs, the newest first."""
        query = f"SELECT {', '.join(_RUN_COLUMNS)} FROM fleet_builds ORDER BY started DESC, rowid DESC LIMIT ?"  # noqa: S608
        return [FleetBuildRow(*row) for row in self._connection.execute(query, (limit,))]

    def run(self, name: str) -> FleetBuildRow | None:
        """A run by its id or the beginning of one; `last` is the newest."""
        if name == "last":
            return next(iter(self.runs(1)), None)
        # No character comes after the last one of Unicode: what lies between begins with the name.
        query = f"SELECT {', '.join(_RUN_COLUMNS)} FROM fleet_builds WHERE run >= ? AND run < ? LIMIT 2"  # noqa: S608
        rows = [FleetBuildRow(*row) for row in self._connection.execute(query, (name, f"{name}\U0010ffff"))]
        return rows[0] if len(rows) == 1 else None

    def before(self, later: FleetBuildRow) -> FleetBuildRow | None:
        """The newest run of those begun before another one."""
        query = (
            f"SELECT {', '.join(_RUN_COLUMNS)} FROM fleet_builds WHERE (started, rowid) < "  # noqa: S608
            "(SELECT started, rowid FROM fleet_builds WHERE run = ?) ORDER BY started DESC, rowid DESC LIMIT 1"
        )
        row = self._connection.execute(query, (later.run,)).fetchone()
        return FleetBuildRow(*row) if row else None

    def builds(self, run: str | None = None, target: str | None = None, limit: int = 1000) -> list[BuildRow]:
        """Builds without their steps: those of a run in their order, others the newest first."""
        where = [f"{name} = ?" for name, value in (("run", run), ("target", target)) if value is not None]
        order = "id" if run is not None else "started DESC, id DESC"
        query = f"SELECT id, {', '.join(_COLUMNS)} FROM builds"  # noqa: S608
        query += f" WHERE {' AND '.join(where)}" if where else ""
        values = [value for value in (run, target) if value is not None]
        rows = self._connection.execute(f"{query} ORDER BY {order} LIMIT ?", (*values, limit))
        return [BuildRow(*row[1:], id=row[0]) for row in rows]

    def recent(self, count: int, outcomes: Sequence[str] = ("built", "failed")) -> dict[str, list[BuildRow]]:
        """The last builds of every target that were done or failed, the newest first; by target, in order."""
        every = dict.fromkeys(each.target for each in self.totals())
        found = {target: self.last(target, count, outcomes) for target in every}
        return {target: rows for target, rows in found.items() if rows}

    def last(self, target: str, count: int, outcomes: Sequence[str] = ("built", "failed")) -> list[BuildRow]:
        """The last builds of one target that were done or failed, the newest first."""
        query = builds_by_target.last(["id", *_COLUMNS], outcomes)
        rows = self._connection.execute(query, {"target": target, "number": count})
        return [BuildRow(*row[1:], id=row[0]) for row in rows]

    def steps(self, build: int) -> tuple[StepRow, ...]:
        """The steps of one build."""
        query = "SELECT name, keyword, cached, begins, seconds, error FROM build_steps WHERE build = ? ORDER BY number"
        rows = self._connection.execute(query, (build,))
        return tuple(StepRow(row[0], row[1], bool(row[2]), *row[3:]) for row in rows)

    def has_record(self, record: str) -> bool:
        """Whether a builder's record is in the ledger."""
        # The index leaves out builds without a record, and is used only where none of those can be meant.
        query = "SELECT 1 FROM builds WHERE record = ? AND record != ''"
        return self._connection.execute(query, (record,)).fetchone() is not None

    def _write(self, statement: str, values: Sequence[object]) -> None:
        try:
            with self._connection:
                self._connection.execute(statement, tuple(values))
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> StateError:
        return unwritten(self._where, error)


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608


def regressions(builds: Sequence[BuildRow]) -> list[str]:
    """What is worse about the newest of a target's builds, the newest first, than about those before it.

    Seconds are held against builds that began their work at the same step, the only ones that did comparable work; bytes
    against all. Fewer than three earlier builds say nothing.
    """
    built = [row for row in builds if row.outcome == "built"]
    if not built:
        return []
    newest, earlier = built[0], built[1:]
    found: list[str] = []
    alike = [row.seconds for row in earlier if row.missed == newest.missed and row.cached == newest.cached][:10]
    if len(alike) >= 3:
        middle = median(alike)
        spread = median(abs(value - middle) for value in alike)
        if newest.seconds > max(_SLOWER * middle, middle + 3 * spread + 1):
            found.append(f"took {newest.seconds:.1f} s; builds that began with the same step took {middle:.1f} s")
    sizes = [row.image_bytes for row in earlier if row.image_bytes][:10]
    if newest.image_bytes and len(sizes) >= 3 and newest.image_bytes > _LARGER * median(sizes):
        found.append(f"image of {newest.image_bytes / 1e6:.0f} MB; it was {median(sizes) / 1e6:.0f} MB")
    return found
