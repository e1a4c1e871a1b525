"""The GitHub Action: its scripts run as they stand; setting up Python, the package index and uploading are GitHub's."""

import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
import yaml
from expressions import Functions, filled, truth, whole

from trimtab.fleet.plain import items, mapping, text

ROOT = Path(__file__).parents[2]
ACTION = (ROOT / "action.yml").read_text(encoding="utf-8")
STEPS = {
    str(mapping(step)["name"]): mapping(step)
    for step in items(mapping(mapping(cast("object", yaml.safe_load(ACTION)))["runs"])["steps"])
}
PINS = tomllib.loads((ROOT / "src/trimtab/pipelines/pins.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Ran:
    """A step that has run, with what it left for later ones."""

    code: int
    told: str
    output: str
    summary: str
    folder: Path


def run_step(name: str, folder: Path, work: Path, **variables: str) -> Ran:
    """Run a step's script as GitHub's runner does, with an interpreter that stands where the installing step puts one."""
    python = folder / "trimtab" / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    if not python.exists():
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
    output, summary = folder / "output", folder / "summary"
    output.touch()
    summary.touch()
    env = {
        "PATH": "/usr/bin:/bin", "HOME": str(folder), "RUNNER_TEMP": str(folder), "GITHUB_OUTPUT": str(output),
        "GITHUB_STEP_SUMMARY": str(summary), "ACTION": str(ROOT), "BASELINE": "false", "OFFLINE": "true", **variables,
    }  # fmt: skip
    script = folder / "script.sh"
    script.write_text(text(STEPS[name]["run"]) or "")
    ran = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)], cwd=work, env=env, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout + ran.stderr, output.read_text(), summary.read_text(), folder)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM python:3.12-slim\nCOPY . .\nRUN pip install -r requirements.txt\n")
    (folder / "requirements.txt").write_text("six\n")
    return folder


@pytest.mark.parametrize("path", [".", "Dockerfile"])
def test_findings(tmp_path: Path, work: Path, path: str) -> None:
    ran = run_step("Review", tmp_path, work, FLEET=path)
    assert ran.code == 0
    assert ran.output == f"exit-code=1\nsarif={tmp_path}/trimtab.sarif\n"
    assert '"version": "2.1.0"' in (tmp_path / "trimtab.sarif").read_text()
    assert "::" in ran.told
    assert "Dockerfile" in ran.summary


def test_what_cannot_be_read_is_no_clean_review(tmp_path: Path, work: Path) -> None:
    ran = run_step("Review", tmp_path, work, FLEET="nothing")
    assert (ran.output, ran.summary) == ("exit-code=2\n", "")


def test_what_an_earlier_use_has_left_is_not_shown_again(tmp_path: Path, work: Path) -> None:
    (tmp_path / "trimtab.sarif").write_text("{}")
    (tmp_path / "trimtab.md").write_text("of another folder\n")
    ran = run_step("Review", tmp_path, work, FLEET="nothing")
    assert (ran.output, ran.summary) == ("exit-code=2\n", "")


def upload(ran: Ran, upload: str = "true", path: str = ".") -> tuple[bool, dict[str, str]]:
    """Whether the step that uploads is run after a review, and what it is given."""
    outputs = dict(line.split("=", 1) for line in ran.output.splitlines())
    context: dict[str, object] = {"inputs": {"upload": upload, "path": path}, "steps": {"review": {"outputs": outputs}}}
    functions: Functions = {"format": str.format}
    step = STEPS["Upload"]
    given = {name: filled(str(value), context, functions) for name, value in mapping(step["with"]).items()}
    return truth(whole(str(step["if"]), context, functions)), given


def test_findings_are_uploaded_where_there_are_some(tmp_path: Path, work: Path) -> None:
    found = run_step("Review", tmp_path, work, FLEET=".")
    assert upload(found) == (True, {"sarif_file": f"{tmp_path}/trimtab.sarif", "category": "trimtab"})
    assert upload(found, upload="false")[0] is False
    assert upload(found, path="services/a")[1]["category"] == "trimtab-services/a"
    (tmp_path / "output").unlink()
    assert upload(run_step("Review", tmp_path, work, FLEET="nothing"))[0] is False


@pytest.mark.parametrize("path", ["$(touch pwned)", "`touch pwned`", "; touch pwned", "--output=pwned", '" && touch pwned "'])
def test_a_path_is_a_path(tmp_path: Path, work: Path, path: str) -> None:
    ran = run_step("Review", tmp_path, work, FLEET=path)
    assert "exit-code=2\n" in ran.output
    assert not (work / "pwned").exists()


def test_the_repositorys_own_modules_are_not_imported(tmp_path: Path, work: Path) -> None:
    (work / "json.py").write_text("raise SystemExit(9)\n")
    (work / "trimtab.py").write_text("raise SystemExit(9)\n")
    assert "exit-code=1\n" in run_step("Review", tmp_path, work, FLEET=".").output


@pytest.mark.parametrize(
    ("code", "fail", "ends"), [("0", "true", 0), ("1", "true", 1), ("1", "false", 0), ("2", "false", 2), ("3", "false", 3)]
)
def test_judging(tmp_path: Path, work: Path, code: str, fail: str, ends: int) -> None:
    assert run_step("Judge", tmp_path, work, CODE=code, FAIL=fail).code == ends


def test_no_expression_stands_in_a_script() -> None:
    assert not [name for name, step in STEPS.items() if "${{" in (text(step.get("run")) or "")]


def test_actions_are_pinned_as_in_the_table_of_pins() -> None:
    table = {f"{pin['uses']}@{pin['commit']} # {pin['release']}" for pin in PINS.values() if isinstance(pin, dict)}
    used = re.findall(r"uses: (.*)", ACTION)
    assert len(used) == 2
    assert set(used) <= table
