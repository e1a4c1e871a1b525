"""Choosing rules, accepting findings, asking before changes, and the formats of other tools."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from trimtab.cli.app import run

BAD = 'FROM python:3.12-slim\nRUN pip install six\nADD a.txt /\nUSER 1000\nCMD ["python"]\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Dockerfile").write_text(BAD)
    (tmp_path / "a.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def codes(capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    assert run(["review", "--offline", "--format", "json", *options]) in {0, 1}
    return [each["rule"] for each in json.loads(capsys.readouterr().out)["findings"]]


def test_rules_are_chosen_by_code_name_alias_and_beginning(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert codes(capsys) == ["DF101", "DF012"]
    assert codes(capsys, "--select", "DL3020") == ["DF012"]
    assert codes(capsys, "--select", "add-for-local-file,DF1") == ["DF101", "DF012"]
    assert codes(capsys, "--ignore", "missing-cache-mount") == ["DF012"]
    assert codes(capsys, "--extend-select", "DF213") == ["DF101", "DF213", "DF012"]


def test_an_unknown_rule_is_named_with_the_nearest(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", "--select", "add-local-file"]) == 2
    assert "add-for-local-file" in capsys.readouterr().err.replace("\n", " ")


def test_configuration_by_path(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "trimtab.toml").write_text(
        'extend-select = ["DF213"]\nseverity = {DF101 = "info"}\n[[path]]\nmatch = "sub/**"\nignore = ["DL3020"]\n'
        'severity = {DF101 = "critical"}\n'
    )
    (project / "sub").mkdir()
    (project / "sub" / "Dockerfile").write_text(BAD)
    (project / "sub" / "a.txt").write_text("")
    assert run(["review", "--offline", "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    severities = {(each["path"], each["rule"]): each["severity"] for each in found}
    assert severities == {
        ("Dockerfile", "DF012"): "low",
        ("Dockerfile", "DF101"): "info",
        ("Dockerfile", "DF213"): "info",
        ("sub/Dockerfile", "DF101"): "critical",
        ("sub/Dockerfile", "DF213"): "info",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [("severity = {DF999 = 'low'}\n", "There is no rule `DF999`"), ("severity = {DF101 = 'bad'}\n", "severity.DF101")],
)
def test_wrong_severities(project: Path, capsys: pytest.CaptureFixture[str], text: str, message: str) -> None:
    (project / "trimtab.toml").write_text(text)
    assert run(["review"]) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize(
    "mark",
    ["# trimtab: ignore[DL3020] on purpose", "# trimtab: ignore[add-for-local-file]", "# hadolint ignore=DL3020,DL3008"],
)
def test_suppression_by_the_names_people_know(project: Path, capsys: pytest.CaptureFixture[str], mark: str) -> None:
    (project / "Dockerfile").write_text(BAD.replace("ADD", f"{mark}\nADD"))
    assert codes(capsys) == ["DF101"]


def test_suppression_by_a_check_directive(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "Dockerfile").write_text("# check=skip=JSONArgsRecommended;error=true\nFROM a:1\nUSER 1\nCMD python a.py\n")
    assert codes(capsys) == []


def test_suppression_in_other_files(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compose = "services:\n  a:\n    image: a\n    # trimtab: ignore[CM202] it drives the network\n    privileged: true\n"
    (project / "compose.yaml").write_text(compose)
    assert codes(capsys, "--select", "CM2", "--ignore", "CM204,CM205,CM206") == []
    (project / "compose.yaml").write_text(compose.replace("ignore[CM202]", "ignore[CM201]"))
    assert codes(capsys, "--select", "CM2", "--ignore", "CM204,CM205,CM206") == ["CM202"]


def test_baseline_keeps_old_findings_quiet_and_new_ones_loud(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", "--baseline"]) == 2
    assert "--write-baseline" in capsys.readouterr().err
    assert run(["review", "--offline", "--write-baseline"]) == 0
    assert codes(capsys, "--baseline") == []
    moved = BAD.replace("RUN pip install six", "ENV A=b\nRUN pip install six flask")
    (project / "Dockerfile").write_text(moved)
    assert codes(capsys, "--baseline") == []
    (project / "Dockerfile").write_text(moved + "RUN pip install more\n")
    assert codes(capsys, "--baseline") == ["DF101"]


@pytest.mark.parametrize("text", ["nonsense", '{"schema": "other"}', "[]"])
def test_a_broken_baseline_is_refused(project: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    (project / "trimtab-baseline.json").write_text(text)
    assert run(["review", "--baseline"]) == 2
    assert "trimtab-baseline.json" in capsys.readouterr().err.replace("\n", "")


def test_sarif(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", "--offline", "--format", "sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    (one,) = log["runs"]
    assert (log["version"], one["tool"]["driver"]["name"]) == ("2.1.0", "trimtab")
    rules = [rule["id"] for rule in one["tool"]["driver"]["rules"]]
    assert [rules[each["ruleIndex"]] for each in one["results"]] == [each["ruleId"] for each in one["results"]]
    place = one["results"][0]["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("Dockerfile", 2)
    assert len({each["partialFingerprints"]["trimtab/v1"] for each in one["results"]}) == len(one["results"])


def test_github_and_markdown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", "--offline", "--format", "github"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("::notice file=Dockerfile,line=3,endLine=3,title=DF012 add-for-local-file::ADD copies")
    assert run(["review", "--offline", "--format", "markdown"]) == 1
    assert "| 3 | low | DF012 add-for-local-file |" in capsys.readouterr().out


def test_other_commands_have_no_such_format(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["score", "--offline", "--format", "sarif"]) == 2
    assert "it has text, json" in capsys.readouterr().err


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What somebody at a terminal will say, in order."""
    given: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _="": given.pop(0))
    yield given
    assert given == []


