"""What starting costs, by the modules that are loaded: seconds depend on the machine, these do not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = frozenset(
    {"anyio", "asyncio", "cyclopts", "dataclasses", "detect_secrets", "httpx", "inspect", "jinja2", "packaging", "pydantic",
     "requests", "rich", "sqlite3", "tree_sitter", "typing_extensions", "yaml"}
)  # fmt: skip
PROGRAM = """
import os, sys
# A review ends without the rest of its program, which here has something to tell.
os._exit = sys.exit
sys.argv = ["trimtab", *sys.argv[1:]]
from trimtab.__main__ import main
try:
    main()
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""


@pytest.fixture
def fleet_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "fleet"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM python:3.12\nCOPY . /app\nRUN pip install -r r.txt\n")
    (folder / "compose.yaml").write_text("services: {a: {build: .}}\n")
    return folder


def loaded(folder: Path, *words: str) -> tuple[str, frozenset[str]]:
    """What a command line prints, and the modules that it loaded."""
    # Whoever measures which lines the tests take loads modules of their own into every program.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    env["XDG_CACHE_HOME"] = str(folder.parent / "cache")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    return done.stdout, frozenset(done.stderr.split())


def test_the_version_loads_nothing(fleet_folder: Path) -> None:
    said, modules = loaded(fleet_folder, "--version")
    assert said.strip().count(".") == 2
    assert not HEAVY & modules
    assert {name for name in modules if name.startswith("trimtab")} == {"trimtab", "trimtab.__main__"}


def test_a_remembered_review_loads_what_compares_and_nothing_else(fleet_folder: Path) -> None:
    first, _ = loaded(fleet_folder, "review", "--offline")
    said, modules = loaded(fleet_folder, "review", "--offline")
    assert said == first != ""
    assert not HEAVY & modules
    assert {name for name in modules if name.startswith("trimtab")} == {
        "trimtab", "trimtab.__main__", "trimtab.git_questions", "trimtab.listing", "trimtab.replay",
    }  # fmt: skip


def test_a_review_loads_no_network_no_database_and_no_other_command(fleet_folder: Path) -> None:
    _, modules = loaded(fleet_folder, "review", "--offline", "--no-cache")
    assert not modules & {"httpx", "jinja2", "pypi_simple", "sqlite3", "univers", "zstandard", "h11"}
    packages = {".".join(name.split(".")[:2]) for name in modules if name.startswith("trimtab.")}
    assert not packages & {"trimtab.build", "trimtab.deploy", "trimtab.history", "trimtab.observe", "trimtab.verify"}
