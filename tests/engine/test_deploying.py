"""Deployments on a real engine: swaps, bad versions, rollbacks, the holder, deployers that are killed or come together."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from deployed import HOLDER, IMAGE, Callers, Stack, killed_at, resumed_and_undone
from second_engine import SecondEngine, wait

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine"), pytest.mark.xdist_group("deploying")]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    number = abs(hash(tmp_path.name)) % 500
    found = Stack(tmp_path / "fleet", f"deploying-{os.getpid()}-{number}", 18500 + number)
    found.write()
    yield found
    found.remove()


OWN = ("store-1", "front")


def settled(stack: Stack, *more: str) -> bool:
    return stack.names() == {f"{stack.project}-{name}" for name in OWN} | set(more)


def test_a_change_is_swapped_in_and_compose_agrees(stack: Stack) -> None:
    assert stack.trimtab("deploy", "--dry-run").returncode == 0
    assert stack.names() == set()
    stack.deployed()
    stack.inside(f"{stack.project}-store-1", "touch", "/kept/a", "/scratch/b")
    volumes = stack.mounted()
    assert len(volumes) == 2
    stack.deployed(VERSION="2")
    assert stack.serves() == "2"
    assert settled(stack)
    up = stack.run("docker", "compose", "up", "--detach", VERSION="2")
    assert "Recreate" not in up.stderr
    # The service with data is replaced as well: both of its volumes come along.
    stack.deployed("--force-recreate", VERSION="2")
    assert stack.inside(f"{stack.project}-store-1", "sh", "-c", "ls /kept /scratch").split() == [
        "/kept:",
        "a",
        "/scratch:",
        "b",
    ]
    assert stack.mounted() == volumes
    stack.deployed("--force-recreate", VERSION="3")
    assert stack.trimtab("rollback", "--quiet").returncode == 0
    assert volumes <= stack.volumes()
    assert stack.data("deploy", VERSION="2")["outcome"] == "done"
    found = stack.data("history", "deployments")
    assert (found["count"], found["success_rate"]) == (4, 1.0)


@pytest.mark.parametrize("variables", [{"MODE": "crash"}, {"MODE": "sick"}, {"IMAGE": "localhost/there-is-none:1"}])
def test_a_bad_version_is_not_kept(stack: Stack, variables: dict[str, str]) -> None:
    stack.deployed()
    before = stack.names(), stack.networks()
    found = stack.data("deploy", VERSION="2", **variables)
    assert found["code"] == 1
    assert found["outcome"] in {"rolled-back", "abandoned"}, found["services"]
    assert stack.serves() == "1"
    assert (stack.names(), stack.networks()) == before
    assert stack.data("status")["unfinished"] is None


def test_back_to_any_revision(stack: Stack) -> None:
    for version in ("1", "2", "3"):
        stack.deployed(VERSION=version)
    assert stack.trimtab("rollback", "--quiet").returncode == 0
    assert stack.serves() == "2"
    assert stack.trimtab("rollback", "--quiet", "--service", "web", "--to", "1").returncode == 0
    assert stack.serves() == "1"
    # What compose made can be gone back to as well.
    stack.run("docker", "compose", "up", "--detach", "--wait", VERSION="7")
    stack.deployed(VERSION="8")
    (stack.folder / "compose.yaml").write_text("services: [broken")
    assert stack.trimtab("rollback", "--quiet").returncode == 0
    assert stack.serves() == "7"
    assert settled(stack)


@pytest.mark.parametrize("step", [2, 8])
def test_killed_midway(stack: Stack, step: int) -> None:
    stack.deployed()
    killed_at(stack, step, VERSION="2")
    refused = stack.trimtab("deploy", VERSION="2")
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    stack.deployed("--resume", VERSION="2")
    assert stack.serves() == "2"
    assert settled(stack)
    killed_at(stack, step, VERSION="3")
    assert stack.trimtab("rollback", "--quiet").returncode == 0
    assert stack.serves() == "2"
    assert settled(stack)


def test_two_deployers_do_not_meet(stack: Stack) -> None:
    stack.deployed()
    words = [sys.executable, "-m", "trimtab", "deploy", "--quiet", "--force-recreate"]
    with subprocess.Popen(words, cwd=stack.folder, env=stack.environment, stdout=subprocess.DEVNULL) as first:
        wait(lambda: stack.run("docker", "inspect", f"{stack.project}.lease").returncode == 0, stack.folder / "compose.yaml")
        second = stack.trimtab("deploy", "--quiet", "--force-recreate")
        waiting = stack.trimtab("deploy", "--quiet", "--wait", "120")
    assert second.returncode == 2
    assert f"process {first.pid}" in second.stderr
    assert (first.returncode, waiting.returncode) == (0, 0)
    assert settled(stack)
    assert stack.run("docker", "inspect", f"{stack.project}.lease").returncode != 0


def held(stack: Stack, *more: str) -> None:
    stack.write(f'[deploy]\nholder = ["*"]\nholder-image = "{HOLDER}"\ndrain = 5\n' + "".join(more))


def test_a_version_that_fails_while_both_have_callers_goes_back(stack: Stack) -> None:
    stack.deployed()
    held(stack)
    stack.deployed()
    held(stack, "bake = 40\n")
    before = stack.names()
    with Callers(stack) as callers:
        late = stack.data("deploy", VERSION="2", MODE="late")
        wrong = stack.data("deploy", VERSION="3", MODE="errors")
    webs = [each["services"]["web"] for each in (late, wrong)]
    assert [(found["code"], web["outcome"]) for found, web in zip((late, wrong), webs, strict=True)] == [(1, "rolled-back")] * 2
    assert "after it was ready: it ended" in webs[0]["reason"]
    assert "unseen by callers, of the one before 0.0%" in webs[1]["reason"]
    assert webs[1]["seconds"] < 40, "beyond doubt long before the trial's end"
    # The one that failed late had callers until then. What it was just answering, the one before was asked.
    assert set(callers.answers) == {"1", "2"}
    assert callers.failures == []
    assert stack.serves() == "1"
    assert stack.names() == before


def test_a_bad_version_after_one_that_did_not_run_is_taken_away(stack: Stack) -> None:
    """Nobody is led back to what did not run, and the next good version is deployed as any other."""
    stack.deployed()
    held(stack)
    stack.deployed()
    before = stack.names()
    stack.run("docker", "stop", f"{stack.project}-front")
    bad = stack.data("deploy", VERSION="2", MODE="crash")
    assert (bad["code"], bad["services"]["web"]["outcome"]) == (1, "rolled-back")
    assert stack.names() == before
    assert stack.run("docker", "inspect", "--format", "{{.State.Status}}", f"{stack.project}-front").stdout.strip() == "exited"
    stack.deployed(VERSION="3")
    assert stack.serves() == "3"
    assert stack.names() == before


@pytest.mark.parametrize("ending", [("rollback",), ("deploy", "--resume")])
def test_a_journal_that_is_lost_behind_the_holder_leaves_nobody_without_callers(stack: Stack, ending: tuple[str, ...]) -> None:
    """Which slot the holder leads to, and which lanes a deployment has made, is told by the marks of containers as well."""
    stack.deployed()
    held(stack)
    journal = stack.folder / ".trimtab"
    for step, version, served in ((14, "1", "1"), (7, "2", "1" if ending == ("rollback",) else "2")):
        killed_at(stack, step, VERSION=version)
        shutil.rmtree(journal)
        assert stack.trimtab(*ending, "--quiet", VERSION=version).returncode == 0
        assert stack.serves() == served
        assert not [name for name in stack.names() if ".before-" in name or name.endswith(".lease")]
        stack.deployed(VERSION=served)


@pytest.mark.parametrize("step", ["create HAProxy", "takes over", "finishes"])
def test_undone_while_a_lane_gets_another_haproxy(stack: Stack, step: str) -> None:
    """One that was made and not started is no lane's: it is taken away, and the one before serves on."""
    stack.deployed()
    held(stack)
    stack.deployed()
    held(stack, 'stop-first = ["web"]\n')
    killed_at(stack, step, VERSION="2")
    done = stack.data("rollback")
    assert (done["code"], done["services"]["web"]["outcome"]) == (0, "rolled-back")
    words = ("docker", "ps", "--all", "--format", "{{.State}}", "--filter", f"name=^{stack.project}.proxy.")
    assert stack.run(*words).stdout.split() == ["running"] * 2
    assert stack.serves() == "1"
    stack.deployed(VERSION="2")
    assert stack.serves() == "2"


