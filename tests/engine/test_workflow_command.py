"""`trimtab workflow` and the roles as a user calls them: a branch with what was proven, the user's tree as it was."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BASE = "localhost/trimtab/debian:bookworm"
Test = Callable[[Path], None]


def on_engine(test: Test) -> Test:
    """One at a time with the others that build: two cores carry one."""
    for mark in (pytest.mark.engine, pytest.mark.usefixtures("engine"), pytest.mark.xdist_group("proving")):
        test = mark(test)
    return test


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def mini(tmp_path: Path) -> Path:
    """A fleet of one service in a repository; it runs as root and has a file that only its context needs."""
    folder = tmp_path / f"mini{os.getpid()}"
    (folder / "api").mkdir(parents=True)
    (folder / "compose.yaml").write_text("services:\n  api:\n    build: api\n    command: [sleep, infinity]\n")
    (folder / "api/Dockerfile").write_text(f"FROM {BASE}\nCOPY main.txt /app/\n")
    (folder / "api/main.txt").write_text("one\n")
    git(folder, "init", "-q", "-b", "trunk")
    git(folder, "config", "user.name", "t")
    git(folder, "config", "user.email", "t@example.org")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def trimtab(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "trimtab", *words], cwd=folder, capture_output=True, text=True, check=False)


def index(folder: Path) -> dict[str, Any]:
    (found,) = folder.glob(".trimtab/runs/*/index.json")
    return json.loads(found.read_text())


@on_engine
def test_rapid_ends_with_what_is_proven_on_a_branch(mini: Path) -> None:
    words = ("workflow", "rapid", "--auto", "--quick", "--offline", "--prompt")
    done = trimtab(mini, *words, "Ensure all services use non-root users.")
    assert done.returncode == 0, done.stderr
    data = index(mini)
    assert data["good"] is True
    assert [each["role"] for each in data["reports"]] == ["planner", "implementer", "reviewer", "tester"]
    branch = data["branch"]
    assert "USER" in git(mini, "show", f"{branch}:api/Dockerfile")
    assert git(mini, "log", "--format=%s", f"trunk..{branch}").splitlines() == ["DF201: root user"]
    assert git(mini, "status", "--porcelain") == ""
    assert "USER" not in (mini / "api/Dockerfile").read_text()
    assert git(mini, "worktree", "list").count("\n") == 0
    images = subprocess.run(["docker", "images", "--format", "{{.Repository}}"], capture_output=True, text=True, check=True)
    assert data["run"] not in images.stdout
    again = trimtab(mini, "workflow", "rapid", "--auto", "--resume", data["run"])
    assert again.returncode == 0, again.stderr
    assert "trimtab optimize" not in again.stderr, "finished roles are not asked again"


def test_words_that_are_not_understood_write_nothing(mini: Path) -> None:
    done = trimtab(mini, "workflow", "full", "--auto", "--prompt", "Make it sing and dance.")
    assert done.returncode == 2
    assert "not understood" in done.stderr
    assert not (mini / ".trimtab").exists()
    assert git(mini, "branch", "--format=%(refname:short)") == "trunk"
    nobody = trimtab(mini, "workflow", "full", "--prompt", "Optimize everything.")
    assert nobody.returncode == 2
    assert "--auto" in nobody.stderr


def test_without_a_repository_there_is_no_branch(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    done = trimtab(tmp_path, "workflow", "rapid", "--auto", "--prompt", "Optimize everything.")
    assert done.returncode == 2
    assert "no git repository" in done.stderr
    assert not (tmp_path / ".trimtab").exists()


@on_engine
def test_an_interrupted_workflow_goes_on(mini: Path) -> None:
    argv = [sys.executable, "-m", "trimtab", "workflow", "rapid", "--auto", "--quick", "--offline"]
    argv += ["--prompt", "Ensure all services use non-root users."]
    with subprocess.Popen(argv, cwd=mini, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "trimtab optimize" in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(120) == 130
    assert "--resume" in rest
    (found,) = mini.glob(".trimtab/runs/*/workflow.json")
    done = trimtab(mini, "workflow", "rapid", "--auto", "--resume", found.parent.name)
    assert done.returncode == 0, done.stderr
    assert "trimtab plan" not in done.stderr
    assert index(mini)["good"] is True
    assert git(mini, "status", "--porcelain") == ""


@on_engine
def test_what_git_does_not_have_is_not_held_against_the_changes(mini: Path) -> None:
    """It is in the user's own tree, and neither on the branch nor in what the branch began with."""
    (mini / "compose.yaml").write_text("services:\n  api: {build: api, command: [sleep, infinity]}\n  web: {build: web}\n")
    (mini / "web").mkdir()
    (mini / "web/Dockerfile").write_text(f"FROM {BASE}\nCOPY made.js /app/\n")
    (mini / "web/made.js").write_text("1\n")
    (mini / ".gitignore").write_text("made.js\n")
    git(mini, "add", "-A")
    git(mini, "commit", "-q", "-m", "two")
    words = ("workflow", "rapid", "--auto", "--quick", "--offline", "--prompt", "Ensure all services use non-root users.")
    done = trimtab(mini, *words)
    report = next(each for each in index(mini)["reports"] if each["role"] == "tester")
    assert [each["what"] for each in report["left"]] == ["web"], done.stderr
    assert report["left"][0]["why"].startswith("builds neither before nor after")
    assert not list(mini.glob(".trimtab/runs/*/before"))


