"""What is said of a service's packages on another C library."""

import json
from dataclasses import replace

import pytest

from trimtab.fleet import Fleet, MemoryTree, Outside, Wheels, WheelState, discover
from trimtab.fleet.addons import node_addons
from trimtab.fleet.advice import base_advice
from trimtab.fleet.portability import portability

YES, NO, UNKNOWN = WheelState.YES, WheelState.NO, WheelState.UNKNOWN
HELPER: dict[str, object] = {"hasInstallScript": True, "dependencies": {"node-gyp-build": "^4"}}


def lock(**packages: dict[str, object]) -> str:
    entries = {f"node_modules/{name}": {"version": "1.2.3", **value} for name, value in packages.items()}
    return json.dumps({"lockfileVersion": 3, "packages": {"": {}, **entries}})


@pytest.mark.parametrize(
    ("packages", "musl", "glibc"),
    [
        ({"x-linux-x64-gnu": {}}, NO, YES),
        ({"x-linux-x64-gnu": {}, "x-linux-x64-musl": {}}, YES, YES),
        ({"x-linux-x64": {}}, YES, YES),
        ({"x-linux-x64": {"libc": ["glibc"]}}, NO, YES),
        ({"x-linux-x64": {"libc": ["glibc"]}, "x-linuxmusl-x64": {"libc": ["musl"]}}, YES, YES),
        ({"x": HELPER}, UNKNOWN, UNKNOWN),
    ],
)
def test_node_addons(packages: dict[str, dict[str, object]], musl: WheelState, glibc: WheelState) -> None:
    found = node_addons(lock(**packages))
    assert found is not None
    assert [(each.name, each.musl, each.glibc) for each in found] == [("x", musl, glibc)]


def test_a_script_that_does_not_compile_is_no_addon() -> None:
    assert node_addons(lock(x={"hasInstallScript": True}, y={"dependencies": {"nan": "2"}})) == ()


def test_development_packages_count_only_when_installed() -> None:
    text = lock(playwright={"dev": True})
    assert node_addons(text, development=False) == ()
    assert len(node_addons(text) or ()) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"lockfileVersion": 1, "dependencies": {}}', '{"packages": 3}'])
def test_what_is_no_lock_says_nothing(text: str) -> None:
    assert node_addons(text) is None


PYTHON = "FROM python:3.12-slim\nCOPY r.txt .\nRUN pip install -r r.txt\n"


def fleet_of(files: dict[str, str], **wheels: Wheels) -> Fleet:
    outside = Outside(wheels={(name, "3.12"): value for name, value in wheels.items()})
    return replace(discover(MemoryTree(files)), outside=outside)


def test_one_context_that_can_be_read_is_enough() -> None:
    compose = "services:\n  a:\n    build: .\n  b:\n    build: {context: sub, dockerfile: ../Dockerfile}\n"
    fleet = fleet_of({"Dockerfile": PYTHON, "r.txt": "x\n", "compose.yaml": compose}, x=Wheels(YES, YES, "1"))
    assert len(fleet.files[0].contexts) == 2
    assert portability(fleet.files[0], {0}, "3.12", fleet.outside.wheels).obstacle("musl") is None


def test_source_only_is_not_certain_on_either() -> None:
    fleet = fleet_of({"Dockerfile": PYTHON, "r.txt": "x\n"}, x=Wheels(NO, NO, "1"))
    found = portability(fleet.files[0], {0}, "3.12", fleet.outside.wheels)
    assert found.missing("musl") == found.missing("glibc") == ()
    assert found.obstacle("glibc") == "`x` 1 comes as source only, so it may need a compiler"


@pytest.mark.parametrize(
    ("wheels", "proposal"),
    [
        ({"x": Wheels(YES, YES, "1")}, "python:3.12-alpine"),
        ({"x": Wheels(NO, YES, "1", "2")}, "python:3.12-slim"),
        ({"x": Wheels(NO, NO, "1")}, None),
        ({}, None),
    ],
)
def test_alpine_is_never_proposed_where_a_wheel_is_missing(wheels: dict[str, Wheels], proposal: str | None) -> None:
    fleet = fleet_of({"Dockerfile": PYTHON, "r.txt": "x\n"}, **wheels)
    assert [each.proposal for each in base_advice(fleet)] == [proposal]


def test_packages_of_another_distribution_need_their_names_there() -> None:
    text = PYTHON.replace("COPY", "RUN apt-get install -y curl\nCOPY")
    (advice,) = base_advice(fleet_of({"Dockerfile": text, "r.txt": "x\n"}, x=Wheels(YES, YES, "1", "2")))
    assert (advice.alpine.ready, advice.alpine.reason) == (False, "its `apt` packages need their names there")
    assert advice.proposal == "python:3.12-slim"
