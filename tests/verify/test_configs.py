"""Configuration: what a declaration explains, and what it never does."""

from collections.abc import Mapping

import pytest

from trimtab.docker import ImageConfig
from trimtab.rules import Effects
from trimtab.rules.base import ANOTHER_BASE
from trimtab.verify.configs import compare_configs

ALL = Effects(config=("*",))


def unexplained(
    before: Mapping[str, object], after: Mapping[str, object], effects: Effects = ALL, **others: object
) -> list[str]:
    images = ImageConfig("1", 1, (), before), ImageConfig("2", 1, (), after)
    found = compare_configs(*images, effects, **others)  # type: ignore[arg-type]
    return [each.subject for each in found if not each.explained_by]


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("ExposedPorts", {"80/tcp": {}, "81/tcp": {}}, {"80/tcp": {}}),
        ("Volumes", {"/data": {}}, None),
        ("Healthcheck", {"Test": ["CMD", "a"]}, None),
        ("StopSignal", "SIGQUIT", None),
        ("User", "app", None),
        ("User", "app", "root"),
        ("WorkingDir", "/app", "/"),
        ("Label.routing", "on", None),
    ],
)
def test_losses_are_never_explained(key: str, before: object, after: object) -> None:
    assert unexplained({key: before}, {key: after}) == [f"config {key}"]


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("ExposedPorts", None, {"80/tcp": {}}),
        ("Healthcheck", None, {"Test": ["CMD", "a"]}),
        ("Healthcheck", {"Test": ["NONE"]}, None),
        ("User", None, "app"),
        ("Env.PYTHONUNBUFFERED", None, "1"),
    ],
)
def test_gains_are_explained_when_declared(key: str, before: object, after: object) -> None:
    assert unexplained({key: before}, {key: after}) == []
    assert unexplained({key: before}, {key: after}, Effects()) == [f"config {key}"]


def test_a_variable_that_own_code_reads_is_not_lost() -> None:
    own = {"/app/a.py": "os.environ['DATABASE_PATH']"}
    assert unexplained({"Env.DATABASE_PATH": "/x"}, {}, own=own) == ["config Env.DATABASE_PATH"]
    assert unexplained({"Env.OTHER": "/x"}, {}, own=own) == []


def test_labels_of_the_base_may_go_with_it() -> None:
    assert unexplained({"Label.of-base": "1", "Label.own": "1"}, {}, ANOTHER_BASE, labels=["own"]) == ["config Label.own"]


def test_variables_that_no_shell_expands_any_more() -> None:
    before = {"Cmd": ["/bin/sh", "-c", "serve --port $PORT"]}
    assert unexplained(before, {"Cmd": ["serve", "--port", "$PORT"]}) == ["variable in Cmd"]
    assert unexplained(before, {"Cmd": ["sh", "-c", "exec serve --port $PORT"]}) == []


def test_an_init_process_is_kept_or_replaced() -> None:
    before = {"Entrypoint": ["tini", "--"], "Cmd": ["a"]}
    assert unexplained(before, {"Cmd": ["a"]}) == ["init process tini"]
    assert unexplained(before, {"Entrypoint": ["/sbin/dumb-init"], "Cmd": ["a"]}) == []


def test_a_variable_is_told_without_its_value() -> None:
    images = ImageConfig("1", 1, (), {"Env.A": "x", "Env.B": "x"}), ImageConfig("2", 1, (), {"Env.B": "y", "Env.C": "y"})
    told = [(each.subject, each.before, each.after) for each in compare_configs(*images, Effects())]
    assert told == [
        ("config Env.A", "set", "absent"),
        ("config Env.B", "set", "set to something else"),
        ("config Env.C", "absent", "set"),
    ]
