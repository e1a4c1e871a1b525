"""What a role's steps show."""

import re

import pytest

from trimtab.cli import stepping
from trimtab.cli.options import Common
from trimtab.cli.stepping import StepWatcher
from trimtab.crew.model import Role, Step

CODES = ("CM101", "CM102", "DF001", "DF002", "DF003", "FL001", "FL102")


def test_a_long_list_is_shown_by_its_ends_and_noted_whole() -> None:
    step = Step("optimize", ("optimize", "shop", "--select", ",".join(CODES)))
    assert step.short == "optimize shop --select CM101,…,FL102 (7)"
    assert ",".join(CODES) in step.line
    few = Step("optimize", ("optimize", "shop", "--select", "CM101,CM102"))
    assert few.short == few.line


def test_what_a_command_says_is_passed_on_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stepping, "_BETWEEN", 0.0)
    with StepWatcher(Common()).doing(Role.IMPLEMENTER, Step("optimize", ("optimize", "shop"))) as take:
        take("api/Dockerfile: building the original")
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "implementer: trimtab optimize shop"
    assert re.fullmatch(r"implementer: \S+( \S+)?: api/Dockerfile: building the original", told[1])


@pytest.mark.parametrize(
    ("common", "shown"), [(Common(), ["analyst: trimtab review shop"]), (Common(quiet=True), [])], ids=["short", "quiet"]
)
def test_a_short_command_has_its_result_to_show(common: Common, shown: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with StepWatcher(common).doing(Role.ANALYST, Step("review", ("review", "shop"))) as take:
        take("3 findings")
    assert capsys.readouterr().err.splitlines() == shown


def test_everything_is_told_to_whoever_asks_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = StepWatcher(Common(verbose=True))
    step = Step("plan", ("plan", "--select", ",".join(CODES)))
    with watcher.doing(Role.PLANNER, step) as take:
        take("nothing to do")
    watcher.done_before(Role.PLANNER, step, 4)
    assert capsys.readouterr().err.splitlines() == [
        f"planner: trimtab {step.line}", "planner: nothing to do", "planner: plan: done before, in step 4",
    ]  # fmt: skip
