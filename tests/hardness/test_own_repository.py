"""trimtab holds its own repository to what it asks of others."""

import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from trimtab import __version__
from trimtab.cli.app import run
from trimtab.pipelines.pins import pin_table

ROOT = Path(__file__).parents[2]


def test_our_own_image_has_no_finding_and_the_full_score(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert run(["review", "Dockerfile", "--offline", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["findings"] == []
    assert [each["score"] for each in data["files"] if each["path"] == "Dockerfile"] == [100.0]


def test_our_workflows_use_the_pins_that_we_give_others() -> None:
    known = {pin.use for pin in pin_table().pins.values()}
    used = {
        match[1]
        for path in (ROOT / ".github" / "workflows").glob("*.yml")
        for match in re.finditer(r"^\s*(?:- )?uses: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert used
    # Workflows of this repository come from the same commit.
    assert {each for each in used if not each.startswith("./")} <= known


def packaged(root: Path, tag: str) -> subprocess.CompletedProcess[str]:
    argv = ["bash", str(root / "scripts" / "package"), tag]
    return subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A copy of what a release is made from, in a repository whose one commit has a time of its own."""
    root = tmp_path / "copy"
    kept = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("src", "scripts", "requirements", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=kept)
        else:
            root.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    (root / ".venv").symlink_to(ROOT / ".venv")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    words = ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "--allow-empty", "-m", "one"]
    environment = {**os.environ, "GIT_COMMITTER_DATE": "2024-05-06T07:08:09Z"}
    subprocess.run(["git", *words], cwd=root, check=True, env=environment)
    return root


def test_a_release_is_what_its_tag_says_and_the_same_twice(release: Path) -> None:
    wrong = packaged(release, "v99.0.0")
    assert (wrong.returncode, wrong.stderr) == (2, f"package: the tag is v99.0.0 and the code says {__version__}\n")
    log = release / "CHANGELOG.md"
    log.write_text(log.read_text().replace(f"## {__version__}", "## another"))
    assert f"no section `## {__version__}`" in packaged(release, f"v{__version__}").stderr
    log.write_text(f"{log.read_text()}\n## {__version__}\n")
    assert not (release / "dist").exists()
    sums: list[str] = []
    for _ in range(2):
        done = packaged(release, f"v{__version__}")
        assert done.returncode == 0, done.stderr
        sums.append((release / "dist" / "SHA256SUMS").read_text())
    assert sums[0] == sums[1]
    assert len(sums[0].splitlines()) == 2


def test_a_wheel_has_everything_that_it_needs(release: Path, tmp_path: Path) -> None:
    log = release / "CHANGELOG.md"
    log.write_text(f"{log.read_text()}\n## {__version__}\n")
    assert packaged(release, f"v{__version__}").returncode == 0
    (wheel,) = (release / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    missing = [
        path
        for path in (ROOT / "src").rglob("*")
        if path.is_file() and path.suffix != ".pyc" and path.relative_to(ROOT / "src").as_posix() not in names
    ]
    assert missing == []


def test_what_the_image_needs_is_sent_and_nothing_else() -> None:
    from trimtab.fleet import DiskTree
    from trimtab.fleet.context import BuildContext

    context = BuildContext("", "Dockerfile", DiskTree(ROOT))
    sent = set(context.visible)
    assert {"src/trimtab/__init__.py", "requirements/run.lock"} <= sent
    assert not [path for path in sent if path.startswith((".git/", "tests/", "examples/", ".venv/", "fuzz/"))]
