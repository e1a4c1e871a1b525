"""What one run has to do."""

import json
from collections.abc import Callable, Mapping

import pytest

from trimtab.build import build_graph
from trimtab.build.affected import Changed, affected
from trimtab.errors import UsageError
from trimtab.fleet import Fleet, rediscover
from trimtab.pipelines.plan import EVERYTHING, Plan, github_outputs, gitlab_variables, plan, plan_data
from trimtab.pipelines.suites import suites

Discover = Callable[[Mapping[str, str]], Fleet]
FILES = {
    "compose.yaml": "services:\n"
    "  base: {build: base, image: acme/base, profiles: [base]}\n"
    "  web: {build: web}\n"
    "  api: {build: api, image: 'acme/api:1'}\n"
    "  cron: {build: api, image: acme/cron}\n"
    "  db: {image: postgres:16}\n",
    "base/Dockerfile": "FROM python:3.12\nCOPY lib.py /\n", "base/lib.py": "",
    "web/Dockerfile": "FROM acme/base\nCOPY x /\n", "web/x": "", "web/tests/test_web.py": "",
    "api/Dockerfile": "FROM python:3.11\nCOPY x /\n", "api/x": "", "api/test_api.py": "",
    "api/package.json": '{"scripts": {"test": "node --test"}}',
}  # fmt: skip


def planned(fleet: Discover, *changed: str, files: Mapping[str, str] = FILES) -> Plan:
    """The plan after a change of some files; of everything where none changed."""
    before = fleet(files)
    now = rediscover(before, {path: files.get(path, "") + "\n# changed\n" for path in changed})
    graph = build_graph(now, "shop")
    reaches = affected(graph, build_graph(before, "shop"), Changed(changed)) if changed else None
    return plan(now, graph, "shop", suites(now, graph), reaches, changed)


def test_without_anything_to_compare_with_everything_is_in(fleet: Discover) -> None:
    found = planned(fleet)
    assert dict(found.reasons) == dict.fromkeys(("base", "web", "api"), (EVERYTHING,))
    assert found.waves == (("base", "api"), ("web",))
    assert found.bases == ("base",)
    assert found.images == {"base": "acme/base", "web": "shop-web", "api": "acme/api:1"}
    assert [(each.target, each.language) for each in found.tests] == [("web", "python"), ("api", "python"), ("api", "node")]


def test_a_change_of_a_base_reaches_what_starts_from_it(fleet: Discover) -> None:
    found = planned(fleet, "base/lib.py")
    assert found.built == ("base", "web")
    assert (found.waves, found.bases) == ((("base",), ("web",)), ("base",))
    assert [each.target for each in found.tests] == ["web"]


def test_a_base_that_has_not_changed_is_not_handed_on(fleet: Discover) -> None:
    found = planned(fleet, "web/x")
    assert (found.waves, found.bases, dict(found.images)) == ((("web",),), (), {"web": "shop-web"})


def test_a_change_of_tests_alone_runs_them_and_builds_nothing(fleet: Discover) -> None:
    found = planned(fleet, "api/test_api.py")
    assert found.built == ()
    assert [(each.target, each.language) for each in found.tests] == [("api", "python"), ("api", "node")]
    assert "any=false\n" in github_outputs(found, "")


def test_a_change_of_nothing_that_counts_does_nothing(fleet: Discover) -> None:
    found = planned(fleet, "README.md")
    assert (found.built, found.waves, found.tests) == ((), (), ())
    assert len(found.deployed) == 4


def test_every_service_of_the_deployed_project_gets_its_own_tag(fleet: Discover) -> None:
    wanted = (("base", "acme/base"), ("web", "shop-web"), ("api", "acme/api:1"), ("api", "acme/cron"))
    assert planned(fleet, "README.md").deployed == wanted


def test_outputs_are_one_line_each_and_read_back(fleet: Discover) -> None:
    lines = dict(line.split("=", 1) for line in github_outputs(planned(fleet, "base/lib.py"), "fleet").splitlines())
    assert json.loads(lines["images"]) == [{"target": "base", "tag": "acme/base"}, {"target": "web", "tag": "shop-web"}]
    assert json.loads(lines["tests"]) == [
        {
            "target": "web", "folder": "fleet/web", "language": "python", "version": "3.12", "install": "pytest", "manager": ""
        }
    ]  # fmt: skip
    assert (lines["any"], lines["bases"]) == ("true", "base")
    assert lines["deployed"] == "base=acme/base web=shop-web api=acme/api:1 api=acme/cron"
    same = gitlab_variables(planned(fleet, "base/lib.py"))
    assert same.splitlines()[:3] == ["BASES=base", "IMAGES=base=acme/base web=shop-web", "TESTS=web:python"]


def test_the_data_names_every_target_with_its_reasons(fleet: Discover) -> None:
    data = plan_data(planned(fleet, "web/x"), "abc")
    assert data["targets"] == {"base": [], "web": ["COPY x: `x` changed"], "api": []}
    assert (data["schema"], data["since"], data["waves"]) == ("trimtab.pipeline/1", "abc", [["web"]])


def test_a_circle_and_a_tag_with_a_variable_cannot_be_handed_on(fleet: Discover) -> None:
    circle = {"compose.yaml": "services:\n  a: {build: a, image: a}\n  b: {build: b, image: b}\n"}
    circle |= {"a/Dockerfile": "FROM b\n", "b/Dockerfile": "FROM a\n"}
    with pytest.raises(UsageError, match="wait for each other"):
        planned(fleet, files=circle)
    with pytest.raises(UsageError, match="give its variables defaults"):
        planned(fleet, files={"compose.yaml": "services:\n  a: {build: a, image: 'a b'}\n", "a/Dockerfile": "FROM b\n"})


def test_more_jobs_than_a_matrix_takes_are_refused(fleet: Discover) -> None:
    names = [f"s{number}" for number in range(257)]
    files = {"compose.yaml": "services:\n" + "".join(f"  {name}: {{build: {name}}}\n" for name in names)}
    files |= {f"{name}/Dockerfile": "FROM debian\n" for name in names}
    with pytest.raises(UsageError, match="257 jobs are more than the 256"):
        planned(fleet, files=files)


def test_several_projects_and_none_of_its_own_deploy_nothing(fleet: Discover) -> None:
    files = {f"{name}/compose.yaml": f"services:\n  {name}: {{build: .}}\n" for name in "ab"}
    files |= {f"{name}/Dockerfile": "FROM debian\n" for name in "ab"}
    assert planned(fleet, files=files).deployed == ()