def test_behind_the_holder_nobody_notices(stack: Stack) -> None:
    stack.deployed()
    held(stack)
    found = stack.data("deploy")
    # The store has volumes that it writes to, and uses the same port: it has a lane of its own and stops first.
    assert {name: each["strategy"] for name, each in found["services"].items()} == {"store": "exchange", "web": "exchange"}
    with Callers(stack) as callers:
        stack.deployed(VERSION="2")
        bad = stack.data("deploy", VERSION="3", MODE="crash")
        assert stack.trimtab("rollback", "--quiet").returncode == 0
        stack.deployed("--force-recreate", "--service", "store", VERSION="1")
    assert (bad["code"], bad["services"]["web"]["outcome"]) == (1, "rolled-back")
    assert callers.failures == []
    assert set(callers.answers) == {"1", "2"}
    counted = stack.data("status")["holder"]
    assert counted["web"]["sessions"] >= len(callers.answers) > 0
    assert counted["web"]["failed"] == 0
    assert set(counted) == {"store", "web"}
    # Long enough for one question to each lane, on a loaded machine as well.
    assert stack.trimtab("observe", "--for", "12s", "--quiet").returncode == 0
    # Counts begin with the first look, so that no restart of the observer counts anything twice.
    told = stack.trimtab("metrics").stdout
    assert f'trimtab_holder_requests_total{{project="{stack.project}",service="web"}} 0' in told
    assert f'trimtab_holder_failed_requests_total{{project="{stack.project}",service="store"}} 0' in told
    assert "Recreate" not in stack.run("docker", "compose", "up", "--detach", VERSION="1").stderr
    # In the project's networks, the names are the holder's.
    seen = stack.inside(f"{stack.project}-store-1", "python3", "-c", "import socket; print(socket.gethostbyname_ex('web')[2])")
    assert len(json.loads(seen.replace("'", '"'))) == 1
    stack.write()
    stack.deployed(VERSION="1")
    assert settled(stack)
    assert stack.serves() == "1"


