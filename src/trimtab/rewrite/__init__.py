"""Applying fixes until nothing changes any more. Knows nothing about any rule."""

from trimtab.rewrite.changeset import AppliedFix, ChangeSet, FileChange, SkippedFix, SkipReason
from trimtab.rewrite.fleetwide import rewrite
from trimtab.rewrite.selection import Identity, Selection, identity
from trimtab.rewrite.write import WriteError, remove_file, write_file

__all__ = [
    "AppliedFix",
    "ChangeSet",
    "FileChange",
    "Identity",
    "Selection",
    "SkipReason",
    "SkippedFix",
    "WriteError",
    "identity",
    "remove_file",
    "rewrite",
    "write_file",
]
