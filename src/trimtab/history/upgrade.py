"""The tables of a history, made or brought up to what this version writes."""

import sqlite3

from trimtab.history import builds_by_target, crew, deployments, ledger, runs, scans, usage

VERSION = 11
"""What `PRAGMA user_version` says of a history that this version has written."""
_SUMS_SINCE = 8
"""From this version on builds are counted by target, and hours of use are kept beside their minutes."""
_SCHEMA = runs.SCHEMA + ledger.SCHEMA + scans.SCHEMA + deployments.SCHEMA + usage.SCHEMA + crew.SCHEMA


def version_of(connection: sqlite3.Connection) -> int:
    """The version that has written a history; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring an older history, or an empty one, up to `VERSION`: all of it, or nothing when that fails or is interrupted.

    Nothing is written to one that is there already, so that reading a history waits for nobody who writes it. Of several
    processes that come at once, one does it and the others wait.

    Raises:
        sqlite3.Error: it is no usable database, or cannot be written.
    """
    if version_of(connection) >= VERSION:
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        before = version_of(connection)
        if before >= VERSION:
            return
        # `executescript` would commit first; no statement has a semicolon inside.
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        if not _tells_passed(connection):
            connection.execute(deployments.SINCE_PASSED)
        if before < _SUMS_SINCE:
            builds_by_target.count_all(connection)
            usage.fold_all(connection)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _tells_passed(connection: sqlite3.Connection) -> bool:
    """Whether it is kept of a deployed service what its health check said: not in tables from before version 11."""
    return any(row[1] == "passed" for row in connection.execute("PRAGMA table_info(deployed_services)"))
