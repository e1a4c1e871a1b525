"""One deployer at a time.

The lock is the kernel's: it ends with the process that holds it, however that ends, so that it is never stuck. What is written
into the file only tells the others who it is.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio

from trimtab.errors import StateError

_LOOK = 0.5


@asynccontextmanager
async def deploying(folder: Path, project: str, what: str, patience: float = 0.0) -> AsyncGenerator[None]:
    """Hold the lock of a project's deployments.

    Args:
        folder: Where the state of the fleet is.
        project: The compose project.
        what: What the lock is for, as others are told.
        patience: Seconds to wait for another deployer.

    Raises:
        StateError: another one holds it, or the file cannot be written.
    """
    path = folder / f"deploy-{project}.lock"
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise StateError(f"`{path}` cannot be written: {error.strerror or error}.") from error
    with file:
        ends = time.monotonic() + patience
        while not _taken(file.fileno()):
            if time.monotonic() >= ends:
                raise StateError(f"Another deployer is at work{_holder(path)}. Wait for it, or pass --wait SECONDS.")
            await anyio.sleep(_LOOK)
        file.truncate(0)
        file.write(json.dumps(_lease(what)) + "\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lease(what: str) -> dict[str, object]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"host": socket.gethostname(), "pid": os.getpid(), "since": since, "what": what}


def _holder(path: Path) -> str:
    try:
        lease = json.loads(path.read_text(encoding="utf-8"))
        return f": {lease['what']}, process {lease['pid']} on {lease['host']} since {lease['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
