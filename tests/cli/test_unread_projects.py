"""Proposals for a fleet of which one compose file cannot be read: it is named, the others get theirs, and it is no success."""

import json
import subprocess
from pathlib import Path

import pytest

from trimtab.cli.app import run

GOOD = """\
services:
  api:
    image: python:3.12-slim
    depends_on: {db: {condition: service_healthy}}
  db:
    image: postgres:16
    healthcheck: {test: [CMD, pg_isready], interval: 30s, start_period: 30s}
"""


def commit(folder: Path) -> None:
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)


@pytest.mark.parametrize("command", ["startup", "networks", "resources"])
@pytest.mark.parametrize("broken", ["services: {a: [\n", "services:\n\t- x\n", "\0"])
def test_a_file_that_cannot_be_read_is_no_project_without_services(
    command: str, broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "compose.yaml").write_text(GOOD)
    (tmp_path / "compose.yaml").write_text(broken)
    assert run([command, str(tmp_path), "--format", "json"]) == 2
    said = capsys.readouterr()
    assert "`compose.yaml`, line" in said.err
    assert "its services are left out" in said.err
    projects = json.loads(said.out)["projects"]
    assert [each["files"] for each in projects] == [["good/compose.yaml"]]


@pytest.mark.parametrize("command", ["startup", "networks", "resources"])
def test_a_file_that_is_named_is_meant_and_no_other(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "compose.yaml").write_text(GOOD)
    (tmp_path / "docker-compose.other.yml").write_text(GOOD)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/compose.yaml").write_text("services: {a: [\n")
    assert run([command, str(tmp_path / "compose.yaml"), "--format", "json"]) in {0, 1}
    said = capsys.readouterr()
    assert [each["files"] for each in json.loads(said.out)["projects"]] == [["compose.yaml"]]
    assert "broken" not in said.err


def test_only_the_file_that_is_named_is_written(tmp_path: Path) -> None:
    for name in ("compose.yaml", "docker-compose.other.yml"):
        (tmp_path / name).write_text(GOOD)
    assert run(["resources", str(tmp_path / "compose.yaml"), "--apply"]) == 0
    assert "limits" in (tmp_path / "compose.yaml").read_text()
    assert (tmp_path / "docker-compose.other.yml").read_text() == GOOD


@pytest.mark.parametrize(
    "command", ["bake", "ci --dry-run", "scripts --dry-run", "build --changed --explain", "ci --plan", "plan"]
)
def test_what_is_made_from_the_rest_says_what_is_left_out(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "compose.yaml").write_text("services: {api: {build: .}}\n")
    (tmp_path / "good" / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "compose.yaml").write_text("services: {a: [\n")
    commit(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run(command.split()) == 1
    assert "`compose.yaml`, line" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["bake", "build --changed --explain"])
def test_a_project_that_was_not_named_is_not_missed(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "compose.yaml").write_text("services: {a: [\n")
    (tmp_path / "compose.yaml").write_text("services: {api: {build: .}}\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    commit(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run([*command.split(), "compose.yaml"]) == 0
    assert "left out" not in capsys.readouterr().err
    assert run([*command.split(), "other/compose.yaml", "compose.yaml"]) == 1
    assert "`other/compose.yaml`, line" in capsys.readouterr().err
