"""Why a place gets another container, and by which strategy: one place at a time, without an engine."""

from typing import Any

import pytest
from stage import PROJECT, desired, image

from trimtab.deploy import names
from trimtab.deploy.desired import Desired
from trimtab.deploy.holder.choose import Behind
from trimtab.deploy.holder.holding import HolderPlan, Holding, Track
from trimtab.deploy.holder.layout import Lane
from trimtab.deploy.observed import Instance, Observed
from trimtab.deploy.plan import Change, Plan, Strategy
from trimtab.deploy.reconcile import Asked, reconcile
from trimtab.docker.containers import read_container

IMAGES = {"api:1": image("api:1"), "api:2": image("api:2")}
ENDS_WELL = {"api": {"condition": "service_completed_successfully"}}
BODY = {"image": "api:1"}


def running(
    wanted: Desired, service: str, number: int = 1, *, state: str = "running", code: int = 0, letter: str = ""
) -> Instance:
    """A container as the project asks for it."""
    each = wanted.services[service]
    labels = {names.COMPOSE_HASH: each.config_hash, **({names.LETTER: letter} if letter else {})}
    body = {
        "Name": f"/{PROJECT}-{service}-{number}", "Image": image(each.image), "Config": {"Labels": labels},
        "State": {"Status": state, "ExitCode": code},
    }  # fmt: skip
    return Instance(service, number, read_container(body))


def planned(wanted: Desired, *there: Instance, asked: Asked | None = None) -> Plan:
    return reconcile(wanted, Observed(PROJECT, there), IMAGES, 2, asked)


def only(plan: Plan) -> Change:
    (change,) = plan.changes
    return change


def behind(
    service: str = "api", *, new: bool = False, refit: bool = False, stop_first: bool = False, shared: bool = False
) -> HolderPlan:
    """A holder with one lane, whose number is not the first."""
    track = Track(Lane(2, 9000, (), ()), (Behind(service, (), stop_first=stop_first, shared=shared),))
    return HolderPlan(Holding("haproxy:1", (track,)), (2,) if new else (), (2,) if refit else ())


@pytest.mark.parametrize(
    ("state", "code", "job", "told"),
    [
        ("running", 0, False, None), ("paused", 0, False, None), ("restarting", 0, False, None),
        ("exited", 0, False, "it has ended with 0"), ("exited", 3, False, "it has ended with 3"),
        ("exited", 0, True, None), ("exited", 1, True, "it has ended with 1"), ("created", 0, True, "it is created"),
        ("dead", 0, False, "it is dead"),
    ],
)  # fmt: skip
def test_what_does_not_run_is_started_but_for_a_job_that_ended_well(state: str, code: int, job: bool, told: str | None) -> None:
    bodies: dict[str, Any] = {"api": BODY, **({"web": {"image": "api:2", "depends_on": ENDS_WELL}} if job else {})}
    wanted = desired(bodies)
    others = [running(wanted, "web")] if job else []
    plan = planned(wanted, running(wanted, "api", state=state, code=code), *others)
    assert [(each.strategy, each.cause) for each in plan.changes] == ([(Strategy.START, told)] if told else [])


def test_a_job_is_run_to_its_end_again_where_it_changed() -> None:
    before = desired({"api": BODY, "web": {"image": "api:2", "depends_on": ENDS_WELL}})
    after = desired({"api": {**BODY, "command": "x"}, "web": {"image": "api:2", "depends_on": ENDS_WELL}})
    assert only(planned(after, running(before, "api"), running(before, "web"))).strategy == Strategy.JOB


def test_an_image_that_the_engine_does_not_have_is_pulled_once() -> None:
    wanted = desired({"api": {"image": "api:9"}, "web": {"image": "api:9"}, "db": BODY})
    plan = planned(wanted, *(running(wanted, name) for name in ("api", "web", "db")))
    assert [(each.slot.service, each.cause) for each in plan.changes] == [
        ("api", "its image `api:9` is not on the engine"), ("web", "its image `api:9` is not on the engine"),
    ]  # fmt: skip
    assert plan.pulls == ("api:9",)


def test_what_is_asked_for_is_replaced_though_nothing_changed() -> None:
    wanted = desired({"api": BODY})
    change = only(planned(wanted, running(wanted, "api"), asked=Asked(force=True)))
    assert (change.cause, change.strategy) == ("it was asked for", Strategy.SWAP)


def test_the_holders_image_is_pulled_where_the_holder_is_made_or_set_up_anew() -> None:
    wanted = desired({"api": BODY})
    there = running(wanted, "api", letter="a")
    pulls = [
        planned(wanted, there, asked=Asked(holder=each)).pulls for each in (behind(), behind(new=True), behind(refit=True))
    ]
    assert pulls == [(), ("haproxy:1",), ("haproxy:1",)]
    has = reconcile(
        wanted, Observed(PROJECT, (there,)), {**IMAGES, "haproxy:1": image("haproxy:1")}, 2, Asked(holder=behind(new=True))
    )
    assert has.pulls == ()


