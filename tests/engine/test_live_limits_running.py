"""Limits of containers that really run: what does harm is taken back, and the rest stays."""

import json
import subprocess
from collections.abc import Iterator

import anyio
import pytest

from trimtab.docker import ProcessRunner
from trimtab.docker.api import Api
from trimtab.docker.containers import Containers
from trimtab.observe.live import Changed, Trial, changes_for
from trimtab.observe.sizing import Given

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine"), pytest.mark.xdist_group("measuring")]

BASE, PROJECT, MIB = "localhost/trimtab/python:3.11-bookworm", "trimtab-live", 1 << 20
NEEDS_SIXTY = """\
import subprocess, time
from pathlib import Path
files = map(Path, ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"))
limit = next(file for file in files if file.exists())
while limit.read_text().strip() == str(128 << 20):
    time.sleep(0.1)
while True:
    subprocess.run(["python3", "-c", "x = bytearray(60 << 20)"])
    time.sleep(0.1)
"""
"""It begins when it has less: control groups of the first version refuse a limit below what is in use at that moment."""
SERVICES = {"eats": NEEDS_SIXTY, "spins": "while True: pass", "sleeps": "import time; time.sleep(3600)"}
SIZES = ("--memory", "128m", "--memory-swap", "128m", "--cpus", "0.5")


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def services(engine: str) -> Iterator[None]:
    try:
        for name, code in SERVICES.items():
            labels = {"project": PROJECT, "service": name, "oneoff": "False", "container-number": "1"}
            words = [word for key, value in labels.items() for word in ("--label", f"com.docker.compose.{key}={value}")]
            docker("run", "--detach", "--name", f"{PROJECT}-{name}", *words, *SIZES, BASE, "python3", "-c", code)
        yield
    finally:
        subprocess.run(
            ["docker", "rm", "--force", *(f"{PROJECT}-{name}" for name in SERVICES)], check=False, capture_output=True
        )


def limits(name: str) -> tuple[int, int, int]:
    host = json.loads(docker("inspect", "--format", "{{json .HostConfig}}", f"{PROJECT}-{name}"))
    return host["Memory"] // MIB, host["MemorySwap"] // MIB, host["NanoCpus"]


@pytest.mark.usefixtures("services")
def test_the_engine_takes_and_gives_back() -> None:
    wanted = {"eats": Given(32 * MIB, None, 0.5), "spins": Given(128 * MIB, None, 0.1), "sleeps": Given(64 * MIB, None, 0.25)}

    async def scenario() -> list[Changed]:
        runner = ProcessRunner()
        changes, left = await changes_for(Containers(Api(runner)), PROJECT, wanted)
        assert left == []
        return await Trial(runner, PROJECT, lambda text: None, every=1.0).run(changes, 20)

    results = {each.change.service: each for each in anyio.run(scenario)}
    assert {name: each.kept for name, each in results.items()} == {"eats": False, "spins": False, "sleeps": True}, results
    assert "killed for want of memory" in results["eats"].reason
    assert "held back" in results["spins"].reason
    assert limits("eats") == limits("spins") == (128, 128, 500_000_000)
    assert limits("sleeps") == (64, 64, 250_000_000)
