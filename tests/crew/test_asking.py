"""Roles and workflows as a user asks for them: what is said before anything is done."""

import json
import subprocess
from pathlib import Path

import pytest
from cyclopts import App

from trimtab.cli.optimize import optimize
from trimtab.cli.roles import analyst, planner
from trimtab.cli.workflow import workflow
from trimtab.crew.instructions import understand
from trimtab.crew.model import Brief, Report, Role, Standing
from trimtab.crew.results import keep
from trimtab.errors import UsageError

FILES = {
    "compose.yaml": "services:\n  api: {build: api}\n  web: {build: web}\n",
    "api/Dockerfile": "FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nRUN pip install --no-cache-dir -r requirements.txt\n",
    "api/requirements.txt": "six==1.17.0\n",
    "web/Dockerfile": "FROM node:24-slim\nRUN npm install\n",
}


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    folder = tmp_path / "fleet"
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def call(app: App, *words: str) -> int:
    result = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    assert isinstance(result, int)
    return result


def commit(fleet: Path) -> None:
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@e.org", "commit", "-qm", "one"]):
        subprocess.run(["git", *words], cwd=fleet, check=True)


def begun(fleet: Path, **more: str) -> Path:
    """A run that has begun already."""
    run = fleet / ".trimtab" / "runs" / "r1"
    run.mkdir(parents=True)
    effort = {"repeats": 0, "quick": False, "budget": "", "cold": False, "fresh_runner": False, "link": 0, "replay": 0}
    asked = {"kind": "rapid", "prompt": "Add cache mounts.", "offline": False, "effort": effort, **more}
    (run / "workflow.json").write_text(json.dumps(asked))
    return run


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("Add health checks, except in wbe", "no service, file or folder is called `wbe`"),
        ("Exclude *.txt except api/requirements.txt", "is no build of its own"),
        ("Add exclusions: *", "What this asks for is refused"),
    ],
)
def test_what_would_be_done_without_what_was_refused_is_not_done(fleet: Path, words: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        call(planner, "plan", words, str(fleet))
    assert not (fleet / ".trimtab" / "runs").exists()


def test_what_is_only_to_be_looked_at_is_all_that_is_planned(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(planner, "plan", "Review the layer order", str(fleet)) == 0
    assert "--select DF108,DF109,DF110,DF113 " in capsys.readouterr().err


def test_a_role_takes_a_folder_as_every_command_does(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(analyst, "analyze", str(fleet)) == 0
    assert "score of the fleet" in capsys.readouterr().out
    assert (fleet / ".trimtab" / "runs").is_dir()


@pytest.mark.parametrize("words", ["Frobnicate " * 400, "Frobnicate\0"])
def test_words_that_can_be_no_folders_name_are_words(fleet: Path, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fleet)
    with pytest.raises(UsageError, match="This is not understood"):
        call(analyst, "analyze", words)


@pytest.mark.parametrize("more", [["--prompt", "Add health checks"], ["--offline"], ["--quick"]])
def test_a_run_goes_on_with_what_it_was_begun_with(fleet: Path, more: list[str]) -> None:
    commit(fleet)
    begun(fleet)
    with pytest.raises(UsageError, match=r"begun with other words: .*Add cache mounts"):
        call(workflow, "rapid", str(fleet), "--resume", "r1", "--auto", *more)


@pytest.mark.parametrize("path", ["api/requirements.txt", "new/Dockerfile"])
def test_what_is_not_committed_is_not_on_the_branch_and_nothing_begins(fleet: Path, path: str) -> None:
    commit(fleet)
    (fleet / "notes.txt").write_text("git has never had it, and trimtab does not read it\n")
    (fleet / path).parent.mkdir(exist_ok=True)
    (fleet / path).write_text("FROM python:3.12-slim\nRUN pip install six\n")
    with pytest.raises(UsageError, match="The branch begins at the last commit") as caught:
        call(workflow, "rapid", str(fleet), "--auto", "--prompt", "Add cache mounts.")
    assert "notes.txt" not in str(caught.value)
    assert not (fleet / ".trimtab" / "runs").exists()


@pytest.mark.parametrize("edited", ["api/Dockerfile", "README.md"])
def test_an_edit_is_not_committed_to_a_branch_as_what_a_rule_did_nor_proven_for_it(fleet: Path, edited: str) -> None:
    (fleet / "README.md").write_text("A fleet.\n")
    commit(fleet)
    (fleet / edited).write_text(FILES["api/Dockerfile"] + "ENV MINE=1\n")
    app = App(default_command=optimize)
    with pytest.raises(UsageError, match=f"The branch begins at the last commit, which has not what is in `{edited}`"):
        call(app, str(fleet), "--select", "DF101", "--branch", "new")


def test_a_run_whose_branch_is_gone_is_not_gone_on_with(fleet: Path) -> None:
    commit(fleet)
    folder = begun(fleet)
    report = Report(Role.IMPLEMENTER, Standing.DONE, "1 files are changed as proven")
    keep(Brief("r1", fleet, fleet, folder, understand("Add cache mounts."), folder / "policy.toml"), report)
    with pytest.raises(UsageError, match="The branch `trimtab/r1` is gone"):
        call(workflow, "rapid", str(fleet), "--resume", "r1", "--auto")


def test_a_run_is_gone_on_with_where_it_began(fleet: Path) -> None:
    commit(fleet)
    begun(fleet, commit="0123456789ab")
    with pytest.raises(UsageError, match="began at 0123456789ab, and"):
        call(workflow, "rapid", str(fleet), "--resume", "r1", "--auto")
