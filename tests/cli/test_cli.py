"""The command line as a user meets it: output, exit codes, and bad input of every kind."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trimtab.cli.app import run
from trimtab.errors import ToolError

BAD = 'FROM python:3.12-slim\nCOPY . .\nRUN pip install --no-cache-dir -r requirements.txt\nCMD ["python"]\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Dockerfile").write_text(BAD)
    (tmp_path / "requirements.txt").write_text("six\n")
    (tmp_path / "main.py").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def test_review_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", "--format", "json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "trimtab.review/1"
    assert set(data["scores"]) == {"security", "maintainability", "caching", "size", "reliability"}
    finding = next(each for each in data["findings"] if each["rule"] == "DF110")
    assert (finding["path"], finding["line"], finding["fix"]["applicability"]) == ("Dockerfile", 2, "safe")
    assert data["files"][0]["kind"] == "dockerfile"
    assert data["errors"] == []


def test_review_clean_is_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY a /\nUSER 1\n")
    (tmp_path / "a").write_text("")
    assert run(["review", str(tmp_path)]) == 0
    assert "0 findings" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["review", "fix", "score", "plan"])
def test_a_file_that_nothing_looks_into_is_not_clean(project: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    (project / "tidy.sh").write_text("echo tidy\n")
    assert run([command, "main.py", "tidy.sh"]) == 2
    assert "nothing to check in `main.py`, `tidy.sh`" in " ".join(capsys.readouterr().err.split())
    assert (project / "Dockerfile").read_text() == BAD


def test_a_scan_goes_by_the_tree_and_not_by_what_rules_look_into(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scan", "main.py", "--type", "secrets", "--no-images", "--offline"]) == 0
    assert "nothing to check" not in capsys.readouterr().err


def test_what_a_pattern_takes_along_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", "Dockerfile", "main.py", "requirements.txt"]) == 1
    told = capsys.readouterr()
    assert "there is nothing to check in `main.py`:" in " ".join(told.err.split())
    assert "requirements.txt" not in told.err


def test_review_of_one_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "sub").mkdir()
    (project / "sub" / "Dockerfile").write_text(BAD)
    assert run(["review", "sub/Dockerfile", "--format", "json"]) == 1
    assert {each["path"] for each in json.loads(capsys.readouterr().out)["findings"]} == {"sub/Dockerfile"}


def test_score_explains_every_point(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["score", "--format", "json"]) == 0
    file = json.loads(capsys.readouterr().out)["files"][0]
    assert sum(each["points"] for each in file["deductions"]) == pytest.approx(100 - file["score"], abs=0.1)


def test_fix_writes_and_is_done_the_second_time(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fix"]) == 0
    text = (project / "Dockerfile").read_text()
    assert text.index("pip install") < text.index("COPY . .")
    assert "--mount=type=cache" in text
    capsys.readouterr()
    assert run(["fix", "--format", "json"]) == 0
    assert not any(each["changed"] for each in json.loads(capsys.readouterr().out)["files"])


def test_fix_changes_nothing_that_it_could_not_show(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fix", "--format", "sarif"]) == 2
    assert "has no format `sarif`" in capsys.readouterr().err
    assert (project / "Dockerfile").read_text() == BAD


def test_fix_dry_run_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fix", "--dry-run", "--diff"]) == 0
    assert (project / "Dockerfile").read_text() == BAD
    assert "would fix" in capsys.readouterr().out


def test_fix_respects_uncommitted_changes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(project, "init")
    git(project, "add", ".")
    git(project, "commit", "-m", "x")
    (project / "Dockerfile").write_text(BAD + "LABEL a=b\n")
    assert run(["fix"]) == 2
    assert "uncommitted changes" in capsys.readouterr().err
    assert (project / "Dockerfile").read_text() == BAD + "LABEL a=b\n"
    assert run(["fix", "--allow-dirty"]) == 0
    assert "--mount" in (project / "Dockerfile").read_text()


def test_rule_page_and_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rule", "df104"]) == 0
    assert "defeated-cache-mount" in capsys.readouterr().out
    assert run(["rule", "--format", "json"]) == 0
    assert "DF104" in {each["code"] for each in json.loads(capsys.readouterr().out)["rules"]}
    assert run(["rule", "defeated-cache-mound"]) == 2
    assert "Did you mean `defeated-cache-mount`" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["review", "/no/such/folder"], "does not exist"),
        (["review", "--nonsense"], "Unknown option"),
        (["nonsense"], "nonsense"),
        (["review", "--format", "xml"], "xml"),
        (["review", ".", ".."], "Name one folder"),
        (["review", "--output", "/no/such/folder/x"], "cannot be written"),
        (["review", "--config", "gone.toml"], "does not exist"),
    ],
)
def test_usage_errors_are_two(project: Path, capsys: pytest.CaptureFixture[str], argv: list[str], message: str) -> None:
    assert run(argv) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("selct = ['DF101']", "nearest known one is `select`"),
        ("select = ['DF000']", "There is no rule"),
        ("repeats = 'many'", "repeats"),
        ("[[[", "cannot be read"),
    ],
)
def test_configuration_errors(project: Path, capsys: pytest.CaptureFixture[str], text: str, message: str) -> None:
    (project / "trimtab.toml").write_text(text)
    assert run(["review"]) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")


def test_configuration_selects(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text("[tool.trimtab]\nselect = ['DF110']\n")
    assert run(["review", "--format", "json"]) == 1
    assert {each["rule"] for each in json.loads(capsys.readouterr().out)["findings"]} == {"DF110"}


def test_one_broken_file_never_hides_the_others(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, data in {
        "a": b"FROM a\0",
        "b": b"\xff\xfeF\0",
        "c": b"HELLO\n",
        "d": b"",
        "e": b"FROM x\nRUN \xff\xfe\n",
    }.items():
        (project / name).mkdir()
        (project / name / "Dockerfile").write_bytes(data)
    (project / "loop").symlink_to(project)
    (project / "compose.yaml").write_text("services: [\n")
    assert run(["review", "--format", "json"]) == 2
    data = json.loads(capsys.readouterr().out)
    assert {each["path"] for each in data["errors"]} == {"a/Dockerfile", "b/Dockerfile"}
    broken = {each["path"] for each in data["findings"] if each["rule"] == "FL001"}
    assert broken == {"c/Dockerfile", "d/Dockerfile", "compose.yaml"}
    assert "DF110" in {each["rule"] for each in data["findings"] if each["path"] == "Dockerfile"}


@pytest.fixture
def as_nobody(tmp_path: Path) -> Iterator[None]:
    """Without root's right to read everything, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_no_permission_is_said_and_nothing_lost(
    project: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    (project / "Dockerfile").chmod(0o000)
    request.getfixturevalue("as_nobody")
    assert run(["review"]) == 2
    assert "could not check" in capsys.readouterr().out


