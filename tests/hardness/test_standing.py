"""What a process stands on: streams that are closed or full, a folder that is gone, no home, a clock that jumps."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from fuzz import signals  # noqa: E402  the repository's folder is not on the path of every runner

TRIMTAB = f"{sys.executable} -m trimtab"


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text('FROM python:3.12\nCOPY . .\nRUN pip install -r requirements.txt\nCMD ["x"]\n')
    (tmp_path / "requirements.txt").write_text("six\n")
    return tmp_path


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("command", ["score", "score --format json", "rule", "--version"])
@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_reason_to_fail(fleet: Path, command: str, closed: str) -> None:
    done = shell(f"{TRIMTAB} {command} {closed}", fleet)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["review", "score", "review --format sarif", "rule", "--version"])
def test_a_full_disk_behind_standard_output_is_said(fleet: Path, command: str) -> None:
    done = shell(f"{TRIMTAB} {command} > /dev/full", fleet)
    assert done.returncode == 2
    assert "Standard output cannot be written: No space left" in done.stderr


def test_help_that_cannot_be_written_is_no_bug_of_ours(fleet: Path) -> None:
    done = shell(f"{TRIMTAB} review --help > /dev/full", fleet)
    assert (done.returncode, done.stderr) == (2, "error: What is to be told cannot be written: No space left on device.\n")


def test_a_review_that_is_remembered_says_it_too(fleet: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    # Not by a shell: what is remembered is so for one environment, and SHLVL is not the same where there is a redirection.
    cache = tmp_path_factory.mktemp("cache")
    argv, env = (
        [sys.executable, "-m", "trimtab", "review", "--offline"],
        {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(cache)},
    )
    assert subprocess.run(argv, cwd=fleet, env=env, capture_output=True, check=False).returncode == 1
    assert len(list(cache.glob("trimtab/reviews/*.json"))) == 1
    with Path("/dev/full").open("wb") as full:
        again = subprocess.run(argv, cwd=fleet, env=env, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (again.returncode, again.stderr) == (2, "error: Standard output cannot be written: No space left on device.\n")


def test_a_git_that_may_not_be_run_is_none(fleet: Path) -> None:
    (fleet / "bin").mkdir()
    (fleet / "bin" / "git").write_text("")
    done, without = (shell(f"PATH={fleet / name} {TRIMTAB} review --offline --format json", fleet) for name in ("bin", "none"))
    assert (done.stdout, done.returncode) == (without.stdout, without.returncode)


@pytest.mark.parametrize("command", ["review", "fix", "plan", "doctor", "ci"])
def test_a_folder_that_is_gone_is_said(tmp_path: Path, command: str) -> None:
    done = shell(f"mkdir gone && cd gone && rmdir ../gone && {TRIMTAB} {command}", tmp_path)
    assert done.returncode == 2
    assert "does not exist any more" in done.stderr


@pytest.mark.parametrize("command", ["review", "score", "history", "plan", "bases --offline"])
def test_without_a_home(fleet: Path, command: str) -> None:
    done = shell(f"env -u HOME -u XDG_CACHE_HOME {TRIMTAB} {command}", fleet)
    assert done.returncode in {0, 1, 2}
    assert "bug" not in done.stderr


def test_signals_at_random_moments_leave_everything_whole(tmp_path: Path) -> None:
    """A few rounds of `fuzz/signals.py`, which does hundreds."""
    seed = int(time.time())
    table = signals.rounds(tmp_path, 6, random.Random(seed))
    assert not table.wrong, f"seed {seed}\n{table.text()}"
    assert sum(sum(cell.values()) for cell in table.counts.values()) == 6
