"""What all tests share."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

from trimtab.fleet import Fleet, MemoryTree, discover

# A loaded machine is no failure, and neither is an example that was found on one run only: look for those with
# HYPOTHESIS_PROFILE=fuzz.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

# A shell without job control has what it puts in the background ignore Ctrl-C, and all that this starts: tests that interrupt a
# program would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

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
