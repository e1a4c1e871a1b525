"""Running commands: one production runner, replaced by a recording one in tests."""

import os
import shutil
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream

from trimtab.docker import command as argv
from trimtab.docker.command import Command
from trimtab.errors import CommandFailed, CommandTimedOut, EngineMissing, ToolError

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Completed:
    """A finished process."""

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace").strip()

    def checked(self) -> "Completed":
        """Itself.

        Raises:
            CommandFailed: the process ended with an error.
        """
        if self.code != 0:
            raise CommandFailed(self.argv, self.code, self.stderr)
        return self


class Runner(Protocol):
    """Starts commands. Cancelling the awaiting task ends the process."""

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        """Run to the end. `on_line` gets each line of standard error as it comes; `timeout`, in seconds, is the command's own
        where none is given.

        Raises:
            ToolError: the program does not exist.
            CommandTimedOut: it did not end in time and was stopped.
        """
        ...

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        """Run to the end, giving standard output to `sink` in chunks instead of keeping it; raises what `run` raises."""
        ...


class ProcessRunner:
    """The runner that starts real processes."""

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        output = bytearray()
        return await in_time(command, timeout, self._run(command, output.extend, on_line, output))

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        return await in_time(command, None, self._run(command, sink, None, bytearray()))

    async def _run(
        self, command: Command, sink: Callable[[bytes], object], on_line: Callable[[str], None] | None, output: bytearray
    ) -> Completed:
        errors: list[str] = []

        def take(line: str) -> None:
            errors.append(line)
            if on_line:
                on_line(line)

        async with _process(command) as process:
            if process.stdout is None or process.stderr is None:
                raise ToolError(f"`{command.argv[0]}` was started without its outputs")
            failure: OSError | None = None
            async with anyio.create_task_group() as group:
                group.start_soon(read_lines, process.stderr, take)
                if process.stdin is not None:
                    group.start_soon(_feed, process.stdin, command)
                async for chunk in process.stdout:
                    # What comes after a failure is read on: a program that ends in good order, as docker does, first waits for
                    # a reader of what it has begun to write.
                    if failure is not None:
                        continue
                    try:
                        sink(chunk)
                    except OSError as error:
                        # Raised below: from in here it would come out wrapped.
                        failure = error
                        process.terminate()
            if failure is not None:
                raise failure
            code = await process.wait()
        return Completed(command.argv, code, bytes(output), "\n".join(errors))


async def in_time(command: Command, timeout: float | None, ending: Awaitable[Completed]) -> Completed:
    """How a command has ended.

    Raises:
        CommandTimedOut: it has not, within the seconds given or else its own.
    """
    seconds = command.seconds if timeout is None else timeout
    with anyio.move_on_after(seconds):
        return await ending
    raise CommandTimedOut(command.argv, seconds or 0)


@asynccontextmanager
async def _process(command: Command) -> AsyncGenerator[Process]:
    """A started process that is killed if it is still there at the end, as when the run is interrupted."""
    if shutil.which(command.argv[0]) is None:
        raise ToolError(f"`{command.argv[0]}` is not installed, or not on PATH")
    kept = {name: value for name, value in os.environ.items() if name not in command.dropped}
    environment = {**kept, **command.env}
    # A session of its own keeps the terminal's Ctrl-C from reaching the client before our own clean-up has begun.
    stdin = subprocess.PIPE if command.stdin else subprocess.DEVNULL
    cwd = command.folder or None
    process = await anyio.open_process(command.argv, env=environment, stdin=stdin, cwd=cwd, start_new_session=True)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            with anyio.move_on_after(5, shield=True):
                await process.wait()
            if process.returncode is None:
                process.kill()
        with anyio.CancelScope(shield=True):
            await process.aclose()


async def _feed(stream: ByteSendStream, command: Command) -> None:
    """Give a process all its input; one that ends without reading it says so by its exit code."""
    try:
        await stream.send(command.stdin)
        if not command.keeps_stdin:
            await stream.aclose()
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        return


async def read_lines(stream: ByteReceiveStream, take: Callable[[str], None]) -> None:
    """Give each line away as it comes; rawjson lines of any length are kept whole."""
    buffered = BufferedByteReceiveStream(stream)
    pending = b""
    while True:
        try:
            chunk = await buffered.receive(_CHUNK)
        except anyio.EndOfStream:
            break
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            take(line.decode("utf-8", "replace"))
    if pending:
        take(pending.decode("utf-8", "replace"))


async def engine_version(runner: Runner) -> str:
    """The engine's version.

    Raises:
        EngineMissing: no engine answers within ten seconds, or there is no docker client.
    """
    step = "Start Docker, or set DOCKER_HOST to an engine that runs."
    try:
        result = await runner.run(argv.version(), timeout=10)
    except TimeoutError as error:
        raise EngineMissing(f"The Docker engine did not answer within 10 s. {step}") from error
    except ToolError as error:
        raise EngineMissing(f"There is no `docker` program on PATH. Install Docker, version 23 or newer. ({error})") from error
    if result.code != 0 or not result.text:
        raise EngineMissing(f"No Docker engine answers. {step}")
    return result.text


async def engine_folder(runner: Runner) -> Path | None:
    """Where the engine keeps its data; None when that is no folder of this machine."""
    result = await runner.run(argv.root_folder(), timeout=10)
    folder = Path(result.text) if result.code == 0 and result.text else None
    return folder if folder is not None and folder.is_absolute() and folder.is_dir() else None
