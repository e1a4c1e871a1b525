"""The parts of a rewrite one by one: which fixes are chosen, what is recorded, what is looked at, and how files are written."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trimtab.fleet import Facts, MemoryTree, discover, facts_for
from trimtab.rewrite.changeset import AppliedFix, ChangeSet, FileChange, SkippedFix, SkipReason
from trimtab.rewrite.invariants import broken_context, broken_invariant
from trimtab.rewrite.selection import Selection, applied_fixes, compatible
from trimtab.rewrite.write import WriteError, remove_file, write_file
from trimtab.rules import Applicability, Effects, Finding, Fix, Refusal, default_rules
from trimtab.rules.base import NewText
from trimtab.text import Edit, Span

RULE = default_rules()[0]


def finding(line: int, fix: Fix | Refusal, path: str = "Dockerfile", rule: str = "DF001") -> Finding:
    base: dict[str, Any] = {"rule": rule, "name": "x", "category": RULE.category, "severity": RULE.severity}
    outcome: dict[str, Any] = {"fix": fix} if isinstance(fix, Fix) else {"refusal": fix}
    return Finding(
        **base, confidence=RULE.confidence, path=path, line=line, end_line=line, column=1, message="m", anchor="a", **outcome
    )


def fix(
    *edits: Edit, files: tuple[NewText, ...] = (), kind: Applicability = Applicability.SAFE, effects: Effects | None = None
) -> Fix:
    return Fix("t", edits, kind, files=files, effects=effects or Effects())


def at(start: int, end: int, text: str = "x") -> Edit:
    return Edit(Span(start, end), text)


def test_which_fixes_go_together() -> None:
    lines = {
        1: fix(at(0, 2)), 2: fix(at(1, 3)), 3: fix(at(0, 2), at(8, 9)), 4: fix(at(0, 2)), 5: fix(at(4, 5)),
        6: fix(), 7: fix(files=(NewText("new", "a"),)), 8: fix(files=(NewText("new", "b"),)), 9: fix(files=(NewText("new", "a"),)),
        10: fix(files=(NewText("Dockerfile", "a"),)),
    }  # fmt: skip
    every = [finding(line, each) for line, each in lines.items()]
    assert [each.line for each in compatible([*every, finding(11, Refusal("no"))])] == [1, 4, 5, 7, 9]
    assert [each.line for each in compatible([finding(1, fix(at(0, 2))), finding(2, fix(at(1, 3)), "other")])] == [1, 2]
    assert [each.line for each in compatible([finding(1, lines[7]), finding(2, fix(at(0, 1)), "new")])] == [1]
    assert [each.line for each in compatible([finding(1, lines[7]), finding(2, lines[10], "new")])] == [1, 2]


def test_the_first_in_place_and_code_goes_first() -> None:
    first = finding(2, fix(at(0, 2)), rule="T2")
    later = [replace(first, line=3, column=0, rule="T1"), replace(first, column=2, rule="T1"), replace(first, rule="T3")]
    for number, each in enumerate(later):
        other = replace(each, fix=fix(at(1, 3 + number)))
        assert compatible([other, first]) == compatible([first, other]) == [first]


def test_why_a_fix_is_left_out() -> None:
    kinds = [Applicability.SAFE, Applicability.UNSAFE, Applicability.DISPLAY, Applicability.PROOF, Applicability.GAIN]
    every = [finding(1, fix(at(0, 1), kind=kind)) for kind in kinds]
    plain = [Selection().skips(each) for each in every]
    assert plain == [None, SkipReason.UNSAFE, SkipReason.DISPLAY, SkipReason.PROOF, SkipReason.PROOF]
    assert [Selection(unsafe=True, proof=True).skips(each) for each in every] == [None, None, SkipReason.DISPLAY, None, None]
    assert Selection().skips(finding(1, Refusal("no"))) is SkipReason.REFUSED
    assert Selection(rules=["DF002"]).skips(every[0]) is SkipReason.NOT_CHOSEN
    assert Selection(accepted=[]).skips(every[0]) is SkipReason.DECLINED
    assert Selection(accepted=[("DF001", "Dockerfile", "a")]).skips(every[0]) is None
    told = [each.explanation for each in Selection().skipped([every[0], finding(2, Refusal("because"))])]
    assert told == ["overlaps another fix", "because"]


def test_fixes_that_merged_are_recorded_once() -> None:
    gain = fix(at(4, 5), files=(NewText("n", "x"),), kind=Applicability.GAIN)
    found = applied_fixes(
        [finding(1, fix(at(0, 1))), finding(2, fix(at(0, 1))), finding(3, gain), finding(4, fix(at(4, 5)))], 7
    )
    assert [(each.line, each.to_gain, each.files, each.pass_number, each.anchor) for each in found] == [
        (1, False, (), 7, "a"), (3, True, ("n",), 7, "a"), (4, False, (), 7, "a"),
    ]  # fmt: skip


def test_what_a_change_says_of_itself() -> None:
    one = AppliedFix("DF001", "x", "t", 1, Effects(context=True), 1, to_gain=True)
    two = AppliedFix("DF002", "y", "t", 2, Effects(stages=True), 1)
    changed = FileChange("a", "1\n", None, (two, one, two), ())
    same, bad = FileChange("b", "1\n", "1\n", (), ()), FileChange("c", "1\n", "1\n", (), (), "our bug")
    assert (changed.text, changed.rules, changed.rules_to_gain) == ("", ("DF002", "DF001"), ("DF001",))
    assert changed.effects == Effects(context=True, stages=True)
    every = ChangeSet((changed, same, bad))
    assert (every.changed, every.bugs) == ((changed,), (bad,))
    assert every.diff == "--- a/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n"
    assert SkippedFix(finding(1, fix()), SkipReason.DISPLAY).explanation == "is only shown"


def facts(text: str) -> Facts:
    fleet = discover(MemoryTree({"Dockerfile": text}))
    return facts_for(fleet.files[0], fleet)


@pytest.mark.parametrize(
    ("before", "after", "effects", "reason"),
    [
        ("FROM a\n", "FROM a\nNONSENSE\nOTHER\n", Effects(), "line 2: unknown instruction: NONSENSE"),
        ("FROM a\nRUN <<E\nx\nE\n", "FROM a\nRUN <<E\ny\nE\n", Effects(), "a heredoc's body changed"),
        ("# why\nFROM a\n", "FROM a\n", Effects(), "a comment changed or is gone"),
        ("# escape=`\nFROM a\n", "FROM a\n", Effects(), "a parser directive changed"),
        ("FROM a\n", "FROM b\n", Effects(), "a stage's base or name changed"),
        ("FROM a\n", "FROM a AS b\n", Effects(), "a stage's base or name changed"),
        ("FROM a\n", "FROM b\n", Effects(stages=True), None),
        ("FROM a\nRUN apt-get install -y x\n", "FROM a\n", Effects(), "the set of installed packages changed"),
        ("FROM a\nRUN apt-get install -y x\n", "FROM a\nRUN apk add x\n", Effects(), "the set of installed packages changed"),
        ("FROM a\nRUN pip install -r x\n", "FROM a\nRUN pip install -r y\n", Effects(), "the set of installed packages changed"),
        ("FROM a\nRUN apt-get install -y x\n", "FROM a\n", Effects(packages_removed=True), None),
        ("FROM a\nRUN apt-get install -y x\n", "FROM a\n", Effects(installs=True), None),
        ("FROM a\nCMD a\n", "FROM a\nCMD b\n", Effects(), "what starts or checks the service changed"),
        ("FROM a\nCMD a\n", "FROM a\nENTRYPOINT a\n", Effects(), "what starts or checks the service changed"),
        ("FROM a\nCMD a\n", "FROM a\nCMD b\n", Effects(config=("Cmd",)), None),
        ("FROM a\nCMD a\nCMD b\n", "FROM a\nCMD b\n", Effects(), None),
        ("FROM a\nEXPOSE 1\nEXPOSE 2\n", "FROM a\nEXPOSE 2\n", Effects(), "what starts or checks the service changed"),
        ("FROM a\nSTOPSIGNAL 1\n", "FROM a\n", Effects(), "what starts or checks the service changed"),
        ("FROM a\nHEALTHCHECK NONE\n", "FROM a\n", Effects(), "what starts or checks the service changed"),
        ("FROM a\nHEALTHCHECK NONE\nHEALTHCHECK CMD a\n", "FROM a\nHEALTHCHECK CMD a\n", Effects(), None),
        ("FROM a\nENTRYPOINT a\nENTRYPOINT b\n", "FROM a\nENTRYPOINT b\n", Effects(), None),
        ("FROM a\nVOLUME /x\n", "FROM a\n", Effects(), "what starts or checks the service changed"),
        ("FROM a\nONBUILD RUN x\n", "FROM a\n", Effects(), "what starts or checks the service changed"),
        ("FROM a\nCMD a\n", "FROM a\nENV A=b\nCMD a\n", Effects(), None),
    ],
)  # fmt: skip
def test_what_no_fix_may_break(before: str, after: str, effects: Effects, reason: str | None) -> None:
    assert broken_invariant(facts(before), facts(after), effects) == reason


def test_what_an_ignore_file_may_not_keep_back() -> None:
    fleet = discover(MemoryTree({"Dockerfile": "FROM a\nCOPY . /x/\nCOPY b /y\n", "b": "", "c/d": "", ".dockerignore": "z\n"}))
    more, fewer, none = {".dockerignore": "b\n"}, {".dockerignore": "c\n"}, {".dockerignore": "*\n"}
    assert (
        broken_context(fleet, more, Effects(context=True))
        == "`Dockerfile` line 3: nothing of `b` and what is copied with it is left"
    )
    assert broken_context(fleet, fewer, Effects()) == "`Dockerfile` line 2: `c/d` would not be copied any more"
    assert broken_context(fleet, fewer, Effects(context=True)) is None
    assert "nothing of" in (broken_context(fleet, none, Effects(context=True)) or "")
    assert broken_context(fleet, {"other/.dockerignore": "*\n"}, Effects()) is None
    assert broken_context(fleet, {"b": "*\n"}, Effects()) is None


def test_a_files_own_ignore_file_that_goes_leaves_the_other_one_to_be_read() -> None:
    files = {"Dockerfile": "FROM a\nCOPY b /x\n", "b": "", ".dockerignore": "b\n", "Dockerfile.dockerignore": "z\n"}
    reason = broken_context(discover(MemoryTree(files)), {"Dockerfile.dockerignore": None}, Effects(context=True))
    assert reason == "`Dockerfile` line 2: nothing of `b` and what is copied with it is left"


def test_an_ignore_file_that_could_never_be_read_may_stay_so() -> None:
    fleet = discover(MemoryTree({"Dockerfile": "FROM a\nCOPY b /x\n", "b": "", ".dockerignore": "[\n"}))
    assert broken_context(fleet, {".dockerignore": "[\n[\n"}, Effects()) is None


def test_the_first_file_that_would_be_kept_back_is_named() -> None:
    fleet = discover(MemoryTree({"Dockerfile": "FROM a\nCOPY . /x/\n", "b": "", "c": "", "d": "", ".dockerignore": "z\n"}))
    assert (
        broken_context(fleet, {".dockerignore": "b\nc\n"}, Effects()) == "`Dockerfile` line 2: `b` would not be copied any more"
    )
    both = discover(MemoryTree({"Dockerfile": "FROM a\nCOPY b c /x/\n", "b": "", "c": "", ".dockerignore": "z\n"}))
    assert (broken_context(both, {".dockerignore": "b\nc\n"}, Effects()) or "").startswith(
        "`Dockerfile` line 2: nothing of `b` and"
    )


def test_writing_and_removing(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    write_file(path, "1")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("1", 0o644)
    write_file(path, "2", executable=True)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("2", 0o755)
    remove_file(path)
    remove_file(path)
    assert not path.exists()
    with pytest.raises(WriteError, match=r"/a` could not be removed: (Is a directory|Operation not permitted)\.$"):
        remove_file(tmp_path / "a")
    with pytest.raises(WriteError, match=r"/a` could not be written: Is a directory\. It is unchanged\.$"):
        write_file(tmp_path / "a", "3")
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_links_in_a_circle_are_no_place_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(WriteError, match="its links lead in a circle"):
        write_file(tmp_path / "a", "text")


def test_a_folder_that_was_there_stays_when_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(WriteError):
        write_file(tmp_path / "empty" / ("x" * 300), "1")
    assert (tmp_path / "empty").is_dir()


def test_a_file_is_on_the_disk_before_it_takes_the_place_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it a machine that loses its power leaves an empty file where there was a good one."""
    steps: list[tuple[str, int]] = []
    sync, move = os.fsync, os.replace

    def synced(handle: int) -> None:
        steps.append(("on the disk", os.fstat(handle).st_size))
        sync(handle)

    def moved(one: str, other: Path) -> None:
        steps.append(("in its place", Path(one).stat().st_size))
        move(one, other)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", moved)
    write_file(tmp_path / "a", "12345")
    assert steps == [("on the disk", 5), ("in its place", 5)]


def test_a_file_keeps_its_owner_and_every_bit_of_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("1")
    if os.getuid() == 0:
        os.chown(path, 12, 34)
    path.chmod(0o4705)
    before = path.stat()
    write_file(path, "2")
    after = path.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
