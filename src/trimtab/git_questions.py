"""What git is asked about a folder: the words alone, which take no time to load."""

from collections.abc import Sequence


def commit_question(root: str) -> tuple[str, ...]:
    """Whether the history is still the same: which commit is checked out, and whether all that lies behind it is there."""
    return ("git", "-C", root, "rev-parse", "HEAD", "--is-shallow-repository")


def untracked_question(root: str) -> tuple[str, ...]:
    """Which files below the folder it does not track and is told to ignore, whole folders of them with a `/` behind."""
    return ("git", "-C", root, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", "--", ".")


def ignored_folders(said: str) -> frozenset[str]:
    """The whole folders of its answer; none where the folder itself is ignored, and so is all that anybody asks about."""
    names = frozenset(name[:-1] for name in said.split("\0") if name.endswith("/"))
    return frozenset() if "." in names else names


def ignore_question(root: str, paths: Sequence[str]) -> tuple[str, ...]:
    """Which of `paths` it does not track and is told to ignore."""
    return ("git", "-C", root, "check-ignore", "--", *paths)
