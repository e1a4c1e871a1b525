"""What git is asked about a folder: the words alone, which take no time to load."""

from collections.abc import Sequence


def commit_question(root: str) -> tuple[str, ...]:
    """Whether the history is still the same: which commit is checked out, and whether all that lies behind it is there."""
    return ("git", "-C", root, "rev-parse", "HEAD", "--is-shallow-repository")


def ignore_question(root: str, paths: Sequence[str]) -> tuple[str, ...]:
    """Which of `paths` it does not track and is told to ignore."""
    return ("git", "-C", root, "check-ignore", "--", *paths)
