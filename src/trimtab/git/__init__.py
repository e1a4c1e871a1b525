"""Git: what it knows of a fleet's files, and branches for what was proven."""

from trimtab.git.branch import Revision, check_branch, commit_branch
from trimtab.git.changes import Changes, changes_since, export_revision, head, text_at
from trimtab.git.history import change_counts, ignored_paths, left_out, tracked_paths, uncommitted
from trimtab.git.repository import Place, place

__all__ = [
    "Changes",
    "Place",
    "Revision",
    "change_counts",
    "changes_since",
    "check_branch",
    "commit_branch",
    "export_revision",
    "head",
    "ignored_paths",
    "left_out",
    "place",
    "text_at",
    "tracked_paths",
    "uncommitted",
]
