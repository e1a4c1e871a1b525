"""The generated bash scripts, run for real; only trimtab itself is another program, which writes down what it is told."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from trimtab.cli.app import COMMANDS, app
from trimtab.deploy.frontends import JOBS, front_ends
from trimtab.deploy.options import OPTIONS
from trimtab.fleet import FleetOptions, MemoryTree, discover
from trimtab.fleet.script_jobs import Job

OLD = """#!/bin/bash
set -e
case "${1:-deploy}" in
  deploy) docker compose -f "conf/shop prod.yml" --env-file conf/prod.env up -d ;;
  status) docker compose ps ;;
  validate) docker compose config ;;
  logs) docker compose logs ;;
esac
while [ $# -gt 0 ]; do
  case "$1" in
    --skip-build) BUILD=no ;;
    --skip-tests) TESTS=no ;;
  esac
  shift
done
"""
COMPOSE = "services:\n  web: {build: .}\n  worker: {build: .}\n  gateway: {image: nginx}\n"
PLAIN = {"compose.yaml": COMPOSE, "Dockerfile": "FROM scratch\n"}
SEASONED = {"conf/shop prod.yml": COMPOSE, "conf/Dockerfile": "FROM scratch\n", "old/deploy.sh": OLD}
NEEDED = ("bash", "cat", "date", "dirname", "mkdir", "sh", "sleep", "tee", "touch")
"""All that the scripts and the fake need; nothing else is on PATH."""
FAKE = """#!/bin/sh
{ printf '%s\\0' "$@"; printf '\\n\\0'; } >>"$CALLS"
printf '%s\\n' "$COMPOSE_ENV_FILES" >"$CALLS.env"
echo "out of $1"
echo "err of $1" >&2
case $1 in
  "$WAITS") trap 'kill "$child"; echo tidied; exit 130' INT
    sleep 60 & child=$!
    echo ready
    wait ;;
  "$FAILS") exit "$WITH" ;;
esac
"""
# A process that was started with SIGINT ignored, as in the background of a script, could not be interrupted.
LISTENING = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"


class Place:
    """A fleet's folder with its scripts, and a PATH with a trimtab that writes down what it is told."""

    def __init__(self, folder: Path, files: Mapping[str, str], *, gated: bool = False) -> None:
        self.root = folder / "a shop's $place"
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        self.bin.mkdir()
        for name in NEEDED:
            (self.bin / name).symlink_to(str(shutil.which(name)))
        self.trimtab = self.bin / "trimtab"
        self.trimtab.write_text(FAKE)
        self.trimtab.chmod(0o755)
        fleet = discover(MemoryTree(files), FleetOptions())
        for front in front_ends(fleet, "shop", "scripts", JOBS, ("bash",), gated=gated):
            path = self.root / front.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(front.text)
            path.chmod(0o755)

    def environment(self, **values: str) -> dict[str, str]:
        return {"PATH": str(self.bin), "CALLS": str(self.calls), "HOME": "/nowhere", **values}

    def run(self, job: str, *words: str, cwd: Path | None = None, **values: str) -> "subprocess.CompletedProcess[str]":
        script = self.root / "scripts" / f"{job}.sh"
        return subprocess.run(
            [script, *words], cwd=cwd or self.root, env=self.environment(**values), capture_output=True, text=True, check=False
        )

    @property
    def told(self) -> list[list[str]]:
        """What trimtab was told, call by call."""
        if not self.calls.exists():
            return []
        calls = self.calls.read_text().split("\n\0")
        return [call.split("\0")[:-1] for call in calls if call]

    @property
    def logs(self) -> list[Path]:
        return sorted((self.root / ".trimtab/logs").glob("*.log")) if (self.root / ".trimtab").exists() else []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, PLAIN)


@pytest.fixture
def seasoned(tmp_path: Path) -> Place:
    return Place(tmp_path, SEASONED)


def test_a_deployment_builds_and_deploys_and_says_how_long_it_took(place: Place) -> None:
    result = place.run("deploy")
    assert result.returncode == 0
    assert place.told == [["build", "."], ["deploy", "."]]
    lines = result.stdout.splitlines()
    assert "deploy: step 1 of 2: trimtab build ." in lines
    assert "deploy: step 2 of 2: trimtab deploy ." in lines
    assert re.fullmatch(r"deploy: done after \d+ s, build \d+ s, deploy \d+ s; log: \.trimtab/logs/deploy-\S+\.log", lines[-1])


