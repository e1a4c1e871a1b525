"""Bake files: what their targets are, as `docker buildx bake --print` would say."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from trimtab.build.graph import Wanted, build_graph
from trimtab.fleet import Build, DiskTree, Fleet, FleetOptions, MemoryTree, discover

Make = Callable[[Mapping[str, str]], Fleet]


def builds(text: str, environment: Mapping[str, str] | None = None) -> dict[str, Build]:
    fleet = discover(MemoryTree({"docker-bake.hcl": text, "Dockerfile": "FROM x\n"}), FleetOptions((), environment or {}))
    assert fleet.problems == ()
    return {each.name: each.build for each in fleet.services if each.build is not None}


def test_variables_have_their_values_with_and_without_quotes_and_those_of_the_environment() -> None:
    text = 'variable "V" {\n default = "1"\n}\nvariable "B" {\n default = true\n}\ntarget "a" {\n args = { A = V, C = "${V}-x", D = "V", E = B, F = 3 }\n}\n'
    assert builds(text)["a"].args == {"A": "1", "C": "1-x", "D": "V", "E": "true", "F": "3"}
    assert builds(text, {"V": "2"})["a"].args["C"] == "2-x"


def test_arguments_are_inherited_one_by_one_and_from_targets_that_are_not_built() -> None:
    text = 'target "_common" {\n args = { A = "1", B = "1" }\n tags = ["x"]\n}\ntarget "a" {\n inherits = ["_common"]\n args = { B = "2" }\n}\n'
    assert {name: each.args for name, each in builds(text).items()} == {"a": {"A": "1", "B": "2"}}


def test_a_matrix_is_a_target_for_each_of_its_values() -> None:
    text = 'target "x" {\n name = "x-${s}-${v.n}"\n matrix = { s = ["a", "b"], v = [{ n = "1" }] }\n args = { S = s, N = v.n }\n}\n'
    found = builds(text)
    assert {name: each.args for name, each in found.items()} == {"x-a-1": {"S": "a", "N": "1"}, "x-b-1": {"S": "b", "N": "1"}}


@pytest.mark.parametrize("value", ["upper(V)", 'V == "1" ? "x" : "y"', '"x-${upper(V)}"'])
def test_an_expression_is_told(fleet: Make, value: str) -> None:
    text = f'variable "V" {{\n default = "1"\n}}\ntarget "a" {{\n args = {{ A = {value} }}\n}}\n'
    (problem,) = fleet({"docker-bake.hcl": text, "Dockerfile": "FROM x\n"}).problems
    assert "expressions of bake are not read" in problem.message


def test_files_of_one_folder_are_laid_over_each_other() -> None:
    files = {
        "docker-bake.override.hcl": 'variable "V" {\n default = "2"\n}\ntarget "a" {\n args = { B = "o" }\n tags = ["o"]\n}\ntarget "c" {}\n',
        "docker-bake.hcl": 'variable "V" {\n default = "1"\n}\ntarget "a" {\n args = { A = V, B = "h" }\n tags = ["h"]\n}\n',
        "docker-bake.json": '{"target": {"a": {"args": {"A": "j", "J": "j"}}, "b": {"inherits": ["a"]}}}',
        "elsewhere/docker-bake.hcl": 'target "a" {\n args = { A = "e" }\n}\n',
        "Dockerfile": "FROM x\n",
        "elsewhere/Dockerfile": "FROM x\n",
    }
    fleet = discover(MemoryTree(files))
    found = [(each.origin, each.name, dict(each.build.args), each.image) for each in fleet.services if each.build]
    merged = {"A": "2", "B": "o", "J": "j"}
    assert sorted(found, key=lambda each: each[:2]) == [
        ("docker-bake.json", "a", merged, "o"), ("docker-bake.json", "b", merged, "o"), ("docker-bake.override.hcl", "c", {}, None),
        ("elsewhere/docker-bake.hcl", "a", {"A": "e"}, None),
    ]  # fmt: skip


def test_a_file_that_cannot_be_read_leaves_the_others() -> None:
    files = {"docker-bake.hcl": 'target "a" {}\n', "docker-bake.override.json": "{", "Dockerfile": "FROM x\n"}
    fleet = discover(MemoryTree(files))
    assert [each.name for each in fleet.services] == ["a"]
    assert [each.path for each in fleet.problems] == ["docker-bake.override.json"]


def test_a_group_and_a_matrix_stand_for_targets() -> None:
    text = (
        'group "all" {\n targets = ["back", "web"]\n}\ngroup "back" {\n targets = ["api", "round"]\n}\ngroup "round" {\n targets = ["all"]\n}\n'
        'target "web" {\n name = "web-${v}"\n matrix = { v = ["1", "2"] }\n args = { V = v }\n}\n'
        'target "api" {\n args = { X = "1" }\n}\ntarget "alone" {\n args = { X = "2" }\n}\n'
    )
    fleet = discover(MemoryTree({"docker-bake.hcl": text, "Dockerfile": "FROM x\nARG V\nARG X\n"}))

    def named(*names: str) -> set[str]:
        return set(build_graph(fleet, "shop", Wanted(services=names)).targets)

    assert named("web") == {"web-1", "web-2"}
    assert named("back", "alone") == {"web-1", "web-2", "api", "alone"}
    assert named("web-2") == {"web-2"}
    assert any(
        "nothing is built for `bakc`" in each for each in build_graph(fleet, "shop", Wanted(services=("bakc",))).problems
    )


def test_one_of_a_folders_files_stands_for_all() -> None:
    files = {
        "docker-bake.json": '{"target": {"a": {}}}',
        "docker-bake.override.hcl": 'target "b" {\n target = "x"\n}\n',
        "Dockerfile": "FROM x AS x\n",
    }
    fleet = discover(MemoryTree({**files, "other/docker-bake.hcl": 'target "c" {}\n', "other/Dockerfile": "FROM x\n"}))
    assert set(build_graph(fleet, "shop", Wanted(files=frozenset({"docker-bake.override.hcl"}))).targets) == {"a", "b"}


def test_null_is_no_text() -> None:
    text = 'target "a" {\n args = { A = null, B = "b" }\n}\n'
    (service,) = discover(MemoryTree({"docker-bake.hcl": text, "Dockerfile": "FROM x\n"})).services
    assert service.build is not None
    assert dict(service.build.args) == {"A": "", "B": "b"}


def test_a_file_that_is_no_text_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "docker-bake.hcl").write_bytes(b"\0")
    (problem,) = discover(DiskTree(tmp_path)).problems
    assert (problem.path, problem.kind) == ("docker-bake.hcl", "unreadable")
