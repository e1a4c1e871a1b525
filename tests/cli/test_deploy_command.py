"""Deploying from the command line, as far as it goes without an engine."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from trimtab.cli.app import run
from trimtab.deploy.outcome import Outcome, Result, ServiceOutcome
from trimtab.deploy.plan import Plan, Strategy
from trimtab.history import open_store
from trimtab.history.deployments import DeploymentRow, ServiceRow
from trimtab.report.deploy import result_view

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


def test_one_look_keeps_nothing_where_there_is_no_history(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["observe", "--once", "-q"]) == 2
    assert [path.name for path in project.iterdir()] == ["compose.yaml"]
    open_store(project).close()
    assert run(["observe", "--once", "-q"]) == 2
    assert (project / ".trimtab" / "history.db").is_file()


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (("a",), "every service that failed runs what it ran before"),
        (("",), "what failed is gone, and nothing ran before"),
        (("a", ""), "every service that failed runs what it ran before, or nothing where nothing did"),
    ],
)
def test_what_runs_in_the_place_of_what_failed(before: tuple[str, ...], said: str) -> None:
    """A first deployment that failed said that what had run before, which was nothing, ran on."""
    services = {
        str(number): ServiceOutcome(str(number), Strategy.SWAP, Outcome.ROLLED_BACK, "it ended with 0", before=each)
        for number, each in enumerate(before)
    }
    screen = Console(width=200)
    with screen.capture() as shown:
        screen.print(result_view(Result("1-x", Plan("shop", 1, "deploy"), services)))
    assert shown.get().rstrip().endswith(said)


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
