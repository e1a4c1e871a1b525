"""The runtime API's texts and answers, and the steps of a rollout. What HAProxy itself answers is tested on a real one."""

from collections.abc import Mapping

import pytest
from holder_lab import live_slot

from trimtab.deploy.holder.layout import Entry, Held, Slot, SlotName
from trimtab.deploy.holder.runtime import (
    Counters,
    Disobeyed,
    check_answer,
    counted,
    cut,
    drain,
    information,
    is_resolved,
    of_slot,
    open_sessions,
    point,
    ready,
    rest,
    servers,
)  # fmt: skip
from trimtab.deploy.holder.switch import Elapsed, Idle, Resolved, hold_back, let_on, reached, retreat, start_first
from trimtab.deploy.holder.upgrade import check, is_from, start, take_over

from trimtab.deploy.holder.configuration import Settings  # isort: skip

HELD = Held("web", (Entry(8000, protocol="http"), Entry(22)), (Slot("a", "web-r1"), Slot("b")), "a")
COLUMNS = ["pxname", "svname", "scur", "stot", "econ", "eresp", "wretr", "wredis", "hrsp_5xx", "cli_abrt", "status", "addr"]
BACKENDS = ("web.8000.http", "web.8000.h2", "web.22.tcp")


def table(*rows: Mapping[str, object]) -> str:
    lines = [",".join(str(row.get(column, "")) for column in COLUMNS) + "," for row in rows]
    return "\n".join([f"# {','.join(COLUMNS)},", *lines, "", ""])


def row(backend: str, slot: str, **fields: object) -> dict[str, object]:
    return {"pxname": backend, "svname": slot, "status": "no check", "addr": "172.18.0.5:8000", **fields}


def both(live: SlotName = "a", **fields: object) -> str:
    """All of the service's rows, with fields on the first of slot a."""
    rows = [row(name, slot, status="no check" if slot == live else "MAINT") for name in BACKENDS for slot in "ab"]
    rows[0].update(fields)
    return table(*rows)


def test_every_backend_of_a_service_is_told() -> None:
    assert point(HELD, "b", "web-r2") == tuple(f"set server {name}/b fqdn web-r2" for name in BACKENDS)
    assert ready(HELD, "b") == tuple(f"set server {name}/b state ready" for name in BACKENDS)
    assert drain(HELD, "a") == tuple(f"set server {name}/a state drain" for name in BACKENDS)
    assert rest(HELD, "a") == tuple(f"set server {name}/a state maint" for name in BACKENDS)
    assert cut(HELD, "a") == tuple(f"shutdown sessions server {name}/a" for name in BACKENDS)


@pytest.mark.parametrize(
    "answer",
    [
        "\n",
        "",
        "web.8000.http/b changed its FQDN from nowhere.invalid to web-r2 by 'stats socket command'\n\n",
        "no need to change the FDQN\n",
    ],
)
def test_what_was_obeyed(answer: str) -> None:
    check_answer("set server web.8000.http/b fqdn web-r2", answer)


@pytest.mark.parametrize(
    "answer",
    [
        "No such server.\n\n",
        "No such backend.\n",
        "Require 'backend/server'.\n",
        "Permission denied\n",
        "\nset server <srv> state: command not understood\n",
        "Unknown command: 'frob', but maybe one of the following ones is a better match:\n  add acl\n",
    ],
)
def test_what_was_not_obeyed(answer: str) -> None:
    with pytest.raises(Disobeyed, match="HAProxy answered `x` with: "):
        check_answer("x", answer)


def test_counters_are_those_of_all_ports_and_protocols() -> None:
    rows = [row(name, slot) for name in BACKENDS for slot in "ab"]
    rows[0].update(scur=2, stot=100, econ=1, eresp=2, hrsp_5xx=3, cli_abrt=4, wretr=5, wredis=6)
    rows[4].update(scur=1, stot=10, econ=1)
    stats = servers(table(*rows))
    found = counted(stats, HELD, "a")
    assert found == Counters(sessions=110, refused=2, retried=5, passed_on=6, broken=2, server_errors=3, client_aborts=4)
    assert found.failed == 7
    assert found.not_done == 11
    # As HAProxy 3.2 and 2.6 count the same: of ten, four were cut off and passed on.
    assert Counters(sessions=10, broken=4, passed_on=4).not_done == Counters(sessions=10, passed_on=4).not_done == 4
    assert found.error_rate == pytest.approx(7 / 110)
    assert open_sessions(stats, HELD, "a") == 3
    assert counted(stats, HELD, "b") == Counters()
    assert Counters().error_rate is None


