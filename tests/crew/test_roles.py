"""What each role says of its steps: nothing that they do not show, and never success over a failure."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest
from played import RESULTS, Stage, brief_of

from trimtab.crew.model import Left, Report, Role, Standing
from trimtab.crew.render import left_lines, report_markdown, value
from trimtab.crew.results import keep, report_of
from trimtab.crew.roles import WORKERS

ALL = "Optimize everything."
Results = Mapping[str, Mapping[str, object]]


def played(stage: Stage) -> Report:
    return anyio.run(WORKERS[stage.role], stage.brief, stage.do)


def steps_of(role: Role, folder: Path) -> list[str]:
    stage = Stage(brief_of(folder, ALL), role)
    played(stage)
    return stage.names


@pytest.mark.parametrize("role", list(Role))
def test_a_role_whose_steps_all_work_is_good(role: Role, tmp_path: Path) -> None:
    report = played(Stage(brief_of(tmp_path, ALL), role))
    assert report.standing.is_good, report
    assert report.role is role
    assert not report.halts


@pytest.mark.parametrize("how", ["could not run", "bug", "no result", "killed"])
@pytest.mark.parametrize("role", list(Role))
def test_no_role_reports_success_over_a_step_that_failed(role: Role, how: str, tmp_path: Path) -> None:
    optional = {"deployment", "start"}
    for name in steps_of(role, tmp_path):
        stage = Stage(brief_of(tmp_path, ALL), role)
        stage.codes[name] = {"could not run": 2, "bug": 3, "no result": 0, "killed": 3}[how]
        stage.silent = {name}
        report = played(stage)
        told = report_markdown(report)
        assert any(each.what == name for each in report.left), (role, name, report)
        if name in optional:
            continue
        assert not report.standing.is_good, (role, name, report)
        assert "could not run" in report.said
        assert f"# {role}: done" not in told
        assert f"{name}: `trimtab" in told


@pytest.mark.parametrize("role", list(Role))
def test_every_claim_is_what_its_source_says(role: Role, tmp_path: Path) -> None:
    brief = brief_of(tmp_path, ALL)
    report = played(Stage(brief, role))
    for claim in [*report.claims, *(each.earlier for each in report.claims if each.earlier)]:
        data = json.loads((brief.folder / claim.file).read_text())
        assert claim.reading.of(data) == claim.value, claim


@pytest.mark.parametrize("role", list(Role))
def test_what_a_step_has_left_outlives_the_report(role: Role, tmp_path: Path) -> None:
    """The ledger has the digest of each result: nothing may be written over it."""
    stage = Stage(brief_of(tmp_path, ALL), role)
    keep(stage.brief, played(stage))
    for step in stage.asked:
        assert json.loads((stage.brief.role_folder(role) / step.file).read_text()) == RESULTS[step.name], step
    assert len({step.file for step in stage.asked}) == len(stage.asked)


def test_a_result_with_a_gap_is_not_good_either(tmp_path: Path) -> None:
    stage = Stage(brief_of(tmp_path, ALL), Role.ANALYST, codes={"review": 2})
    report = played(stage)
    assert report.standing is Standing.UNKNOWN
    assert any("could not read everything" in each.why for each in report.left)
    assert not report.halts, "what could be read is there to go on with"


def reviewed(folder: Path, after: Results, **more: object) -> Report:
    brief = brief_of(folder, ALL, **more)
    anyio.run(WORKERS[Role.ANALYST], brief, Stage(brief, Role.ANALYST).do)
    return played(Stage(brief, Role.REVIEWER, results={**RESULTS, **after}))


def finding(fingerprint: str, severity: str) -> dict[str, object]:
    return {"fingerprint": fingerprint, "severity": severity, "path": "b", "line": 2, "rule": "DF1", "message": "m"}


def test_the_reviewer_compares_with_the_analyst_where_there_is_no_branch(tmp_path: Path) -> None:
    assert reviewed(tmp_path, {}, before=None).standing is Standing.DONE
    lower = reviewed(tmp_path, {"score": {"score": 79.9, "scores": {}}}, before=None)
    assert lower.standing is Standing.FAILED
    assert lower.said.startswith("80.0 → 79.9")
    grave = {**RESULTS["review"], "findings": [finding("9", "high")]}
    found = reviewed(tmp_path, {"review": grave}, before=None)
    assert found.standing is Standing.FAILED
    assert any("b:2 DF1" in each.why for each in found.left)
    light = {**RESULTS["review"], "findings": [finding("9", "low")]}
    assert reviewed(tmp_path, {"review": light}, before=None).standing is Standing.DONE


def test_the_reviewer_compares_with_what_the_branch_began_with(tmp_path: Path) -> None:
    """What the analyst has seen has files that git does not have: what is not found for want of them is no fault."""
    known = {**RESULTS["review"], "findings": [finding("9", "high")]}
    assert reviewed(tmp_path, {"review": known, "review-before": known}).standing is Standing.DONE
    assert reviewed(tmp_path, {"review": known}).standing is Standing.FAILED
    lower = reviewed(tmp_path, {"score": {"score": 69.9, "scores": {}}})
    assert (lower.standing, lower.said[:11]) == (Standing.FAILED, "70.0 → 69.9")


def test_a_build_that_broke_fails_and_one_that_never_worked_does_not(tmp_path: Path) -> None:
    failed = {"targets": [{"target": "a", "outcome": "failed", "reason": "no such file"}]}
    broke = played(Stage(brief_of(tmp_path, ALL), Role.TESTER, results={**RESULTS, "build": failed}))
    assert broke.standing is Standing.FAILED
    assert broke.halts
    assert "a: does not build: no such file" in left_lines(broke.left)
    both = {**RESULTS, "build": failed, "build-before": failed}
    stage = Stage(brief_of(tmp_path, ALL), Role.TESTER, results=both)
    never = played(stage)
    assert never.standing is Standing.DONE
    assert "a: builds neither before nor after: no such file" in left_lines(never.left)
    assert "--service" in next(step for step in stage.asked if step.name == "build-before").words


def test_what_is_left_of_one_thing_for_one_reason_is_said_once() -> None:
    """An image that is not there stood three times in one line: for its packages, its credentials and its settings."""
    parts = [Left("scan of image a", "not checked: there is none")] * 3
    assert left_lines([*parts, Left("scan of image b", parts[0].why)]) == [
        "scan of image a, scan of image b: not checked: there is none"
    ]


def test_operations_do_not_pass_what_the_gates_do_not(tmp_path: Path) -> None:
    check = {"gate": "scan", "subject": "fleet", "state": "not checked", "measured": "never", "limit": "7 days", "hint": "scan"}
    gate = {"passed": False, "checks": [check, {**check, "subject": "web"}]}
    report = played(Stage(brief_of(tmp_path, ALL), Role.OPS, results={**RESULTS, "gate": gate}, codes={"gate": 1}))
    assert report.standing is Standing.UNKNOWN
    assert report.said == "no gate that was looked at failed, and not all could be looked at"
    assert not report.halts
    assert "gate scan of fleet, web: not checked: never, limit 7 days (scan)" in left_lines(report.left)


def test_a_gate_that_failed_fails_whatever_was_not_checked(tmp_path: Path) -> None:
    check = {"gate": "scan", "subject": "fleet", "state": "not checked", "measured": "never", "limit": "7 days", "hint": "scan"}
    gate = {"passed": False, "checks": [check, {**check, "gate": "overall", "state": "failed"}]}
    report = played(Stage(brief_of(tmp_path, ALL), Role.OPS, results={**RESULTS, "gate": gate}, codes={"gate": 1}))
    assert (report.standing, report.said) == (Standing.FAILED, "the gates are not passed")


def test_an_implementer_that_changed_nothing_says_so(tmp_path: Path) -> None:
    rejected = {"files": [{"path": "a/Dockerfile", "verdict": "rejected", "reason": "it does not start"}], "totals": []}
    results = {**RESULTS, "optimize": rejected}
    stage = Stage(brief_of(tmp_path, "Add cache mounts."), Role.IMPLEMENTER, results=results, codes={"optimize": 1})
    report = played(stage)
    assert stage.names == ["optimize"]
    assert report.standing is Standing.UNCHANGED
    assert "nothing was changed" in report.said
    assert left_lines(report.left) == ["a/Dockerfile: rejected: it does not start"]


def test_an_implementer_selects_what_was_asked_and_no_more(tmp_path: Path) -> None:
    stage = Stage(brief_of(tmp_path, "Add cache mounts for pip installs."), Role.IMPLEMENTER)
    report = played(stage)
    words = stage.asked[0].words
    rules = words[words.index("--select") + 1].split(",")
    assert "DF101" in rules
    assert not [rule for rule in rules if rule.startswith(("CM", "SC", "DF2"))]
    assert [value(claim) for claim in report.claims if claim.unit == "bytes"] == ["200 B → 100 B −50 %"]


def test_a_report_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    brief = brief_of(tmp_path, ALL)
    report = played(Stage(brief, Role.IMPLEMENTER))
    keep(brief, report)
    assert report_of(brief, Role.IMPLEMENTER) == report
    (brief.role_folder(Role.IMPLEMENTER) / "report.json").write_text("{")
    assert report_of(brief, Role.IMPLEMENTER) is None


def test_scripts_that_are_named_are_the_jobs_that_are_meant(tmp_path: Path) -> None:
    words = "Enhance deployment scripts: add rollback support, improve error handling."
    stage = Stage(brief_of(tmp_path, words, files=("ops/deploy.sh", "ops/deploy.ps1")), Role.IMPLEMENTER)
    played(stage)
    words_of = next(step.words for step in stage.asked if step.name == "scripts")
    assert words_of[2:8] == ("--output-dir", "ops", "--shell", "bash,powershell", "--only", "deploy,rollback")
    assert "optimize" not in stage.names


def test_images_that_were_not_tried_are_not_looked_at(tmp_path: Path) -> None:
    """As on a disk that is full: neither tree is known to build then."""
    full = {"target": "b", "outcome": "cancelled", "reason": "not tried: the disk is full"}
    ended = {"targets": [{"target": "a", "outcome": "built", "reason": None}, full]}
    stage = Stage(brief_of(tmp_path, ALL), Role.TESTER, results={**RESULTS, "build": ended})
    report = played(stage)
    assert (report.standing, report.halts) == (Standing.UNKNOWN, False)
    assert report.said == "1 of 2 images were looked at, and none has stopped building"
    assert left_lines(report.left) == ["b: not looked at: not tried: the disk is full"]
    assert stage.names == ["build"]


DOWN = {"projects": [{"files": ["compose.yaml"], "measured": None, "problem": "as it is, it does not start: api exited (3)"}]}


def test_a_project_that_does_not_start_before_either_is_told_and_not_called_done(tmp_path: Path) -> None:
    stage = Stage(brief_of(tmp_path, ALL), Role.TESTER, {**RESULTS, "start": DOWN, "start-before": DOWN})
    report = played(stage)
    assert (report.standing, report.halts) == (Standing.UNKNOWN, False)
    assert report.said.endswith("; not every project could be started")
    why = "neither before nor after: as it is, it does not start: api exited (3)"
    assert left_lines(report.left) == [f"start of compose.yaml: {why}"]
    assert [step.words[1] for step in stage.asked if step.name.startswith("start")] == [
        str(stage.brief.tree),
        str(tmp_path / "before"),
    ]
    broken = played(Stage(brief_of(tmp_path, ALL), Role.TESTER, RESULTS, {"start": 2}, {"start"}))
    assert (broken.standing, broken.halts) == (Standing.UNKNOWN, False)


def test_a_project_that_does_not_start_any_more_fails(tmp_path: Path) -> None:
    report = played(Stage(brief_of(tmp_path, ALL), Role.TESTER, {**RESULTS, "start": DOWN, "start-before": RESULTS["start"]}))
    assert report.standing is Standing.FAILED
    assert report.said == "compose.yaml does not start any more"
    assert left_lines(report.left) == ["start of compose.yaml: as it is, it does not start: api exited (3)"]


@pytest.mark.parametrize("silent", [set[str](), {"start-before"}])
def test_a_tree_before_that_could_not_be_started_accuses_nobody(tmp_path: Path, silent: set[str]) -> None:
    nothing: list[object] = []
    results = {**RESULTS, "start": DOWN, "start-before": {"projects": nothing}}
    report = played(Stage(brief_of(tmp_path, ALL), Role.TESTER, results, {"start-before": 2}, silent))
    assert report.standing is Standing.UNKNOWN


def test_what_fails_is_not_excused_by_a_tree_before_that_was_not_tried(tmp_path: Path) -> None:
    failed = {"targets": [{"target": "a", "outcome": "failed", "reason": "no such file"}]}
    before = {"targets": [{"target": "a", "outcome": "cancelled", "reason": "not tried: the disk is full"}]}
    report = played(Stage(brief_of(tmp_path, ALL), Role.TESTER, results={**RESULTS, "build": failed, "build-before": before}))
    assert report.standing is Standing.FAILED


@pytest.mark.parametrize("outcome", ["failed", "blocked"])
def test_only_what_is_built_is_built(outcome: str, tmp_path: Path) -> None:
    ended = {"targets": [{"target": "a", "outcome": outcome, "reason": None}]}
    report = played(Stage(brief_of(tmp_path, ALL), Role.TESTER, results={**RESULTS, "build": ended}))
    assert report.standing is Standing.FAILED
    assert left_lines(report.left) == [f"a: does not build: {outcome}"]


def test_changes_that_were_not_kept_in_a_file_that_changed_are_told(tmp_path: Path) -> None:
    trials = [
        {"rules": ["DF1"], "verdict": "accepted"},
        {"rules": ["DF2"], "verdict": "rejected", "reason": "it does not start"},
    ]
    files = [{"path": "a/Dockerfile", "verdict": "accepted", "reason": "same", "trials": trials}]
    stage = Stage(brief_of(tmp_path, "Add cache mounts."), Role.IMPLEMENTER, results={**RESULTS, "optimize": {"files": files}})
    assert left_lines(played(stage).left) == ["a/Dockerfile DF2: rejected: it does not start"]


@pytest.mark.parametrize(("role", "step", "command"), [(Role.OPS, "alerts", "alerts"), (Role.IMPLEMENTER, "pipeline", "ci")])
def test_files_of_somebody_are_told_with_the_command_that_replaces_them(
    role: Role, step: str, command: str, tmp_path: Path
) -> None:
    key = "fate" if step == "pipeline" else "outcome"
    left = {"files": [{"path": "x", key: "left", "reason": None}]}
    report = played(Stage(brief_of(tmp_path, ALL), role, results={**RESULTS, step: left}))
    assert any(line.startswith("x: somebody has written it (`trimtab " + command) for line in left_lines(report.left))
    assert not [claim for claim in report.claims if claim.what.startswith(f"{step}:")]


def proposed(folder: Path, words: str, results: Results, **more: object) -> list[str]:
    brief = brief_of(folder, words, **more)
    return left_lines(played(Stage(brief, Role.ARCHITECT, results={**RESULTS, **results})).left)


def test_what_there_is_not_to_propose_is_not_left(tmp_path: Path) -> None:
    same = {"service": "a", "before": {"memory": 1}, "after": {"memory": 1}}
    nothing: Results = {
        "resources": {"projects": [{"files": ["compose.yaml"], "services": [same]}]},
        "startup": {"projects": [{"files": ["compose.yaml"], "predicted": {"before": 4.0, "after": 4.0}}]},
        "bases": {"files": [{"path": "a/Dockerfile", "proposal": None}]},
    }
    words = "Optimize resources, networks, startup and base images."
    assert proposed(tmp_path, words, nothing) == []
    something: Results = {
        "resources": {"projects": [{"files": ["compose.yaml"], "services": [{**same, "after": {"memory": 2}}]}]},
        "networks": {"projects": [{"files": ["compose.yaml"], "networks": [{"name": "db"}]}]},
        "startup": {"projects": [{"files": ["compose.yaml"], "predicted": {"before": 4.0, "after": 2.0}}]},
        "bases": {"files": [{"path": "a/Dockerfile", "proposal": "x:1-alpine"}]},
    }
    left = proposed(tmp_path, words, something)
    assert [line.partition(":")[0] for line in left] == ["resources", "networks", "startup", "bases"]


def test_what_a_later_role_of_the_workflow_does_is_not_left(tmp_path: Path) -> None:
    base: Results = {"bases": {"files": [{"path": "a/Dockerfile", "proposal": "x:1-alpine"}]}}
    words = "Design CI and monitoring, and use python:3.12-slim for all Python services."
    assert proposed(tmp_path, words, base) == []
    alone = [line.partition(":")[0] for line in proposed(tmp_path, words, base, branch="")]
    assert alone == ["bases", "pipeline", "monitoring"]
    assert [line.partition(":")[0] for line in proposed(tmp_path, "Reduce build times.", {})] == ["pipeline"]


def test_the_page_in_the_repository_has_no_paths_of_this_machine(tmp_path: Path) -> None:
    brief = brief_of(tmp_path, ALL)
    (brief.tree / "compose.yaml").write_text("services: {}\n")
    why = f"no {brief.root}/.env; no {brief.tree}/a/.env; nothing in {brief.root}"
    keep(brief, Report(Role.PLANNER, Standing.DONE, "planned", left=(Left("deployment", why),)))
    played(Stage(brief, Role.DOCUMENTER))
    page = (brief.tree / "docs/containers.md").read_text()
    assert "- deployment: no .env; no a/.env; nothing in .\n" in page
    assert str(tmp_path) not in page


def test_a_design_is_for_the_compose_file_that_is_named(tmp_path: Path) -> None:
    words = "Design optimal resource allocation in compose.yaml. Consider: memory limits. Optimize the networks."
    brief = brief_of(tmp_path, words)
    (brief.tree / "compose.yaml").write_text("services: {}\n")
    stage = Stage(brief, Role.ARCHITECT)
    played(stage)
    assert [step.words[:2] for step in stage.asked if step.name in {"resources", "networks"}] == [
        ("resources", str(brief.tree / "compose.yaml")),
        ("networks", str(brief.tree)),
    ]


def test_a_script_is_told_what_is_mended_when_somebody_looks_and_what_is_not(tmp_path: Path) -> None:
    (tmp_path / "deploy.sh").write_text("#!/bin/sh\nset -e\ndocker compose build --no-cache\ndocker compose up -d\n")
    argv = [sys.executable, "-m", "trimtab", "fix", "deploy.sh", "--select", "SC", "--offline", "--format", "json"]
    mended = json.loads(subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    stage = Stage(brief_of(tmp_path, "Improve error handling.", files=("deploy.sh",)), Role.IMPLEMENTER)
    stage.results = {**RESULTS, "scripts-mended": mended}
    left = left_lines(played(stage).left)
    assert any("not mended without being told to, as no run of it is tried out: SC101 (" in line for line in left)
    assert any(
        line.endswith(
            "cannot be mended in its place: SC124, SC117, SC118, SC123 (the scripts that `trimtab scripts` writes do not do it)"
        )
        for line in left
    )


@pytest.mark.parametrize(("changed", "message"), [(True, "Mend the scripts, and generate"), (False, "Generate what")])
def test_the_commit_says_what_it_brings(changed: bool, message: str, tmp_path: Path) -> None:
    said: list[str] = []

    async def commit(words: str) -> None:
        said.append(words)

    mended = {"files": [{"path": "s.sh", "changed": changed}]}
    played(Stage(brief_of(tmp_path, ALL, commit=commit), Role.IMPLEMENTER, results={**RESULTS, "scripts-mended": mended}))
    assert [words.startswith(message) for words in said] == [True]
