"""What a fleet does not allow of an instruction."""

from dataclasses import replace

import pytest

from trimtab.crew.instructions import Refused, against, called_in, names_of, understand
from trimtab.fleet import Fleet, MemoryTree, Outside, Wheels, WheelState, discover

FILES = {
    "compose.yaml": (
        "services:\n  api-gateway: {build: services/api}\n  web-ui: {build: services/web}\n  redis-cache: {image: redis:7}\n"
    ),
    "services/api/Dockerfile": "FROM python:3.12-slim\nWORKDIR /app\nCOPY docs/api.json .\nRUN pip install openvino\nCOPY . .\n",
    "services/api/docs/api.json": "{}",
    "services/api/.dockerignore": ".git\n",
    "services/web/Dockerfile": "FROM python:3.12-slim\nRUN pip install six\nCOPY . /app\n",
    "services/web/app.py": "",
}
ANSWERS = Outside(
    wheels={
        ("openvino", "3.12"): Wheels(WheelState.NO, WheelState.YES, "2025.1", None),
        ("six", "3.12"): Wheels(WheelState.PURE, WheelState.PURE, "1.17.0", None),
    }
)


def fleet(outside: Outside = ANSWERS) -> Fleet:
    return replace(discover(MemoryTree(FILES)), outside=outside)


def refused(text: str, outside: Outside = ANSWERS) -> tuple[Refused, ...]:
    instruction = understand(text)
    assert not instruction.not_understood
    return against(instruction, fleet(outside))


def test_alpine_is_refused_for_the_service_whose_wheels_do_not_exist() -> None:
    found = refused("Use python:3.12-alpine for all Python services")
    assert [(each.path, each.line, each.services) for each in found] == [("services/api/Dockerfile", 1, ("api-gateway",))]
    assert found[0].reason == "`openvino` 2025.1 has no wheel for musl"
    assert found[0].said == "Use python:3.12-alpine for all Python services"


def test_alpine_with_something_to_fall_back_to_is_refused_for_nobody() -> None:
    assert refused("Use python:3.12-alpine for Python, and fall back to slim") == ()


def test_what_the_index_has_not_said_is_unknown_and_never_fine() -> None:
    found = refused("Use python:3.12-alpine for all Python services", Outside())
    assert {each.services[0]: each.reason for each in found} == {
        "api-gateway": "the package index has not said whether `openvino` has a wheel for musl",
        "web-ui": "the package index has not said whether `six` has a wheel for musl",
    }


def test_a_service_that_is_not_meant_is_not_refused() -> None:
    assert refused("Use python:3.12-alpine for all Python services except api-gateway") == ()
    assert refused("Do not touch services/api. Use python:3.12-alpine for Python.") == ()


def test_a_pattern_that_a_copy_needs_is_refused_with_its_place() -> None:
    found = refused("Add exclusions: *.md, docs/")
    assert [(each.said, each.path, each.services) for each in found] == [
        ("docs/", "services/api/.dockerignore", ("api-gateway",))
    ]
    assert found[0].reason == "`docs` would keep back what services/api/Dockerfile:3 needs: `COPY docs/api.json`"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "Add health checks to api-gatewya",
            "no service, file or folder is called `api-gatewya`; the nearest is `api-gateway`",
        ),
        ("Optimize apps/*/Dockerfile", "no service, file or folder is called `apps/*/Dockerfile`"),
        ("Do not touch services/none", "no service, file or folder is called `services/none`"),
        ("Add health checks for Redis", "no service, file or folder is called `Redis`"),
        ("Add health checks to all Node services", "no image of the fleet is built on node"),
        ("Use ruby:3.4-slim for Ruby", "no image of the fleet is built on ruby"),
        ("Add cache mounts for npm", "no image of the fleet is built on node"),
        ("Optimize builds for the Redis services", "`redis-cache` is one service of the fleet"),
    ],
)
def test_what_does_not_exist_is_refused(text: str, reason: str) -> None:
    found = refused(text)
    assert len(found) == 1
    assert found[0].reason.startswith(reason)


@pytest.mark.parametrize(
    "text",
    [
        "Add health checks to api-gateway and redis-cache",
        "Do not touch services/web",
        "Only touch `web`",
        "Optimize services/*/Dockerfile",
        "Add memory limits in compose.yaml",
        "Add cache mounts for pip and npm",
        "Optimize builds for the Acme services",
        "Add exclusions: *.md, __pycache__/, app/",
    ],
)
def test_what_is_there_is_not_refused(text: str) -> None:
    assert refused(text) == ()


def test_a_file_is_called_by_its_services_and_its_places() -> None:
    file = fleet().file("services/web/Dockerfile")
    assert file is not None
    assert names_of(file) == ("web-ui", "services/web/Dockerfile", "services/web", "web")


@pytest.mark.parametrize(
    "text",
    [
        "Add health checks, except web-iu.", "Add health checks. Do not touch web-iu.",
        "Keep the base image of services/wbe. Add health checks.",
    ],
)  # fmt: skip
def test_what_is_to_be_left_alone_and_is_not_there_leaves_the_rest_unguarded(text: str) -> None:
    assert [each.unguarded for each in refused(text)] == [True]


def test_a_place_that_is_asked_for_and_is_not_there_guards_nothing() -> None:
    assert [each.unguarded for each in refused("Add health checks to services/wbe.")] == [False]


def test_a_file_that_a_pattern_is_not_to_keep_back_is_refused() -> None:
    found = refused("Exclude *.json except services/api/docs/api.json")
    assert [(each.unguarded, "no build of its own" in each.reason) for each in found][:1] == [(True, True)]
    assert not any(each.unguarded for each in refused("Exclude *.md, except services/api"))


PLACES = {
    "compose.yaml": "services:\n  web: {build: web}\n  db: {image: postgres:16}\n",
    "web/Dockerfile": "FROM python:3.12\nRUN pip install six\n",
    "deploy.sh": "#!/bin/bash\ndocker compose up -d\n",
    "README.md": "",
}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Add cache mounts in compose.yaml", "it is about Dockerfiles, and nothing of that is in `compose.yaml`"),
        ("Add cache mounts to db", "it is about Dockerfiles, and nothing of that is in `db`"),
        ("Add memory limits to web/Dockerfile", "it is about compose files, and nothing of that is in `web/Dockerfile`"),
        ("Use non-root users in deploy.sh", "it is about Dockerfiles, and nothing of that is in `deploy.sh`"),
        ("Optimize layer ordering in README.md", "it is about Dockerfiles, and nothing of that is in `README.md`"),
        ("Add cache mounts for pip in web/Dockerfile and compose.yaml", ""),
        ("Add memory limits to db", ""),
        ("Add health checks in compose.yaml", ""),
        ("In deploy.sh, add error handling", ""),
        ("Add cache mounts to web", ""),
    ],
)
def test_what_cannot_be_where_it_is_asked_for_is_refused(text: str, reason: str) -> None:
    there = discover(MemoryTree(PLACES))
    instruction = understand(text, called_in(there))
    assert not instruction.not_understood
    assert [each.reason for each in against(instruction, there)] == ([reason] if reason else [])
