"""What a tree says of its files when some of them have another text."""

from pathlib import Path

from trimtab.fleet import DiskTree, Entry, MemoryTree, OverlayTree, discover, rediscover
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
