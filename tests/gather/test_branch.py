"""A branch for what was proven, made beside everything else."""

import subprocess
from pathlib import Path

import anyio
import pytest

from trimtab.docker import ProcessRunner
from trimtab.errors import UsageError
from trimtab.git import Revision, check_branch, commit_branch


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "r"
    (folder / "sub").mkdir(parents=True)
    git(folder, "init", "-b", "main")
    git(folder, "config", "user.name", "t")
    git(folder, "config", "user.email", "t@example.org")
    (folder / "sub" / "run.sh").write_text("old\n")
    (folder / "sub" / "run.sh").chmod(0o755)
    (folder / "sub" / "gone").write_text("x")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


def test_one_commit_for_each_revision_and_nothing_else_touched(repository: Path) -> None:
    root = repository / "sub"
    (root / "run.sh").write_text("not committed\n")
    (repository / "staged").write_text("x")
    git(repository, "add", "staged")
    before = git(repository, "status", "--porcelain"), git(repository, "rev-parse", "HEAD")
    steps = [Revision("one\n", {"run.sh": "new\n"}), Revision("two\n", {"run.sh": "newer\n", "gone": None, "made": "y"})]
    anyio.run(commit_branch, ProcessRunner(), root, "proven", steps)
    assert (git(repository, "status", "--porcelain"), git(repository, "rev-parse", "HEAD")) == before
    assert git(repository, "log", "--format=%s", "proven").splitlines() == ["two", "one", "first"]
    assert git(repository, "show", "proven:sub/run.sh") == "newer"
    assert git(repository, "show", "proven~1:sub/run.sh") == "new"
    assert git(repository, "ls-tree", "proven", "sub/run.sh").startswith("100755")
    assert git(repository, "ls-tree", "--name-only", "proven", "sub/").splitlines() == ["sub/made", "sub/run.sh"]
    assert (root / "run.sh").read_text() == "not committed\n"


@pytest.mark.parametrize(("name", "message"), [("main", "exists already"), ("a..b", "no name"), ("", "no name")])
def test_a_branch_that_cannot_be_made_is_said_first(repository: Path, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        anyio.run(check_branch, ProcessRunner(), repository, name)


def test_no_repository_is_said_first(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no git repository"):
        anyio.run(check_branch, ProcessRunner(), tmp_path, "x")
