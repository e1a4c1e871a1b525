"""What happened before: runs and their evidence, builds, scans and scores, in SQLite below `.trimtab/`."""

from trimtab.history.builds_by_target import BuildTotal
from trimtab.history.ledger import COMPARED, BuildRow, FleetBuildRow, Ledger, StepRow, regressions
from trimtab.history.place import history_folder
from trimtab.history.prune import LEAST, PROOFS_KEPT, Pruned
from trimtab.history.scans import ScanRow, Scans, ScoreRow
from trimtab.history.seal import is_sealed, sealed
from trimtab.history.store import Run, Store, new_run, open_store, opened, process_of

__all__ = [
    "COMPARED",
    "LEAST",
    "PROOFS_KEPT",
    "BuildRow",
    "BuildTotal",
    "FleetBuildRow",
    "Ledger",
    "Pruned",
    "Run",
    "ScanRow",
    "Scans",
    "ScoreRow",
    "StepRow",
    "Store",
    "history_folder",
    "is_sealed",
    "new_run",
    "open_store",
    "opened",
    "process_of",
    "regressions",
    "sealed",
]
