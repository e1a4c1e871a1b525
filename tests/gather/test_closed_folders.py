"""Folders that git ignores: nothing in them is the fleet's own, and a million files in them are not looked at."""

import subprocess
from pathlib import Path

import pytest

from trimtab.fleet import DiskTree, Fleet, discover
from trimtab.gather import closed_folders


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        ".gitignore": "target/\nkept/\n*.log\n",
        "a/Dockerfile": "FROM a:1\n",
        "a/target/x/Dockerfile": "FROM b:1\n",
        "a/target/compose.yaml": "services: {x: {image: x}}\n",
        "kept/Dockerfile": "FROM c:1\n",
        "new.log": "",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    for words in (["init", "-q"], ["add", "--force", "kept"], ["add", "."]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def fleet_of(root: Path) -> Fleet:
    return discover(DiskTree(root, closed_folders(root)))


def test_a_folder_that_git_ignores_is_not_looked_into_and_one_that_it_tracks_is(root: Path) -> None:
    assert closed_folders(root) == {"a/target"}
    fleet = fleet_of(root)
    assert [file.path for file in fleet.files] == ["a/Dockerfile", "kept/Dockerfile"]
    assert not fleet.services
    tree = fleet.tree
    assert isinstance(tree, DiskTree)
    # The build of `a` sees it, because no ignore file keeps it back.
    assert set(tree.listed) == {"", "a", "a/target", "a/target/x", "kept"}


def test_what_no_build_sees_either_is_never_listed(root: Path) -> None:
    (root / "a/.dockerignore").write_text("target\n")
    tree = fleet_of(root).tree
    assert isinstance(tree, DiskTree)
    assert set(tree.listed) == {"", "a", "kept"}
    assert tree.entries["a/target/x/Dockerfile"].kind == "file"


def test_what_compose_builds_there_is_of_the_fleet_all_the_same(root: Path) -> None:
    (root / "compose.yaml").write_text("services: {x: {build: a/target/x}}\n")
    assert "a/target/x/Dockerfile" in {file.path for file in fleet_of(root).files}


def test_a_folder_that_is_ignored_itself_is_reviewed_when_somebody_names_it(root: Path) -> None:
    assert closed_folders(root / "a/target") == frozenset()
    assert closed_folders(root / "a/target/x") == frozenset()
    assert [file.path for file in fleet_of(root / "a/target").files] == ["x/Dockerfile"]


def test_without_git_nothing_is_closed(tmp_path: Path) -> None:
    assert closed_folders(tmp_path) == frozenset()
