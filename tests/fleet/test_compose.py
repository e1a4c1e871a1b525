"""Compose projects as the specification loads them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from trimtab.fleet import DiskTree, Fleet, FleetOptions, Service, discover

Make = Callable[[Mapping[str, str]], Fleet]


def service(fleet: Fleet, name: str) -> Service:
    return next(each for each in fleet.services if each.name == name)


def test_override_include_extends_profiles_anchors(fleet: Make) -> None:
    found = fleet(
        {
            "compose.yaml": "include: [db/compose.yaml]\nx-env: &env {A: one, B: two}\nservices:\n  web:\n    extends:"
            " {file: base/common.yaml, service: base}\n    build: web\n    environment: {<<: *env, B: three}\n    profiles: [x]\n",
            "compose.override.yaml": "services:\n  web:\n    environment: [C=four]\n    command: [run]\n",
            "base/common.yaml": "services:\n  base:\n    user: '1000'\n    command: [old]\n    ports: ['80:8000']\n",
            "db/compose.yaml": "services:\n  db:\n    build: .\n",
            "db/Dockerfile": "FROM scratch\n",
            "web/Dockerfile": "FROM scratch\n",
        }
    )
    web = service(found, "web")
    assert web.environment == {"A": "one", "B": "three", "C": "four"}
    assert (web.user, web.command, web.ports, web.profiles) == ("1000", ("run",), ("80:8000",), ("x",))
    db = service(found, "db")
    assert db.build is not None
    assert (db.build.context, db.build.dockerfile) == ("db", "db/Dockerfile")
    assert not [problem for problem in found.problems if problem.kind in {"include", "extends"}]


def test_reset_and_override_tags(fleet: Make) -> None:
    found = fleet(
        {
            "compose.yaml": "services:\n  a:\n    image: x\n    ports: ['1:1']\n    volumes: ['v:/a', 'w:/b']\n    user: u\n",
            "compose.override.yaml": "services:\n  a:\n    ports: !override ['2:2']\n    user: !reset null\n    volumes: ['z:/a']\n",
        }
    )
    a = service(found, "a")
    assert (a.ports, a.user, a.volumes) == (("2:2",), None, ("/b", "/a"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${TAG:-1}", "1"), ("${TAG-1}", "1"), ("${SET:-1}", "yes"), ("$SET", "yes"), ("${EMPTY:-1}", "1"), ("${EMPTY-1}", ""),
        ("${SET:+x}", "x"), ("${TAG:+x}", ""), ("$$SET", "$SET"), ("${TAG:-${SET}}", "yes"), ("${TAG}", ""), ("a${SET}b", "ayesb"),
    ],
)  # fmt: skip
def test_interpolation(fleet: Make, text: str, expected: str) -> None:
    found = fleet(
        {"compose.yaml": f"services: {{a: {{image: '{text}'}}}}\n", ".env": "SET=yes\nEMPTY=\n# no\nexport Q='a b' # c\n"}
    )
    assert service(found, "a").image == expected


def test_required_variable_and_missing_files_are_problems_not_the_end(fleet: Make) -> None:
    found = fleet(
        {
            "compose.yaml": "services:\n  a:\n    image: ${NEED:?say it}\n    env_file: [gone.env, {path: x, required: false}]\n"
            "  b:\n    build: nowhere\n  c: 3\n  d:\n    extends: {service: ghost}\n"
        }
    )
    kinds = sorted(problem.kind for problem in found.problems)
    assert kinds == ["extends", "interpolation", "missing-dockerfile", "missing-env-file", "syntax"]
    assert {each.name for each in found.services} == {"a", "b", "d"}


def test_include_of_itself_ends(fleet: Make) -> None:
    found = fleet({"compose.yaml": "include: [compose.yaml]\nservices: {a: {image: x}}\n"})
    assert [problem.kind for problem in found.problems] == ["include"]


def test_extends_of_itself_ends(fleet: Make) -> None:
    found = fleet({"compose.yaml": "services: {a: {image: x, extends: {service: b}}, b: {extends: {service: a}}}\n"})
    assert "extends" in [problem.kind for problem in found.problems]


def test_variant_that_stands_alone_and_one_that_does_not(fleet: Make) -> None:
    found = fleet(
        {
            "docker-compose.yml": "services: {a: {build: a}}\n",
            "docker-compose.prod.yml": "services: {a: {environment: {X: '1'}}}\n",
            "docker-compose.test.yml": "services: {t: {image: x}}\n",
            "a/Dockerfile": "FROM scratch\n",
        }
    )
    assert len([each for each in found.services if each.name == "a"]) == 2
    assert any(each.environment == {"X": "1"} and each.build for each in found.services)


def test_healthcheck_forms(fleet: Make) -> None:
    found = fleet(
        {
            "compose.yaml": "services:\n  a: {image: x, healthcheck: {test: curl x, interval: 1m30s, timeout: 500ms, retries: 4}}\n"
            "  b: {image: x, healthcheck: {test: [CMD, x, y]}}\n  c: {image: x, healthcheck: {disable: true}}\n"
        }
    )
    a, b, c = (service(found, name).healthcheck for name in "abc")
    assert a is not None
    assert (a.test, a.interval, a.timeout, a.retries) == (("CMD-SHELL", "curl x"), 90.0, 0.5, 4)
    assert b is not None
    assert b.test == ("CMD", "x", "y")
    assert c is not None
    assert c.disabled


def test_bake_targets_count(fleet: Make) -> None:
    found = fleet(
        {
            "docker-bake.hcl": 'variable "V" { default = "1" }\ntarget "base" { context = "src"\n args = { A = "${V}" } }\n'
            'target "app" { inherits = ["base"]\n target = "final"\n platforms = ["linux/amd64", "linux/arm64"] }\n',
            "src/Dockerfile": "FROM scratch AS final\n",
        }
    )
    build = service(found, "app").build
    assert build is not None
    assert (build.context, build.target, dict(build.args)) == ("src", "final", {"A": "1"})
    assert len(build.platforms) == 2


@pytest.mark.parametrize("name", ["docker-bake.hcl", "docker-bake.json", "compose.yaml"])
def test_broken_input_is_a_problem(fleet: Make, name: str) -> None:
    found = fleet({name: "{{{ [", "Dockerfile": "FROM scratch\n"})
    assert [problem.path for problem in found.problems] == [name]
    assert len(found.files) == 1


@pytest.mark.parametrize(
    ("dotenv", "environment", "name"),
    [
        ("", {}, "written"),
        ("COMPOSE_PROJECT_NAME=kept\n", {}, "kept"),
        ("COMPOSE_PROJECT_NAME=kept\n", {"COMPOSE_PROJECT_NAME": "said"}, "said"),
    ],
)
def test_what_names_a_project(dotenv: str, environment: dict[str, str], name: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("name: written\nservices:\n  a:\n    image: x\n")
    (tmp_path / ".env").write_text(dotenv)
    found = discover(DiskTree(tmp_path), FleetOptions(environment=environment))
    assert [each.name for each in found.projects] == [name]


def test_a_build_argument_without_a_value_has_that_of_its_variable(fleet: Make) -> None:
    files = {
        "compose.yaml": "services:\n  a: {build: {context: ., args: [V, W, X=1]}}\n",
        "Dockerfile": "FROM x\n",
        ".env": "V=2\n",
    }
    (service,) = fleet(files).services
    assert service.build is not None
    assert service.build.args == {"V": "2", "X": "1"}