def test_what_came_since_an_earlier_look() -> None:
    before, now = Counters(sessions=100, refused=1), Counters(sessions=150, refused=3)
    assert now.since(before) == Counters(sessions=50, refused=2)
    assert Counters(sessions=7).since(before) == Counters(sessions=7)  # HAProxy was started anew


def test_an_answer_that_is_no_table_is_no_answer() -> None:
    for answer in ("", "\n", "Permission denied\n", "Unknown command\n"):
        with pytest.raises(Disobeyed):
            servers(answer)


def test_a_backend_that_is_missing_is_noticed() -> None:
    with pytest.raises(Disobeyed, match=r"no slot a in web\.22\.tcp"):
        of_slot(servers(table(*(row(name, "a") for name in BACKENDS[:2]))), HELD, "a")


def test_which_slot_is_live() -> None:
    assert live_slot(servers(both("a")), HELD) == "a"
    assert live_slot(servers(both("b")), HELD) == "b"
    assert live_slot(servers(both("a", status="DRAIN")), HELD) is None
    everywhere = table(*(row(name, slot) for name in BACKENDS for slot in "ab"))
    assert live_slot(servers(everywhere), HELD) is None


def test_a_slot_is_resolved_when_all_its_servers_are() -> None:
    stats = servers(both())
    assert is_resolved(stats, HELD, "a", ["172.18.0.5"])
    assert not is_resolved(stats, HELD, "a", ["172.18.0.6"])
    assert not is_resolved(servers(both(addr="")), HELD, "a", ["172.18.0.5"])
    assert is_resolved(servers(both(addr="[fd00::5]:8000")), HELD, "a", ["172.18.0.5", "fd00::5"])


def test_a_start_first_rollout_readies_the_new_one_before_it_drains_the_old() -> None:
    steps = start_first(HELD, "b", "web-r2", ["172.18.0.6"], trial_seconds=5, drain_seconds=30)
    assert [step.name for step in steps] == ["point", "trial", "drain", "finish"]
    assert [step.until for step in steps] == [Resolved("b", ("172.18.0.6",)), Elapsed("b"), Idle("a"), None]
    assert steps[0].commands == (*rest(HELD, "b"), *point(HELD, "b", "web-r2"))
    assert steps[0].at_limit == "give up"
    assert steps[1].commands == ready(HELD, "b")
    assert steps[2].commands == drain(HELD, "a")
    assert (steps[1].seconds, steps[2].seconds) == (5, 30)
    assert steps[3].commands == (*cut(HELD, "a"), *rest(HELD, "a"))


def test_a_retreat_readies_the_old_one_before_it_drains_the_new() -> None:
    drained, finished = retreat(HELD, "a", drain_seconds=30)
    assert drained.commands == (*ready(HELD, "a"), *drain(HELD, "b"))
    assert drained.until == Idle("b")
    assert finished.commands == (*cut(HELD, "b"), *rest(HELD, "b"))


def test_a_held_service_has_no_slot_ready_in_between() -> None:
    before = [command for step in hold_back(HELD, "a", drain_seconds=30) for command in step.commands]
    assert not [command for command in before if "ready" in command]
    after = [command for step in let_on(HELD, "b", "web-r2", ["172.18.0.6"]) for command in step.commands]
    assert after[-3:] == list(ready(HELD, "b"))


def test_when_a_step_is_at_its_end() -> None:
    stats = servers(both(scur=1))
    assert not reached(Idle("a"), stats, HELD)
    assert reached(Idle("b"), stats, HELD)
    assert reached(Resolved("a", ("172.18.0.5",)), stats, HELD)
    assert not reached(Elapsed("a"), stats, HELD)


def test_one_process_is_told_from_the_other() -> None:
    answer = "Name: HAProxy\nVersion: 2.6.12-1+deb12u4\nPid: 1\nnode: 3f2a\ndescription: shop-proxy-2\n\n"
    assert information(answer)["Version"] == "2.6.12-1+deb12u4"
    assert is_from(answer, Settings("shop-proxy-2", "/trimtab", 20000))
    assert not is_from(answer, Settings("shop-proxy-1", "/trimtab", 20000))
    assert not is_from("", Settings("shop-proxy-1", "/trimtab", 20000))


def test_the_programs_that_are_run() -> None:
    settings = Settings("shop-proxy-1", "/trimtab", 20000)
    assert " ".join(check(settings)) == "haproxy -c -f /trimtab/haproxy.cfg"
    assert " ".join(start(settings)) == "haproxy -db -f /trimtab/haproxy.cfg"
    assert " ".join(take_over(settings)) == "haproxy -db -f /trimtab/haproxy.cfg -x /trimtab/admin.sock"
