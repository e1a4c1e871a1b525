"""Completion in a real shell, and the manual page."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trimtab.cli.app import COMMANDS, run

MAN = Path(__file__).parents[2] / "man" / "trimtab.1"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `trimtab completion bash` prints."""
    path = tmp_path_factory.mktemp("completion") / "trimtab.bash"
    argv = [sys.executable, "-m", "trimtab", "completion", "bash"]
    path.write_text(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    return path


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["rev"], {"review", "reviewer"}),
        (["re"], {"review", "reviewer", "report", "resources"}),
        (["review", "--basel"], {"--baseline"}),
        (["build", "--no"], {"--no-retry", "--no-color", "--no-cache"}),
        (["history", "dep"], {"deployments", "deployment"}),
        (["review", "--format", "sa"], {"sarif"}),
        (["init", "--di"], {"--diff"}),
    ],
)
def test_bash_completes(script: Path, line: list[str], expected: set[str]) -> None:
    program = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _trimtab; printf "%s\\n" "${COMPREPLY[@]}"'
    argv = ["bash", "--norc", "-c", program, "bash", str(script), "trimtab", *line]
    told = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert told.stderr == ""
    assert {word.strip() for word in told.stdout.split("\n")} - {""} == expected


def test_bash_knows_the_function(script: Path) -> None:
    argv = ["bash", "--norc", "-c", 'source "$1"; complete -p trimtab', "bash", str(script)]
    assert "_trimtab" in subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("shell", "sign"), [("zsh", "#compdef trimtab"), ("fish", "complete -c trimtab")])
def test_other_shells(shell: str, sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert sign in capsys.readouterr().out


def test_there_is_no_other_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "tcsh"]) == 2
    assert "tcsh" in capsys.readouterr().err


def test_the_manual_has_every_command() -> None:
    text = MAN.read_text(encoding="utf-8")
    assert re.findall(r"^\.SS (\S+)$", text, re.MULTILINE) == list(COMMANDS)


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff on this machine")
def test_the_manual_is_set_without_a_warning() -> None:
    argv = ["groff", "-man", "-ww", "-K", "utf8", "-T", "utf8", "-P", "-c", str(MAN)]
    told = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert told.stderr == ""
    page = re.sub(r".\x08", "", told.stdout)
    assert "review, fix and prove the containers of a whole repository" in page
    assert "`" not in page
