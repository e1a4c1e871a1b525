"""Bake files that say nothing, or too much."""

import json

import pytest

from trimtab.fleet import MemoryTree, discover

FORTY = [str(number) for number in range(40)]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ([], "a bake file must be an object at the top"),
        (
            {"target": {"a": {"name": "t-${x}-${y}", "matrix": {"x": FORTY, "y": FORTY}}}},
            "target `a` stands for more than 200 others",
        ),
        ({"target": {"a": {"inherits": ["b"]}, "b": {"inherits": ["a"], "dockerfile": "../D"}}}, None),
    ],
)
def test_problems(data: object, told: str | None) -> None:
    fleet = discover(MemoryTree({"docker-bake.json": json.dumps(data), "Dockerfile": "FROM a\n"}))
    assert [each.message for each in fleet.problems] == ([told] if told else [])
