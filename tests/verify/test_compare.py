"""Which differences a declared effect explains."""

import pytest

from trimtab.docker import FileEntry, ImageConfig, ImageTree
from trimtab.rules import Effects
from trimtab.verify.compare import TreeComparison, glob_regex
from trimtab.verify.configs import compare_configs


def entry(sha: str = "a", *, uid: int = 0, kind: str = "file", mode: int = 0o644) -> FileEntry:
    return FileEntry(kind, mode, uid, 0, 1, sha if kind == "file" else "")


def unexplained(before: dict[str, FileEntry], after: dict[str, FileEntry], effects: Effects | None = None) -> list[str]:
    found = TreeComparison(ImageTree(before), ImageTree(after), effects or Effects()).differences()
    return [each.subject for each in found if not each.explained_by]


def test_equal_trees_have_no_difference() -> None:
    assert unexplained({"/a": entry()}, {"/a": entry()}) == []


@pytest.mark.parametrize(
    "after", [{}, {"/a": entry("b")}, {"/a": entry(uid=1)}, {"/a": entry(mode=0o600)}, {"/a": entry(), "/b": entry()}]
)
def test_every_change_is_seen(after: dict[str, FileEntry]) -> None:
    assert len(unexplained({"/a": entry()}, after)) == 1


def test_declared_removal_covers_what_is_below_and_nothing_else() -> None:
    effects = Effects(removes=("/root/.cache/pip/**",))
    folders = {path: entry(kind="dir") for path in ("/root", "/root/.cache", "/root/.cache/pip")}
    before = {**folders, "/root/.cache/pip/x": entry(), "/app": entry()}
    assert unexplained(before, {"/root": entry(kind="dir"), "/app": entry()}, effects) == []
    assert unexplained(before, {"/root": entry(kind="dir")}, effects) == ["/app"]


def test_a_removed_folder_that_held_something_else_is_not_a_stub() -> None:
    effects = Effects(removes=("/root/.cache/pip/**",))
    before = {"/root/.cache": entry(kind="dir"), "/root/.cache/other": entry(), "/root/.cache/pip/x": entry()}
    assert "/root/.cache/other" in unexplained(before, {}, effects)


def test_bytecode_of_an_equal_source_is_equal() -> None:
    source, code = "/app/a.py", "/app/__pycache__/a.cpython-311.pyc"
    before = {source: entry("s"), code: entry("one")}
    assert unexplained(before, {source: entry("s"), code: entry("two")}) == []
    assert unexplained(before, {source: entry("t"), code: entry("two")}) == [code, source]
    assert unexplained(before, {source: entry("s"), code: entry("two", uid=1)}) == [code]


def test_noise_explains() -> None:
    found = TreeComparison(
        ImageTree({"/a": entry()}), ImageTree({"/a": entry("b")}), Effects(), frozenset({"/a"})
    ).differences()
    assert [each.explained_by != "" for each in found] == [True]


def test_packages_may_only_leave_when_declared() -> None:
    one = ImageTree(
        {"/usr/bin/gcc": entry(), "/usr/bin/x": entry()}, {"gcc": "1", "x": "1"}, {"gcc": frozenset({"/usr/bin/gcc"})}
    )
    two = ImageTree({"/usr/bin/x": entry()}, {"x": "1"})
    three = ImageTree({}, {"x": "2"})
    allowed = Effects(packages_removed=True)
    assert [each.subject for each in TreeComparison(one, two, allowed).differences() if not each.explained_by] == []
    assert len([each for each in TreeComparison(one, two, Effects()).differences() if not each.explained_by]) == 2
    subjects = [each.subject for each in TreeComparison(one, three, allowed).differences() if not each.explained_by]
    assert subjects == ["/usr/bin/x", "package x"]


def test_configuration() -> None:
    one = ImageConfig("1", 1, (), {"User": None, "Cmd": ["a"], "Env.TOKEN": "hidden"})
    two = ImageConfig("2", 1, (), {"User": "app", "Cmd": ["b"], "Env.TOKEN": "other"})
    found = compare_configs(one, two, Effects(config=("User",)))
    assert {each.subject: bool(each.explained_by) for each in found} == {
        "config Cmd": False,
        "config Env.TOKEN": False,
        "config User": True,
    }
    assert "hidden" not in str(found)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/a/*", "/a/b", True),
        ("/a/*", "/a/b/c", False),
        ("/a/**", "/a/b/c", True),
        ("/a.b", "/axb", False),
        ("/a/**", "/a", False),
    ],
)
def test_globs(pattern: str, path: str, matches: bool) -> None:
    assert bool(glob_regex(pattern).match(path)) is matches
