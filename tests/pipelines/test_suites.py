"""The tests of services: found where they are, with what they need."""

from collections.abc import Callable, Mapping

import pytest

from trimtab.build import Graph, build_graph
from trimtab.fleet import Fleet
from trimtab.pipelines.suites import Suite, suites

Discover = Callable[[Mapping[str, str]], Fleet]


def found(fleet: Discover, files: Mapping[str, str]) -> tuple[Suite, ...]:
    whole = fleet(files)
    graph: Graph = build_graph(whole, "x")
    return suites(whole, graph)


def compose(*names: str) -> dict[str, str]:
    services = "".join(f"  {name}: {{build: {{context: ., dockerfile: services/{name}/Dockerfile}}}}\n" for name in names)
    return {"compose.yaml": f"services:\n{services}"}


def python(name: str, base: str = "python:3.11-slim", **files: str) -> dict[str, str]:
    at = f"services/{name}"
    return {
        f"{at}/Dockerfile": f"FROM {base}\n",
        f"{at}/tests/test_{name}.py": "def test_it(): ...\n",
        **{f"{at}/{path.replace('__', '.')}": text for path, text in files.items()},
    }


def test_a_python_suite_has_the_version_of_its_image_and_what_its_tests_need(fleet: Discover) -> None:
    files = compose("a") | python("a", requirements__txt="httpx==1\nPytest>=8\n")
    files["services/a/requirements-test.txt"] = "pytest-mock\n"
    files["services/a/pytest.ini"] = "[pytest]\nasyncio_mode = auto\naddopts = -v --cov=src\n"
    files["services/a/tests/test_more.py"] = "def test_more(mocker, httpx_mock): ...\n"
    needs = (
        "--requirement=requirements.txt", "--requirement=requirements-test.txt", "pytest-asyncio", "pytest-cov", "pytest-httpx",
    )  # fmt: skip
    assert found(fleet, files) == (Suite("a", "services/a", "python", "3.11", needs),)


@pytest.mark.parametrize(
    ("files", "install"),
    [
        ({}, ("pytest",)),
        ({"pyproject.toml": "[project]\nname='a'\nversion='1'\n"}, (".", "pytest")),
        ({"pyproject.toml": "[tool.ruff]\n"}, ("pytest",)),
        ({"requirements-prod.txt": "x\n", "requirements.txt": "y\n"}, ("--requirement=requirements.txt", "pytest")),
        ({"pytest.ini": "# --cov is not used\n"}, ("pytest",)),
    ],
)
def test_what_is_installed(fleet: Discover, files: dict[str, str], install: tuple[str, ...]) -> None:
    every = compose("a") | python("a") | {f"services/a/{path}": text for path, text in files.items()}
    assert [each.install for each in found(fleet, every)] == [install]


@pytest.mark.parametrize(
    ("lock", "manager"), [("package-lock.json", "npm-ci"), ("yarn.lock", "yarn"), ("pnpm-lock.yaml", "pnpm"), ("x", "npm")]
)
def test_a_node_suite_is_installed_by_whom_its_lock_belongs_to(fleet: Discover, lock: str, manager: str) -> None:
    files = compose("w") | {"services/w/Dockerfile": "FROM node:20-alpine AS b\nFROM nginx:1.27\nCOPY --from=b /a /a\n"}
    files |= {"services/w/package.json": '{"scripts": {"test": "vitest"}}', f"services/w/{lock}": "{}"}
    assert found(fleet, files) == (Suite("w", "services/w", "node", "20", (), manager),)


@pytest.mark.parametrize(
    "files",
    [
        {"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'},
        {"package.json": '{"scripts": {}}'},
        {"package.json": "{"},
        {"node_modules/x/test_x.py": ""},
        {"src/testing.py": ""},
    ],
)
def test_what_is_no_suite(fleet: Discover, files: dict[str, str]) -> None:
    every = compose("a") | {"services/a/Dockerfile": "FROM debian\n"}
    assert found(fleet, every | {f"services/a/{path}": text for path, text in files.items()}) == ()


def test_versions_nobody_says_are_those_of_the_folder_the_root_the_fleet_or_a_supported_one(fleet: Discover) -> None:
    plain = compose("a", "b") | python("a", "debian") | python("b", "python:3.13")
    assert [each.version for each in found(fleet, plain)] == ["3.13", "3.13"]
    assert [each.version for each in found(fleet, plain | {".python-version": "3.10.4\n"})] == ["3.10", "3.13"]
    own = {".python-version": "3.10", "services/a/.python-version": "3.9"}
    assert [each.version for each in found(fleet, plain | own)] == ["3.9", "3.13"]
    assert [each.version for each in found(fleet, compose("a") | python("a", "debian"))] == ["3.12"]


def test_a_folder_is_tested_once_and_services_inside_another_are_their_own(fleet: Discover) -> None:
    files = {
        "compose.yaml": "services:\n  a: {build: s}\n  a2: {build: {context: s, target: x}}\n  b: {build: s/inner}\n",
        "s/Dockerfile": "FROM python:3.12 AS x\nFROM x\n", "s/inner/Dockerfile": "FROM python:3.12\n",
        "s/inner/test_b.py": "",
    }  # fmt: skip
    assert [(each.target, each.folder) for each in found(fleet, files)] == [("b", "s/inner")]
    files["s/test_a.py"] = ""
    assert [(each.target, each.folder) for each in found(fleet, files)] == [("a", "s"), ("b", "s/inner")]


def test_the_root_is_a_services_folder_only_where_it_is_the_only_one(fleet: Discover) -> None:
    one = {"compose.yaml": "services:\n  a: {build: .}\n", "Dockerfile": "FROM python:3.12\n", "test_a.py": ""}
    assert [each.folder for each in found(fleet, one)] == [""]
    two = one | {"compose.yaml": "services:\n  a: {build: .}\n  b: {build: b}\n", "b/Dockerfile": "FROM debian\n"}
    assert found(fleet, two) == ()
