"""`trimtab build`, `bake` and `history` as a user meets them where nothing is built."""

import json
import subprocess
from pathlib import Path

import pytest

from trimtab.cli.app import run
from trimtab.cli.build import How
from trimtab.history import COMPARED, BuildRow, FleetBuildRow, StepRow, open_store

COMPOSE = "services:\n  a: {build: a}\n  b: {build: b}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text("FROM scratch\nCOPY x /x\n")
        (tmp_path / name / "x").write_text("1")
    monkeypatch.chdir(tmp_path)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    return tmp_path


def test_explain_says_who_is_in_and_why(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "a" / "x").write_text("2")
    assert run(["build", "--changed", "--explain", "--format", "json", "-q"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data == {"schema": "trimtab.affected/1", "targets": {"a": ["COPY x: `x` changed"], "b": []}}
    assert run(["build", "--changed", "--explain"]) == 0
    printed = capsys.readouterr()
    assert "left out" in printed.out
    assert "1 of 2 targets are affected" in printed.err


def test_a_target_of_a_bake_file_that_cannot_be_read_is_told_and_no_success(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = 'target "c" {\n context = "a"\n args = { X = upper("y") }\n}\ntarget "d" {\n context = "b"\n args = { Y = "1" }\n}\n'
    (project / "docker-bake.hcl").write_text(text)
    assert run(["build", "--changed", "--explain", "--format", "json"]) == 1
    printed = capsys.readouterr()
    assert set(json.loads(printed.out)["targets"]) == {"a", "b", "d"}
    assert "target `c` has `${upper" in " ".join(printed.err.split())
    (project / "docker-bake.hcl").write_text("target {{{")
    assert run(["bake"]) == 1
    assert "docker-bake.hcl" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["build", "--explain"], "pass --since REF"),
        (["build", "--since", "x", "--changed"], "pass one of them"),
        (["build", "--since", "nothing"], "knows no revision `nothing`"),
        (["build", "--service", "z"], "nothing is built for `z`; there are a, b"),
        (["build", "--jobs", "-3"], "`--jobs -3` is none"),
        (["build", "empty"], "There is nothing to build"),
        (["bake", "empty"], "There is nothing to build"),
        (["history", "show"], "There is no history of builds yet. `trimtab build` makes one."),
        (["history", "trend", "z"], "no builds of `z`"),
        (["history", "builds", "missing"], "is no folder"),
        (["history", "compare", "x", "y"], "There is no history of builds yet"),
    ],
)
def test_what_cannot_be_done_is_two_with_a_next_step(
    project: Path, capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    (project / "empty").mkdir()
    assert run(argv) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_platforms_may_be_said_with_commas() -> None:
    how = How(platform=("linux/amd64,linux/arm64", "linux/386"))
    assert how.platforms == ("linux/amd64", "linux/arm64", "linux/386")


def test_no_engine_is_two(project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{project}/nobody.sock")
    assert run(["build", "-q"]) == 2
    assert "Docker engine" in capsys.readouterr().err


def test_bake_prints_a_file_and_says_what_is_left_out(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "tools").mkdir()
    (project / "tools" / "Dockerfile").write_text("FROM scratch\n")
    assert run(["bake", "--print"]) == 0
    printed = capsys.readouterr()
    assert list(json.loads(printed.out)["target"]) == ["a", "b"]
    assert "tools/Dockerfile" in printed.err
    assert run(["bake", "--output", str(project / "docker-bake.json"), "-q"]) == 0
    assert json.loads((project / "docker-bake.json").read_text())["target"]["a"]["context"] == "a"


def ledger(project: Path, *seconds: float) -> None:
    store = open_store(project)
    for number, value in enumerate(seconds):
        started = f"2026-01-01T00:0{number}:00+00:00"
        store.ledger.begin(FleetBuildRow(f"run{number}", started, value, 1, 2, "abc", "default", 1, value, value, None, "done"))
        steps = (StepRow("RUN make", "RUN", False, 0.1, value),)
        store.ledger.add(
            BuildRow(f"run{number}", "a", "a", "default", "abc", started, 0.0, value, value, "built", cacheable=2, cached=1,
                     missed="RUN make", cause="the Dockerfile changed", image_bytes=1000, steps=steps)
        )  # fmt: skip
    store.close()


def test_history_of_builds(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "builds"]) == 0
    assert "nothing is in the ledger yet" in " ".join(capsys.readouterr().out.split())
    ledger(project, 10, 10, 11)
    assert run(["history", "builds", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [row["run"] for row in data["runs"]] == ["run2", "run1", "run0"]
    assert data["targets"][0]["mean_seconds"] == pytest.approx(31 / 3)
    assert run(["history", "show", "run1", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["builds"][0]["steps"][0]["name"] == "RUN make"
    assert run(["history", "compare", "run0", "run2", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["targets"][0]["seconds"] == [10, 11]
    for words in (["show"], ["compare", "run0"], ["trend", "a"]):
        assert run(["history", *words]) == 0
        assert "a" in capsys.readouterr().out


def test_two_runs_are_held_against_each_other_with_what_only_one_of_them_built(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger(project, 10, 11)
    assert run(["history", "compare", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["targets"][0]["seconds"] == [10, 11]
    assert run(["history", "compare", "previous", "run0"]) == 2
    assert "no run before `run0`" in " ".join(capsys.readouterr().err.split())
    store = open_store(project)
    started = "2026-01-02T00:00:00+00:00"
    store.ledger.begin(FleetBuildRow("run9", started, 1, 1, 2, "abc", "default", 1, 1, 1, None, "failed"))
    store.ledger.add(BuildRow("run9", "b", "b", "default", "abc", started, 0.0, 1, 1, "failed"))
    store.close()
    assert run(["history", "compare"]) == 0
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert shown[1:] == ["b – → failed", "a built → –"]
    assert run(["history", "compare", "--format", "json"]) == 0
    targets = json.loads(capsys.readouterr().out)["targets"]
    assert [(each["target"], each["outcome"]) for each in targets] == [("b", [None, "failed"]), ("a", ["built", None])]


@pytest.mark.parametrize("limit", ["1", "2", "4", "30", "1000"])
def test_how_many_are_listed_does_not_decide_what_is_worse(
    project: Path, limit: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    ledger(project, 10, 10, 10, 40)
    assert run(["history", "trend", "a", "--limit", limit, "--format", "json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (len(data["builds"]), len(data["worse"])) == (min(int(limit), 4), 1)


@pytest.mark.parametrize("limit", ["30", "1000"])
def test_builds_that_are_too_old_to_be_compared_are_so_in_a_long_list(
    project: Path, limit: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    store = open_store(project)
    try:
        for number in range(COMPARED + 5):
            old, started = number < 5, f"2026-01-01T01:{number:02}:00+00:00"
            seconds, missed = (1.0, "RUN test") if old else (40.0, "RUN test" if number == COMPARED + 4 else "RUN make")
            row = BuildRow(f"run{number}", "a", "a", "default", "abc", started, 0.0, seconds, seconds, "built", missed=missed)
            store.ledger.begin(FleetBuildRow(row.run, started, seconds, 1, 2, "abc", "default", 1))
            store.ledger.add(row)
    finally:
        store.close()
    assert run(["history", "trend", "a", "--limit", limit]) == 0, capsys.readouterr().out


def test_what_became_worse_is_one(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger(project, 10, 10, 10, 40)
    assert run(["history", "trend", "a"]) == 1
    assert "worse than before: took 40.0 s" in capsys.readouterr().out
    assert run(["history", "builds"]) == 1
