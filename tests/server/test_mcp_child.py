"""Processes that end with the call that wanted them. The commands are small programs that tell when they are ready."""

import os
import select
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from trimtab.errors import ToolError
from trimtab.mcp.child import Ended, run_child, until_we_end

CLEANS_UP = """
import signal, subprocess, sys, time
inner = subprocess.Popen(["sleep", "1000"])
try:
    print(inner.pid, file=sys.stderr, flush=True)
    time.sleep(1000)
except KeyboardInterrupt:
    # More than a pipe holds: somebody has to read it while we clean up.
    sys.stderr.write("x\\n" * 100_000)
    inner.wait()
    open("cleaned", "w").close()
"""
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
inner = subprocess.Popen(["sleep", "1000"])
print(inner.pid, file=sys.stderr, flush=True)
time.sleep(1000)
"""


def run_until_told(program: str, folder: Path, grace: float) -> int:
    """Run a program, cancel it when it has told the process that it started, and give that back."""
    told: list[int] = []

    async def main() -> None:
        async with anyio.create_task_group() as group:

            def take(line: str) -> str:
                if line.isdecimal():
                    told.append(int(line))
                    group.cancel_scope.cancel()
                return line

            await run_child([sys.executable, "-c", program], folder, os.environ, take, grace)

    anyio.run(main)
    return told[0]


def has_gone(pid: int) -> bool:
    """Whether a process ends within half a minute."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 30)[0])
    finally:
        os.close(process)


def test_a_cancelled_command_cleans_up_and_so_does_what_it_started(tmp_path: Path) -> None:
    inner = run_until_told(CLEANS_UP, tmp_path, 30)
    assert (tmp_path / "cleaned").exists()
    assert has_gone(inner)


def test_what_does_not_listen_is_killed_with_its_group(tmp_path: Path) -> None:
    inner = run_until_told(STUBBORN, tmp_path, 0.2)
    assert has_gone(inner)


def run(program: str, folder: Path, take: Callable[[str], str] = str) -> Ended:
    async def main() -> Ended:
        return await run_child([sys.executable, "-c", program], folder, {"PATH": os.environ["PATH"]}, take, 5)

    return anyio.run(main)


def test_what_a_command_prints(tmp_path: Path) -> None:
    lines: list[str] = []
    program = "import os, sys; print(os.getcwd(), sorted(os.environ)[-1]); print('a', file=sys.stderr); sys.exit(sys.stdin.read() == '')"

    def take(line: str) -> str:
        lines.append(line)
        return line.upper()

    found = run(program, tmp_path, take)
    assert (found.code, found.output.decode(), found.lines) == (1, f"{tmp_path} PATH\n", ("A",))
    assert lines == ["a"]


def test_the_last_lines_are_kept(tmp_path: Path) -> None:
    program = "import sys\nfor number in range(10_000): print(f'{number}\\n', file=sys.stderr)"
    assert run(program, tmp_path).lines == tuple(str(number) for number in range(9980, 10_000))


def test_endless_output_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BaseException, match="printed more than") as raised:
        run("import sys\nwhile True: sys.stdout.write('x' * 65536)", tmp_path)
    assert isinstance(raised.value, ToolError)


def test_a_killed_server_leaves_no_command_behind(tmp_path: Path) -> None:
    words = until_we_end()
    if not words:
        pytest.skip("this machine has no setpriv that can do it")
    command = (
        "import time\ntry: print('ready', flush=True); time.sleep(1000)\nexcept KeyboardInterrupt: open('cleaned', 'w').close()"
    )
    program = f"""
import os, signal, subprocess, sys
inner = subprocess.Popen([*{words!r}, sys.executable, "-c", {command!r}], stdout=subprocess.PIPE, text=True)
inner.stdout.readline()
print(inner.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    found = run(program, tmp_path)
    assert found.code == -9
    assert has_gone(int(found.output))
    assert (tmp_path / "cleaned").exists()
