"""What happened before: runs and their evidence, and the ledger of builds, in SQLite below `.trimtab/`."""

from trimtab.history.ledger import BuildRow, FleetBuildRow, Ledger, StepRow, regressions
from trimtab.history.store import Run, Store, open_store

__all__ = ["BuildRow", "FleetBuildRow", "Ledger", "Run", "StepRow", "Store", "open_store", "regressions"]