def test_killed_behind_the_holder(stack: Stack) -> None:
    held(stack, 'stop-first = ["web"]\n')
    stack.deployed()
    assert resumed_and_undone(stack, 8, 10).failures == []
    assert stack.serves() == "2"


def test_an_engine_that_is_started_again(second: SecondEngine, tmp_path: Path) -> None:
    """The holder comes up by itself; a deployment that the engine went away from goes on."""
    for image in (IMAGE, HOLDER):
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            subprocess.run(["docker", "load"], stdin=saved.stdout, env=second.environment, check=True, capture_output=True)
    stack = Stack(tmp_path / "fleet", f"again-{os.getpid()}", 18499, second.environment)
    held(stack)
    try:
        stack.deployed()
        words = [sys.executable, "-m", "trimtab", "deploy", "--format", "json", "--quiet"]
        given = {**stack.environment, "VERSION": "2"}
        with subprocess.Popen(words, cwd=stack.folder, env=given, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = (json.loads(line) for line in process.stdout)
            next(each for each in lines if each.get("step") == "start the new one")
            second.restart_engine()
            result = list(lines)[-1]
        assert process.returncode in {0, 1}
        assert result["outcome"] in {"done", "rolled-back"}
        wanted = "2" if result["outcome"] == "done" else "1"
        seen = ""
        for _ in range(60):
            caller = [f"--net=/run/netns/{second.namespace}", "curl", "-s", "-m", "5", f"http://127.0.0.1:{stack.port}/"]
            with suppress(subprocess.CalledProcessError):
                seen = subprocess.run(["nsenter", *caller], capture_output=True, text=True, check=True).stdout
            if seen == wanted:
                break
            time.sleep(0.5)
        assert seen == wanted
        assert stack.data("status")["unfinished"] is None
    finally:
        stack.remove()
