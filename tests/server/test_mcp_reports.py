"""Where the server finds the reports of earlier runs."""

import json
import subprocess
from pathlib import Path

import pytest

from trimtab.errors import UsageError
from trimtab.history import open_store
from trimtab.mcp import reports
from trimtab.mcp.project import project_at

LATEST = "trimtab://latest/scan.json"


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A work tree beside the main one, in which a scan was made."""
    main = tmp_path / "main"
    main.mkdir()
    git(main, "init", "-q")
    git(main, "commit", "-q", "--allow-empty", "-m", "one")
    git(main, "worktree", "add", "-q", "-b", "other", str(tmp_path / "beside"))
    store = open_store(tmp_path / "beside")
    store.write_result("1-a", "scan", {"run": "1-a"})
    store.close()
    return tmp_path / "beside"


@pytest.mark.parametrize("tree", ["beside", "main"])
def test_work_trees_share_their_reports(beside: Path, tree: str) -> None:
    project = project_at(beside.parent / tree)
    assert [each.uri for each in reports.listed(project)] == [LATEST]
    for uri in (LATEST, "trimtab://runs/1-a/scan.json"):
        assert json.loads(reports.read(project, uri)[0])["run"] == "1-a"


def test_a_folder_of_reports_that_leads_elsewhere_is_not_read(beside: Path, tmp_path: Path) -> None:
    (tmp_path / "main/.trimtab").rename(tmp_path / "elsewhere")
    (tmp_path / "main/.trimtab").symlink_to(tmp_path / "elsewhere")
    project = project_at(beside)
    assert reports.listed(project) == []
    with pytest.raises(UsageError, match="no report"):
        reports.read(project, LATEST)
