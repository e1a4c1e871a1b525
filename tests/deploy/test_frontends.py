"""What the generated scripts are made of, and what they take over from those before."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from trimtab.deploy.frontends import JOBS, SHELLS, FrontEnd, front_ends
from trimtab.deploy.predecessors import before_of, predecessors
from trimtab.deploy.written import Before, Outcome, State, outcome_of, read_before, sealed, state_of
from trimtab.errors import UsageError
from trimtab.fleet import Fleet
from trimtab.fleet.script_jobs import interface_of
from trimtab.fleet.scripts import ScriptPart
from trimtab.review import review
from trimtab.rules import all_rules
from trimtab.rules.base import ScriptRule

MakeFleet = Callable[[Mapping[str, str]], Fleet]
COMPOSE = "services:\n  web: {build: .}\n  worker: {build: .}\n"
PLAIN = {"compose.yaml": COMPOSE, "Dockerfile": "FROM scratch\n"}
DEPLOY = """#!/bin/bash
case "$1" in
  --skip_tests) a ;;
  --no-cache) a ;;
  status | logs) a ;;
esac
docker compose -f "$ROOT/docker-compose.prod.yml" --env-file prod.env run --rm api migrate
docker compose -f "$ROOT/docker-compose.prod.yml" --env-file prod.env down
docker compose -f "$ROOT/docker-compose.prod.yml" --env-file prod.env up -d
"""
POWER = "param([switch]$SkipBuild, [string]$Environment)\ndocker compose -f docker-compose.prod.yml up -d\n"
SEASONED = {
    **PLAIN, "docker-compose.prod.yml": COMPOSE, "scripts/deploy.sh": DEPLOY, "scripts/deploy.ps1": POWER,
    "scripts/rollback.sh": "case $1 in\n--version) a ;;\nesac\ndocker compose up -d\n",
    "build_all.sh": "case $1 in\n--push) a ;;\nesac\ndocker compose build --no-cache\n",
}  # fmt: skip


def fronts(found: Fleet, folder: str = "scripts", *, gated: bool = False) -> dict[str, FrontEnd]:
    return {each.path: each for each in front_ends(found, "shop", folder, JOBS, SHELLS, gated=gated)}


def part_of(front: FrontEnd) -> ScriptPart:
    return ScriptPart(front.path, front.shell, front.text, 1, 0)


@pytest.mark.parametrize("files", [PLAIN, SEASONED], ids=["plain", "seasoned"])
@pytest.mark.parametrize("gated", [False, True])
def test_each_is_clean_by_our_own_rules(files: Mapping[str, str], gated: bool, fleet: MakeFleet) -> None:
    made = fronts(fleet(files), gated=gated)
    together = fleet({**files, **{path: front.text for path, front in made.items()}})
    found = review(together, all_rules()).findings
    assert [each for each in found if each.path in made] == []
    # One that names no engine is none of the fleet's scripts; it is judged as if it were.
    for rule in (rule for rule in all_rules() if isinstance(rule, ScriptRule)):
        for front in made.values():
            assert list(rule.judge(part_of(front), together)) == [], f"{rule.code} in {front.path}"


@pytest.mark.parametrize("files", [PLAIN, SEASONED], ids=["plain", "seasoned"])
def test_each_can_be_parsed(files: Mapping[str, str], fleet: MakeFleet) -> None:
    for front in fronts(fleet(files), gated=True).values():
        assert not part_of(front).script.broken, front.path
        assert "{[" not in front.text
        assert "{%" not in front.text


def test_both_shells_take_the_same_options(fleet: MakeFleet) -> None:
    made = fronts(fleet(SEASONED))
    for job in JOBS:
        bash = interface_of(part_of(made[f"scripts/{job}.sh"]))
        power = interface_of(part_of(made[f"scripts/{job}.ps1"]))
        names = {re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name.removeprefix("-")).lower() for name in power.flags}
        declared = {re.sub(r"^-+", "", name) for name in bash.flags if name.startswith("--")}
        aliases = {name.replace("-", "") for name in re.findall(r"Alias\(([^)]*)\)", made[f"scripts/{job}.ps1"].text)}
        refused = {each.strip("-") for each in made[f"scripts/{job}.sh"].understood.refused}
        also = {each for each in declared if f"'{''.join(w.capitalize() for w in each.split('-'))}'" in " ".join(aliases)}
        assert declared - refused - also == names - {"options", "rest"}, job


def test_flags_of_both_shells_before_are_kept_or_refused_in_both(fleet: MakeFleet) -> None:
    made = fronts(fleet(SEASONED))
    known = made["scripts/deploy.sh"].understood
    assert known.kept == {"--skip-build": "--no-build", "status": "trimtab status"}
    assert set(known.refused) == {"--skip-tests", "--no-cache", "--environment", "logs"}
    assert known.refused["--no-cache"] == (
        'a deployment builds what has changed; "./scripts/build.sh --no-cache" builds everything anew'
    )
    power = made["scripts/deploy.ps1"]
    assert power.understood.refused["--no-cache"].endswith('"./scripts/build.ps1 -NoCache" builds everything anew')
    assert "[Alias('SkipBuild')] [switch] $NoBuild" in power.text
    assert "'-SkipTests' { Stop-Script '-SkipTests: trimtab runs no tests" in power.text
    assert made["scripts/rollback.sh"].understood.kept == {"--version": "--to"}
    assert made["scripts/build.sh"].understood.refused == {"--push": "trimtab build has nothing like it"}


def test_spellings_that_only_one_shell_tells_apart(fleet: MakeFleet) -> None:
    text = "case $1 in\n--skipbuild | --skip-build | --nobuild | --services) a ;;\nesac\ndocker compose up -d\n"
    made = fronts(fleet({**PLAIN, "deploy.sh": text}))
    assert "    --no-build | --nobuild | --skip-build | --skipbuild)\n" in made["scripts/deploy.sh"].text
    assert "    -s | --service | --services)\n" in made["scripts/deploy.sh"].text
    declared = re.findall(r"\[Alias\((.*)\)\] \[switch\] \$NoBuild,", made["scripts/deploy.ps1"].text)
    assert [each.lower() for each in declared] == ["'skipbuild'"]
    assert made["scripts/deploy.sh"].understood.kept["--nobuild"] == "--no-build"


def test_what_was_taken_over_is_still_known_once_the_scripts_before_are_gone(fleet: MakeFleet) -> None:
    first = {path: front.text for path, front in fronts(fleet(SEASONED)).items()}
    rest = {path: text for path, text in SEASONED.items() if path != "build_all.sh"}
    second = {path: front.text for path, front in fronts(fleet({**rest, **first})).items()}
    assert second == first
    assert {path: front.text for path, front in fronts(fleet({**rest, **first})).items()} == second


def test_scripts_that_do_not_agree_on_their_files_give_none(fleet: MakeFleet) -> None:
    files = {"a.yml": COMPOSE, "b.yml": COMPOSE}
    one = {"deploy-a.sh": "docker compose -f a.yml up -d\n"}
    other = {"deploy-b.sh": "docker compose -f b.yml up -d\n"}
    assert before_of(fleet({**files, **one}), "deploy").files == ("a.yml",)
    assert before_of(fleet({**files, **one, **other}), "deploy").files == ()
    named = {"deploy.sh": "docker compose -f b.yml up -d\n"}
    assert before_of(fleet({**files, **one, **named}), "deploy").files == ("b.yml",)


def test_a_file_that_is_not_there_is_not_taken_over(fleet: MakeFleet) -> None:
    text = 'docker compose -f gone.yml --env-file .env.prod --env-file "$HOME/x" up -d\n'
    assert before_of(fleet({"deploy.sh": text}), "deploy") == Before(env_files=(".env.prod",))


def test_the_scripts_before_are_named_with_what_is_wrong_and_what_they_do_besides(fleet: MakeFleet) -> None:
    found = fleet(SEASONED)
    findings = review(found, all_rules()).findings
    old = {each.path: each for each in predecessors(found, findings, ["deploy", "rollback"])}
    assert set(old) == {"scripts/deploy.ps1", "scripts/deploy.sh", "scripts/rollback.sh"}
    bash = old["scripts/deploy.sh"]
    assert "SC102" in {each.rule for each in bash.reasons}
    severities = [each.severity for each in bash.reasons]
    assert severities == sorted(severities, reverse=True)
    [(line, text)] = bash.besides
    assert line == 7
    assert text.endswith("run --rm api migrate")


def test_generated_scripts_are_none_of_those_before(fleet: MakeFleet) -> None:
    made = {path: front.text for path, front in fronts(fleet(SEASONED)).items()}
    assert [each.path for each in predecessors(fleet({**SEASONED, **made}), (), JOBS)] == ["build_all.sh"]


def test_only_the_services_of_the_files_that_are_taken_over_are_named(fleet: MakeFleet) -> None:
    files = {**PLAIN, "docker-compose.prod.yml": "services:\n  api: {image: a}\n", "deploy.sh": DEPLOY}
    made = fronts(fleet(files))
    assert "Services when this was written: api\n" in made["scripts/deploy.sh"].text
    assert "Services when this was written: web, worker\n" in made["scripts/build.sh"].text


def test_no_name_can_end_the_help_or_leave_its_quotes(fleet: MakeFleet) -> None:
    names = [*(f"service-number-{number:03}" for number in range(40)), "END", "'@"]
    for shift in range(1, 30):
        # Some of these widths put the name that is last at the beginning of a line.
        services = "".join(f'  "{name}": {{image: a}}\n' for name in ["x" * shift, *names, 'a"; $(id)'])
        made = fronts(fleet({"compose.yaml": f"services:\n{services}"}))
        bash, power = made["scripts/deploy.sh"], made["scripts/deploy.ps1"]
        assert bash.text.splitlines().count("END") == 1
        assert sum(line.startswith("'@") for line in power.text.splitlines()) == 1
        assert "$(id)" not in bash.text + power.text


@pytest.mark.parametrize("folder", ["../up", "/abs", "a/../.."])
def test_a_folder_outside_the_fleet_is_refused(folder: str, fleet: MakeFleet) -> None:
    with pytest.raises(UsageError, match="is not below the fleet's root"):
        fronts(fleet(PLAIN), folder)


def test_a_file_whose_name_no_script_can_hold_is_refused(fleet: MakeFleet) -> None:
    files = {"a;b.yml": COMPOSE, "deploy.sh": "docker compose -f 'a;b.yml' up -d\n"}
    with pytest.raises(UsageError, match="Rename it"):
        fronts(fleet(files))


def test_the_root_is_found_from_any_depth(fleet: MakeFleet) -> None:
    deep = fronts(fleet(PLAIN), "ops/bin")
    assert 'dirname -- "${BASH_SOURCE[0]}")/../.." && pwd' in deep["ops/bin/deploy.sh"].text
    assert "Join-Path $PSScriptRoot '../..'" in deep["ops/bin/deploy.ps1"].text
    flat = fronts(fleet(PLAIN), ".")
    assert 'dirname -- "${BASH_SOURCE[0]}")" && pwd' in flat["deploy.sh"].text


def test_whose_a_text_is(fleet: MakeFleet) -> None:
    text = fronts(fleet(PLAIN))["scripts/deploy.sh"].text
    assert state_of(text) is State.OURS
    assert state_of(text.replace("\n", "\r\n")) is State.OURS
    assert state_of(text.replace("with_build=1", "with_build=0")) is State.EDITED
    assert state_of(DEPLOY) is State.FOREIGN


def test_a_name_that_is_not_ascii_gets_the_mark_that_windows_needs(fleet: MakeFleet) -> None:
    made = {each.path: each for each in front_ends(fleet(PLAIN), "lädchen", "s", ("build",), SHELLS, gated=False)}
    assert made["s/build.ps1"].text.startswith("\ufeff#Requires")
    assert made["s/build.sh"].text.startswith("#!")
    assert {state_of(each.text) for each in made.values()} == {State.OURS}


@pytest.mark.parametrize(
    ("current", "force", "outcome"),
    [
        (None, False, Outcome.NEW),
        ("same", False, Outcome.UNCHANGED),
        ("older", False, Outcome.CHANGED),
        ("edited", False, Outcome.LEFT),
        ("edited", True, Outcome.REPLACED),
        ("foreign", False, Outcome.LEFT),
        ("foreign", True, Outcome.REPLACED),
    ],
)
def test_what_becomes_of_a_place(current: str | None, force: bool, outcome: Outcome, fleet: MakeFleet) -> None:
    text = fronts(fleet(PLAIN))["scripts/deploy.sh"].text
    older = fronts(fleet({**PLAIN, "compose.yaml": COMPOSE.replace("worker", "queue")}))["scripts/deploy.sh"].text
    known = {"same": text, "older": older, "edited": f"{older}# mine\n", "foreign": DEPLOY}
    assert outcome_of(known[current] if current else None, text, force=force) is outcome


def test_what_is_remembered_survives_and_nonsense_does_not() -> None:
    before = Before(("a b.yml",), flags=("x",), commands=("logs",))
    joined = before.joined(Before(("c.yml",), ("e",), ("a", "x")))
    assert joined == replace(before, env_files=("e",), flags=("a", "x"))
    assert read_before("# before: {nonsense}\n") == Before()
    assert read_before("# before: 3\n") == Before()
    with pytest.raises(ValueError, match="no mark"):
        sealed("text")


def test_powershell_is_told_its_own_way_to_name_several_services(fleet: MakeFleet) -> None:
    made = fronts(fleet(SEASONED))
    power = made["scripts/deploy.ps1"].text
    assert "may be repeated" not in power
    assert "may be repeated" in made["scripts/deploy.sh"].text
    assert "$Service -split ','" in power
    assert "$File -split ','" in power
    ended = power[power.index("} finally {") :]
    assert all(word in ended for word in ("$Before.Keys", "[Console]::OutputEncoding = $Encoding"))