def test_the_log_holds_what_the_terminal_has_shown(place: Place) -> None:
    result = place.run("deploy")
    [log] = place.logs
    assert re.fullmatch(r"deploy-\d{8}-\d{6}\.log", log.name)
    assert log.read_text() == result.stdout
    assert {"out of build", "err of build", "out of deploy", "err of deploy"} <= set(result.stdout.splitlines())
    assert (place.root / ".trimtab/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize(
    ("code", "outcome"), [(1, "failed"), (2, "could not run"), (3, "ended with 3"), (130, "interrupted"), (77, "ended with 77")]
)
def test_exit_codes_are_handed_on(place: Place, job: str, code: int, outcome: str) -> None:
    result = place.run(job, FAILS=job, WITH=str(code))
    assert result.returncode == code
    assert result.stdout.splitlines()[-1].startswith(f"{job}: {outcome} after ")
    assert place.told[-1][0] == job


def test_what_fails_to_build_is_not_deployed(place: Place) -> None:
    assert place.run("deploy", FAILS="build", WITH="1").returncode == 1
    assert place.told == [["build", "."]]


def test_gates_are_asked_before_a_deployment(tmp_path: Path) -> None:
    place = Place(tmp_path, PLAIN, gated=True)
    assert place.run("deploy", FAILS="gate", WITH="1").returncode == 1
    assert [call[0] for call in place.told] == ["build", "gate"]
    place.calls.unlink()
    assert place.run("deploy", "--no-gate").returncode == 0
    assert [call[0] for call in place.told] == ["build", "deploy"]


def test_gates_are_asked_where_that_is_wished(place: Place) -> None:
    assert place.run("deploy", "--gate").returncode == 0
    assert place.told == [["build", "."], ["gate", "."], ["deploy", "."]]


@pytest.mark.parametrize(
    ("job", "words", "told"),
    [
        ("deploy", ["-s", "web", "--service=worker"],
         [["build", "--service", "web", "--service", "worker", "."], ["deploy", "--service", "web", "--service", "worker", "."]]),
        ("deploy", ["--no-build"], [["deploy", "."]]),
        ("deploy", ["--no-build", "--pull", "--remove-orphans"], [["deploy", "--pull", "--remove-orphans", "."]]),
        ("deploy", ["--force-recreate"], [["build", "."], ["deploy", "--force-recreate", "."]]),
        ("deploy", ["--dry-run"], [["deploy", "--dry-run", "."]]),
        ("deploy", ["--resume"], [["deploy", "--resume", "."]]),
        ("deploy", ["-f", "/a b/c.yml"], [["build", "/a b/c.yml"], ["deploy", "/a b/c.yml"]]),
        ("build", ["--since", "HEAD~1", "--no-cache"], [["build", "--since", "HEAD~1", "--no-cache", "."]]),
        ("rollback", ["--to", "7", "-s", "web"], [["rollback", "--to", "7", "--service", "web", "."]]),
        ("rollback", ["--dry-run", "-f", "/a.yml", "-f", "/b.yml"], [["rollback", "--dry-run", "/a.yml", "/b.yml"]]),
        ("rollback", ["--", "--to", "7"], [["rollback", ".", "--to", "7"]]),
    ],
)  # fmt: skip
def test_options_become_those_of_trimtab(place: Place, job: str, words: list[str], told: list[list[str]]) -> None:
    assert place.run(job, *words).returncode == 0
    assert place.told == told


@pytest.mark.parametrize("job", JOBS)
def test_what_stands_behind_two_dashes_is_handed_on_exactly(place: Place, job: str) -> None:
    words = ["--verbose", "two words", "", "*", "$HOME", "'", 'say "a"', "--", "back\\slash", "ü"]
    assert place.run(job, "--", *words).returncode == 0
    assert place.told[-1][-len(words) :] == words


def test_it_can_be_started_from_anywhere(place: Place, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    assert place.run("build", "-f", "here.yml", cwd=elsewhere).returncode == 0
    assert place.told == [["build", f"{elsewhere}/here.yml"]]
    assert [log.parent for log in place.logs] == [place.root / ".trimtab/logs"]


@pytest.mark.parametrize("job", JOBS)
def test_without_trimtab_it_says_how_to_get_it(place: Place, job: str) -> None:
    place.trimtab.unlink()
    result = place.run(job)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{job}: trimtab is not installed. ")
    assert '"pipx install trimtab"' in result.stderr
    assert '"uv tool install trimtab"' in result.stderr
    assert place.logs == []


@pytest.mark.parametrize("job", JOBS)
def test_help_needs_no_trimtab(place: Place, job: str) -> None:
    place.trimtab.unlink()
    for word in ("--help", "-h", "help"):
        result = place.run(job, word)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith(f"Usage: {job}.sh [OPTIONS]\n")
        assert "\nServices when this was written: web, worker, gateway\n" in result.stdout
        assert max(map(len, result.stdout.splitlines())) <= 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nonsense"], "deploy: --nonsense is not known here; see --help\n"),
        (["web"], "deploy: web is not known here; see --help\n"),
        (["--nonsense=3"], "deploy: --nonsense is not known here; see --help\n"),
        (["--service"], "deploy: --service needs a value: NAME\n"),
    ],
)
def test_what_is_not_known_ends_with_two(place: Place, words: list[str], said: str) -> None:
    result = place.run("deploy", *words)
    assert (result.returncode, result.stdout, result.stderr) == (2, "", said)
    assert place.told == []