@pytest.mark.parametrize(
    ("stop_first", "shared", "strategy", "early"),
    [(False, False, Strategy.SWITCH, True), (True, False, Strategy.HOLD, False), (False, True, Strategy.SHARE, False)],
)
def test_behind_the_holder_the_new_one_gets_the_other_slot(
    stop_first: bool, shared: bool, strategy: Strategy, early: bool
) -> None:
    wanted = desired({"api": BODY})
    asked = Asked(force=True, holder=behind(stop_first=stop_first, shared=shared))
    change = only(planned(wanted, running(wanted, "api", letter="a"), asked=asked))
    assert (change.strategy, change.early, change.shared, change.lane) == (strategy, early, shared, 2)
    assert change.letter == ("" if shared else "b")


def test_which_slot_a_container_gets() -> None:
    wanted = desired({"api": BODY})
    for letter, letter_then in (("b", "a"), ("", "a")):
        change = only(planned(wanted, running(wanted, "api", letter=letter), asked=Asked(force=True, holder=behind())))
        assert change.letter == letter_then
    stopped = planned(wanted, running(wanted, "api", letter="b", state="exited"), asked=Asked(holder=behind()))
    assert (only(stopped).strategy, only(stopped).letter) == (Strategy.START, "b")
    first = planned(wanted, asked=Asked(holder=behind(shared=True)))
    assert (only(first).strategy, only(first).letter, only(first).shared) == (Strategy.FIRST, "", True)
    alone = only(planned(wanted))
    assert (alone.strategy, alone.letter, alone.lane, alone.early, alone.shared) == (Strategy.FIRST, "", 0, False, False)


def test_what_changes_over_with_the_holder_does_so_unasked() -> None:
    wanted = desired({"api": BODY, "web": BODY})
    there = (running(wanted, "api"), running(wanted, "web"))
    asked = Asked(frozenset({"web"}), over=frozenset({"api"}), holder=behind(new=True))
    assert (only(planned(wanted, *there, asked=asked)).strategy, only(planned(wanted, *there, asked=asked)).cause) == (
        Strategy.EXCHANGE, "it goes behind the holder",
    )  # fmt: skip
    asked = Asked(frozenset({"web"}), over=frozenset({"api"}))
    assert only(planned(wanted, *there, asked=asked)).cause == "it leaves the holder"


def test_why_it_is_no_better_strategy_is_told_where_something_is_replaced() -> None:
    wanted = desired({"api": BODY})
    asked = Asked(unheld={"api": "it publishes UDP"})
    assert only(planned(wanted, asked=asked)).why == "it publishes UDP"
    assert only(planned(wanted, running(wanted, "api", state="exited"), asked=asked)).why == ""
    assert only(planned(wanted)).why == ""


def test_what_a_change_waits_for() -> None:
    bodies: dict[str, Any] = {
        "api": BODY, "db": BODY, "log": BODY, "old": BODY,
        "web": {**BODY, "network_mode": "service:log", "stop_grace_period": "1500ms", "depends_on": {
            "api": {"condition": "service_started"}, "db": {"condition": "service_healthy"}, "old": {"condition": "service_healthy"},
        }},
    }  # fmt: skip
    wanted = desired(bodies)
    plan = planned(wanted, running(wanted, "old"))
    (web,) = plan.of("web")
    assert (web.needs, web.after, web.joins, web.grace) == (("db", "log"), ("api",), {"network_mode": "log"}, 2)
    assert plan.stays == {"old": "as it is wanted"}


def test_a_service_follows_one_it_joins_or_starts_anew_with_only_when_that_changes() -> None:
    bodies: dict[str, Any] = {"api": BODY, "db": BODY, "web": {**BODY, "network_mode": "service:api", "depends_on": {"db": {}}}}
    wanted = desired(bodies)
    there = [running(wanted, name) for name in ("api", "db", "web")]
    assert planned(wanted, *there).changes == ()
    assert planned(wanted, there[0], there[2]).services == ("db",)
    assert planned(wanted, there[1], there[2]).services == ("api", "web")


def test_containers_that_no_file_has_a_place_for() -> None:
    wanted = desired({"api": {**BODY, "deploy": {"replicas": 2}}, "gone": BODY, "tools": BODY})
    there = [*(running(wanted, "api", number) for number in (1, 2, 3)), running(wanted, "gone"), running(wanted, "tools")]
    now = Desired(PROJECT, "/srv", (), {"api": wanted.services["api"]}, others=frozenset({"tools"}))
    plan = planned(now, *there)
    assert [(each.service, each.number) for each in plan.removals] == [("api", 3)]
    assert plan.stays == {
        "api": "as it is wanted", "gone": "no file names it; --remove-orphans removes it",
        "tools": "it is of a profile that is not active",
    }  # fmt: skip
    removed = planned(now, *there, asked=Asked(remove_orphans=True))
    assert [(each.service, each.number) for each in removed.removals] == [("api", 3), ("gone", 1)]
    assert "gone" not in removed.stays


def test_each_missing_container_of_a_service_is_made_and_no_other() -> None:
    wanted = desired({"api": {**BODY, "deploy": {"replicas": 3}}})
    plan = planned(wanted, running(wanted, "api", 2))
    assert [each.slot.number for each in plan.changes] == [1, 3]
    assert (plan.project, plan.revision, plan.kind, plan.stays) == (PROJECT, 2, "deploy", {})
