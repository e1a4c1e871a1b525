"""Why a history could not be written, and what to do about it."""

import sqlite3

from trimtab.errors import StateError

PATIENCE = 60.0
"""Seconds that a process waits for others to have written before it gives up: bringing up a large old history takes some."""


def primary(error: sqlite3.Error) -> int | None:
    """The kind of an error of SQLite; None for one that Python has raised itself. The low eight bits of an extended result code
    are its primary one (https://sqlite.org/rescode.html): a folder that cannot be written is `SQLITE_READONLY_DIRECTORY`.
    """
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def unwritten(where: str, error: sqlite3.Error) -> StateError:
    """The error that a person is told; `where` is the database's path."""
    kind = primary(error)
    if kind == sqlite3.SQLITE_BUSY:
        told = (
            f"another process has been writing to it for {PATIENCE:.0f} s. Wait until it has ended, or end it, and run again."
        )
        return StateError(f"`{where}` cannot be written: {told}")
    if kind == sqlite3.SQLITE_READONLY:
        return StateError(f"`{where}` cannot be written: {error}. Make it and its folder writable, and run again.")
    return StateError(f"`{where}` cannot be written: {error}. Free some space, and run again.")
