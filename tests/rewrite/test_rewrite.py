"""Convergence, refusal of broken results, and writing whole files."""

import os
import resource
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.fleet import Facts, Fleet, MemoryTree, discover
from trimtab.rewrite import SkipReason, WriteError, rewrite, write_file
from trimtab.rules import Category, DockerfileRule, Finding, Fix, Rule, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit, OverlappingEdits, Span, apply_edits

Make = Callable[[Mapping[str, str]], Fleet]


def replacing(code: str, old: str, new: str) -> Rule:
    """A rule that replaces every `old` by `new`, for good or ill."""

    class Replacing(DockerfileRule):
        category: ClassVar[Category] = Category.SIZE
        severity: ClassVar[Severity] = Severity.LOW
        since: ClassVar[str] = "0.1"

        def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
            at = file.source.text.find(old)
            if at >= 0:
                span = Span(at, at + len(old))
                yield self.finding(facts, span, "m", Fix("t", (Edit(span, new),)))

    Replacing.code = code
    return Replacing()


class Overlapping(DockerfileRule):
    """Its only fix has two edits of one place."""

    code: ClassVar[str] = "T8"
    category: ClassVar[Category] = Category.SIZE
    severity: ClassVar[Severity] = Severity.LOW
    since: ClassVar[str] = "0.1"

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        edits = (Edit(Span(0, 4), "x"), Edit(Span(2, 6), "y"))
        yield self.finding(facts, Span(0, 4), "m", Fix("t", edits))


@pytest.mark.parametrize(
    ("rules", "bug"),
    [
        ([replacing("T1", "LABEL a", "LABEL b"), replacing("T2", "LABEL b", "LABEL a")], "undo each other"),
        (
            [
                replacing("T1", "LABEL a", "LABEL b"),
                replacing("T2", "LABEL b", "LABEL c"),
                replacing("T3", "LABEL c", "LABEL b"),
            ],
            "the fixes of T3 undo each other",
        ),
        ([replacing("T1", "LABEL", "HELLO")], "unknown instruction"),
        ([replacing("T1", "# why", "#")], "a comment changed"),
        ([replacing("T1", "FROM x", "FROM y")], "base or name changed"),
        ([replacing("T1", "CMD z", "CMD y")], "what starts or checks"),
        ([replacing("T1", "body", "corpse")], "heredoc"),
        ([replacing("T1", "install six", "install seven")], "installed packages"),
        ([replacing("T1", "v=1", "v=1 x=2 v=1")], "no end"),
        ([Overlapping()], "a fix overlaps itself"),
    ],
)
def test_a_bad_fix_leaves_the_original(fleet: Make, rules: list[Rule], bug: str) -> None:
    text = "FROM x\n# why\nLABEL a=1 v=1\nRUN pip install six\nRUN <<EOF\nbody\nEOF\nCMD z\n"
    change = rewrite(fleet({"Dockerfile": text}), rules=rules).files[0]
    assert change.bug is not None
    assert bug in change.bug
    assert change.text == text


def test_a_fix_that_overlaps_itself_leaves_the_original(fleet: Make) -> None:
    class Twice(DockerfileRule):
        code: ClassVar[str] = "T1"
        category: ClassVar[Category] = Category.SIZE
        severity: ClassVar[Severity] = Severity.LOW
        since: ClassVar[str] = "0.1"

        def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
            yield self.finding(facts, Span(0, 4), "m", Fix("t", (Edit(Span(7, 9), "x"), Edit(Span(8, 10), "y"))))

    change = rewrite(fleet({"Dockerfile": "FROM x\nLABEL a=1\n"}), rules=[Twice()]).files[0]
    assert (change.bug or "").startswith("a fix overlaps itself: ")
    assert not change.changed


def test_overlapping_fixes_wait_and_both_arrive(fleet: Make) -> None:
    rules = [replacing("T1", "LABEL a", "LABEL A"), replacing("T2", "a=1", "A=2")]
    change = rewrite(fleet({"Dockerfile": "FROM x\nLABEL a=1\n"}), rules=rules).files[0]
    assert change.bug is None
    assert change.text == "FROM x\nLABEL A=1\n"


def test_one_fix_for_each_pass_comes_to_an_end(fleet: Make) -> None:
    rules = [replacing("T1", "x", "")]
    change, endless = (rewrite(fleet({"Dockerfile": f"FROM a\nLABEL l={'x' * n}\n"}), rules=rules).files[0] for n in (49, 50))
    assert (change.bug, change.text) == (None, "FROM a\nLABEL l=\n")
    assert [fix.pass_number for fix in change.applied] == list(range(1, 50))
    assert (endless.bug, endless.changed) == ("no end after 50 passes", False)


def test_refusals_and_unsafe_fixes_are_listed(fleet: Make) -> None:
    text = 'FROM python:3.12\nCOPY . .\nRUN pip install -e . && apt-get update && apt-get install -y gcc\nCMD ["x"]\n'
    reasons = {skip.reason for skip in rewrite(fleet({"Dockerfile": text, "setup.py": ""})).files[0].skipped}
    assert {SkipReason.PROOF, SkipReason.REFUSED} <= reasons


