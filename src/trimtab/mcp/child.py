"""One command line as a process of its own, which ends with the call that wanted it."""

import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio.abc import ByteReceiveStream, Process

from trimtab.docker.runner import read_lines
from trimtab.errors import ToolError

_MOST = 64 * 1024 * 1024
"""Bytes of standard output. A review of 46 Dockerfiles with all its findings is 0.6 MB."""
_LAST = 20
"""Lines of standard error. The last ones are those that tell why something failed and where reports are."""


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    output: bytes
    lines: tuple[str, ...]
    """The last lines of what it said to people, on standard error, without those that are empty."""


async def run_child(
    argv: Sequence[str], folder: Path, environment: Mapping[str, str], take: Callable[[str], str], grace: float
) -> Ended:
    """Run a command to its end; `take` gets each line of standard error as it comes, and says what is kept of it.

    When the awaiting task is cancelled the command's whole process group is interrupted, as Ctrl-C does, and has `grace`
    seconds to clean up what it started. Then the group is killed. When this returns or raises, the process is gone.

    Raises:
        ToolError: it printed more than 64 MiB.
    """
    process = await anyio.open_process(
        argv, cwd=folder, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )  # fmt: skip
    lines = deque[str](maxlen=_LAST)
    output = bytearray()

    def said(line: str) -> None:
        kept = take(line)
        if kept:
            lines.append(kept)

    stdout, stderr = _outputs(process)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(read_lines, stderr, said)
            await _collect(stdout, output)
            if len(output) > _MOST:
                # It goes on, and so would the reader of its other output.
                group.cancel_scope.cancel()
        if len(output) > _MOST:
            raise ToolError(f"`{argv[0]} …` printed more than {_MOST} bytes")
        code = await process.wait()
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process, grace)
            await process.aclose()
    return Ended(code, bytes(output), tuple(lines))


def until_we_end() -> tuple[str, ...]:
    """Words to put before a command so that it is interrupted when this process is killed, which leaves no time to do it.

    Empty where util-linux's `setpriv` is missing or too old (it has this since 2.33): such a command then goes on alone.
    """
    words = ("setpriv", "--pdeathsig", "INT", "--")
    if shutil.which(words[0]) is None:
        return ()
    try:
        tried = subprocess.run([*words, "true"], capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=10)
    except subprocess.TimeoutExpired:
        return ()
    return words if tried.returncode == 0 else ()


def _outputs(process: Process) -> tuple[ByteReceiveStream, ByteReceiveStream]:
    if process.stdout is None or process.stderr is None:
        raise ToolError("a process was started without its outputs")
    return process.stdout, process.stderr


async def _collect(stream: ByteReceiveStream, output: bytearray) -> None:
    async for chunk in stream:
        output.extend(chunk)
        if len(output) > _MOST:
            return


async def _end(process: Process, grace: float) -> None:
    """Interrupt what still runs, and kill it where that does not help."""
    if process.returncode is not None:
        return
    _signal(process, signal.SIGINT)
    with anyio.move_on_after(grace):
        async with anyio.create_task_group() as group:
            # What it says meanwhile has to go somewhere, or it waits for a reader instead of ending.
            for stream in _outputs(process):
                group.start_soon(_drain, stream)
            await process.wait()
            group.cancel_scope.cancel()
    if process.returncode is None:
        _signal(process, signal.SIGKILL)
        await process.wait()


async def _drain(stream: ByteReceiveStream) -> None:
    async for _ in stream:
        pass


def _signal(process: Process, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        # It has ended by itself in the meantime.
        return
