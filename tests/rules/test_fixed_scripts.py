"""What fixes make of bash scripts is run by bash, and read by shellcheck where that is installed."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from trimtab.fleet import MemoryTree, discover
from trimtab.rewrite import rewrite
from trimtab.rules import all_rules
from trimtab.rules.base import ScriptRule

FAKE = '#!/bin/sh\nprintf "%s %s\\n" "$(basename "$0")" "$*" >>"$CALLS"\n'
FAKED = ("docker", "docker-compose", "curl", "wget", "sleep", "rm")
ENDS_EARLY = {"SC116"}
"""Rules whose fixes are there to end a script that would do harm."""
SHELLCHECK = shutil.which("shellcheck")


def fixed_cases() -> Iterator[ParameterSet]:
    """Every bash script of a rule's cases that has a fix: its name, its text before, and what the fix makes of it."""
    for rule in (rule for rule in all_rules() if isinstance(rule, ScriptRule)):
        for number, case in enumerate(rule.flagged):
            path = next((path for path in case.files if path.endswith(".sh")), "")
            if case.refused is not None or not path:
                continue
            fleet = discover(MemoryTree({"Dockerfile": case.before, **case.files}))
            changes = {change.path: change.text for change in rewrite(fleet, unsafe=True, rules=(rule,)).changed}
            yield pytest.param(rule.code, case.files[path], changes[path], id=f"{rule.code}-{number}")


CASES = list(fixed_cases())


def ran(folder: Path, text: str) -> tuple[int, list[str], str]:
    """A script's exit code, what it called, and what it said, with stand-ins for everything outside of it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in FAKED:
        (folder / name).write_text(FAKE)
        (folder / name).chmod(0o755)
    calls = folder / "calls"
    calls.touch()
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(calls)}
    shell = ["bash", "-s"] if not text.startswith("#!/bin/sh") else ["sh", "-s"]
    done = subprocess.run(shell, input=text, text=True, capture_output=True, env=environment, cwd=folder, check=False)
    return done.returncode, calls.read_text().splitlines(), done.stderr


@pytest.mark.parametrize(("code", "before", "after"), CASES)
def test_a_fixed_script_runs(code: str, before: str, after: str, tmp_path: Path) -> None:
    status, calls, said = ran(tmp_path / "after", after)
    if code in ENDS_EARLY:
        assert status != 0
        assert not any(call.startswith("rm ") for call in calls)
        assert "parameter" in said
        return
    assert (status, said) == (0, "")
    first, were, _ = ran(tmp_path / "before", before)
    # One that ended half-way goes on now; any other calls the same programs as often.
    assert len(calls) > len(were) if first else len(calls) == len(were)


def remarks(text: str) -> set[tuple[int, str]]:
    done = subprocess.run([str(SHELLCHECK), "--format", "json", "-"], input=text, capture_output=True, text=True, check=False)
    return {(each["code"], each["message"]) for each in json.loads(done.stdout)}


@pytest.mark.skipif(SHELLCHECK is None, reason="shellcheck is not installed")
@pytest.mark.parametrize(("before", "after"), [pytest.param(*case.values[1:], id=case.id) for case in CASES])
def test_shellcheck_has_nothing_more_to_say(before: str, after: str) -> None:
    assert remarks(after) <= remarks(before)