def test_a_file_that_does_not_parse_is_left_alone(fleet: Make) -> None:
    text = "FROM python:3.12\nRUN pip install six\nHELLO\n"
    assert not rewrite(fleet({"Dockerfile": text})).changed


MUST_REFUSE: dict[str, tuple[str, dict[str, str], str, str]] = {
    "compiler that a build needs": (
        'FROM debian:12\nRUN apt-get update && apt-get install -y gcc && rm -rf /var/lib/apt/lists/*\nRUN gcc -o /a a.c\nCMD ["/a"]\n',
        {}, "DF122", "needs it",
    ),
    "order across an editable requirement": (
        "FROM python:3.12\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n",
        {"requirements.txt": "-e ../shared\n", "a.py": ""}, "DF110", "-e ../shared",
    ),
    "heredoc body": (
        "FROM python:3.12\nRUN --mount=type=cache,target=/root/.cache/pip <<EOF\npip install --no-cache-dir six\nEOF\n",
        {}, "DF104", "never rewritten",
    ),
    "argument used by the copy that would move": (
        "FROM python:3.12\nARG DIR=src\nWORKDIR /app\nCOPY $DIR .\nARG OTHER=1\nRUN pip install -r requirements.txt\n",
        {"src/requirements.txt": "six\n", "src/a.py": ""}, "DF110", "variables",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MUST_REFUSE.values(), ids=MUST_REFUSE.keys())
def test_what_a_fix_would_break_is_refused(fleet: Make, case: tuple[str, dict[str, str], str, str]) -> None:
    text, files, rule, reason = case
    change = rewrite(fleet({"Dockerfile": text, **files}), unsafe=True, proof=True).files[0]
    reasons = [skip.explanation for skip in change.skipped if skip.finding.rule == rule]
    assert any(reason in each for each in reasons)
    assert not [fix for fix in change.applied if fix.rule == rule]


def test_arguments_never_cross_a_from(fleet: Make) -> None:
    text = "ARG V=3.12\nFROM python:$V AS a\nARG X=1\nCOPY . .\nRUN pip install -r r.txt\nFROM python:$V\nARG X=2\nCOPY --from=a /x /x\n"
    after = rewrite(fleet({"Dockerfile": text, "r.txt": "six\n", "a.py": ""}), unsafe=True, proof=True).files[0].text
    lines = [line for line in after.splitlines() if line.startswith(("ARG", "FROM"))]
    assert lines == [line for line in text.splitlines() if line.startswith(("ARG", "FROM"))]


_LINES = st.sampled_from(
    ["RUN pip install --no-cache-dir -r r.txt\n", "RUN apt-get update && apt-get install -y \\\n    gcc \\\n    curl\n"]
    + [
        "COPY . .\n",
        "COPY src ./src\n",
        "WORKDIR /app\n",
        "USER app\n",
        "RUN useradd -u 1001 app\n",
        "RUN chown -R app:app /app\n",
    ]
    + ["# note\n", "RUN npm ci && npm cache clean --force\n", "ENV PIP_NO_CACHE_DIR=1\n", "CMD x\n", "FROM alpine:3 AS x\n"]
    + ["RUN --mount=type=cache,target=/root/.cache/pip pip install --no-cache-dir six\n", "RUN apk add --no-cache build-base\n"]
    + ["RUN <<EOF\npip install --no-cache-dir six\nEOF\n", "COPY r.txt package.json ./\n", "RUN chmod -R 755 /app && echo ok\n"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_LINES, max_size=9).map(lambda lines: "FROM python:3.12-slim\n" + "".join(lines)))
def test_any_combination_converges_and_stays(text: str) -> None:
    files = {"r.txt": "six\n", "package.json": "{}", "src/a.py": "", "main.py": ""}
    change = rewrite(discover(MemoryTree({"Dockerfile": text, **files})), unsafe=True, proof=True).files[0]
    assert change.bug is None
    again = rewrite(discover(MemoryTree({"Dockerfile": change.text, **files})), unsafe=True, proof=True).files[0]
    assert again.text == change.text


def test_edits() -> None:
    assert apply_edits("abc", [Edit(Span(1, 2), "X"), Edit(Span(1, 2), "X"), Edit.insert(3, "!")]) == "aXc!"
    with pytest.raises(OverlappingEdits):
        apply_edits("abc", [Edit(Span(0, 2), "X"), Edit(Span(1, 3), "Y")])


def test_writing_keeps_mode_and_follows_links(tmp_path: Path) -> None:
    target = tmp_path / "real"
    target.write_text("old")
    target.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(target)
    write_file(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_new_file_brings_its_folders_and_leaves_none_behind_when_it_fails(tmp_path: Path) -> None:
    write_file(tmp_path / "docker" / "bases" / "Dockerfile", "FROM scratch\n")
    assert (tmp_path / "docker" / "bases" / "Dockerfile").read_text() == "FROM scratch\n"
    with pytest.raises(WriteError, match="unchanged"):
        write_file(tmp_path / "other" / "deep" / ("x" * 300), "FROM scratch\n")
    assert not (tmp_path / "other").exists()


def test_a_full_disk_leaves_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text("FROM old\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        with pytest.raises(WriteError, match="unchanged"):
            write_file(path, "FROM new\n" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "FROM old\n"
    assert os.listdir(tmp_path) == ["Dockerfile"]  # noqa: PTH208
