"""What a script is for, and what it lets its user say."""

from collections.abc import Callable, Mapping

import pytest

from trimtab.fleet import Fleet
from trimtab.fleet.script_jobs import Interface, interface_of, job_of

MakeFleet = Callable[[Mapping[str, str]], Fleet]
UP = "docker compose up -d\n"


@pytest.mark.parametrize(
    ("name", "text", "job"),
    [
        ("deploy.sh", UP, "deploy"),
        ("go-live.ps1", UP, "deploy"),
        ("deploy.sh", "docker compose ps\n", None),
        ("start.sh", UP, None),
        ("build-all.sh", "docker build .\n", "build"),
        ("rebuild.sh", f"docker compose build\n{UP}", "deploy"),
        ("build.sh", "docker compose ps\n", None),
        ("rollback.sh", UP, "rollback"),
        ("roll_back.sh", "docker compose pull\n", "rollback"),
        ("test-deploy.sh", UP, None),
    ],
)
def test_what_a_script_is_for(name: str, text: str, job: str | None, fleet: MakeFleet) -> None:
    [part] = fleet({f"scripts/{name}": text}).scripts
    assert job_of(part) == job


def test_a_block_of_ci_has_no_job(fleet: MakeFleet) -> None:
    text = f"jobs:\n  deploy:\n    steps:\n      - run: {UP}"
    [part] = fleet({".github/workflows/deploy.yml": text}).scripts
    assert job_of(part) is None


def said(fleet: MakeFleet, text: str, name: str = "deploy.sh") -> Interface:
    [part] = fleet({name: text + UP}).scripts
    return interface_of(part)


def test_the_words_of_a_case(fleet: MakeFleet) -> None:
    text = 'while [ $# -gt 0 ]; do\n  case "$1" in\n    --skip-tests) A=1 ;;\n    -s|--service=*) B=1 ;;\n    *) exit 1 ;;\n  esac\n  shift\ndone\n'
    assert said(fleet, text) == Interface(("--skip-tests", "-s", "--service"))


def test_commands_and_comparisons(fleet: MakeFleet) -> None:
    text = 'case "${1:-deploy}" in\ndeploy | status) a ;;\nesac\nif [ "$1" = "--force" ]; then a; fi\n[[ $1 == logs ]] && a\n'
    assert said(fleet, text) == Interface(("--force",), ("deploy", "status", "logs"))


def test_getopts(fleet: MakeFleet) -> None:
    assert said(fleet, 'while getopts "hs:v" opt; do\n  case $opt in h) a ;; esac\ndone\n').flags == ("-h", "-s", "-v")


def test_what_a_function_is_handed_is_not_the_scripts(fleet: MakeFleet) -> None:
    text = 'log() {\n  case "$1" in\n    error) a ;;\n  esac\n}\nmain() {\n  case "$1" in\n    up) a ;;\n  esac\n}\nmain "$@"\n'
    assert said(fleet, text) == Interface((), ("up",))


def test_another_subject_is_none_of_the_arguments(fleet: MakeFleet) -> None:
    assert said(fleet, 'case "$(uname)" in\nLinux) a ;;\nesac\n') == Interface()


def test_parameters_of_powershell(fleet: MakeFleet) -> None:
    text = (
        '[CmdletBinding()]\nparam(\n  [Parameter(Position=0)][ValidateSet("deploy", "status")][string]$Command = "deploy",\n'
        "  [switch]$SkipTests,\n  [string]$Service\n)\nfunction Show([string]$Text) { $Text }\n"
    )
    assert said(fleet, text, "deploy.ps1") == Interface(("-SkipTests", "-Service"), ("deploy", "status"))
