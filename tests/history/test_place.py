"""Where the history of a fleet is, also from a work tree beside the main one."""

import subprocess
from pathlib import Path

from trimtab.history import history_folder, open_store


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def repository(folder: Path) -> Path:
    (folder / "fleet").mkdir(parents=True)
    (folder / "fleet/compose.yaml").write_text("services: {}\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def test_a_folder_has_its_own(tmp_path: Path) -> None:
    assert history_folder(tmp_path) == tmp_path / ".trimtab"
    main = repository(tmp_path / "main")
    assert history_folder(main / "fleet") == main / "fleet/.trimtab"


def test_work_trees_share_the_main_ones(tmp_path: Path) -> None:
    main = repository(tmp_path / "main")
    git(main, "worktree", "add", "-q", "-b", "other", str(tmp_path / "beside"))
    assert history_folder(tmp_path / "beside/fleet") == main / "fleet/.trimtab"
    open_store(tmp_path / "beside/fleet").close()
    assert (main / "fleet/.trimtab/history.db").is_file()
    assert not (tmp_path / "beside/fleet/.trimtab").exists()
    (tmp_path / "beside/new").mkdir()
    assert history_folder(tmp_path / "beside/new") == tmp_path / "beside/new/.trimtab"


def test_a_pointer_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere/at/all\n")
    assert history_folder(tmp_path) == tmp_path / ".trimtab"
    (tmp_path / ".git").write_bytes(b"\xff\xfe\x00")
    assert history_folder(tmp_path) == tmp_path / ".trimtab"
