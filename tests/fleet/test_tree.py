"""What a tree says of its files when some of them have another text."""

import os
from pathlib import Path

import pytest

from trimtab.fleet import DiskTree, Entry, MemoryTree, OverlayTree, Unreadable, discover, rediscover
from trimtab.fleet.tree import below, own_entries
from trimtab.rewrite import rewrite


def test_a_file_with_another_text_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("#!/bin/sh\n")
    (tmp_path / "run").chmod(0o755)
    (tmp_path / "link").symlink_to("run")
    over = OverlayTree(DiskTree(tmp_path), {"run": "#!/bin/sh\nls\n", "link": "ls\n", "new/a": "b"})
    assert over.entries["run"] == Entry("run", "file", 13, 0o755)
    assert over.entries["link"].kind == "link"
    assert over.entries["new/a"].mode == 0o644
    assert over.entries["new"].kind == "dir"


def test_a_file_that_is_gone_is_gone() -> None:
    over = OverlayTree(MemoryTree({"a": "1", "b/c": "2"}), {"a": None})
    assert set(over.entries) == {"b", "b/c"}


def test_one_run_is_enough_for_a_script_without_an_extension(tmp_path: Path) -> None:
    """The second rule's fix came with the second run only: after the first one the script was none any more."""
    (tmp_path / "a").write_text("#!/bin/bash\nset -e\ndocker-compose build --parallel\n")
    (tmp_path / "a").chmod(0o755)
    fleet = discover(DiskTree(tmp_path))
    once = {change.path: change.after for change in rewrite(fleet, unsafe=True).changed}
    assert once == {"a": "#!/bin/bash\nset -e\ndocker compose build\n"}
    assert not rewrite(rediscover(fleet, once), unsafe=True).changed


def _files(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return root


def test_asking_for_one_path_looks_only_where_it_stands(tmp_path: Path) -> None:
    tree = DiskTree(_files(tmp_path, "a/b/c", "a/x/y", "z/w"))
    assert tree.entries["a/b/c"].size == 5
    assert set(tree.listed) == {"", "a", "a/b"}
    assert "a/b/d" not in tree.entries
    assert "q/r/s" not in tree.entries
    assert set(tree.listed) == {"", "a", "a/b"}


def test_going_through_all_entries_finds_what_a_plain_walk_does(tmp_path: Path) -> None:
    _files(tmp_path, "a/b/c", "a-b/c", "a/b.c", "node_modules/m/i.js", ".git/HEAD", "e/.trimtab/x")
    (tmp_path / "loop").symlink_to(".")
    tree = DiskTree(tmp_path)
    walked = [Path(folder) / name for folder, folders, names in os.walk(tmp_path) for name in (*folders, *names)]
    every = {path.relative_to(tmp_path).as_posix() for path in walked} - {".git/HEAD", "e/.trimtab/x"}
    assert list(tree.entries) == sorted(every)
    assert list(tree.entries.items()) == [(path, tree.entries[path]) for path in sorted(every)]
    assert len(tree.entries) == len(every)


@pytest.mark.parametrize("path", ["/".join("a" * 20_000), "../x", "/etc/hosts", ".", "", "a//b", "f/x", "loop/loop/f"])
def test_a_path_that_does_not_stand_in_the_tree_is_not_in_it(tmp_path: Path, path: str) -> None:
    (_files(tmp_path, "f") / "loop").symlink_to(".")
    tree = DiskTree(tmp_path)
    assert path not in tree.entries
    assert tree.entries.get(path) is None
    with pytest.raises(KeyError):
        tree.entries[path]
    assert tree.folder(path) == () or path == ""


def test_the_text_of_a_link_within_the_tree_is_read_and_of_one_that_leads_out_is_not(tmp_path: Path) -> None:
    root = _files(tmp_path / "root", "a/f")
    (tmp_path / "secret").write_text("x")
    (root / "in").symlink_to("a")
    (root / "out").symlink_to("..")
    tree = DiskTree(root)
    assert getattr(tree.read("in/f"), "text", None) == "a/f"
    for path in ("out/secret", "../secret", str(tmp_path / "secret")):
        assert tree.read(path) == Unreadable("is a link that leads out of the folder")


def test_a_pipe_in_the_place_of_a_listed_file_is_not_waited_for(tmp_path: Path) -> None:
    tree = DiskTree(_files(tmp_path, "f"))
    assert tree.entries["f"].kind == "file"
    (tmp_path / "f").unlink()
    os.mkfifo(tmp_path / "f")
    assert tree.read("f") == Unreadable("is not a regular file")


def test_a_text_that_was_only_peeked_at_is_not_kept(tmp_path: Path) -> None:
    tree = DiskTree(_files(tmp_path, "f"))
    first = tree.peek("f")
    (tmp_path / "f").write_text("other")
    assert first != tree.peek("f") == tree.read("f")
    (tmp_path / "f").write_text("third")
    assert tree.peek("f") is tree.read("f")


def test_installed_folders_are_opened_only_where_a_build_sees_them(tmp_path: Path) -> None:
    files = ("a/node_modules/m/lib/i.js", "b/node_modules/m/lib/i.js", "c/node_modules/m/lib/i.js")
    _files(tmp_path, *files)
    for name in ("a", "b"):
        (tmp_path / name / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (tmp_path / "b" / ".dockerignore").write_text("node_modules\n")
    tree = DiskTree(tmp_path)
    fleet = discover(tree)
    assert [folder for folder in tree.listed if "node_modules" in folder] == [
        f"a/node_modules{rest}" for rest in ("", "/m", "/m/lib")
    ]
    assert [len(context.visible) for file in fleet.files for context in file.contexts] == [5, 2]


def test_an_exception_in_the_ignore_file_keeps_a_folder_open(tmp_path: Path) -> None:
    _files(tmp_path, "node_modules/keep/i.js", "node_modules/drop/i.js")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (tmp_path / ".dockerignore").write_text("node_modules\n!node_modules/keep\n")
    (file,) = discover(DiskTree(tmp_path)).files
    assert {"node_modules/keep", "node_modules/keep/i.js"} <= set(file.contexts[0].visible)
    assert "node_modules/drop/i.js" not in file.contexts[0].visible


def test_what_changed_is_seen_folder_by_folder() -> None:
    base = MemoryTree({"a/b": "1", "a/c": "2", "d": "3"})
    over = OverlayTree(base, {"a/b": None, "a/e/f": "4", "d": "5"})
    assert [entry.path for entry in below(over, "", lambda _: True)] == ["a", "a/c", "a/e", "a/e/f", "d"]
    assert list(over.entries) == ["a", "a/c", "a/e", "a/e/f", "d"]
    assert [entry.path for entry in own_entries(over)] == list(over.entries)


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_utf_16_is_no_binary_file(coding: str, tmp_path: Path) -> None:
    """What looks for credentials passes by what is binary without a word."""
    text = "a = 1\n" if coding == "utf-16" else "\ufeffa = 1\n"
    (tmp_path / "a.ps1").write_bytes(text.encode(coding))
    assert DiskTree(tmp_path).read("a.ps1") == Unreadable("is written in UTF-16, which is not read")