def test_fix_in_a_read_only_folder(project: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> None:
    (project / "Dockerfile").chmod(0o644)
    project.chmod(0o555)
    request.getfixturevalue("as_nobody")
    assert run(["fix"]) == 2
    assert "unchanged" in capsys.readouterr().err
    assert (project / "Dockerfile").read_text() == BAD


def test_our_own_bug_is_three_with_a_log(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from trimtab.cli import review

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(review, "reviewed", broken)
    assert run(["review"]) == 3
    path = capsys.readouterr().err.replace("\n", "").split("Details are in ")[1].strip()
    assert "ZeroDivisionError" in Path(path).read_text()


def test_a_reader_that_leaves_is_no_error(project: Path) -> None:
    command = f"{sys.executable} -m trimtab rule --format json | head -c 10; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("0\n")
    assert "Traceback" not in done.stderr


def test_optimize_without_an_engine(project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert run(["optimize"]) == 2
    assert "Docker" in capsys.readouterr().err
    assert (project / "Dockerfile").read_text() == BAD
    assert run(["doctor"]) == 2
    assert "no  engine" in capsys.readouterr().out


def test_plans_of_compose_projects(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Start-up, sizes, networks and the plan of all: what they print, write and say by their exit code."""
    (tmp_path / "compose.yaml").write_text(
        "services:\n  db:\n    image: postgres:16 # main\n    healthcheck: {test: [CMD, a], start_period: 30s}\n"
        "  api:\n    image: acme/api:1\n    environment: {DB: 'postgres://u@db/x'}\n"
        "    depends_on: {db: {condition: service_healthy}}\n  other:\n    image: acme/other:1\n"
    )
    page = tmp_path / "page.html"
    assert run(["startup", str(tmp_path), "--format", "json", "--page", str(page)]) == 1
    (project,) = json.loads(capsys.readouterr().out)["projects"]
    assert project["critical_path"] == ["db", "api"]
    assert project["predicted"]["after"] < project["predicted"]["before"]
    assert "db → api" in page.read_text()
    assert run(["startup", str(tmp_path), "--boot", "db=soon"]) == 2
    assert "--boot db=3.5" in capsys.readouterr().err.replace("\n", " ")
    assert run(["plan", str(tmp_path), "--format", "markdown"]) == 1
    assert "`trimtab networks --prove --apply`" in capsys.readouterr().out
    for command in ("startup", "resources", "networks"):
        assert run([command, str(tmp_path), "--apply", "--quiet"]) == 0, capsys.readouterr()
    text = (tmp_path / "compose.yaml").read_text()
    assert "start_interval: 1s" in text
    assert "- db-users" in text
    assert "memory: 512M" in text
    assert "postgres:16 # main" in text
    for command in ("startup", "resources", "networks"):
        assert run([command, str(tmp_path), "--quiet"]) == 0, command
    assert run(["bases", str(tmp_path), "--share", "--apply"]) == 2
    assert "--prove" in capsys.readouterr().err


def test_what_fails_among_work_done_side_by_side_is_told_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object, **__: object) -> int:
        raise ExceptionGroup("a group", [ExceptionGroup("another", [ToolError("`x` [bold]is[/bold] missing")])])

    monkeypatch.setattr("trimtab.cli.app.app", failing)
    assert run(["doctor"]) == 2
    assert "error: `x` [bold]is[/bold] missing" in capsys.readouterr().err


def test_a_folder_of_nothing_has_no_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("review", "score"):
        assert run([command, str(tmp_path)]) == 0
        told = capsys.readouterr().out
        assert "nothing was found to review" in told
        assert "100" not in told