def test_a_wrong_service_is_hinted_at_and_left_to_trimtab(place: Place) -> None:
    result = place.run("build", "--service", "gatway")
    assert result.stderr == "build: no service was called gatway when this script was written; similar: gateway\n"
    assert place.told == [["build", "--service", "gatway", "."]]


@pytest.mark.parametrize("job", ["build", "deploy"])
def test_interrupting_lets_trimtab_tidy_up_and_ends_with_130(place: Place, job: str) -> None:
    argv = [sys.executable, "-c", LISTENING, str(place.root / f"scripts/{job}.sh")]
    with subprocess.Popen(
        argv, cwd=place.root, env=place.environment(WAITS="build"), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        before = [process.stdout.readline()]
        while before[-1] not in {"ready\n", ""}:
            before.append(process.stdout.readline())
        os.killpg(process.pid, signal.SIGINT)
        after = process.stdout.read()
    assert process.returncode == 130
    assert re.fullmatch(rf"tidied\n{job}: interrupted after \d+ s, build \d+ s; log: \S+\n", after)
    assert place.told == [["build", "."]]
    assert place.logs[0].read_text() == "".join(before) + after


def test_a_log_that_cannot_be_written_ends_with_two(place: Place) -> None:
    (place.root / ".trimtab").write_text("")
    result = place.run("deploy")
    assert result.returncode == 2
    assert "the log cannot be written" in result.stderr
    assert place.told == []


def test_compose_files_and_their_settings_are_taken_over(seasoned: Place) -> None:
    assert seasoned.run("deploy").returncode == 0
    assert seasoned.told == [["build", "conf/shop prod.yml"], ["deploy", "conf/shop prod.yml"]]
    assert Path(f"{seasoned.calls}.env").read_text() == f"{seasoned.root}/conf/prod.env\n"


def test_what_is_gone_back_with_is_what_was_deployed(seasoned: Place) -> None:
    assert seasoned.run("rollback").returncode == 0
    assert seasoned.told == [["rollback", "conf/shop prod.yml"]]
    assert Path(f"{seasoned.calls}.env").read_text() == f"{seasoned.root}/conf/prod.env\n"


def test_settings_that_are_set_win(seasoned: Place) -> None:
    assert seasoned.run("deploy", COMPOSE_ENV_FILES="mine.env").returncode == 0
    assert Path(f"{seasoned.calls}.env").read_text() == "mine.env\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--skip-build"], [["deploy", "conf/shop prod.yml"]]),
        (["deploy", "--no-build"], [["deploy", "conf/shop prod.yml"]]),
        (["validate"], [["deploy", "--dry-run", "conf/shop prod.yml"]]),
        (["status"], [["status", "conf/shop prod.yml"]]),
        (["status", "--", "--watch"], [["status", "conf/shop prod.yml", "--watch"]]),
    ],
)
def test_what_users_of_the_script_before_type_is_understood(seasoned: Place, words: list[str], told: list[list[str]]) -> None:
    assert seasoned.run("deploy", *words).returncode == 0
    assert seasoned.told == told


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("--skip-tests", "trimtab runs no tests of yours here"),
        ("logs", "compose shows them: \"docker compose -f 'conf/shop prod.yml' logs --follow\""),
    ],
)
def test_what_nothing_stands_for_is_refused_with_a_reason(seasoned: Place, word: str, why: str) -> None:
    result = seasoned.run("deploy", word)
    assert result.returncode == 2
    assert result.stderr.startswith(f"deploy: {word}: {why}")
    assert seasoned.told == []


@pytest.mark.parametrize("job", JOBS)
def test_trimtab_knows_all_that_it_is_told(job: Job) -> None:
    for option in OPTIONS[job]:
        for command in option.to:
            names = {name for argument in app[command].assemble_argument_collection() for name in argument.names}
            assert f"--{option.name}" in names
    assert {"gate", "status", job} <= set(COMMANDS)
