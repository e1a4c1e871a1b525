"""Why a history could not be written, and what to do about it."""

import sqlite3

from trimtab.errors import StateError

PATIENCE = 60.0
"""Seconds that a process waits for others to have written before it gives up: bringing up a large old history takes some."""


def unwritten(where: str, error: sqlite3.Error) -> StateError:
    """The error that a person is told; `where` is the database's path."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
        told = (
            f"another process has been writing to it for {PATIENCE:.0f} s. Wait until it has ended, or end it, and run again."
        )
        return StateError(f"`{where}` cannot be written: {told}")
    return StateError(f"`{where}` cannot be written: {error}. Free some space, and run again.")