def test_no_engine_is_no_success(mini: Path) -> None:
    env = {**os.environ, "DOCKER_HOST": f"unix://{mini}/none.sock"}
    argv = [sys.executable, "-m", "trimtab", "workflow", "rapid", "--auto", "--offline", "--prompt", "Use non-root users."]
    started = time.monotonic()
    done = subprocess.run(argv, cwd=mini, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2, (done.stderr, time.monotonic() - started)
    data = index(mini)
    assert (data["good"], data["outcome"]) == (False, "stopped by the implementer")
    assert "No Docker engine answers" in json.dumps(data["reports"][-1])


@on_engine
def test_the_implementer_changes_the_files_that_are_named(mini: Path) -> None:
    done = trimtab(mini, "implementer", "refactor", "*/Dockerfile", "Use non-root users.", "--quick", "--format", "json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["standing"] == "done"
    assert "USER" in (mini / "api/Dockerfile").read_text()
    again = trimtab(mini, "implementer", "refactor", "*/Dockerfile", "Use non-root users.", "--quick", "--format", "json")
    assert json.loads(again.stdout)["standing"] == "unchanged"


def test_the_commands_of_a_plan(mini: Path) -> None:
    (mini / "deploy.sh").write_text("#!/bin/bash\ndocker compose down\ndocker compose up -d\n")
    found = trimtab(mini, "reviewer", "review", "--pattern", "**/Dockerfile*", "--format", "json", "--output", "found.json")
    assert found.returncode == 1
    assert {each["path"] for each in json.loads((mini / "found.json").read_text())["findings"]} == {"api/Dockerfile"}
    script = trimtab(mini, "reviewer", "review", "deploy.sh", "--format", "json")
    assert "SC102" in script.stdout
    score = trimtab(mini, "reviewer", "score", "--pattern", "**/Dockerfile*", "--format", "json")
    assert [each["path"] for each in json.loads(score.stdout)["files"]] == ["api/Dockerfile"]
    design = trimtab(mini, "architect", "design-system", "Design optimal resource allocation.", "--format", "json")
    assert "designed as proposals: resources" in json.loads(design.stdout)["said"]
    plan = trimtab(mini, "planner", "plan", "Create a parallel Docker build strategy.", "--format", "json")
    assert json.loads(plan.stdout)["standing"] == "done"
    scan = trimtab(mini, "ops", "security-scan", "--target", "api/", "--type", "secrets", "--no-images", "--format", "json")
    assert json.loads(scan.stdout)["schema"] == "trimtab.scan/1"
