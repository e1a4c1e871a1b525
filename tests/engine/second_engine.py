"""A second engine for what the first cannot show: the containerd image store, a registry, and a disk that fills up."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
NAMESPACE = f"trimtab-{os.getpid()}"
BASE = "localhost/trimtab/debian:bookworm"


@dataclass
class SecondEngine:
    """A dockerd with the containerd store on a disk of its own, in a network namespace of its own, and a registry beside it.

    One engine alone rules the firewall of a network namespace, so it cannot live where the first one does. It has no way out.
    """

    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict[str, "subprocess.Popen[bytes]"])

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "DOCKER_HOST": f"unix://{self.folder}/d.sock"}

    def docker(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(["docker", *words], env=self.environment, capture_output=True, text=True, check=check)
        return done.stdout.strip()

    def start(self, name: str, argv: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            inside = ["nsenter", f"--net=/run/netns/{NAMESPACE}", *argv]
            self.processes[name] = subprocess.Popen(inside, stdout=log, stderr=log, start_new_session=True)

    def start_engine(self) -> None:
        (self.folder / "d.pid").unlink(missing_ok=True)
        words = [
            "--data-root",
            f"{self.folder}/data",
            "--exec-root",
            f"{self.folder}/exec",
            "--pidfile",
            f"{self.folder}/d.pid",
        ]
        config = [
            "--config-file",
            f"{self.folder}/daemon.json",
            "-H",
            f"unix://{self.folder}/d.sock",
            "--group",
            str(os.getgid()),
        ]
        self.start("dockerd", ["dockerd", *config, *words])
        wait(lambda: bool(self.docker("version", "--format", "{{.Server.Version}}", check=False)), self.folder / "dockerd.log")

    def start_registry(self) -> None:
        program = subprocess.run(
            [ROOT / "scripts/engine", "registry"], capture_output=True, text=True, check=True
        ).stdout.strip()
        (self.folder / "registry.yml").write_text(
            f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {self.folder}/registry}}}}\nhttp: {{addr: 127.0.0.1:5000}}\n"
        )
        self.start("registry", [program, "serve", f"{self.folder}/registry.yml"])

    @property
    def namespace(self) -> str:
        """The network namespace that it lives in."""
        return NAMESPACE

    def restart_engine(self) -> None:
        """As when the machine's service is started again: it stops every container, and starts those with a policy for it."""
        process = self.processes.pop("dockerd")
        process.terminate()
        process.wait(60)
        self.start_engine()

    def empty(self) -> None:
        """Give its disk back: a builder that had no space for its own records refuses at first (seen: exit 102)."""

        def emptied() -> bool:
            prune = ["docker", "builder", "prune", "--all", "--force"]
            return subprocess.run(prune, env=self.environment, capture_output=True, check=False).returncode == 0

        wait(emptied, self.folder / "dockerd.log")

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for name in list(self.processes):
            process = self.processes.pop(name)
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def wait(until: Callable[[], bool], log: Path) -> None:
    """Ask again until it is so; a minute at most."""
    for _ in range(300):
        if until():
            return
        time.sleep(0.2)
    pytest.fail(f"it did not come up: {log.read_text()[-2000:]}")


def unmount(folder: Path) -> None:
    """Take away all that is mounted below a folder, what engines have left there included."""
    below = [
        line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[1].startswith(f"{folder}/")
    ]
    for place in reversed(below):
        subprocess.run(["umount", "-l", place], check=False)
