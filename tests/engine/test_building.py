"""`trimtab build` on real engines: order, only what changed, a ledger that tells the truth, and what fails midway."""

import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from second_engine import BASE, SecondEngine
from test_optimize import write

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine"), pytest.mark.xdist_group("building")]

COMPOSE = """
name: {name}
services:
  base: {{build: base, image: '{prefix}{name}/base:1'}}
  app: {{build: app, image: '{prefix}{name}/app:1'}}
  other: {{build: {{context: ., dockerfile: other/Dockerfile}}}}
"""


def fleet(folder: Path, name: str, prefix: str = "", slow: str = "true") -> Path:
    # Nothing of an earlier test run may come from the engine's cache.
    token = secrets.token_hex(8)
    files = {
        "compose.yaml": COMPOSE.format(name=name, prefix=prefix),
        "base/Dockerfile": f"FROM {BASE}\nENV TOKEN={token}\nRUN {slow}; echo {name} > /base\n",
        "app/Dockerfile": f"FROM {prefix}{name}/base:1\nCOPY a.txt /a.txt\nRUN cat /base /a.txt > /both\n",
        "app/a.txt": "1\n",
        "other/Dockerfile": f"FROM {BASE}\nENV TOKEN={token}\nCOPY . /src\nRUN echo {name} > /other\n",
        ".dockerignore": ".git\napp\nbase\n",
    }
    write(folder, files)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *words], cwd=folder, check=True)
    return folder


def build(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any], str]:
    """The exit code, the result, and what people were told."""
    argv = [sys.executable, "-m", "trimtab", "build", "--format", "json", *words]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, env=env, timeout=600)
    lines = done.stdout.splitlines()
    return done.returncode, json.loads(lines[-1]) if lines else {}, done.stderr


