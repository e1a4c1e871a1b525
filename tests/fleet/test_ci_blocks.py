"""The commands in CI files are read as the shell gets them, each on its line of the file."""

import pytest

from trimtab.fleet import Fleet, MemoryTree, discover
from trimtab.fleet.scripts import ScriptPart
from trimtab.rules import all_rules
from trimtab.rules.base import ScriptRule

GITLAB = """deploy:
  script:
    - docker compose down
    # between
    - |
      docker compose build
      docker compose up -d
    - sleep 20
  after_script: docker compose logs
"""
WORKFLOW = """on: push
jobs:
  deploy:
    runs-on: ubuntu-latest
    steps:
      - shell: pwsh
        run: |
          docker compose down -v
          if ($LASTEXITCODE) { exit 1 }
      - run: docker ps
      - shell: python
        run: print("docker ps")
  windows:
    runs-on: windows-2022
    steps:
      - run: docker ps
      - {run: docker ps, shell: bash}
  other:
    defaults: {run: {shell: sh}}
    steps: [{run: docker ps}]
"""


def parts(path: str, text: str) -> tuple[Fleet, list[ScriptPart]]:
    fleet = discover(MemoryTree({path: text, "compose.yaml": "services: {a: {image: 'a:1'}}\n"}))
    return fleet, list(fleet.scripts)


def found(fleet: Fleet) -> list[tuple[str, int]]:
    rules = [rule for rule in all_rules() if isinstance(rule, ScriptRule)]
    return [(finding.rule, finding.line) for rule in rules for finding in rule.check(fleet)]


def test_the_items_of_a_gitlab_script_are_one_text() -> None:
    fleet, (script, after) = parts(".gitlab-ci.yml", GITLAB)
    assert [(script.line_of(call.command.span.start), call.verb) for call in script.calls] == [
        (3, "down"),
        (6, "build"),
        (7, "up"),
    ]
    assert [(after.line_of(call.command.span.start), call.verb) for call in after.calls] == [(9, "logs")]
    assert {("SC102", 3), ("SC105", 8)} <= set(found(fleet))


def test_a_step_is_read_in_its_own_shell() -> None:
    _, every = parts(".github/workflows/a.yml", WORKFLOW)
    assert [(part.line, part.shell) for part in every] == [
        (8, "powershell"), (10, "bash"), (16, "powershell"), (17, "bash"), (20, "sh"),
    ]  # fmt: skip
    assert all(part.strict for part in every)


@pytest.mark.parametrize("shell", ["pwsh", "powershell"])
def test_traps_of_powershell_are_found_in_a_step(shell: str) -> None:
    text = WORKFLOW.replace("pwsh", shell).replace(
        "          if ($LASTEXITCODE) { exit 1 }\n", "          docker compose up -d\n"
    )
    fleet, _ = parts(".github/workflows/a.yml", text)
    assert {("SC102", 8), ("SC109", 9)} <= set(found(fleet))
