"""Versions that share their ports on a real engine: nobody notices, and a version that does not work harms nobody."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from deployed import HOLDER, Callers, Stack, resumed_and_undone

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine"), pytest.mark.xdist_group("deploying")]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    number = abs(hash(tmp_path.name)) % 500
    found = Stack(tmp_path / "fleet", f"sharing-{os.getpid()}-{number}", 19000 + number)
    found.write()
    found.deployed(SHARE="yes")
    found.write(f'[deploy]\nshared-port = ["web"]\nholder-image = "{HOLDER}"\nsettle = 1\n')
    over = found.data("deploy", SHARE="yes")
    assert over["services"]["web"]["strategy"] == "exchange"
    yield found
    found.remove()


def test_nobody_notices_and_bad_versions_harm_nobody(stack: Stack) -> None:
    before = stack.names()
    with Callers(stack) as callers:
        good = stack.data("deploy", VERSION="2", SHARE="yes")
        crashing = stack.data("deploy", VERSION="3", MODE="crash", SHARE="yes")
        sick = stack.data("deploy", VERSION="3", MODE="sick", SHARE="yes")
        # By itself it is good; beside the one before it cannot have the port.
        alone = stack.data("deploy", VERSION="3", SHARE="no")
        assert stack.trimtab("rollback", "--quiet").returncode == 0
    assert good["services"]["web"]["strategy"] == "share"
    for each in (crashing, sick, alone):
        assert (each["code"], each["services"]["web"]["outcome"]) == (1, "rolled-back"), each
    assert callers.failures == []
    assert set(callers.answers) == {"1", "2"}
    assert stack.serves() == "1"
    assert stack.names() == before
    # Others find it by its name, which is the anchor's.
    ask = "import urllib.request as u; print(u.urlopen('http://web:8000/').read().decode())"
    assert stack.inside(f"{stack.project}-store-1", "python3", "-c", ask) == "1"


def test_killed_while_two_versions_share(stack: Stack) -> None:
    assert resumed_and_undone(stack, 8, 10, SHARE="yes").failures == []
    assert stack.serves() == "2"


def test_it_can_be_left_again(stack: Stack) -> None:
    stack.write()
    stack.deployed(SHARE="yes", VERSION="4")
    assert stack.names() == {f"{stack.project}-store-1", f"{stack.project}-front"}
    assert stack.serves() == "4"
