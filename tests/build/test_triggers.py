"""What images from elsewhere make those do that start from them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import anyio
import pytest

from trimtab.build import build_graph
from trimtab.build.affected import Changed, affected
from trimtab.build.triggers import asked_for_triggers
from trimtab.docker import Command, Completed
from trimtab.errors import ToolError
from trimtab.fleet import Fleet

Make = Callable[[Mapping[str, str]], Fleet]
HERE: list[dict[str, object]] = [
    {"RepoTags": ["acme/base:1"], "RepoDigests": [f"acme/base@sha256:{'a' * 64}"], "Config": {"OnBuild": ["COPY src /src"]}},
    {"RepoTags": ["plain-onbuild:latest"], "RepoDigests": None, "Config": {"OnBuild": None}},
]


@dataclass
class Engine:
    said: bytes
    code: int = 0
    asked: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        self.asked.append(command.argv)
        return Completed(command.argv, self.code, self.said, "Error: No such image: x")

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        raise AssertionError(command)


class NoEngine(Engine):
    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        raise ToolError("`docker` is not installed, or not on PATH")


def reached(fleet: Fleet, changed: str) -> bool:
    graph = build_graph(fleet, "x")
    return affected(graph, graph, Changed((changed,)))["a"].affected


def shop(fleet: Make, base: str) -> Fleet:
    return fleet({"compose.yaml": "services: {a: {build: a}}", "a/Dockerfile": f"FROM {base}\n", "a/src/x": "1", "a/y": "1"})


@pytest.mark.parametrize("base", ["acme/base:1", f"acme/base:1@sha256:{'a' * 64}", "docker.io/acme/base:1"])
def test_what_the_engine_says_of_a_base_is_read(fleet: Make, base: str) -> None:
    engine = Engine(json.dumps(HERE).encode(), code=1)
    found = anyio.run(asked_for_triggers, engine, shop(fleet, base))
    assert engine.asked[0][-1] == base
    assert (reached(found, "a/src/x"), reached(found, "a/y")) == (True, False)


@pytest.mark.parametrize(
    "engine", [NoEngine(b""), Engine(b"", 1), Engine(b"[]", 1), Engine(b"{"), Engine(b'[{"RepoTags": 1}]')]
)
def test_a_base_that_nobody_can_look_at_is_taken_by_its_name(fleet: Make, engine: Engine) -> None:
    plain, onbuild = (anyio.run(asked_for_triggers, engine, shop(fleet, base)) for base in ("node:20", "node:8-onbuild"))
    assert (reached(plain, "a/y"), reached(onbuild, "a/y")) == (False, True)


def test_an_image_that_puts_nothing_off_may_be_called_as_it_likes(fleet: Make) -> None:
    found = anyio.run(asked_for_triggers, Engine(json.dumps(HERE).encode()), shop(fleet, "plain-onbuild"))
    assert not reached(found, "a/y")


def test_an_image_of_the_fleet_is_what_the_fleet_says(fleet: Make) -> None:
    files = {
        "compose.yaml": "services: {b: {build: b, image: 'acme/base:1'}, a: {build: a}}",
        "a/Dockerfile": "FROM acme/base:1\n", "a/src/x": "1", "b/Dockerfile": "FROM debian\n",
    }  # fmt: skip
    made = fleet(files)
    known = replace(made, outside=replace(made.outside, triggers={"docker.io/acme/base:1": ("COPY . .",)}))
    assert not reached(known, "a/src/x")


def test_no_name_is_an_option_of_the_client(fleet: Make) -> None:
    engine = Engine(b"[]")
    anyio.run(asked_for_triggers, engine, shop(fleet, "--platform=x --help"))
    assert not any("--help" in each for each in engine.asked)
