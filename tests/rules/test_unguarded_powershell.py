"""PowerShell's removals and requests: what is found beside the rules' own cases, and what is not."""

import pytest

from trimtab.fleet import MemoryTree, discover
from trimtab.review import review
from trimtab.rules import find_rules


def found(code: str, line: str) -> list[str]:
    files = {"a.ps1": f"$ErrorActionPreference = 'Stop'\ndocker ps\n{line}\n", "Dockerfile": "FROM scratch\n"}
    result = review(discover(MemoryTree(files)), find_rules(code))
    return [("fix" if each.fix else "refused") for each in result.findings if each.path == "a.ps1"]


@pytest.mark.parametrize(
    "line",
    [
        'Remove-Item -Recurse "$Old/data"', 'ri -rec -Force "$env:DATA\\x"', "rm -r ${Old}/x", 'Remove-Item "$Old\\*" -Recurse -Force',
    ],
)  # fmt: skip
def test_a_folder_below_a_variable_without_a_value(line: str) -> None:
    assert found("SC116", line) == ["refused"]


@pytest.mark.parametrize(
    "line",
    [
        '$Old = "C:\\old"\nRemove-Item -Recurse "$Old/data"', 'Remove-Item "$Old/data"', 'Remove-Item -Recurse "$PSScriptRoot/out"',
        "if (-not $Old) { throw 'x' }\nRemove-Item -Recurse \"$Old/data\"", 'Remove-Item -Recurse "$env:TEMP\\x"',
        'foreach ($Old in $all) { Remove-Item -Recurse "$Old/data" }', 'Remove-Item -Recurse "out/$Old"', 'Write-Host "$Old/data"',
    ],
)  # fmt: skip
def test_a_value_that_is_there(line: str) -> None:
    assert found("SC116", line) == []


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("irm http://localhost:80/health", ["fix"]),
        ("Invoke-RestMethod -Uri 'http://127.0.0.1/' -Method GET -ErrorAction Stop", ["fix"]),
        ("Invoke-RestMethod -Uri http://localhost/ -Method Post -Body $b", ["refused"]),
        ("Invoke-RestMethod -Uri http://localhost/ -Method Delete", ["refused"]),
        ("Invoke-WebRequest https://example.com/a -OutFile a", ["refused"]),
        ("Invoke-WebRequest http://localhost/events/stream", ["refused"]),
        ("Invoke-WebRequest http://localhost/ -TimeoutSec 5", []),
        ("Invoke-WebRequest http://localhost/ -ConnectionTimeoutSeconds 5", []),
        ("Invoke-RestMethod @request", []),
    ],
)
def test_a_request_without_end(line: str, outcome: list[str]) -> None:
    assert found("SC119", line) == outcome
