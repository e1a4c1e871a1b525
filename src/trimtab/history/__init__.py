"""What happened before: runs and their evidence, in SQLite below `.trimtab/`."""

from trimtab.history.store import Run, Store, open_store

__all__ = ["Run", "Store", "open_store"]
