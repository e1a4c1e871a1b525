"""What is sampled, against loads of known size and against what docker itself says of them."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from trimtab.docker import ProcessRunner
from trimtab.docker.api import Api
from trimtab.fleet.sizes import byte_size
from trimtab.observe.heard import Heard, listen
from trimtab.observe.sampler import Sampler, Seen

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine"), pytest.mark.xdist_group("measuring")]

BASE, PROJECT, MIB = "localhost/trimtab/python:3.11-bookworm", "trimtab-observing", 1 << 20
LOADS = {
    "half": (("--cpus", "0.5"), "while True: pass"),
    "idle": ((), "import time; print('ready', flush=True); time.sleep(3600)"),
    "holds": (("--memory", "256m"), "import time; x = bytearray(b'x' * (100 << 20)); print('ready', flush=True); time.sleep(3600)"),
    # The file is read by nobody, so its pages are inactive cache; a limit keeps them near it, as on a busy host.
    "caches": (("--memory", "256m"), "import os, time\nf = open('/tmp/f', 'wb')\nfor _ in range(150): f.write(os.urandom(1 << 20))\n"
               "f.flush(); os.fsync(f.fileno()); print('ready', flush=True); time.sleep(3600)"),
    "child": (("--memory", "64m", "--memory-swap", "64m"), "import subprocess, time\nwhile True:\n"
              "    subprocess.run(['python3', '-c', 'x = bytearray(200 << 20)'])\n    time.sleep(0.5)"),
}  # fmt: skip


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def loads(engine: str) -> Iterator[None]:
    try:
        for name, (options, code) in LOADS.items():
            labels = {"project": PROJECT, "service": name, "oneoff": "False", "container-number": "1"}
            words = [word for key, value in labels.items() for word in ("--label", f"com.docker.compose.{key}={value}")]
            docker("run", "--detach", "--name", f"{PROJECT}-{name}", *words, *options, BASE, "python3", "-u", "-c", code)
        for name in ("idle", "holds", "caches"):
            with subprocess.Popen(["docker", "logs", "--follow", f"{PROJECT}-{name}"], stdout=subprocess.PIPE) as log:
                assert log.stdout is not None
                assert log.stdout.readline() == b"ready\n"
                log.terminate()
        yield
    finally:
        subprocess.run(["docker", "rm", "--force", *(f"{PROJECT}-{name}" for name in LOADS)], check=False, capture_output=True)


def on_a_processor(name: str) -> float:
    """Seconds for which a container's first process has run so far, as the kernel's scheduler counts them."""
    process = docker("inspect", "--format", "{{.State.Pid}}", f"{PROJECT}-{name}")
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def kept_by_the_kernel(name: str) -> tuple[int, int, float]:
    """A container's memory, the inactive file pages among it, and its processor seconds, from its control group's files."""
    files = "cd /sys/fs/cgroup; cat memory.current memory/memory.usage_in_bytes cpuacct/cpuacct.usage; cat memory.stat cpu.stat"
    words = ["docker", "exec", f"{PROJECT}-{name}", "sh", "-c", f"{files} memory/memory.stat"]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
    plain = [int(line) for line in said if line.isdigit()]
    named = {key: int(value) for key, value in (line.split() for line in said if len(line.split()) == 2)}
    inactive = named.get("total_inactive_file", named.get("inactive_file"))
    assert inactive is not None, "neither version of control groups is there"
    # The second version has its processor time in `cpu.stat`, in microseconds; the first a file for it, in nanoseconds.
    return plain[0], inactive, named["usage_usec"] / 1e6 if len(plain) == 1 else plain[1] / 1e9


def observed(seconds: float) -> dict[str, Seen]:
    """What is said of the loads over a stretch of time."""

    async def watch() -> list[Seen]:
        runner, heard = ProcessRunner(), Heard(time.time())
        sampler, seen = Sampler(Api(runner), PROJECT), list[Seen]()
        async with anyio.create_task_group() as group:
            group.start_soon(listen, runner, PROJECT, heard)
            await sampler.round(time.time(), {})
            await anyio.sleep(seconds)
            seen = await sampler.round(time.time(), heard.taken())
            group.cancel_scope.cancel()
        return seen

    return {each.reading.subject.service: each for each in anyio.run(watch)}


@pytest.mark.usefixtures("loads")
def test_figures_are_those_of_the_loads() -> None:
    began, before = time.monotonic(), on_a_processor("half")
    found = observed(6.0)
    ran, took = on_a_processor("half") - before, time.monotonic() - began
    assert sorted(found) == sorted(LOADS)
    half, idle = found["half"].sample, found["idle"].sample
    assert half.cores is not None
    assert half.cpu_limit == 0.5
    # The scheduler was asked before and after: what it says more is at most the quota for the time besides.
    assert -0.05 <= ran - half.cores * half.seconds <= 0.55 * (took - half.seconds) + 0.05
    assert 0.02 < half.cores < 0.55
    # On a machine with much other work it may get less than its quota, and is then not held back by it.
    assert half.throttled > half.periods / 2 or half.cores < 0.45
    assert idle.cores is not None
    assert idle.cores < 0.02
    holds, caches = found["holds"].sample, found["caches"].sample
    assert holds.memory is not None
    assert caches.memory is not None
    assert 100 * MIB < holds.memory < 125 * MIB
    assert caches.memory < 60 * MIB
    counters = found["caches"].reading.counters
    assert counters is not None
    assert counters.memory + counters.cached > 120 * MIB
    child = found["child"]
    assert child.sample.ooms >= 1
    assert (child.reading.state, child.sample.restarts) == ("running", 0)
    assert [found[name].sample.ooms for name in ("half", "idle", "holds", "caches")] == [0, 0, 0, 0]


@pytest.mark.usefixtures("loads")
def test_memory_is_what_docker_stats_says() -> None:
    found = observed(1.0)
    for name in ("holds", "caches", "idle"):
        told = json.loads(docker("stats", "--no-stream", "--format", "json", f"{PROJECT}-{name}"))
        said = byte_size(str(told["MemUsage"]).split("/")[0])
        assert said is not None
        assert found[name].sample.memory == pytest.approx(said, abs=2 * MIB)


@pytest.mark.usefixtures("loads")
@pytest.mark.parametrize("name", ["half", "idle", "holds", "caches"])
def test_figures_are_those_of_the_control_group_s_files(name: str) -> None:
    before = kept_by_the_kernel(name)
    counters = observed(0.5)[name].reading.counters
    after = kept_by_the_kernel(name)
    assert counters is not None
    # Asking starts a process in the container, and the kernel adds up what each processor has seen only now and then.
    room = 4 * MIB
    usage = counters.memory + counters.cached
    assert min(before[0], after[0]) - room <= usage <= max(before[0], after[0]) + room
    assert min(before[1], after[1]) - room <= counters.cached <= max(before[1], after[1]) + room
    assert before[2] <= counters.cpu / 1e9 <= after[2]
