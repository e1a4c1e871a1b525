"""Paths inside an image."""


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies below it; both absolute and normalised."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
