"""Git: what it knows of a fleet's files, and branches for what was proven."""

from trimtab.git.branch import Revision, check_branch, commit_branch
from trimtab.git.history import change_counts, left_out, uncommitted

__all__ = ["Revision", "change_counts", "check_branch", "commit_branch", "left_out", "uncommitted"]
