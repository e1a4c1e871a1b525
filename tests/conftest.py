"""What all tests share."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from trimtab.fleet import Fleet, MemoryTree, discover

ROOT = Path(__file__).parent.parent
SHOP = ROOT / "examples" / "shop"


@pytest.fixture
def fleet() -> Callable[[Mapping[str, str]], Fleet]:
    return lambda files: discover(MemoryTree(files))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the example fleet that a test may change."""
    target = tmp_path / "shop"
    shutil.copytree(SHOP, target, ignore=shutil.ignore_patterns(".trimtab", ".env"))
    return target


@pytest.fixture(scope="session")
def engine() -> str:
    """The engine's version. A missing engine fails the test: an engine test that did not run has shown nothing."""
    result = subprocess.run(
        ["docker", "image", "inspect", "localhost/trimtab/python:3.11-bookworm"], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        pytest.fail("no engine with the base images answers; run `make test`, or deselect with -m 'not engine'")
    version = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True, check=True
    )
    return version.stdout.strip()
