"""Three engines that are one swarm, each in a network namespace of its own, on one bridge with a registry."""

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from second_engine import ROOT, wait

PYTHON = "localhost/trimtab/python:3.11-bookworm"
_NUMBERS = (1, 2, 3)


@dataclass
class ThreeEngines:
    """Node 1 is the manager. Each node is known by `swm-NUMBER`, and can be cut off from the others.

    The bridge has a namespace of its own, too: the firewall of an engine beside it would drop what passes through it.
    """

    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict[str, "subprocess.Popen[bytes]"])

    @property
    def mark(self) -> str:
        return f"swm-{os.getpid()}"

    @property
    def image(self) -> str:
        """Python, as every node can pull it."""
        return "10.213.0.254:5000/python:1"

    def environment(self, number: int = 1) -> dict[str, str]:
        return {**os.environ, "DOCKER_HOST": f"unix://{self.folder}/{number}/d.sock"}

    def docker(self, *words: str, node: int = 1, check: bool = True) -> str:
        done = subprocess.run(["docker", *words], env=self.environment(node), capture_output=True, text=True, check=check)
        return done.stdout.strip()

    def _lan(self, *words: str) -> None:
        subprocess.run(["nsenter", f"--net=/run/netns/{self.mark}-lan", *words], check=True)

    def start(self) -> None:
        """Bring all up: some three seconds on a machine that is not busy."""
        subprocess.run(["ip", "netns", "add", f"{self.mark}-lan"], check=True)
        for words in (
            "link add name lan0 type bridge",
            "addr add 10.213.0.254/24 dev lan0",
            "link set lan0 up",
            "link set lo up",
        ):
            self._lan("ip", *words.split())
        for number in _NUMBERS:
            self._plug_in(number)
            self._start_engine(number)
        for number in _NUMBERS:
            log = self.folder / f"{number}/engine.log"
            wait(
                lambda number=number: bool(self.docker("version", "--format", "{{.Server.Version}}", node=number, check=False)),
                log,
            )
        self._start_registry()
        self.docker("swarm", "init", "--advertise-addr", "10.213.0.1")
        token = self.docker("swarm", "join-token", "--quiet", "worker")
        for number in _NUMBERS[1:]:
            self.docker("swarm", "join", "--token", token, "10.213.0.1:2377", node=number)
        with subprocess.Popen(["docker", "save", PYTHON], stdout=subprocess.PIPE) as saved:
            subprocess.run(["docker", "load"], stdin=saved.stdout, env=self.environment(), check=True, capture_output=True)
        self.docker("tag", PYTHON, self.image)
        self.docker("push", "--quiet", self.image)

    def _plug_in(self, number: int) -> None:
        name = f"{self.mark}-{number}"
        subprocess.run(["ip", "netns", "add", name], check=True)
        self._lan("ip", "link", "add", "name", f"node{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
        self._lan("ip", "link", "set", f"node{number}", "master", "lan0", "up")
        lines = (
            "link set lo up",
            f"addr add 10.213.0.{number}/24 dev eth0",
            "link set eth0 up",
            "route add default via 10.213.0.254",
        )
        for words in lines:
            subprocess.run(["nsenter", f"--net=/run/netns/{name}", "ip", *words.split()], check=True)

    def _start_engine(self, number: int) -> None:
        folder = self.folder / str(number)
        (folder / "data").mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900m", "tmpfs", folder / "data"], check=True)
        (folder / "daemon.json").write_text('{"insecure-registries": ["10.213.0.254:5000"]}')
        words = [
            "dockerd",
            "--config-file",
            f"{folder}/daemon.json",
            "--data-root",
            f"{folder}/data",
            "--exec-root",
            f"{folder}/exec",
        ]
        words += ["--pidfile", f"{folder}/d.pid", "-H", f"unix://{folder}/d.sock", "--group", str(os.getgid())]
        self._run(f"{number}/engine", f"{self.mark}-{number}", _called(f"swm-{number}", words))

    def _start_registry(self) -> None:
        found = subprocess.run([ROOT / "scripts/engine", "registry"], capture_output=True, text=True, check=True)
        (self.folder / "registry.yml").write_text(
            f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {self.folder}/registry}}}}\nhttp: {{addr: 10.213.0.254:5000}}\n"
        )
        self._run("registry", f"{self.mark}-lan", [found.stdout.strip(), "serve", f"{self.folder}/registry.yml"])

    def _run(self, name: str, namespace: str, argv: Sequence[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            inside = ["nsenter", f"--net=/run/netns/{namespace}", *argv]
            self.processes[name] = subprocess.Popen(inside, stdout=log, stderr=log, start_new_session=True)

    def cut_off(self, number: int) -> None:
        """Take a node's cable out. What runs on it goes on."""
        self._lan("ip", "link", "set", f"node{number}", "down")

    def connect(self, number: int) -> None:
        self._lan("ip", "link", "set", f"node{number}", "up")

    def nodes(self) -> dict[str, str]:
        lines = self.docker("node", "ls", "--format", "{{.Hostname}} {{.Status}}").splitlines()
        return dict(line.split() for line in lines)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        for name in [f"{self.mark}-lan", *(f"{self.mark}-{number}" for number in _NUMBERS)]:
            subprocess.run(["ip", "netns", "delete", name], check=False)


def _called(name: str, words: Sequence[str]) -> list[str]:
    """A program on a machine of another name: a swarm's nodes go by it."""
    assert name != socket.gethostname()
    return ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name, *words]
