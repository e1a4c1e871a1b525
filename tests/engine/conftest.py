"""Fixtures of the tests on real engines."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from second_engine import BASE, NAMESPACE, SecondEngine, unmount


@pytest.fixture(scope="session")
def second(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondEngine]:
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.fail("a second engine needs root and dockerd on PATH; run `make test` as root")
    folder = Path(f"/run/trimtab-second-{os.getpid()}")
    (folder / "data").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2600m", "tmpfs", folder / "data"], check=True)
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    subprocess.run(["nsenter", f"--net=/run/netns/{NAMESPACE}", "ip", "link", "set", "lo", "up"], check=True)
    found = SecondEngine(folder)
    try:
        (folder / "daemon.json").write_text('{"features": {"containerd-snapshotter": true}}')
        found.start_engine()
        found.start_registry()
        with subprocess.Popen(["docker", "save", BASE], stdout=subprocess.PIPE) as saved:
            subprocess.run(["docker", "load"], stdin=saved.stdout, env=found.environment, check=True, capture_output=True)
        yield found
    finally:
        found.stop()
        subprocess.run(["ip", "netns", "delete", NAMESPACE], check=False)
        unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)
