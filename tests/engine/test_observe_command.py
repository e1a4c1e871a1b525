"""`trimtab observe` on a real compose project: ended by time and by Ctrl-C, one observer at a time, and what is kept."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

import trimtab
from trimtab.history import open_store
from trimtab.history.usage import Subject, Usage

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine"), pytest.mark.xdist_group("measuring")]

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
    assert 0.01 < busy["cpu"]["mean"] < 0.29
    assert busy["cpu"]["limit"] == 0.25
    # On a machine with much other work it may get less than its quota, and is then not held back by it.
    assert busy["cpu"]["throttled"] > 0.2 or busy["cpu"]["mean"] < 0.225
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


def kept_by(project: Path, name: str) -> dict[Subject, Usage]:
    store = open_store(project)
    rows = store.usage.rows(name)
    store.close()
    found: dict[Subject, Usage] = {}
    for subject, usage in rows:
        found[subject] = max(usage, found.get(subject, usage), key=lambda each: each.start)
    return found


def named(project: Path) -> str:
    return (project / "compose.yaml").read_text().split()[1]


def test_the_engine_s_socket_does_where_there_is_no_docker_client(project: Path, tmp_path: Path) -> None:
    asked = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    host = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    command = [sys.executable, "-m", "trimtab", "observe", str(project), "--project", named(project)]
    environment = {**os.environ, "PATH": str(tmp_path), "DOCKER_HOST": host}
    words = ["--for", "3s", "--every", "1s", "--format", "json"]
    done = subprocess.run([*command, *words], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["rounds"] >= 3
    busy, _ = result["services"]
    assert 0.01 < busy["cpu"]["mean"] < 0.29
    gone = {**environment, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    done = subprocess.run(command, env=gone, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "no `docker` program" in " ".join(done.stderr.split())


def test_the_snippet_s_container_fills_the_history_of_the_project(project: Path, tmp_path: Path) -> None:
    with start(project, "--snippet", "--every", "1s") as process:
        text, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    snippet, override = tmp_path / "compose.observe.yaml", tmp_path / "override.yaml"
    snippet.write_text(text)
    # The image's contents from here: what is in it otherwise is only a Python.
    source, packages = Path(trimtab.__file__).parents[1], sysconfig.get_path("purelib")
    service = {
        "image": "localhost/trimtab/python:3.11-bookworm", "entrypoint": ["python3", "-m", "trimtab"], "working_dir": "/work",
        "command": ["observe", "--project", named(project), "--every", "1s", "--for", "3s"], "restart": "no",
        "environment": {"PYTHONPATH": "/opt/trimtab:/opt/packages", "PYTHONDONTWRITEBYTECODE": "1"},
        "volumes": [f"{source}:/opt/trimtab:ro", f"{packages}:/opt/packages:ro"],
    }  # fmt: skip
    override.write_text(json.dumps({"services": {"observe": service}}))
    before = kept_by(project, named(project))
    compose = ["docker", "compose", "--file", str(snippet), "--file", str(override)]
    try:
        done = subprocess.run(
            [*compose, "up", "--exit-code-from", "observe"], capture_output=True, text=True, timeout=180, check=False
        )
    finally:
        subprocess.run([*compose, "down", "--timeout", "0"], check=False, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    after = kept_by(project, named(project))
    assert {subject.service for subject in after} == {"busy", "quiet"}
    assert all(usage != before.get(subject) for subject, usage in after.items())


@pytest.mark.parametrize("words", [("--every", "0s"), ("--for", "soon"), ("--every", "10"), ("--format", "sarif")])
def test_what_makes_no_sense_is_refused_at_once(project: Path, words: tuple[str, ...]) -> None:
    with start(project, *words) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "error:" in errors
