"""Documents hold: links lead somewhere, command lines are understood, those that need no engine run, settings are settings."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from documents import PAGES, ROOT, Fence, anchors, commands, fences, name

from trimtab.cli.app import app
from trimtab.config import load_config
from trimtab.scan.ignore import IGNORE_FILE, read_ignores
from trimtab.syntax.yaml import load_yaml
from trimtab.text import Source

LINES = list(dict.fromkeys(commands()))
ELSEWHERE = {"build", "optimize", "deploy", "rollback", "status", "observe", "ui", "mcp", "workflow", "scan", "resources",
             "startup", "gate", "implementer", "ops", "bases", "networks", "export", "doctor"}  # fmt: skip
"""Commands of which examples need an engine, a network, a fleet of their own, or never end: tests of their own run them."""
NEEDS = {"--open", "--otlp", "--listen", "--provider", "--plan"}
"""Options whose examples need a browser, a collector, or a repository with history."""
OWN = {"docs/guides/plan.md"}
"""Pages with a test of their own that runs their examples."""
RUN: dict[str, list[tuple[str, ...]]] = {}
for _page, _words in LINES:
    if _page not in OWN and _words[0] not in ELSEWHERE and not NEEDS & set(_words):
        RUN.setdefault(_page, []).append(_words)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    without_code = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    broken: list[str] = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (anchor and anchor not in anchors(found.read_text(encoding="utf-8"))):
            broken.append(target)
    assert broken == []


def test_examples_are_found() -> None:
    assert len(LINES) > 70
    assert {words[0] for _, words in LINES} >= {"review", "optimize", "deploy", "scan", "workflow", "mcp"}


@pytest.mark.parametrize(("page", "words"), LINES, ids=lambda value: value if isinstance(value, str) else " ".join(value))
def test_command_lines_are_understood(page: str, words: tuple[str, ...]) -> None:
    app.parse_args(list(words), exit_on_error=False, print_error=False)


def test_most_kinds_of_example_are_run() -> None:
    run = {words[0] for lines in RUN.values() for words in lines}
    assert run >= {"review", "score", "fix", "plan", "report", "scripts", "ci", "init", "bake", "alerts"}


@pytest.mark.parametrize("page", RUN)
def test_command_lines_run(page: str, shop: Path) -> None:
    """One after the other, as somebody does who reads the page."""
    for words in RUN[page]:
        argv = [sys.executable, "-m", "trimtab", *words]
        done = subprocess.run(argv, cwd=shop, capture_output=True, text=True, check=False, timeout=120)
        empty = done.returncode == 2 and "no history" in done.stderr
        assert done.returncode in {0, 1} or empty, f"{' '.join(words)}: {done.stderr}"


@pytest.mark.parametrize("fence", fences("toml"), ids=lambda fence: fence.page)
def test_settings_are_settings(fence: Fence, tmp_path: Path) -> None:
    if "[[vulnerability]]" in fence.text:
        (tmp_path / IGNORE_FILE).write_text(fence.text)
        assert read_ignores(tmp_path, ()).vulnerabilities
        return
    (tmp_path / "trimtab.toml").write_text(fence.text)
    config = load_config(tmp_path)
    assert config.model_fields_set
    assert tomllib.loads(fence.text).keys() <= {key.replace("_", "-") for key in type(config).model_fields} | {"path"}


@pytest.mark.parametrize("fence", fences("yaml"), ids=lambda fence: fence.page)
def test_yaml_can_be_read(fence: Fence) -> None:
    assert load_yaml(Source(fence.page, fence.text)).data


def test_the_readme_names_every_command_that_it_should() -> None:
    """Those that somebody starts with; roles and machinery are in the guides."""
    text = (ROOT / "README.md").read_text()
    for command in ("review", "score", "fix", "optimize", "build", "deploy", "rollback", "scan", "gate", "report", "workflow"):
        assert f"trimtab {command}" in text
