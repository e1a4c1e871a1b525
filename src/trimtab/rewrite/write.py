"""Writing a changed file whole or not at all."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


class WriteError(OSError):
    """The file could not be replaced; it is as it was."""


def write_file(path: Path, text: str, *, executable: bool = False) -> None:
    """Make a file, or replace its text atomically, keeping its mode and owner; a link's target is replaced, not the link.

    Folders that a new file needs are made, and taken away again when the file cannot be written. What is to be `executable`
    becomes so for everybody, whatever it was before.

    Raises:
        WriteError: no room, no permission; the file is unchanged.
    """
    try:
        target = path.resolve()
    except RuntimeError as error:
        # Python 3.11's word for links that lead to each other.
        raise WriteError(f"`{path}` could not be written: its links lead in a circle.") from error
    data = text.encode("utf-8", "surrogateescape")
    temporary = ""
    missing = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        info = target.stat() if target.exists() else None
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if info:
            with suppress(PermissionError):
                os.chown(temporary, info.st_uid, info.st_gid)
        # Last: another owner takes the bits away that let a program run as its owner.
        mode = info.st_mode & 0o7777 if info else 0o644
        os.chmod(temporary, mode | 0o111 if executable else mode)
        os.replace(temporary, target)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        raise WriteError(f"`{path}` could not be written: {error.strerror}. It is unchanged.") from error


def remove_file(path: Path) -> None:
    """Take a file away.

    Raises:
        WriteError: no permission; the file is still there.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(f"`{path}` could not be removed: {error.strerror}.") from error
