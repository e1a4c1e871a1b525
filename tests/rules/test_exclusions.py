"""Patterns that the policy wants in ignore files: where they go, and what they must not take away."""

from dataclasses import replace
from pathlib import Path

import pytest

from trimtab.config import load_config
from trimtab.fleet import Fleet, MemoryTree, Policy, discover
from trimtab.fleet.exclusions import ignore_pattern, is_listed, usable
from trimtab.review import review
from trimtab.rewrite import rewrite
from trimtab.rules import Applicability, Finding, find_rules
from trimtab.syntax.ignore import parse_ignore

RULES = find_rules("CX113")


def fleet(files: dict[str, str], *patterns: str) -> Fleet:
    return replace(discover(MemoryTree(files)), policy=Policy(exclude=patterns))


def findings(files: dict[str, str], *patterns: str) -> tuple[Finding, ...]:
    return review(fleet(files, *patterns), RULES).findings


def fixed(files: dict[str, str], *patterns: str) -> dict[str, str | None]:
    changes = rewrite(fleet(files, *patterns), unsafe=True, proof=True, rules=RULES)
    assert not changes.bugs
    return {change.path: change.after for change in changes.changed}


@pytest.mark.parametrize(
    ("wanted", "written", "hidden", "kept"),
    [
        ("__pycache__/", "**/__pycache__", "a/b/__pycache__/c.pyc", "a/pycache"),
        ("*.md", "**/*.md", "a/README.md", "a.mdx"),
        ("*.py[cod]", "**/*.py[cod]", "a/b.pyc", "a/b.py"),
        (".pytest_cache/", "**/.pytest_cache", "a/.pytest_cache/v", "pytest_cache"),
        ("node_modules/", "**/node_modules", "a/node_modules/b", "modules"),
        ("docs/", "docs", "docs/a", "src/docs/a"),
        ("/logs/", "logs", "logs/a", "src/logs/a"),
        ("a/b/*.txt", "a/b/*.txt", "a/b/c.txt", "c/a/b/c.txt"),
    ],
)
def test_a_pattern_is_written_so_that_moby_reads_what_was_meant(wanted: str, written: str, hidden: str, kept: str) -> None:
    assert ignore_pattern(wanted) == written
    ignore = parse_ignore(f"{written}\n")
    assert ignore.ignores(hidden)
    assert not ignore.ignores(kept)


def test_the_configuration_says_what_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "trimtab.toml").write_text('exclude = ["*.md", "docs/"]\n')
    assert load_config(tmp_path).policy().exclude == ("*.md", "docs/")


def test_what_would_take_everything_or_is_none_is_never_written() -> None:
    assert usable(["*", "**", ".", "/", "", " ", "!a", "#a", "[a", "a\\", "b", "b/"]) == ("b",)


def test_a_pattern_that_is_there_in_another_spelling_is_there() -> None:
    assert is_listed("docs", ["/docs/"])
    assert is_listed("docs", ["**/docs"])
    assert not is_listed("**/docs", ["docs"])


def test_line_ends_and_a_missing_one_are_kept() -> None:
    files = {"Dockerfile": "FROM a:1\nCOPY . /a\n", ".dockerignore": "# a\r\nb", "a": ""}
    assert fixed(files, "*.md", "c") == {".dockerignore": "# a\r\nb\r\n**/*.md\r\nc\r\n"}


def test_the_file_in_effect_is_the_one_that_is_changed() -> None:
    files = {
        "compose.yaml": "services: {a: {build: {context: ., dockerfile: a/Dockerfile}}}\n",
        "a/Dockerfile": "FROM a:1\nCOPY a/b /a\n",
        "a/Dockerfile.dockerignore": "x\n",
        "a/.dockerignore": "y\n",
        ".dockerignore": "z\n",
        "a/b": "",
    }
    assert fixed(files, "*.md") == {"a/Dockerfile.dockerignore": "x\n**/*.md\n"}


