"""The generated workflow, run: every script for real, and our own plan, build and gate; engine, registry and GitHub stand in."""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fleet_in_git import commit, fleet_in_git, git
from stand_ins import StandIns, stand_ins
from workflow_runner import Job, WorkflowRun, programs

from trimtab.cli.app import app

WORKFLOW = ".github/workflows/containers.yml"
PUSH = {"event_name": "push"}
DEPLOYS = {"DEPLOY_RUNNER": "beside-the-engine"}
SHA = "c" * 40
ALL = {"plan", "bases", "images", "test", "gate", "release", "deploy", "result"}


@dataclass
class Bench:
    """A repository with a pipeline, and what stands in for the world around it."""

    repository: Path
    folder: Path
    world: StandIns
    number: int = 0
    runs: list[WorkflowRun] = field(default_factory=list[WorkflowRun])

    def run(
        self, event: Mapping[str, Any], variables: Mapping[str, str] | None = None, done: Mapping[str, Job] | None = None,
        **inputs: str,
    ) -> WorkflowRun:  # fmt: skip
        """One run; jobs in `done` have ended so."""
        self.number += 1
        folder = self.folder / f"run{self.number}"
        folder.mkdir(exist_ok=True)
        path = programs(self.world.programs, Path(sys.executable).parent)
        environment = self.world.environment
        return WorkflowRun(
            self.repository, folder, WORKFLOW, event, path, variables or {}, inputs, environment, dict(done or {})
        ).run()

    def deploy(self, **built: str) -> WorkflowRun:
        """The deployment of a run that has built some images, each with its digest."""
        digests = self.folder / f"run{self.number + 1}" / "artifacts" / "digest-all"
        digests.mkdir(parents=True)
        for name, text in built.items():
            (digests / name).write_text(text)
        plan = {
            "write": "true", "any": "true" if built else "false", "prefix": "ghcr.io/acme/shop", "tests": "[]",
            "deployed": "base=acme/base web=shop-web api=acme/api:1",
        }  # fmt: skip
        others = dict.fromkeys(("bases", "images", "test", "gate", "release"), Job("success"))
        return self.run(PUSH, DEPLOYS, {"plan": Job("success", plan), **others})

    def pull_request(self, base: str) -> WorkflowRun:
        pull = {"base": {"sha": base}, "head": {"repo": {"fork": True}}}
        event = {
            "event_name": "pull_request",
            "ref": "refs/pull/1/merge",
            "ref_name": "1/merge",
            "event": {"pull_request": pull},
        }
        return self.run(event)

    def built(self) -> list[str]:
        return sorted(call[call.index("--tag") + 1] for call in self.world.called("docker", "buildx", "build"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    world = stand_ins(tmp_path / "world")
    world.answer(last_good="")
    return Bench(fleet_in_git(tmp_path / "shop"), tmp_path, world)


def succeeded(*names: str) -> dict[str, Job]:
    """Jobs that need not be run for what a test is about."""
    return dict.fromkeys(names, Job("success"))


OTHERS = succeeded("bases", "images", "test", "gate", "release")


def digest(tag: str) -> str:
    return "sha256:" + hashlib.sha256(tag.encode()).hexdigest()


def results(run: WorkflowRun, **others: str) -> None:
    """Every job as expected, `success` where nothing else is said; what they printed is shown where not."""
    assert run.results == {**dict.fromkeys(ALL, "success"), **others}, {name: job.text for name, job in run.jobs.items()}


def test_the_first_push_builds_tests_keeps_and_deploys_everything(bench: Bench) -> None:
    run = bench.run(PUSH, DEPLOYS)
    results(run)
    calls = bench.world.called("docker", "buildx", "build")
    # The base once in its own wave, and once more as an image that is kept; never again for what starts from it.
    assert bench.built() == ["acme/api:1", "acme/base", "acme/base", "shop-web"]
    web = next(call for call in calls if "shop-web" in call)
    given = next(word for word in web if word.startswith("acme/base=oci-layout://"))
    assert given.endswith(f"/bases/base@{digest('acme/base')}")
    assert "type=registry,ref=ghcr.io/acme/shop/cache:web,mode=min,ignore-error=true" in web
    pushed = {name: f"ghcr.io/acme/shop/{name}:{SHA}" for name in ("base", "web", "api")}
    assert {call[-1] for call in bench.world.called("docker", "push")} == set(pushed.values())
    moved = {call[-2]: call[-1] for call in bench.world.called("docker", "buildx", "imagetools", "create")}
    wanted = {name: f"ghcr.io/acme/shop/{name}@{digest(reference)}" for name, reference in pushed.items()}
    assert moved == {f"ghcr.io/acme/shop/{name}:main": reference for name, reference in wanted.items()}
    assert {call[-1] for call in bench.world.called("docker", "pull")} == set(wanted.values())
    named = {tuple(call[2:]) for call in bench.world.called("docker", "tag") if "@" in call[2]}
    assert named == {(wanted["base"], "acme/base"), (wanted["web"], "shop-web"), (wanted["api"], "acme/api:1")}
    assert bench.world.called("trimtab", "deploy") == [["trimtab", "deploy", "compose.yaml", "--resume", "--wait", "600"]]
    assert bench.world.called("trimtab", "rollback") == []
    assert set(run.sarif) == {"image-base", "image-web", "image-api", "sources"}
    for call in bench.world.called("trimtab"):
        if call[1] != "ci":
            # The stand-in takes any words; the real one has to take them as well.
            app.parse_args(call[1:], exit_on_error=False, print_error=False)
    assert bench.world.called("npm", "install")
    assert bench.world.called("python", "-m", "pip") == [["python", "-m", "pip", "install", "pytest"]]
    assert "1 passed" in run.jobs["test"].text


def test_a_pull_request_builds_what_it_changes_and_writes_nothing(bench: Bench) -> None:
    base = git(bench.repository, "rev-parse", "HEAD")
    git(bench.repository, "checkout", "-q", "-b", "change")
    commit(bench.repository, web__app_py="changed = 1\n")
    run = bench.pull_request(base)
    results(run, bases="skipped", release="skipped", deploy="skipped")
    # The base has not changed: it comes with its service's own build, from the cache.
    assert bench.built() == ["acme/base", "shop-web"]
    words = [word for call in bench.world.called("docker") for word in call]
    assert "--cache-from" in words
    assert not {"--cache-to", "push", "imagetools", "pull"} & set(words)
    assert set(run.sarif) == {"image-web", "sources"}
    assert bench.world.called("npm") == []


def test_a_change_that_reaches_nothing_still_reports(bench: Bench) -> None:
    base = git(bench.repository, "rev-parse", "HEAD")
    commit(bench.repository, README_md="Other words.\n")
    run = bench.pull_request(base)
    results(run, **dict.fromkeys(("bases", "images", "test", "release", "deploy"), "skipped"))
    assert bench.built() == []


def test_what_failed_before_is_not_forgotten(bench: Bench) -> None:
    good = git(bench.repository, "rev-parse", "HEAD")
    commit(bench.repository, api__index_js="broken();\n")
    commit(bench.repository, web__app_py="changed = 1\n")
    bench.world.answer(last_good=good)
    run = bench.run(PUSH, done=OTHERS)
    results(run, deploy="skipped")
    assert [each["target"] for each in json.loads(run.jobs["plan"].outputs["images"])] == ["web", "api"]
    assert run.jobs["plan"].outputs["since"] == good
    asked = bench.world.called("gh")[0]
    assert asked[asked.index("--workflow") + 1] == "containers.yml"
    assert asked[asked.index("--event") + 1] == "push"


@pytest.mark.parametrize("how", ["GitHub does not answer", "the branch was rewritten"])
def test_where_the_last_good_run_is_not_known_everything_is_built(bench: Bench, how: str) -> None:
    if how == "the branch was rewritten":
        bench.world.answer(last_good=commit(bench.repository, README_md="gone\n"))
        git(bench.repository, "reset", "-q", "--hard", "HEAD~1")
    else:
        bench.world.answer()
    outputs = bench.run(PUSH, done=OTHERS).jobs["plan"].outputs
    assert outputs["since"] == ""
    assert [each["target"] for each in json.loads(outputs["images"])] == ["base", "web", "api"]


@pytest.mark.parametrize("code", [1, 2])
def test_a_scan_that_finds_or_could_not_look_lets_nothing_out(bench: Bench, code: int) -> None:
    bench.world.answer(scans={"acme/api:1": code})
    images = '[{"target":"api","tag":"acme/api:1"}]'
    plan = {"write": "true", "any": "true", "images": images, "tests": "[]", "prefix": "x", "bases": ""}
    done = {name: Job("success") for name in ("test", "gate")} | {"bases": Job("skipped"), "plan": Job("success", plan)}
    run = bench.run(PUSH, DEPLOYS, done)
    results(run, bases="skipped", images="failure", release="skipped", deploy="skipped", result="failure")
    assert "image-api" in run.sarif
    assert bench.world.called("docker", "push") == []


def test_a_test_and_a_gate_that_fail_let_nothing_out(bench: Bench) -> None:
    commit(bench.repository, web__test_web_py="def test_web():\n    assert 1 == 2\n")
    commit(bench.repository, **{"trimtab.toml": "offline = true\n[gate]\noverall = 100\n"})
    failed = dict.fromkeys(("test", "gate", "result"), "failure")
    run = bench.run(PUSH, DEPLOYS, succeeded("bases", "images"))
    results(run, release="skipped", deploy="skipped", **failed)
    assert "overall" in run.jobs["gate"].text
    assert bench.world.called("trimtab", "deploy") == []


def test_a_base_that_does_not_build_fails_the_run(bench: Bench) -> None:
    bench.world.answer(last_good="", fails=["acme/base"])
    skipped = dict.fromkeys(("images", "release", "deploy"), "skipped")
    run = bench.run(PUSH, DEPLOYS, succeeded("test", "gate"))
    results(run, bases="failure", result="failure", **skipped)


def test_a_plan_that_cannot_be_made_fails_the_run(bench: Bench) -> None:
    commit(bench.repository, **{"compose.yaml": "services: {}\n"})
    git(bench.repository, "rm", "-q", "-r", "base", "web", "api")
    commit(bench.repository)
    run = bench.run(PUSH, DEPLOYS)
    assert run.results == {"plan": "failure", "result": "failure", **dict.fromkeys(ALL - {"plan", "result"}, "skipped")}


def with_own_check(bench: Bench, script: str) -> None:
    """A step of the user's own, where the file says that such steps go."""
    file = bench.repository / WORKFLOW
    place = "      # Checks of your own go here: when one fails, what was deployed is taken back.\n"
    assert place in file.read_text()
    file.write_text(file.read_text().replace(place, f"{place}      - name: Own check\n        run: {script}\n"))
    commit(bench.repository)


@pytest.mark.parametrize(("code", "new", "back"), [(0, True, False), (1, True, True), (1, False, False)])
def test_a_failing_check_takes_back_what_was_deployed(bench: Bench, code: int, new: bool, back: bool) -> None:
    with_own_check(bench, f"exit {code}")
    bench.world.answer(**({} if new else {"nothing_new": True}))
    run = bench.deploy(web=digest("web"))
    good = "failure" if code else "success"
    results(run, deploy=good, result=good)
    assert bool(bench.world.called("trimtab", "rollback")) is back


def test_a_deployment_that_failed_has_gone_back_by_itself(bench: Bench) -> None:
    bench.world.answer(deploy=1)
    results(bench.deploy(web=digest("web")), deploy="failure", result="failure")
    assert bench.world.called("trimtab", "rollback") == []


def test_what_was_not_built_is_what_runs_already_or_what_last_passed(bench: Bench) -> None:
    bench.world.answer(there=["acme/api:1"])
    results(bench.deploy(web=digest("web")))
    assert [call[-1] for call in bench.world.called("docker", "pull")] == [
        "ghcr.io/acme/shop/base:main",
        f"ghcr.io/acme/shop/web@{digest('web')}",
    ]


def test_another_workflow_names_the_runner_and_what_fails_a_scan(bench: Bench) -> None:
    names = ("plan", "bases", "images", "test", "release")
    plan = {"write": "true", "any": "false", "tests": "[]", "prefix": "x", "deployed": ""}
    done = {**dict.fromkeys(names, Job("success")), "plan": Job("success", plan)}
    results(bench.run(PUSH, None, done, **{"deploy-runner": "there", "fail-on": "critical"}))
    scan = bench.world.called("trimtab", "scan")[0]
    assert scan[scan.index("--fail-on") + 1] == "critical"
    assert bench.world.called("trimtab", "deploy")


def test_names_in_a_repository_are_no_commands(bench: Bench) -> None:
    folder = bench.repository / "$(touch pwned);`touch pwned`"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM python:3.12-slim\n")
    (folder / "test_it.py").write_text("def test_it(): ...\n")
    (folder / "requirements.txt").write_text("")
    text = (bench.repository / "compose.yaml").read_text()
    commit(bench.repository, **{"compose.yaml": text + "  odd: {build: '$$(touch pwned);`touch pwned`'}\n"})
    run = bench.run(PUSH, done=succeeded("bases", "images", "gate", "release"))
    results(run, deploy="skipped")
    assert run.jobs["test"].text.count("1 passed") == 2
    assert list(bench.folder.rglob("pwned")) == []
