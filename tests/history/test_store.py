"""The store when the disk is full."""

from pathlib import Path

import pytest

from trimtab.errors import StateError
from trimtab.history import open_store


def test_a_full_disk_is_said_and_what_was_there_stays(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    try:
        store.keep_proof("a", "first")
        # SQLite's own limit gives the same error as a disk without room.
        store._connection.execute("PRAGMA max_page_count = 20")  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(StateError, match="Free some space"):
            store.keep_proof("b", "x" * 1_000_000)
        assert store.proof("b") is None
        assert (store.proof("a") or ("", ""))[0] == "first"
    finally:
        store.close()
