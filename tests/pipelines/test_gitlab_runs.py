"""The generated GitLab pipeline: its scripts are run by `sh`, with the plan handed on as GitLab does it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from fleet_in_git import commit, fleet_in_git, git
from stand_ins import StandIns, stand_ins
from workflow_runner import programs

SHA = "c" * 40
MAIN = {"CI_COMMIT_BRANCH": "main"}


@dataclass
class Bench:
    """One working tree, in which the jobs of a pipeline are run one after the other."""

    repository: Path
    world: StandIns

    @property
    def jobs(self) -> Mapping[str, Any]:
        return yaml.safe_load((self.repository / ".gitlab-ci.yml").read_text())

    @property
    def plan(self) -> dict[str, str]:
        """What a dotenv report hands on."""
        lines = (self.repository / "plan.env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def run(self, job: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The script of a job; variables that name others are filled in as GitLab does before it starts the shell."""
        said = {name: str(value) for name, value in self.jobs["variables"].items()}
        environment = {
            "PATH": programs(self.world.programs, Path(sys.executable).parent), "HOME": os.environ["HOME"], "CI_COMMIT_SHA": SHA,
            "LANG": "C.UTF-8", "GITHUB_JOB": job, **said, "PREFIX": "registry.example.com/acme/shop", **self.world.environment,
            **variables,
        }  # fmt: skip
        script = "\n".join(self.jobs[job]["script"])
        return subprocess.run(
            ["sh", "-e", "-c", script], cwd=self.repository, env=environment, capture_output=True, text=True, check=False
        )  # fmt: skip

    def passes(self, job: str, **variables: str) -> str:
        done = self.run(job, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(fleet_in_git(tmp_path / "shop", "gitlab"), stand_ins(tmp_path / "world"))


def test_the_default_branch_builds_keeps_and_deploys_everything(bench: Bench) -> None:
    bench.passes("plan", **MAIN)
    plan = {**bench.plan, **MAIN}
    bench.passes("bases", **plan)
    for target in ("web", "api"):
        bench.passes("images", **plan, TARGET=target)
    web = next(call for call in bench.world.called("docker", "buildx", "build") if "shop-web" in call)
    assert any(word.startswith("acme/base=oci-layout://") for word in web)
    assert "type=registry,ref=registry.example.com/acme/shop/cache:web,mode=min,ignore-error=true" in web
    assert {path.name for path in (bench.repository / "digests").iterdir()} == {"web", "api"}
    assert json.loads((bench.repository / "scans/web/scan.sarif").read_text())["runs"]
    bench.passes("release", **plan)
    moved = [call[-2] for call in bench.world.called("docker", "buildx", "imagetools", "create")]
    assert moved == ["registry.example.com/acme/shop/api:main", "registry.example.com/acme/shop/web:main"]
    bench.passes("deploy", **plan)
    digest = (bench.repository / "digests/web").read_text().strip()
    assert [call[-1] for call in bench.world.called("docker", "pull")] == [
        "registry.example.com/acme/shop/base:main",
        f"registry.example.com/acme/shop/web@{digest}",
        f"registry.example.com/acme/shop/api@{(bench.repository / 'digests/api').read_text().strip()}",
    ]
    assert bench.world.called("trimtab", "deploy") == [["trimtab", "deploy", "compose.yaml", "--resume", "--wait", "600"]]


def test_a_merge_request_does_what_it_changes(bench: Bench) -> None:
    base = git(bench.repository, "rev-parse", "HEAD")
    commit(bench.repository, web__app_py="changed = 1\n")
    bench.passes("plan", CI_MERGE_REQUEST_DIFF_BASE_SHA=base)
    assert bench.plan["IMAGES"] == "web=shop-web"
    (bench.repository / "digests").mkdir()
    plan = {**bench.plan, "CI_COMMIT_BRANCH": ""}
    assert "no change reaches a base" in bench.passes("bases", **plan)
    assert "no change reaches api" in bench.passes("images", **plan, TARGET="api")
    bench.passes("images", **plan, TARGET="web")
    entries = {each["TARGET"]: each for each in bench.jobs["test-python"]["parallel"]["matrix"]}
    assert "1 passed" in bench.passes("test-python", **plan, **entries["web"])
    node = bench.jobs["test-node"]["parallel"]["matrix"][0]
    assert "no change reaches the tests of api" in bench.passes("test-node", **plan, **node)
    words = {word for call in bench.world.called("docker") for word in call}
    assert not {"--cache-to", "push"} & words
    assert bench.world.called("npm") == []


def test_a_target_that_the_file_has_no_job_for_fails_the_plan(bench: Bench) -> None:
    text = (bench.repository / "compose.yaml").read_text()
    (bench.repository / "compose.yaml").write_text(text + "  more: {build: {context: api, args: {A: b}}, image: more}\n")
    done = bench.run("plan", **MAIN)
    assert done.returncode == 1
    assert "this pipeline has no job for more: run trimtab ci --provider gitlab" in done.stdout


def test_a_scan_that_finds_something_keeps_the_image_back(bench: Bench) -> None:
    bench.world.answer(scans={"shop-web": 1})
    bench.passes("plan", **MAIN)
    assert bench.run("images", **bench.plan, **MAIN, TARGET="web").returncode == 1
    assert bench.world.called("docker", "push") == []


def test_the_gate_is_asked_and_leaves_a_report(bench: Bench) -> None:
    bench.passes("gate")
    assert "<testsuite" in (bench.repository / "gate.xml").read_text()
    commit(bench.repository, **{"trimtab.toml": "offline = true\n[gate]\noverall = 100\n"})
    assert bench.run("gate").returncode == 1


@pytest.mark.parametrize(("new", "back"), [(True, True), (False, False)])
def test_a_check_of_ones_own_takes_back_what_was_deployed(bench: Bench, new: bool, back: bool) -> None:
    bench.world.answer(**({} if new else {"nothing_new": True}))
    file = bench.repository / ".gitlab-ci.yml"
    file.write_text(file.read_text() + "    - test -f nowhere || go_back\n")
    assert bench.run("deploy", DEPLOYED="", **MAIN).returncode == 1
    assert bool(bench.world.called("trimtab", "rollback")) is back