@pytest.mark.parametrize(
    ("said", "copied", "mounted"),
    [("ny", True, False), ("yn", False, True), ("a", True, True), ("q", False, False), ("x?y", False, False)],
)
def test_interactive(project: Path, answers: list[str], said: str, copied: bool, mounted: bool) -> None:
    answers += list(said) if said != "x?y" else ["what", "n", "n"]
    assert run(["fix", "--offline", "--interactive", "--allow-dirty"]) == 0
    text = (project / "Dockerfile").read_text()
    assert ("COPY a.txt" in text, "--mount" in text) == (copied, mounted)


def test_interactive_needs_a_terminal(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fix", "--interactive"]) == 2
    assert "terminal" in capsys.readouterr().err
    assert (project / "Dockerfile").read_text() == BAD


def test_fixes_of_ignore_files_are_written_moved_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "svc").mkdir()
    (tmp_path / "compose.yaml").write_text("services: {a: {build: {context: ., dockerfile: svc/Dockerfile}}}\n")
    (tmp_path / "svc" / "Dockerfile").write_text('FROM python:3.12\nCOPY svc/ /a\nUSER 1000\nCMD ["python", "/a/m.py"]\n')
    (tmp_path / "svc" / "m.py").write_text("")
    (tmp_path / "svc" / ".dockerignore").write_text("*.log\n")
    assert run(["fix", str(tmp_path), "--offline", "--dry-run", "--diff", "--unsafe", "--select", "CX103"]) == 0
    shown = capsys.readouterr().out
    assert "/dev/null" in shown
    assert "+svc/*.log" in shown
    assert (tmp_path / "svc" / ".dockerignore").exists()
    assert run(["fix", str(tmp_path), "--offline", "--unsafe", "--select", "CX103"]) == 0
    assert not (tmp_path / "svc" / ".dockerignore").exists()
    assert (tmp_path / "svc" / "Dockerfile.dockerignore").read_text() == "svc/*.log\n"
    capsys.readouterr()
    assert run(["fix", str(tmp_path), "--offline", "--unsafe", "--dry-run", "--format", "json", "--select", "CX"]) == 0
    assert not [each for each in json.loads(capsys.readouterr().out)["files"] if each["applied"]]


def test_bases_says_what_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Dockerfile").write_text("FROM node:24-slim\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci\n")
    (tmp_path / "package.json").write_text("{}")
    packages = {"": {}, "node_modules/x-linux-x64-gnu": {"version": "1.2.3"}}
    (tmp_path / "package-lock.json").write_text(json.dumps({"lockfileVersion": 3, "packages": packages}))
    assert run(["bases", str(tmp_path), "--format", "json", "--offline"]) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert (file["alpine"]["answer"], file["slim"]["answer"], file["proposal"]) == ("no", "yes", "node:24-slim")
    assert run(["bases", str(tmp_path), "--offline"]) == 0
    assert "`x` 1.2.3 has no build for musl" in capsys.readouterr().out


def test_bases_without_an_answer_is_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "Dockerfile").write_text("FROM python:3.12-slim\nRUN pip install six\n")
    assert run(["bases", str(tmp_path), "--offline"]) == 2
    assert "unknown" in capsys.readouterr().out


def test_review_says_what_each_build_sends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a:1\nCOPY sub /sub\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x").write_text("12345")
    (tmp_path / "y").write_text("not copied")
    run(["review", str(tmp_path), "--format", "json"])
    (context,) = json.loads(capsys.readouterr().out)["contexts"]
    assert (context["bytes"], context["files"], context["heaviest"]) == (5, 1, [{"path": "sub", "bytes": 5}])


def test_a_plan_has_what_is_chosen_and_no_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = "db: {image: 'postgres:16'}"
    others = ", ".join(f"s{number}: {{build: .{', depends_on: [db]' if number < 2 else ''}}}" for number in range(5))
    (tmp_path / "compose.yaml").write_text(f"services: {{{store}, {others}}}\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/compose.yaml").write_text("services: {one: {image: nginx}}\n")
    (tmp_path / "Dockerfile").write_text('FROM debian:12\nCOPY . /app\nCMD ["sleep", "1"]\n')

    def titles(*words: str) -> list[str]:
        run(["plan", *words, "--offline", "--format", "json"])
        return [batch["title"] for batch in json.loads(capsys.readouterr().out)["batches"]]

    every = titles(str(tmp_path))
    assert {"sizes in compose.yaml", "sizes in other/compose.yaml", "networks of compose.yaml"} <= set(every)
    assert titles(str(tmp_path), "--select", "CM509,SC103") == []
    assert titles(str(tmp_path), "--select", "CM301") == ["networks of compose.yaml"]
    assert titles(str(tmp_path / "compose.yaml"), "--select", "CM101") == ["sizes in compose.yaml"]


def test_a_review_counts_the_files_that_it_looked_at(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "compose.yaml").write_text("services: {one: {build: .}}\n")
    run(["review", "--offline"])
    assert " in 2 files, " in capsys.readouterr().out
    run(["review", "compose.yaml", "--offline"])
    assert " in 1 file, " in capsys.readouterr().out
