"""Bake files: what their targets are, as `docker buildx bake --print` would say."""

from collections.abc import Callable, Mapping

import pytest

from trimtab.fleet import Build, Fleet, FleetOptions, MemoryTree, discover

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