@contextmanager
def building(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> Generator[subprocess.Popen[str]]:
    """A build that goes on while something is done to it; each event is a line of its output."""
    argv = [sys.executable, "-m", "trimtab", "build", "--format", "json", *words]
    with subprocess.Popen(
        argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(process: subprocess.Popen[str], *words: str) -> list[Any]:
    """The events up to the first whose line has one of the words."""
    assert process.stdout is not None
    seen: list[Any] = []
    for line in process.stdout:
        seen.append(json.loads(line))
        if any(word in line for word in words):
            return seen
    pytest.fail(f"it ended before any of {words}: {process.stderr.read() if process.stderr else ''}")


def by_name(result: Mapping[str, Any]) -> dict[str, Any]:
    return {each["target"]: each for each in result["targets"]}


def outcomes(result: Mapping[str, Any]) -> dict[str, str]:
    return {name: each["outcome"] for name, each in by_name(result).items()}


def test_a_fleet_is_built_in_order_and_then_only_what_changed(tmp_path: Path) -> None:
    folder = fleet(tmp_path / "fleet", "order")
    code, result, said = build(folder)
    assert (code, outcomes(result)) == (0, dict.fromkeys(["base", "app", "other"], "built")), said
    images = subprocess.run(["docker", "compose", "config", "--images"], cwd=folder, capture_output=True, text=True, check=True)
    for image in images.stdout.split():
        subprocess.run(["docker", "image", "inspect", image], check=True, capture_output=True)
    run = subprocess.run(["docker", "run", "--rm", "order/app:1", "cat", "/both"], capture_output=True, text=True, check=True)
    assert run.stdout == "order\n1\n"
    _, again, _ = build(folder)
    assert again["cache_hit_rate"] == 1
    assert {each["image"] for each in again["targets"]} == {each["image"] for each in result["targets"]}
    (folder / "app/a.txt").write_text("2\n")
    code, changed, said = build(folder, "--changed")
    assert (code, outcomes(changed)) == (0, {"base": "skipped", "app": "built", "other": "skipped"}), said
    app = by_name(changed)["app"]
    assert app["affected_by"] == ["COPY a.txt: `a.txt` changed"]
    assert app["cause"] == "COPY a.txt: `a.txt` changed"
    assert (app["cached_steps"], app["cacheable_steps"]) == (0, 2)
    (folder / "base/Dockerfile").write_text((folder / "base/Dockerfile").read_text() + "RUN echo x > /x\n")
    _, linked, _ = build(folder, "--changed")
    assert outcomes(linked) == {"base": "built", "app": "built", "other": "skipped"}
    assert "order/base:1" in by_name(linked)["app"]["cause"]


def test_an_audit_finds_the_images_that_really_differ(tmp_path: Path) -> None:
    folder = fleet(tmp_path / "fleet", "audit")
    (folder / "app/a.txt").write_text("2\n")
    (folder / "base/unused.txt").write_text("2\n")
    argv = [sys.executable, "-m", "trimtab", "build", "--changed", "--audit", "--format", "json", "-q"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["missed"], found["needless"], found["affected"], found["not_built"]) == ([], [], ["app"], [])


def test_a_failure_is_told_with_its_last_words_and_ends_nothing_else(tmp_path: Path) -> None:
    folder = fleet(tmp_path / "fleet", "fails")
    (folder / "base/Dockerfile").write_text(f"FROM {BASE}\nRUN echo before; exit 3\n")
    argv = [sys.executable, "-m", "trimtab", "build"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "base: failed" in done.stderr
    assert "app: blocked" in done.stderr
    assert "other: built" in done.stderr
    assert "before" in done.stdout
    assert "exit code: 3" in done.stdout


def test_killed_midway_and_resumed(tmp_path: Path) -> None:
    folder = fleet(tmp_path / "fleet", "killed")
    (folder / "app/Dockerfile").write_text((folder / "app/Dockerfile").read_text() + "RUN sleep 60\n")
    with building(folder, "-q", "-j", "1") as process:
        events = until(process, "RUN sleep 60")
        process.send_signal(signal.SIGKILL)
        process.wait()
    built = {each["target"] for each in events if each["event"] == "ended" and each["outcome"] == "built"}
    assert "base" in built
    with closing(sqlite3.connect(folder / ".trimtab/history.db")) as connection:
        assert connection.execute("SELECT outcome FROM fleet_builds").fetchall() == [(None,)]
    (folder / "app/Dockerfile").write_text((folder / "app/Dockerfile").read_text().replace("sleep 60", "sleep 0"))
    code, result, said = build(folder, "--resume")
    assert code == 0, said
    assert {name for name, each in outcomes(result).items() if each == "skipped"} == built
    assert outcomes(result)["app"] == "built"


def test_an_interrupt_ends_the_builds_and_says_how_to_go_on(tmp_path: Path) -> None:
    folder = fleet(tmp_path / "fleet", "stopped", slow="sleep 60")
    with building(folder) as process:
        until(process, "RUN sleep 60")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
    assert "--resume" in err
    assert json.loads(out.splitlines()[-1])["interrupted"] is True
    still = subprocess.run(["pgrep", "-f", f"{folder}/base"], capture_output=True, text=True, check=False)
    assert still.stdout == ""


def test_an_engine_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    folder = fleet(tmp_path / "fleet", "away", slow="sleep 3")
    real, door = engine_socket(), tmp_path / "door.sock"
    gate = Gate(door, real)
    environment = {**os.environ, "DOCKER_HOST": f"unix://{door}"}
    with building(folder, "-j", "1", "--service", "base", env=environment) as process:
        until(process, "RUN sleep 3")
        gate.close()
        until(process, '"event": "told"')
        gate = Gate(door, real)
        out, err = process.communicate(timeout=120)
        gate.close()
        assert process.returncode == 0, err
    assert "the engine went away" in err
    assert by_name(json.loads(out.splitlines()[-1]))["base"]["attempts"] == 2


def engine_socket() -> str:
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    return host.removeprefix("unix://")


class Gate:
    """A socket that passes everything on to another one, until it is closed with all that passes through it."""

    def __init__(self, path: Path, target: str) -> None:
        path.unlink(missing_ok=True)
        self.target = target
        self.open: list[socket.socket] = []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in (self.server, *self.open):
            shut(each)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            other = socket.socket(socket.AF_UNIX)
            other.connect(self.target)
            self.open += [client, other]
            for one, two in ((client, other), (other, client)):
                threading.Thread(target=pump, args=(one, two), daemon=True).start()


def shut(each: socket.socket) -> None:
    # It may not be connected, as a listening one is on some kernels, or has gone already.
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


def pump(one: socket.socket, two: socket.socket) -> None:
    # The other end may go at any time.
    with suppress(OSError):
        while data := one.recv(65536):
            two.sendall(data)
        two.shutdown(socket.SHUT_WR)


def test_caches_and_images_go_to_a_registry_and_come_back(second: SecondEngine, tmp_path: Path) -> None:
    prefix = "127.0.0.1:5000/"
    folder = fleet(tmp_path / "fleet", "store", prefix)
    cache = ["--cache-to", f"{prefix}cache", "--cache-from", f"{prefix}cache"]
    code, first, said = build(folder, "--push", "--service", "app", "--provenance", "max", *cache, env=second.environment)
    assert code == 0, said
    second.docker("builder", "prune", "--all", "--force")
    second.docker("rmi", "--force", f"{prefix}store/app:1", f"{prefix}store/base:1")
    code, again, said = build(folder, "--service", "app", *cache, env=second.environment)
    assert code == 0, said
    assert again["cache_hit_rate"] == 1
    assert first["cache_hit_rate"] == 0
    # The tag of the base now has an older image in the registry, which nobody may start from.
    (folder / "base/Dockerfile").write_text((folder / "base/Dockerfile").read_text().replace("echo store", "echo newer"))
    code, _, said = build(folder, "--service", "app", env=second.environment)
    assert code == 0, said
    assert second.docker("run", "--rm", f"{prefix}store/app:1", "cat", "/both") == "newer\n1"


def test_a_registry_that_drops_midway_is_tried_again(second: SecondEngine, tmp_path: Path) -> None:
    folder = fleet(tmp_path / "fleet", "drops", "127.0.0.1:5000/")
    second.kill("registry")
    with building(folder, "--push", "--service", "base", env=second.environment) as process:
        until(process, '"event": "told"', '"event": "ended"')
        second.start_registry()
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert by_name(json.loads(out.splitlines()[-1]))["base"]["attempts"] > 1


def test_the_engine_is_killed_and_started_again_midway(second: SecondEngine, tmp_path: Path) -> None:
    folder = fleet(tmp_path / "fleet", "restart", slow="sleep 5")
    with building(folder, "--service", "base", env=second.environment) as process:
        until(process, "RUN sleep 5")
        second.kill("dockerd")
        second.start_engine()
        out, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
    assert by_name(json.loads(out.splitlines()[-1]))["base"]["attempts"] > 1
    assert second.docker("run", "--rm", "restart/base:1", "cat", "/base") == "restart"


def test_a_disk_that_fills_up_is_named_and_nothing_more_is_begun(second: SecondEngine, tmp_path: Path) -> None:
    folder = fleet(tmp_path / "fleet", "full", slow="head -c 4G /dev/zero > /zeros")
    code, result, _ = build(folder, "-j", "1", "--service", "app", env=second.environment)
    assert code == 1
    found = by_name(result)
    assert found["base"]["outcome"] == "failed"
    assert found["app"]["outcome"] == "cancelled"
    assert "no space left" in found["base"]["reason"].lower() or "No space left" in Path(found["base"]["log"]).read_text()
    second.empty()
