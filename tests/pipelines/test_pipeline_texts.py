"""What a linter of workflows would ask of the texts, held without one."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from fleet_in_git import FILES

from trimtab.build import build_graph
from trimtab.errors import UsageError
from trimtab.fleet import Fleet
from trimtab.pipelines.pins import pin_table
from trimtab.pipelines.suites import suites
from trimtab.pipelines.texts import Pipeline, Provider, Said, pipeline_files, read_said

Discover = Callable[[Mapping[str, str]], Fleet]
Data = Mapping[Any, Any]
"""Of YAML 1.1, whose readers take `on` for a truth value."""
SHOP = {
    str(path.relative_to(root)): path.read_text()
    for root in [Path(__file__).parents[2] / "examples" / "shop"]
    for path in root.rglob("*")
    if path.is_file() and ".trimtab" not in path.parts
}
HOSTED = {path: text.replace("acme/", "registry.example.com/acme/") for path, text in FILES.items()}
HOSTED["compose.yaml"] = HOSTED["compose.yaml"].replace("{build: web}", "{build: web, image: registry.example.com/acme/web}")
OF_GITHUB = re.compile(r"\b(?:GITHUB|RUNNER)_\w+|\bCI\b")
CASES = {
    "everything": (FILES, "", Said()),
    "shop": (SHOP, "", Said()),
    "below": (FILES, "fleets/shop", Said(branch="release/1", fail_on="critical", requirement="trimtab @ file:///w.whl")),
    "hosted": (HOSTED, "", Said()),
    "named": (FILES, "", Said(registry="ghcr.io/acme")),
}


def text_of(fleet: Discover, case: str, provider: Provider = "github", number: int = 0) -> str:
    files, inside, said = CASES[case]
    whole = fleet(files)
    graph = build_graph(whole, "shop")
    pipeline = Pipeline(whole, graph, suites(whole, graph), "shop", inside, "main", "trimtab==1", said)
    return pipeline_files(pipeline, provider)[number].text


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def text(fleet: Discover, case: str) -> str:
    return text_of(fleet, case)


@pytest.fixture
def data(text: str) -> Data:
    return yaml.safe_load(text)


def steps(data: Data) -> Iterator[tuple[str, Data, Data]]:
    for name, job in data["jobs"].items():
        for step in job["steps"]:
            yield name, job, step


def needs(job: Data) -> list[str]:
    found = job.get("needs", [])
    return [found] if isinstance(found, str) else found


def test_every_action_is_pinned_to_a_commit_of_the_table(text: str) -> None:
    known = {pin.use for pin in pin_table().pins.values()}
    found = re.findall(r"uses: (.+)", text)
    assert found
    assert set(found) <= known
    assert all(re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) for each in found)


def test_jobs_have_the_least_permissions_a_time_limit_and_existing_needs(data: Data) -> None:
    assert data["permissions"] == {}
    for name, job in data["jobs"].items():
        assert isinstance(job["permissions"], dict), name
        assert 0 < job["timeout-minutes"] <= 60
        assert set(needs(job)) <= set(data["jobs"])
    writes = {(name, what) for name, job in data["jobs"].items() for what, how in job["permissions"].items() if how == "write"}
    most = {("bases", "packages"), ("images", "packages"), ("release", "packages")}
    most |= {("images", "security-events"), ("gate", "security-events")}
    assert writes <= most
    assert "id-token" not in str(data["jobs"])


def test_no_script_holds_an_expression_and_every_variable_is_given(data: Data) -> None:
    for name, job, step in steps(data):
        script = step.get("run", "")
        assert "${{" not in script
        given = {**data["env"], **job.get("env", {}), **step.get("env", {})}
        plain = re.sub(r"'[^']*'", "", script)
        used = set(re.findall(r"\$\{?([A-Z][A-Z_]+)\b", plain))
        assert {each for each in used if not OF_GITHUB.fullmatch(each)} <= set(given), (name, step["name"])


def test_every_script_can_be_read_by_bash(data: Data) -> None:
    for _, _, step in steps(data):
        if "run" in step:
            subprocess.run(["bash", "-n", "-c", step["run"]], check=True)


def test_expressions_name_what_exists(data: Data) -> None:
    for name, job in data["jobs"].items():
        said = json.dumps(job)
        assert set(re.findall(r"needs\.([\w-]+)\.", said)) <= set(needs(job)), name
        asked = set(re.findall(r"needs\.plan\.outputs\.(\w+)", said))
        assert asked <= set(data["jobs"]["plan"]["outputs"]), name
        assert set(re.findall(r"steps\.(\w+)\.", said)) <= {step["id"] for step in job["steps"] if "id" in step}


def test_credentials_do_not_stay_and_nothing_runs_with_a_strangers_rights(data: Data, text: str) -> None:
    checkouts = [step for _, _, step in steps(data) if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    assert "pull_request_target" not in text
    assert "workflow_run" not in text


def test_one_check_always_reports_on_every_job(data: Data) -> None:
    others = [name for name in data["jobs"] if name != "result"]
    assert data["jobs"]["result"]["needs"] == others
    assert data["jobs"]["result"]["if"] == "${{ always() }}"
    assert all("paths" not in (trigger or {}) for trigger in data[True].values())


def test_only_the_default_branch_writes_and_deployments_wait_for_each_other(data: Data, case: str) -> None:
    branch = CASES[case][2].branch or "main"
    assert data["jobs"]["plan"]["outputs"]["write"].startswith(f"${{{{ github.ref == 'refs/heads/{branch}' &&")
    for _, _, step in steps(data):
        script = step.get("run", "")
        assert "--cache-to" not in script or 'if [ "$WRITE" = true ]' in script
        assert "docker push" not in script or step["if"] == "${{ needs.plan.outputs.write == 'true' }}"
    deploy = data["jobs"]["deploy"]
    assert deploy["environment"] == "production"
    assert deploy["concurrency"]["cancel-in-progress"] is False
    assert "needs.plan.outputs.write == 'true'" in deploy["if"]


def test_what_is_downloaded_was_uploaded(data: Data) -> None:
    names = [
        step["with"].get("name") or step["with"]["pattern"] for _, _, step in steps(data) if "artifact@" in step.get("uses", "")
    ]
    up = {each.partition("-${{")[0] for each in names if "${{" in each or each == "bases"}
    assert {each.removesuffix("-*") for each in names if "${{" not in each} <= up


def test_a_registry_of_the_images_own_is_used_with_its_own_credentials(fleet: Discover) -> None:
    hosted = yaml.safe_load(text_of(fleet, "hosted"))
    assert 'echo "prefix=registry.example.com/acme"' in text_of(fleet, "hosted")
    login = next(step for _, _, step in steps(hosted) if "login" in step.get("uses", ""))
    assert login["with"]["registry"] == "registry.example.com"
    assert login["with"]["password"] == "${{ secrets.REGISTRY_PASSWORD }}"
    assert set(hosted[True]["workflow_call"]["secrets"]) == {"REGISTRY_USERNAME", "REGISTRY_PASSWORD"}
    named = text_of(fleet, "named")
    assert 'echo "prefix=ghcr.io/acme"' in named
    assert "secrets." not in named


def test_jobs_that_the_fleet_has_no_use_for_are_not_there(fleet: Discover) -> None:
    assert set(yaml.safe_load(text_of(fleet, "shop"))["jobs"]) == {"plan", "images", "gate", "release", "deploy", "result"}
    assert {"bases", "test"} <= set(yaml.safe_load(text_of(fleet, "everything"))["jobs"])


def test_updates_are_asked_for_where_manifests_are(fleet: Discover) -> None:
    data = yaml.safe_load(text_of(fleet, "shop", number=1))
    found = {each["package-ecosystem"]: each["directories"] for each in data["updates"]}
    assert found["github-actions"] == ["/"]
    assert "/services/catalog" in found["pip"]
    assert found["npm"] == ["/services/gateway", "/services/notifier", "/services/web"]
    assert len(found["docker"]) == 9
    assert all(each["cooldown"]["default-days"] == 7 for each in data["updates"])


def test_no_second_bot_where_renovate_is(fleet: Discover) -> None:
    whole = fleet(FILES)
    graph = build_graph(whole, "shop")
    pipeline = Pipeline(whole, graph, (), "shop", "", "main", "trimtab==1")
    assert [each.path for each in pipeline_files(pipeline, "github", ["renovate.json"])] == [".github/workflows/containers.yml"]


@pytest.mark.parametrize(
    "said", [Said(branch="a'b"), Said(requirement="x$(id)"), Said(registry="r.io/a\nb"), Said(branch='x"}}')]
)
def test_names_that_a_text_cannot_hold_are_refused(fleet: Discover, said: Said) -> None:
    whole = fleet(FILES)
    graph = build_graph(whole, "shop")
    for provider in ("github", "gitlab"):
        with pytest.raises(UsageError, match="cannot hold"):
            pipeline_files(Pipeline(whole, graph, (), "shop", "", "main", "trimtab==1", said), provider)


def test_what_was_asked_for_is_remembered(fleet: Discover) -> None:
    for provider in ("github", "gitlab"):
        assert read_said(text_of(fleet, "below", provider)) == CASES["below"][2]
        assert read_said(text_of(fleet, "everything", provider)) == Said()
    assert read_said("# options: {broken}\n") == Said()
    assert Said(branch="b").over(Said("a", "r")) == Said("b", "r")


def test_the_table_of_pins_has_a_date_and_says_where_each_was_seen() -> None:
    table = pin_table()
    assert table.as_of.year >= 2026
    assert all(re.fullmatch(r"[0-9a-f]{40}", pin.commit) and pin.seen for pin in table.pins.values())
    assert len({pin.action for pin in table.pins.values()}) == len(table.pins)


def test_gitlab_has_a_job_for_each_target_and_suite(fleet: Discover, case: str) -> None:
    data: dict[str, Data] = yaml.safe_load(text_of(fleet, case, "gitlab"))
    jobs = {name: dict(job) for name, job in data.items() if "script" in job}
    targets = data["variables"]["KNOWN"].split()
    assert jobs["images"]["parallel"]["matrix"] == [{"TARGET": targets}]
    hidden = {name: job for name, job in data.items() if name.startswith(".")}
    for job in jobs.values():
        assert job["stage"] in data["stages"]
        assert set(job.get("needs", [])) <= set(jobs)
        assert (job | hidden.get(job.get("extends", ""), {}))["timeout"]
        script = "\n".join(job["script"])
        subprocess.run(["sh", "-n", "-c", script], check=True)
        assert "--cache-to" not in script or '[ "$CI_COMMIT_BRANCH" = ' in script
    # buildx takes no name for a builder that a context has.
    made = " ".join(hidden[".trimtab-docker"]["before_script"])
    assert re.findall(r"context create (\w+)", made) == re.findall(r"--use (\w+)", made) != re.findall(r"--name (\w+)", made)
    assert jobs["deploy"]["resource_group"] == "production"
    assert jobs["deploy"]["environment"] == {"name": "production"}
