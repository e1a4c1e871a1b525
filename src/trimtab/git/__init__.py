"""Git: what it knows of a fleet's files, and branches for what was proven."""

from trimtab.git.branch import Revision, check_branch, commit_branch, has_branch
from trimtab.git.changes import Changes, changes_since, export_revision, head, text_at
from trimtab.git.history import change_counts, ignored_paths, left_out, tracked_paths, uncommitted
from trimtab.git.repository import Place, place
from trimtab.git.worktree import add_worktree, commit_all, remove_worktree

__all__ = [
    "Changes",
    "Place",
    "Revision",
    "add_worktree",
    "change_counts",
    "changes_since",
    "check_branch",
    "commit_all",
    "commit_branch",
    "export_revision",
    "has_branch",
    "head",
    "ignored_paths",
    "left_out",
    "place",
    "remove_worktree",
    "text_at",
    "tracked_paths",
    "uncommitted",
]
