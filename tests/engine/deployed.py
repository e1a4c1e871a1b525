"""A project on a real engine that tests deploy, its callers, and deployers that are killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

IMAGE = "localhost/trimtab/python:3.11-bookworm"
HOLDER = "localhost/trimtab/haproxy:2.6-bookworm"
SERVER = """\
import http.server, os, signal, sys, threading
if os.environ.get("MODE") == "crash":
    sys.exit(3)
class Handler(http.server.BaseHTTPRequestHandler):
    wbufsize = -1  # An answer goes out whole or not at all: nobody can ask again once a caller has half of one.
    def do_GET(self):
        sick = os.environ.get("MODE") == ("sick" if self.path == "/health" else "errors")
        body = os.environ.get("VERSION", "1").encode()
        self.send_response(500 if sick else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer.request_queue_size = 512
http.server.ThreadingHTTPServer.daemon_threads = False
http.server.ThreadingHTTPServer.allow_reuse_port = os.environ.get("SHARE", "no") == "yes"
server = http.server.ThreadingHTTPServer(("", 8000), Handler)
if os.environ.get("MODE") == "late":
    timer = threading.Timer(6, os._exit, [3])
    timer.daemon = True
    timer.start()
signal.signal(signal.SIGTERM, lambda *words: threading.Thread(target=server.shutdown).start())
server.serve_forever()
server.server_close()
"""
COMPOSE = """\
name: {project}
x-service: &service
  image: ${{IMAGE:-{image}}}
  command: [python3, /app/server.py]
  restart: unless-stopped
  healthcheck:
    test: [CMD, python3, -c, "import urllib.request as u; u.urlopen('http://localhost:8000/health')"]
    interval: 1s
    # On a loaded machine a good version needs some seconds, too.
    retries: 16
services:
  store:
    <<: *service
    image: {image}
    volumes: ["./server.py:/app/server.py:ro", "kept:/kept", "/scratch"]
  web:
    <<: *service
    container_name: {project}-front
    volumes: ["./server.py:/app/server.py:ro"]
    depends_on: {{store: {{condition: service_healthy}}}}
    environment: {{VERSION: "${{VERSION:-1}}", MODE: "${{MODE:-good}}", SHARE: "${{SHARE:-no}}"}}
    ports: ["127.0.0.1:{port}:8000"]
volumes: {{kept: {{}}}}
"""


@dataclass
class Stack:
    """A project of two services on an engine, and what a user does with it."""

    folder: Path
    project: str
    port: int
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def write(self, config: str = "[deploy]\nsettle = 1\n") -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "server.py").write_text(SERVER)
        text = COMPOSE.format(project=self.project, image=IMAGE, port=self.port)
        (self.folder / "compose.yaml").write_text(text)
        (self.folder / "trimtab.toml").write_text(config)

    def run(self, *argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
        given = {**self.environment, **variables}
        return subprocess.run(argv, cwd=self.folder, env=given, capture_output=True, text=True, check=False)

    def trimtab(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "trimtab", *words, **variables)

    def data(self, *words: str, **variables: str) -> dict[str, Any]:
        """What a command says last as JSON."""
        done = self.trimtab(*words, "--format", "json", "--quiet", **variables)
        text = done.stdout if done.stdout.startswith("{\n") else done.stdout.splitlines()[-1]
        return {**json.loads(text), "code": done.returncode}

    def deployed(self, *words: str, **variables: str) -> None:
        done = self.trimtab("deploy", "--quiet", *words, **variables)
        assert done.returncode == 0, done.stdout + done.stderr

    def serves(self, patience: float = 10) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=patience) as answer:
            return answer.read().decode()

    def names(self) -> set[str]:
        """Every container that is the project's or trimtab's, but for what is kept to go back to."""
        words = ("docker", "ps", "--all", "--format", "{{.Names}} {{.State}}", "--filter")
        lines = [
            line
            for label in ("com.docker.compose.project", "io.trimtab.project")
            for line in self.run(*words, f"label={label}={self.project}").stdout.splitlines()
        ]
        return {name for name, state in (line.split() for line in lines) if state != "created"}

    def mounted(self) -> set[str]:
        """The volumes of the store."""
        words = ("docker", "inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", f"{self.project}-store-1")
        return set(self.run(*words).stdout.split())

    def networks(self) -> set[str]:
        """The project's networks, by id."""
        words = ("docker", "network", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={self.project}")
        return set(self.run(*words).stdout.split())

    def volumes(self) -> set[str]:
        return set(self.run("docker", "volume", "ls", "--quiet").stdout.split())

    def inside(self, container: str, *words: str) -> str:
        return self.run("docker", "exec", container, *words).stdout.strip()

    def remove(self) -> None:
        for label in ("com.docker.compose.project", "io.trimtab.project"):
            names = self.run("docker", "ps", "--all", "--quiet", "--filter", f"label={label}={self.project}").stdout.split()
            if names:
                self.run("docker", "rm", "--force", "--volumes", *names)
        self.run("docker", "compose", "down", "--volumes")


def killed_at(stack: Stack, step: int | str, **variables: str) -> None:
    """Kill a deployer when it has noted so many steps, or one with this text."""
    left = step if isinstance(step, int) else 1
    words = [sys.executable, "-m", "trimtab", "deploy", "--format", "json", "--quiet"]
    given = {**stack.environment, **variables}
    with subprocess.Popen(
        words, cwd=stack.folder, env=given, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            left -= event.get("event") == "step" and (isinstance(step, int) or step in event["step"])
            if left == 0:
                os.killpg(process.pid, signal.SIGKILL)
                return
    pytest.fail("the deployment had ended before")


def resumed_and_undone(stack: Stack, first: int, second: int, **variables: str) -> "Callers":
    """Version 2 killed at a step and gone on with, version 3 killed at another and undone; who called meanwhile."""
    with Callers(stack) as callers:
        killed_at(stack, first, VERSION="2", **variables)
        stack.deployed("--resume", VERSION="2", **variables)
        killed_at(stack, second, VERSION="3", **variables)
        assert stack.trimtab("rollback", "--quiet").returncode == 0
    return callers


class Callers:
    """One request after the other, each on a connection of its own."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._ended = stack, threading.Event()
        self.answers: list[str] = []
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._call) for _ in range(4)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *words: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        while not self._ended.wait(0.05):
            try:
                # As long as the holder lets callers wait while no version runs, the time between a kill and `--resume` included.
                self.answers.append(self._stack.serves(60))
            except OSError as error:
                self.failures.append(str(error))
