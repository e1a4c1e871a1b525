"""Applying fixes until nothing changes any more. Knows nothing about any rule."""

from trimtab.rewrite.changeset import AppliedFix, ChangeSet, FileChange, SkippedFix, SkipReason
from trimtab.rewrite.converge import rewrite
from trimtab.rewrite.write import WriteError, write_file

__all__ = ["AppliedFix", "ChangeSet", "FileChange", "SkipReason", "SkippedFix", "WriteError", "rewrite", "write_file"]
