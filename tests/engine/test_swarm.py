"""Deployments to a swarm of three real engines: under load with a node cut off, of versions that are bad, killed, and gone back."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from deployed import SERVER
from second_engine import unmount, wait
from three_engines import ThreeEngines

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine"), pytest.mark.xdist_group("swarm")]

LOAD = """\
import collections, json, signal, socket, threading, time
seen, over = collections.Counter(), threading.Event()
def ask(address):
    with socket.create_connection((address, 8000), timeout=1) as talk:
        talk.settimeout(3)
        talk.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        said = b"".join(iter(lambda: talk.recv(4096), b""))
    if b" 200 " not in said.split(b"\\r\\n")[0]:
        raise OSError("no answer")
    return said.rsplit(b"\\r\\n", 1)[-1].decode()
def once():
    found = [each[4][0] for each in socket.getaddrinfo("web", 8000, socket.AF_INET, socket.SOCK_STREAM)]
    for address in found:
        try:
            return ask(address)
        except OSError:
            seen["attempts"] += 1
    raise OSError("no address answers")
def run():
    while not over.is_set():
        try:
            seen[once()] += 1
        except OSError:
            seen["failed"] += 1
        over.wait(0.05)
signal.signal(signal.SIGTERM, lambda *words: over.set())
threads = [threading.Thread(target=run) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(seen))
"""
COMPOSE = """\
name: {project}
x-service: &service
  image: ${{IMAGE:-{image}}}
  command: [python3, /app/server.py]
  restart: unless-stopped
  configs: [{{source: server, target: /app/server.py}}]
  healthcheck:
    test: [CMD, python3, -c, "import urllib.request as u; u.urlopen('http://localhost:8000/health')"]
    interval: 1s
    timeout: 20s
    retries: 4
  deploy: &watched
    update_config: {{monitor: 3s}}
services:
  store:
    <<: *service
    image: {image}
    environment: {{DB_PASSWORD: "kept-by-no-file-7Hq2"}}
    volumes: ["data:/data"]
    deploy:
      <<: *watched
      placement: {{constraints: [node.hostname == swm-1]}}
  web:
    <<: *service
    depends_on: {{store: {{condition: service_healthy}}}}
    environment: {{VERSION: "${{VERSION:-1}}", MODE: "${{MODE:-good}}"}}
    deploy:
      <<: *watched
      replicas: 3
