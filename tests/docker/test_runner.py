"""Processes are started, streamed, timed out and ended."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from trimtab.docker import Command, ProcessRunner, engine_version
from trimtab.docker.command import ANSWER
from trimtab.errors import CommandFailed, CommandTimedOut, EngineMissing, ToolError

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def python(code: str) -> Command:
    return Command((sys.executable, "-c", code), {"SECRET": "hidden"})


async def test_output_lines_and_code() -> None:
    seen: list[str] = []
    code = "import os, sys; print(os.environ['SECRET']); print('x' * 200000, file=sys.stderr); print('b', file=sys.stderr); exit(3)"
    done = await ProcessRunner().run(python(code), on_line=seen.append)
    assert (done.code, done.text) == (3, "hidden")
    assert [len(line) for line in seen] == [200000, 1]
    with pytest.raises(CommandFailed, match="ended with 3") as caught:
        done.checked()
    assert "hidden" not in str(caught.value)


async def test_a_command_runs_where_it_is_told_to(tmp_path: Path) -> None:
    code = "import os; print(os.getcwd())"
    assert (await ProcessRunner().run(replace(python(code), folder=str(tmp_path)))).text == str(tmp_path.resolve())
    assert (await ProcessRunner().run(python(code))).text == str(Path.cwd())


async def test_a_program_that_is_missing_is_said() -> None:
    with pytest.raises(ToolError, match="not installed"):
        await ProcessRunner().run(Command(("trimtab-no-such-program",)))


async def test_timeout_ends_the_process() -> None:
    pids: list[str] = []
    code = "import os, sys, time; print(os.getpid(), file=sys.stderr, flush=True); time.sleep(60)"
    with pytest.raises(CommandTimedOut, match="did not end within 2 s and was stopped"):
        await ProcessRunner().run(python(code), on_line=pids.append, timeout=2)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pids[0]), 0)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_command_has_a_limit_of_its_own(streamed: bool) -> None:
    command = Command((sys.executable, "-c", "import time; time.sleep(60)"), seconds=0.5)
    runner = ProcessRunner()
    with pytest.raises(ToolError, match="was stopped"):
        await (runner.stream(command, lambda _: None) if streamed else runner.run(command))
    assert Command(("git", "status")).seconds == ANSWER


async def test_cancelling_ends_the_process() -> None:
    pids: list[str] = []
    started = anyio.Event()

    def note(line: str) -> None:
        pids.append(line)
        started.set()

    async with anyio.create_task_group() as group:
        code = "import os, sys, time; print(os.getpid(), file=sys.stderr, flush=True); time.sleep(60)"

        async def run() -> None:
            await ProcessRunner().run(python(code), on_line=note)

        group.start_soon(run)
        await started.wait()
        group.cancel_scope.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pids[0]), 0)


async def test_no_engine_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(EngineMissing, match=r"Start Docker|Install Docker"):
        await engine_version(ProcessRunner())


async def test_a_sink_that_fails_ends_the_process_and_is_told_apart() -> None:
    """A disk that is full in the middle of an image's files."""

    def full(_chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        await ProcessRunner().stream(python("while True: print('x' * 65536)"), full)


async def test_a_sink_that_fails_ends_a_process_that_waits_for_its_reader() -> None:
    """docker ends in good order when it is told to, and cannot while nobody reads what it writes."""
    code = (
        "import signal, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "for _ in range(50): sys.stdout.buffer.write(b'x' * 1_000_000)\n"
    )

    def full(_chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    with anyio.fail_after(20), pytest.raises(OSError, match="No space left"):
        await ProcessRunner().stream(python(code), full)
