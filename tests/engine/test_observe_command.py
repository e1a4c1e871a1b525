"""`trimtab observe` on a real compose project: ended by time and by Ctrl-C, one observer at a time, and what is kept."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trimtab.history import open_store

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine"), pytest.mark.xdist_group("engine")]

PROGRAM = "import sys; from trimtab.cli import app\n" + (
    "if 'observe' not in app.COMMANDS: app.app.command('trimtab.cli.observe:observe', name='observe')\nsys.exit(app.run(sys.argv[1:]))"
)
BUSY = """services:
  busy:
    image: localhost/trimtab/python:3.11-bookworm
    command: ["python3", "-c", "while True: pass"]
    cpus: 0.25
    mem_limit: 64m
  quiet:
    image: localhost/trimtab/python:3.11-bookworm
    command: ["sleep", "3600"]
    stop_grace_period: 0s
"""


@pytest.fixture(scope="module")
def project(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("observing")
    (folder / "compose.yaml").write_text(f"name: trimtab-watching-{os.getpid()}\n{BUSY}")
    compose = ["docker", "compose", "--file", str(folder / "compose.yaml")]
    try:
        subprocess.run([*compose, "up", "--detach"], check=True, capture_output=True)
        yield folder
    finally:
        subprocess.run([*compose, "down", "--timeout", "0"], check=False, capture_output=True)


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PROGRAM, "observe", str(folder), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_while_is_told_round_by_round_kept_and_summed_up(project: Path) -> None:
    with start(project, "--for", "4s", "--every", "1s", "--format", "json") as process:
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    *rounds, result = [json.loads(line) for line in out.splitlines()]
    assert [each["event"] for each in rounds] == ["round"] * result["rounds"]
    assert result["rounds"] >= 4
    busy, quiet = result["services"]
    assert (busy["service"], quiet["service"]) == ("busy", "quiet")
    # A quota is what it gets at most; on a machine with other work it may be less.
    assert 0.05 < busy["cpu"]["mean"] < 0.29
    assert busy["cpu"]["limit"] == 0.25
    assert busy["cpu"]["throttled"] > 0.2
    assert busy["memory"]["limit"] == 64 << 20
    assert quiet["cpu"]["max"] < 0.05
    assert quiet["memory"]["limit"] is None
    assert 0 < result["cost"]["cpu_seconds"] < result["seconds"]
    store = open_store(project)
    kept = store.usage.rows(result["project"])
    store.close()
    assert sum(usage.samples for subject, usage in kept if subject.service == "busy") == result["rounds"]
    assert {subject.image for subject, _ in kept} == {busy["image"]}
    assert all(subject.config for subject, _ in kept)


def test_ctrl_c_is_a_good_end_and_nothing_seen_is_lost(project: Path) -> None:
    with start(project, "--every", "1s", "--format", "json") as process:
        assert process.stdout is not None
        for _ in range(2):
            assert json.loads(process.stdout.readline())["event"] == "round"
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    result = json.loads(out.splitlines()[-1])
    assert result["schema"] == "trimtab.observe/1"
    assert result["rounds"] >= 2
    assert {each["service"] for each in result["services"]} == {"busy", "quiet"}


def test_a_second_observer_is_refused_while_the_first_one_is_at_it(project: Path) -> None:
    with start(project, "--every", "1s", "--format", "json") as first:
        assert first.stdout is not None
        assert json.loads(first.stdout.readline())["event"] == "round"
        with start(project, "--for", "1s") as second:
            _, errors = second.communicate(timeout=60)
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)
    assert second.returncode == 2
    assert "is being observed already" in " ".join(errors.split())
    assert first.returncode == 0


def test_a_look_keeps_nothing_and_shows_everything(project: Path) -> None:
    store = open_store(project)
    before = len(store.usage.rows(store.usage.projects()[0])) if store.usage.projects() else 0
    with start(project, "--once") as process:
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert [line.split()[:2] for line in out.splitlines()[-2:]] == [["busy", "running"], ["quiet", "running"]]
    assert (len(store.usage.rows(store.usage.projects()[0])) if store.usage.projects() else 0) == before
    store.close()


@pytest.mark.parametrize("words", [("--every", "0s"), ("--for", "soon"), ("--every", "10"), ("--format", "sarif")])
def test_what_makes_no_sense_is_refused_at_once(project: Path, words: tuple[str, ...]) -> None:
    with start(project, *words) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "error:" in errors