configs: {{server: {{file: ./server.py}}}}
networks: {{default: {{attachable: true}}}}
volumes: {{data: {{}}}}
"""
CONFIG = '[deploy]\ntarget = "swarm"\nendpoint-mode = "dnsrr"\nsettle = 1\ntimeout = 30\n'


@pytest.fixture(scope="module")
def engines(engine: str) -> Iterator[ThreeEngines]:
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.fail("engines in network namespaces need root and dockerd on PATH; run `make test` as root")
    found = ThreeEngines(Path(f"/run/trimtab-swarm-{os.getpid()}"))
    found.folder.mkdir()
    try:
        found.start()
        yield found
    finally:
        found.stop()
        unmount(found.folder)
        shutil.rmtree(found.folder, ignore_errors=True)


@dataclass
class Fleet:
    """A project that runs on the swarm, and what a user does with it."""

    engines: ThreeEngines
    folder: Path
    project: str = "shop"
    node: int = 1
    """The node that is asked."""

    def write(self) -> None:
        self.folder.mkdir()
        (self.folder / "server.py").write_text(SERVER)
        (self.folder / "compose.yaml").write_text(COMPOSE.format(project=self.project, image=self.engines.image))
        (self.folder / "trimtab.toml").write_text(CONFIG)

    def start(self, *words: str, **variables: str) -> "subprocess.Popen[str]":
        argv = [sys.executable, "-m", "trimtab", *words]
        given = {**self.engines.environment(self.node), **variables}
        return subprocess.Popen(
            argv, cwd=self.folder, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def trimtab(self, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        with self.start(*words, **variables) as process:
            out, err = process.communicate(timeout=180)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def data(self, *words: str, **variables: str) -> dict[str, Any]:
        done = self.trimtab(*words, "--format", "json", "--quiet", **variables)
        text = done.stdout if done.stdout.startswith("{\n") else done.stdout.splitlines()[-1]
        return {**json.loads(text), "code": done.returncode}

    def deployed(self, **variables: str) -> None:
        done = self.trimtab("deploy", **variables)
        assert done.returncode == 0, done.stdout + done.stderr

    def runs(self) -> list[str]:
        """The version of each task of `web` that is to run."""
        words = ("service", "ps", "--filter", "desired-state=running", "--quiet", f"{self.project}_web")
        tasks = self.engines.docker("inspect", "--type", "task", *self.engines.docker(*words).split())
        every = [dict(word.split("=", 1) for word in each["Spec"]["ContainerSpec"]["Env"]) for each in json.loads(tasks)]
        return sorted(each["VERSION"] for each in every)

    def status(self) -> dict[str, Any]:
        found = self.data("status")
        return {**found, "services": {each["service"]: each for each in found["services"]}}


@pytest.fixture(scope="module")
def fleet(engines: ThreeEngines, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    found = Fleet(engines, tmp_path_factory.mktemp("swarm") / "fleet")
    found.write()
    found.deployed()
    return found


def test_what_cannot_be_is_refused_and_nothing_is_touched(fleet: Fleet) -> None:
    services = fleet.engines.docker("service", "ls")
    worker = replace(fleet, node=2).trimtab("deploy", VERSION="9")
    assert (worker.returncode, "10.213.0.1:2377" in worker.stderr) == (2, True)
    nowhere = fleet.data("deploy", VERSION="9", IMAGE="10.213.0.254:5000/there-is-none:1")
    assert (nowhere["code"], nowhere["outcome"]) == (2, "refused")
    assert "`web`: `10.213.0.254:5000/there-is-none:1` cannot be pulled by the nodes" in nowhere["problems"][0]
    elsewhere = fleet.data("deploy", VERSION="9", IMAGE="localhost:5000/python:1")
    assert "is another machine on every node" in elsewhere["problems"][0]
    compose = fleet.folder / "compose.yaml"
    text = compose.read_text()
    compose.write_text(
        text.replace("constraints: [node.hostname == swm-1]", "").replace("  web:\n", "  web:\n    privileged: true\n")
    )
    lossy = fleet.data("deploy", VERSION="9")
    compose.write_text(text)
    assert lossy["code"] == 2
    assert [each.split(":")[0] for each in lossy["problems"]] == ["`web`", "`store`"]
    assert "has its own volume `data`" in lossy["problems"][1]
    assert fleet.engines.docker("service", "ls") == services
    dry = fleet.trimtab("deploy", "--dry-run", VERSION="9")
    assert (dry.returncode, "update   web" in dry.stdout) == (0, True)
    assert fleet.runs() == ["1"] * 3


def test_a_node_is_cut_off_in_the_middle_of_an_update(fleet: Fleet) -> None:
    engines = fleet.engines
    (fleet.folder / "load.py").write_text(LOAD)
    run = ["run", "--detach", "--name", "load", "--network", "shop_default", "--volume", f"{fleet.folder}/load.py:/load.py:ro"]
    engines.docker(*run, engines.image, "python3", "/load.py")
    # Cut off while it starts a new task, it would hold the swarm's update up, and the swarm decides which node that is.
    engines.docker("node", "update", "--availability", "pause", "swm-3")
    cut = False
    with fleet.start("deploy", "--format", "json", "--quiet", VERSION="2") as process:
        assert process.stdout is not None
        events: list[dict[str, Any]] = []
        for line in process.stdout:
            events.append(json.loads(line))
            if not cut and events[-1].get("text", "").startswith("1 of 3 run it"):
                engines.cut_off(3)
                cut = True
    assert (process.returncode, cut) == (0, True), events
    warnings = events[-1]["warnings"]
    assert any("the node swm-3 is down" in each for each in warnings), warnings
    engines.docker("stop", "--time", "20", "load")
    seen = json.loads(engines.docker("logs", "load"))
    assert seen.get("failed", 0) == 0, seen
    assert min(seen["1"], seen["2"]) > 20, seen
    status = fleet.status()
    assert (status["code"], status["services"]["web"]["running"]) == (1, 3)
    engines.connect(3)
    engines.docker("node", "update", "--availability", "active", "swm-3")
    wait(lambda: engines.nodes()["swm-3"] == "Ready", engines.folder / "3/engine.log")
    assert fleet.runs() == ["2"] * 3


@pytest.mark.parametrize(("mode", "reason"), [("crash", "non-zero exit (3)"), ("sick", "health check failed")])
def test_a_bad_version_is_told_by_trimtab_and_not_by_docker(fleet: Fleet, mode: str, reason: str) -> None:
    before = fleet.runs()
    assert len(before) == 3
    if mode == "crash":
        # The client's own word: all is well, although the swarm has rolled back.
        fleet.trimtab("export", "swarm", "--output-dir", "stack", "--endpoint-mode", "dnsrr", VERSION="8", MODE=mode)
        words = ["docker", "stack", "deploy", "--compose-file", "stack/stack.yml", "--detach=false", "--resolve-image", "never"]
        given = {**fleet.engines.environment(), "DB_PASSWORD": "kept-by-no-file-7Hq2"}
        done = subprocess.run([*words, "shop"], cwd=fleet.folder, env=given, capture_output=True, text=True, check=False)
        state = ["service", "inspect", "--format", "{{.UpdateStatus.State}}", "shop_web"]
        assert (done.returncode, fleet.engines.docker(*state)) == (0, "rollback_completed"), done.stderr
    found = fleet.data("deploy", "--service", "web", VERSION="8", MODE=mode)
    assert (found["code"], found["outcome"], found["services"]["web"]["outcome"]) == (1, "rolled-back", "rolled-back")
    assert reason in found["services"]["web"]["reason"]
    assert fleet.runs() == before
    assert fleet.status()["services"]["web"]["update"] == "rollback_completed"


def test_killed_in_the_middle_resumed_and_gone_back(fleet: Fleet) -> None:
    before, revision = fleet.runs(), fleet.status()["services"]["web"]["source"]
    with fleet.start("deploy", "--format", "json", "--quiet", VERSION="4") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if " of 3 run it" in line:
                process.kill()
                break
    assert fleet.status()["unfinished"] is not None
    assert fleet.trimtab("deploy", VERSION="4").returncode == 2
    resumed = fleet.data("deploy", "--resume", VERSION="4")
    assert (resumed["code"], resumed["outcome"]) == (0, "done")
    assert fleet.runs() == ["4"] * 3
    volumes = fleet.engines.docker("volume", "ls", "--quiet")
    back = fleet.data("rollback", "--service", "web")
    assert (back["code"], back["outcome"], fleet.runs()) == (0, "done", before)
    web = fleet.status()["services"]["web"]
    assert (web["source"], web["revision"]) == (revision, back["revision"])
    assert "shop_data" in volumes.split()
    assert fleet.engines.docker("volume", "ls", "--quiet") == volumes
    assert b"kept-by-no-file-7Hq2" not in (fleet.folder / ".trimtab/history.db").read_bytes()
