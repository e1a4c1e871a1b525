"""The engine script's refusals."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "engine"


@pytest.fixture
def script() -> Iterator[Path]:
    """A copy that another user may read, wherever the checkout lies."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    target = folder / "engine"
    shutil.copy(SCRIPT, target)
    yield target
    shutil.rmtree(folder)


def test_no_engine_and_no_right_to_start_one(script: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(script.parent), "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    nobody = 65534 if os.geteuid() == 0 else None
    done = subprocess.run(
        ["bash", str(script), "start"], capture_output=True, text=True, check=False, env=environment, user=nobody, cwd="/"
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "start Docker" in done.stderr


def test_usage(script: Path) -> None:
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "start" in done.stderr
