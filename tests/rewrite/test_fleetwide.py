"""Rewriting the files between Dockerfiles: what is changed, what is left out and why, and when it ends."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from trimtab.fleet import DiskTree, Facts, Fleet, MemoryTree, Unreadable, discover
from trimtab.rewrite import SkipReason, rewrite
from trimtab.rules import (
    Applicability,
    Category,
    DockerfileRule,
    Effects,
    Finding,
    Fix,
    FleetRule,
    NewText,
    Refusal,
    Rule,
    Severity,
    all_rules,
)
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit, Span

Make = Callable[[Mapping[str, str]], Fleet]
LESS = Effects(context=True)


class _Between(FleetRule):
    category: ClassVar[Category] = Category.SIZE
    severity: ClassVar[Severity] = Severity.LOW
    since: ClassVar[str] = "0.1"


def making(code: str, path: str, text: str | None, *, effects: Effects = LESS, **options: Applicability) -> Rule:
    """A rule that wants a file to have a text, or to be gone."""

    class Making(_Between):
        def check(self, fleet: Fleet) -> Iterator[Finding]:
            source = fleet.tree.read(path)
            now = None if isinstance(source, Unreadable) else source.text
            if now != text:
                fix = Fix("t", (), options.get("applicability", Applicability.SAFE), effects, (NewText(path, text),))
                yield self.finding_at("Dockerfile", 1, "m", outcome=fix, subject=path)

    Making.code = code
    return Making()


def replacing(code: str, path: str, old: str, new: str) -> Rule:
    """A rule that replaces a word in one file that is no Dockerfile."""

    class Replacing(_Between):
        def check(self, fleet: Fleet) -> Iterator[Finding]:
            source = fleet.tree.read(path)
            at = -1 if isinstance(source, Unreadable) else source.text.find(old)
            if at >= 0:
                fix = Fix("t", (Edit(Span(at, at + len(old)), new),), effects=LESS)
                yield self.finding_at(path, 1, "m", outcome=fix, subject=old)

    Replacing.code = code
    return Replacing()


class Refusing(_Between):
    code: ClassVar[str] = "T9"

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        yield self.finding_at(".dockerignore", 1, "m", outcome=Refusal("because"))


FILES = {"Dockerfile": "FROM a:1\nCOPY . /a\nCOPY needed /b\n", "needed": "", "other": ""}


def test_a_file_is_made_changed_and_taken_away(fleet: Make) -> None:
    made = rewrite(fleet(FILES), rules=[making("T1", ".dockerignore", "other\n")])
    (change,) = made.changed
    assert (change.path, change.before, change.after, change.rules) == (".dockerignore", None, "other\n", ("T1",))
    assert "--- /dev/null" in change.diff
    changed = rewrite(fleet({**FILES, ".dockerignore": "othre\n"}), rules=[replacing("T1", ".dockerignore", "othre", "other")])
    (change,) = changed.changed
    assert (change.before, change.after, change.rules) == ("othre\n", "other\n", ("T1",))
    gone = rewrite(fleet({**FILES, ".dockerignore": "x\n"}), rules=[making("T1", ".dockerignore", None)])
    (change,) = gone.changed
    assert (change.before, change.after, change.text) == ("x\n", None, "")
    assert "+++ /dev/null" in change.diff


def test_what_a_copy_needs_is_never_kept_back(fleet: Make) -> None:
    rules = [making("T1", ".dockerignore", "needed\n"), making("T2", "readme", "hello\n")]
    changes = rewrite(fleet(FILES), rules=rules)
    assert [change.path for change in changes.changed] == ["readme"]
    assert not changes.bugs
    skipped = [skip for change in changes.files for skip in change.skipped]
    assert [(skip.finding.rule, skip.reason) for skip in skipped] == [("T1", SkipReason.HARMFUL)]


def test_fewer_files_need_to_be_declared(fleet: Make) -> None:
    undeclared = making("T1", ".dockerignore", "other\n", effects=Effects())
    assert not rewrite(fleet(FILES), rules=[undeclared]).changed
    harmless = making("T1", ".dockerignore", "gone\n", effects=Effects())
    assert rewrite(fleet(FILES), rules=[harmless]).changed


def test_an_ignore_file_that_cannot_be_read_is_never_written(fleet: Make) -> None:
    assert not rewrite(fleet(FILES), rules=[making("T1", ".dockerignore", "[\n")]).changed


def test_fixes_that_only_harm_together_are_our_bug(fleet: Make) -> None:
    files = {"Dockerfile": "FROM a:1\nCOPY d /b\n", "d/x": "", "d/y": "", ".dockerignore": "# 1\n# 2\n"}
    rules = [replacing("T1", ".dockerignore", "# 1", "d/x"), replacing("T2", ".dockerignore", "# 2", "d/y")]
    changes = rewrite(fleet(files), rules=rules)
    assert not changes.changed
    assert [change.path for change in changes.bugs] == [".dockerignore"]
    assert "T1, T2" in (changes.bugs[0].bug or "")


def test_only_chosen_files_and_applicabilities(fleet: Make) -> None:
    rule = making("T1", ".dockerignore", "other\n", applicability=Applicability.UNSAFE)
    changes = rewrite(fleet(FILES), rules=[rule])
    assert not changes.changed
    assert [skip.reason for change in changes.files for skip in change.skipped] == [SkipReason.UNSAFE]
    assert rewrite(fleet(FILES), rules=[rule], unsafe=True).changed
    assert not rewrite(fleet(FILES), rules=[rule], unsafe=True, paths=["Dockerfile"]).changed
    assert rewrite(fleet(FILES), rules=[rule], unsafe=True, paths=["Dockerfile", ".dockerignore"]).changed
    assert not rewrite(fleet(FILES), rules=[rule], unsafe=True, only=["T2"]).changed
    assert not rewrite(fleet(FILES), rules=[rule], unsafe=True, accepted=[]).changed
    assert rewrite(fleet(FILES), rules=[rule], unsafe=True, accepted=[("T1", "Dockerfile", ".dockerignore")]).changed


def test_a_whole_file_is_one_fixes_alone(fleet: Make) -> None:
    rules = [making("T1", "a", "one\n"), making("T2", "a", "one\n"), replacing("T3", "a", "one", "two")]
    changes = rewrite(fleet(FILES), rules=rules[:2])
    (change,) = changes.changed
    assert (change.after, change.rules) == ("one\n", ("T1", "T2"))
    # T1 and T3 want different texts for ever: the rounds end, and what came last stands.
    assert rewrite(fleet({**FILES, "a": "zero\n"}), rules=[rules[0]]).changed[0].after == "one\n"


def test_fixes_that_want_different_texts_end() -> None:
    fleet = discover(MemoryTree({**FILES, "a": "one\n"}))
    rules = [replacing("T1", "a", "one", "two"), replacing("T2", "a", "two", "one")]
    assert rewrite(fleet, rules=rules).changed == ()


class FollowsTheIgnoreFile(DockerfileRule):
    """Puts a label into the Dockerfile once its context has an ignore file."""

    code: ClassVar[str] = "T5"
    category: ClassVar[Category] = Category.SIZE
    severity: ClassVar[Severity] = Severity.LOW
    since: ClassVar[str] = "0.1"

    def check(self, file: object, facts: object) -> Iterator[Finding]:
        assert isinstance(facts, Facts)
        if facts.contexts[0].ignore_path and "LABEL" not in facts.dockerfile.source.text:
            end = len(facts.dockerfile.source.text)
            yield self.finding(facts, Span(0, 4), "m", Fix("t", (Edit.insert(end, "LABEL a=b\n"),)))


def test_dockerfiles_follow_what_changes_between_them(fleet: Make) -> None:
    rules = [FollowsTheIgnoreFile(), making("T1", ".dockerignore", "other\n")]
    changes = rewrite(fleet(FILES), rules=rules)
    after = {change.path: change for change in changes.changed}
    assert after[".dockerignore"].after == "other\n"
    assert after["Dockerfile"].text.endswith("LABEL a=b\n")
    assert after["Dockerfile"].before == FILES["Dockerfile"]
    assert after["Dockerfile"].rules == ("T5",)


class FollowsWhatStartsFromIt(DockerfileRule):
    """Puts a label into one Dockerfile once another one has it."""

    code: ClassVar[str] = "T6"
    category: ClassVar[Category] = Category.SIZE
    severity: ClassVar[Severity] = Severity.LOW
    since: ClassVar[str] = "0.1"

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        last = facts.fleet.file("c/Dockerfile")
        if (
            file.source.path == "a/Dockerfile"
            and last
            and "new" in last.dockerfile.source.text
            and "new" not in file.source.text
        ):
            yield self.finding(facts, Span(0, 4), "m", Fix("t", (Edit.insert(len(file.source.text), "LABEL new=b\n"),)))


class Renews(FollowsWhatStartsFromIt):
    code: ClassVar[str] = "T7"

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        at = file.source.text.find("old")
        if at >= 0:
            yield self.finding(facts, Span(at, at + 3), "m", Fix("t", (Edit(Span(at, at + 3), "new"),)))


def test_a_base_follows_what_starts_from_it_however_far(fleet: Make) -> None:
    built = "".join(f"  {name}: {{build: {name}, image: own/{name}}}\n" for name in "abc")
    texts = {"a": "FROM x\n", "b": "FROM own/a\n", "c": "FROM own/b\nLABEL old=b\n"}
    files = {"compose.yaml": "services:\n" + built, **{f"{name}/Dockerfile": text for name, text in texts.items()}}
    changes = rewrite(fleet(files), rules=[FollowsWhatStartsFromIt(), Renews()])
    after = {change.path: change.after for change in changes.changed}
    assert after == {"a/Dockerfile": "FROM x\nLABEL new=b\n", "c/Dockerfile": "FROM own/b\nLABEL new=b\n"}


def test_refusals_are_remembered_where_they_stand(fleet: Make) -> None:
    changes = rewrite(fleet({**FILES, ".dockerignore": "x\n"}), rules=[Refusing(), replacing("T1", ".dockerignore", "x", "y")])
    (change,) = changes.changed
    assert [(skip.finding.rule, skip.explanation) for skip in change.skipped] == [("T9", "because")]
    assert [fix.rule for fix in change.applied] == ["T1"]


def test_what_is_refused_is_told_once_however_many_rounds_move_its_line() -> None:
    text = (
        "services:\n  a:\n    image: a:1\n    healthcheck: {test: x, interval: 2s, start_period: 9s}\n"
        "  b:\n    image: b:1\n    depends_on: [a]\n    mem_limit: 1g\nversion: '3' # a comment\nvolumes: {c: {}}\n"
    )
    (change,) = rewrite(discover(MemoryTree({"compose.yaml": text})), unsafe=True).files
    refused = [(skip.finding.rule, skip.finding.anchor) for skip in change.skipped if skip.reason is SkipReason.REFUSED]
    assert {"CM503", "CM402"} <= {rule for rule, _ in refused}
    assert len(refused) == len(set(refused))
    lines = change.text.splitlines()
    assert {lines[skip.finding.line - 1] for skip in change.skipped if skip.finding.rule == "CM402"} == {"volumes: {c: {}}"}


@pytest.mark.parametrize(
    "codes", [("DF101",), ("DF101", "DF104"), ("DF201", "DF122", "DF104"), ("DF110", "DF129", "DF101", "DF104")]
)
def test_the_rules_that_are_not_wanted_need_not_be_asked(shop: Path, codes: tuple[str, ...]) -> None:
    """The commits of a branch are made so: asking all rules for each of them took minutes over a large fleet."""
    fleet = discover(DiskTree(shop))
    for file in fleet.files:
        every, few = (
            rewrite(fleet, unsafe=True, proof=True, only=codes, paths=[file.path], rules=rules)
            for rules in (all_rules(), [rule for rule in all_rules() if rule.code in codes])
        )
        assert {each.path: each.after for each in every.changed} == {each.path: each.after for each in few.changed}


class Asked(DockerfileRule):
    """Notes which files it was asked about."""

    code: ClassVar[str] = "T7"
    category: ClassVar[Category] = Category.SIZE
    severity: ClassVar[Severity] = Severity.LOW
    since: ClassVar[str] = "0.1"

    def __init__(self, change: str = "") -> None:
        self.paths: list[str] = []
        self.change = change

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        self.paths.append(facts.file.path)
        if facts.file.path == self.change and "ENV" not in file.source.text:
            yield self.finding(facts, Span(0, 4), "m", Fix("t", (Edit.insert(len(file.source.text), "ENV a=b\n"),)))


class Useless(_Between):
    """Notes what it was asked about, and wants a file to be what it is."""

    code: ClassVar[str] = "T8"

    def __init__(self) -> None:
        self.fleets: list[Fleet] = []

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        self.fleets.append(fleet)
        yield self.finding_at("Dockerfile", 1, "m", outcome=Fix("t", files=(NewText("other", ""),)), subject="other")


def test_a_fleet_in_which_nothing_changes_is_read_and_reviewed_once(fleet: Make) -> None:
    """All rules over 1,669 Dockerfiles take a minute: every needless round is one more."""
    original, useless, asked = fleet(FILES), Useless(), Asked()
    changes = rewrite(original, rules=[asked, useless])
    assert (changes.changed, asked.paths) == ((), ["Dockerfile"])
    assert [each is original for each in useless.fleets] == [True]
    assert [skip for change in changes.files for skip in change.skipped] == []


@pytest.mark.parametrize(
    ("changed", "again"),
    [("user", ["user", "base", "mid"]), ("mid", ["mid", "base"]), ("base", ["base"]), ("alone", ["alone"])],
)
def test_only_what_a_changed_image_starts_from_is_looked_at_again(fleet: Make, changed: str, again: list[str]) -> None:
    bases = {"alone": "debian:13", "base": "debian:13", "mid": "acme/base:1", "user": "acme/mid:1"}
    services = "".join(f"  {name}: {{build: {name}, image: 'acme/{name}:1'}}\n" for name in bases)
    files = {f"{name}/Dockerfile": f"FROM {base}\n" for name, base in bases.items()}
    asked = Asked(f"{changed}/Dockerfile")
    rewrite(fleet({**files, "compose.yaml": f"services:\n{services}"}), rules=[asked])
    # The changed one is asked again at once, until it has no more to say.
    assert Counter(asked.paths) == Counter(f"{name}/Dockerfile" for name in [*bases, *again])


def test_what_each_round_did_to_a_dockerfile_is_told(fleet: Make) -> None:
    rules = [Asked("Dockerfile"), FollowsTheIgnoreFile(), making("T1", ".dockerignore", "other\n")]
    change = next(change for change in rewrite(fleet(FILES), rules=rules).changed if change.path == "Dockerfile")
    assert (change.before, change.after) == (FILES["Dockerfile"], FILES["Dockerfile"] + "ENV a=b\nLABEL a=b\n")
    assert change.rules == ("T7", "T5")


def test_rounds_end_even_when_a_rule_always_finds_more(fleet: Make) -> None:
    (change,) = rewrite(fleet({"a": "x\n"}), rules=[replacing("T1", "a", "x", "x x")]).changed
    assert change.after == "x" + " x" * 8 + "\n"
    assert [fix.pass_number for fix in change.applied] == list(range(1, 9))


def test_files_between_need_no_dockerfile_to_come_to_rest(fleet: Make) -> None:
    rules = [replacing("T1", "a", "two", "three"), replacing("T2", "a", "one", "two")]
    (change,) = rewrite(fleet({"a": "one\n"}), rules=rules).changed
    assert (change.after, change.rules) == ("three\n", ("T2", "T1"))


def test_each_file_gets_its_own_edits(fleet: Make) -> None:
    rules = [replacing("T1", "a", "one", "two"), replacing("T2", "b", "four", "five")]
    changed = rewrite(fleet({"a": "one three\n", "b": "one four\n"}), rules=rules).changed
    assert {change.path: (change.after, change.rules) for change in changed} == {
        "a": ("two three\n", ("T1",)), "b": ("one five\n", ("T2",)),
    }  # fmt: skip


def test_a_file_that_is_not_to_change_is_left_out_of_everything(fleet: Make) -> None:
    files, rules = {**FILES, "a": "x\n"}, [replacing("T1", "a", "x", "y"), making("T2", "b", "z\n")]
    assert [change.path for change in rewrite(fleet(files), rules=rules, paths=["Dockerfile"]).files] == ["Dockerfile"]
    assert [change.path for change in rewrite(fleet(files), rules=rules, paths=["a"]).files] == ["a"]
    assert [change.path for change in rewrite(fleet(files), rules=rules, paths=["b"]).files] == ["b"]


@pytest.mark.parametrize(
    ("path", "text", "word", "other"),
    [
        ("compose.yaml", "services: {a: {image: 'a:1'}}\n", "a:1", "a:2"),
        ("deploy.sh", "#!/bin/sh\ndocker compose up\n", "docker", "if docker"),
    ],
)
def test_a_fix_that_does_more_harm_than_it_says_is_left_out(fleet: Make, path: str, text: str, word: str, other: str) -> None:
    changes = rewrite(
        fleet({**FILES, path: text}), rules=[replacing("T1", path, word, other), making("T2", "readme", "hello\n")]
    )
    assert [change.path for change in changes.changed] == ["readme"]
    assert [(skip.finding.path, skip.reason) for change in changes.files for skip in change.skipped] == [
        (path, SkipReason.HARMFUL)
    ]


class Moving(_Between):
    code: ClassVar[str] = "T1"

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        if not isinstance(fleet.tree.read("old"), Unreadable):
            fix = Fix("t", effects=LESS, files=(NewText("new", "x\n"), NewText("old", None)))
            yield self.finding_at("Dockerfile", 1, "m", outcome=fix)


def test_a_fix_of_several_files_is_told_once(fleet: Make) -> None:
    changed = rewrite(fleet({**FILES, "old": "x\n"}), rules=[Moving()]).changed
    assert [(change.path, change.after, change.rules) for change in changed] == [("new", "x\n", ("T1",)), ("old", None, ())]
