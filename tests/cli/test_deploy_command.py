"""Deploying from the command line, as far as it goes without an engine."""

import json
from pathlib import Path

import pytest

from trimtab.cli.app import run
from trimtab.history import open_store
from trimtab.history.deployments import DeploymentRow, ServiceRow

COMPOSE = "services:\n  web: {image: a}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    return tmp_path


@pytest.mark.parametrize("words", [["deploy"], ["deploy", "--dry-run"], ["rollback"], ["status"], ["status", "--project", "x"]])
def test_no_engine_is_two(project: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words, "-q"]) == 2
    assert "Docker engine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "There is no compose project below"),
        ({"a/compose.yaml": COMPOSE, "b/compose.yaml": COMPOSE}, "Name the files of one."),
    ],
)
def test_which_project_is_meant(
    tmp_path: Path, files: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert run(["deploy", str(tmp_path)]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("table", ["retain = 0", "on-failure = 'never'", "holders = ['web']", "drain = -1"])
def test_wrong_settings_are_told(project: Path, table: str, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "trimtab.toml").write_text(f"[deploy]\n{table}\n")
    assert run(["deploy"]) == 2
    assert "deploy." in capsys.readouterr().err


def row(revision: int, outcome: str | None, kind: str = "deploy") -> DeploymentRow:
    return DeploymentRow(
        f"{revision}-x", "shop", revision, kind, f"2026-01-0{revision}T00:00:00", 4.0 * revision, None, 1, "ended", outcome, "", {}
    )  # fmt: skip


def test_history_of_deployments(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store(project)
    for each in (row(1, "done"), row(2, "rolled-back"), row(3, "done", "rollback"), row(4, None)):
        store.deployments.begin(each)
    for revision, outcome in ((1, "deployed"), (2, "rolled-back")):
        made = ServiceRow(f"{revision}-x", "web", "swap", "a", "b", outcome, "it ended with 3", passed=revision == 1)
        store.deployments.service(made)
        store.deployments.service(ServiceRow(f"{revision}-x", "worker", "swap", "a", "b", outcome, "it ended with 3"))
    number = store.deployments.intend("2-x", "web", "stop the one before", "forward", "")
    store.deployments.done("2-x", number, 0.5)
    store.deployments.intend("2-x", "web", "start the new one", "forward", "")
    store.close()
    assert run(["history", "deployments", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["count"], data["success_rate"], data["rollback_rate"]) == (2, 0.5, 0.5)
    assert (data["rollbacks_asked_for"], data["health_pass_rate"], data["median_seconds"]) == (1, 0.5, 4.0)
    assert [each["outcome"] for each in data["deployments"]] == [None, "done", "rolled-back", "done"]
    assert run(["history", "deployment", "2"]) == 0
    told = capsys.readouterr().out
    assert "not known to have ended" in told
    assert "it ended with 3" in told
    assert run(["history", "deployment", "9"]) == 2