def test_one_pattern_that_is_needed_does_not_keep_the_others_out() -> None:
    files = {"Dockerfile": "FROM a:1\nCOPY docs /a\n", "docs/a": "", ".dockerignore": "x\n"}
    assert fixed(files, "docs/", "*.md") == {".dockerignore": "x\n**/*.md\n"}
    refused = [finding.refusal.reason for finding in findings(files, "docs/", "*.md") if finding.refusal]
    assert refused == ["`docs` would keep back what Dockerfile:2 needs: `COPY docs`"]


@pytest.mark.parametrize(
    ("dockerfile", "pattern"),
    [
        ("FROM a:1\nCOPY README.md /a\n", "*.md"),
        ("FROM a:1\nADD dist/ /a\n", "dist/"),
        ("FROM a:1\nCOPY docs/*.json /a\n", "*.json"),
        ("FROM a:1\nCOPY docs/a /b\n", "docs/"),
        ("FROM a:1\nCOPY docs /b\n", "docs/*"),
        ("FROM node:24\nWORKDIR /a\nCOPY . .\nRUN npm ci\n", "package*.json"),
        ("FROM python:3\nWORKDIR /a\nCOPY . .\nRUN pip install .\n", "*.md"),
        ("FROM a:1\nRUN --mount=type=bind,source=docs,target=/d ls /d\n", "docs/"),
    ],
)
def test_what_a_build_needs_by_name_is_not_kept_back(dockerfile: str, pattern: str) -> None:
    files = {
        "Dockerfile": dockerfile, "README.md": "", "docs/a.json": "{}", "docs/a": "", ".dockerignore": "x\n",
        "package.json": "{}", "package-lock.json": '{"lockfileVersion": 3, "packages": {"": {}}}',
        "pyproject.toml": '[project]\nname = "a"\nversion = "1"\nreadme = "README.md"\n',
    }  # fmt: skip
    assert fixed(files, pattern) == {}
    assert [finding.refusal is not None for finding in findings(files, pattern)] == [True]


def test_a_folder_that_is_copied_as_a_whole_may_lose_some_files_and_that_has_to_be_proven() -> None:
    files = {"Dockerfile": "FROM a:1\nCOPY src /a\n", "src/a.py": "", "src/a.log": "", ".dockerignore": "x\n"}
    (finding,) = findings(files, "*.log")
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.PROOF
    assert finding.fix.effects.removes == ("/a/a.log",)
    (finding,) = findings(files, "*.tmp")
    assert finding.fix is not None
    assert finding.fix.applicability is Applicability.UNSAFE


def test_an_allow_list_goes_on_allowing() -> None:
    files = {"Dockerfile": "FROM a:1\nCOPY . /a\n", "src/a": "", "src/b.log": "", ".dockerignore": "*\n!src\n"}
    assert fixed(files, "*.log") == {".dockerignore": "*\n!src\n**/*.log\n"}
    assert fixed(files, "src/") == {}


def test_what_is_brought_back_by_name_stays_brought_back() -> None:
    files = {
        "Dockerfile": "FROM a:1\nCOPY . /a\n", "README.md": "", "b/c.md": "", "docs/api.json": "", "docs/b": "",
        ".dockerignore": "*.md\n!README.md\n!docs/api.json\nx\n",
    }  # fmt: skip
    after = "*.md\n**/*.md\n!README.md\ndocs\n!docs/api.json\nx\n**/*.log\n"
    assert fixed(files, "*.md", "docs/", "*.log") == {".dockerignore": after}
    ignore = parse_ignore(after)
    assert [ignore.ignores(path) for path in ("README.md", "b/c.md", "docs/api.json", "docs/b")] == [False, True, False, True]


def test_a_context_whose_ignore_file_another_rule_makes_is_left_to_it() -> None:
    files = {"Dockerfile": "FROM a:1\nCOPY . /a\n", "a.md": "", ".git/HEAD": "", ".git/config": ""}
    assert findings(files, "*.md") == ()
    changes = rewrite(fleet(files, "*.md"), unsafe=True, proof=True, rules=[*find_rules("CX102"), *RULES])
    assert {change.path: change.after for change in changes.changed} == {".dockerignore": "**/.git\n**/.hg\n**/.svn\n**/*.md\n"}
