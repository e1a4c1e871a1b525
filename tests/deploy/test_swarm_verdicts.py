"""What is thought of a service by its update's state and its tasks."""

from typing import Any

import pytest
from swarm_samples import seen, service, task

from trimtab.deploy.targets.swarm.verdict import Verdict, judge, left_behind

SINCE = "2026-01-01T00:00:10"
ALL = [task(1), task(2), task(3)]


def verdict(of: dict[str, Any], tasks: list[dict[str, Any]], **lost: str) -> tuple[Verdict, str, str]:
    found = judge(seen([of], tasks, {name.replace("_", "-"): state for name, state in lost.items()}), "web", 2, SINCE)
    return found.verdict, found.doing, found.reason


def test_all_run_it() -> None:
    assert verdict(service(status="completed"), ALL)[0] is Verdict.GOOD
    assert verdict(service(), ALL)[0] is Verdict.GOOD


def test_an_update_without_a_state_may_not_have_begun() -> None:
    assert verdict(service(), [task(1, "1"), task(2, "1"), task(3, "1")])[:2] == (Verdict.PENDING, "0 of 3 run it")


def test_completed_is_not_all_while_an_old_task_still_runs() -> None:
    """Seen with 28.5.2: a node that is cut off counts as ready for some 15 s, and the update is called completed meanwhile."""
    tasks = [*ALL, task(3, "1", desired="shutdown")]
    assert verdict(service(status="completed"), tasks)[:2] == (Verdict.PENDING, "3 of 3 run it; swm-3 still has the one before")
    now = seen([service(status="completed")], tasks, {"swm-3": "down"})
    assert judge(now, "web", 2, SINCE).verdict is Verdict.GOOD
    assert [now.place(each) for each in left_behind(now, now.services["web"])] == ["swm-3"]


def test_an_update_that_waits_for_a_lost_node_is_judged_by_what_runs() -> None:
    """Seen with 28.5.2: a task that a node was to start when it was cut off holds the update up for as long as that lasts."""
    never = task(3, "2", "preparing", desired="shutdown")
    of = service(status="updating")
    assert verdict(of, [*ALL, never])[0] is Verdict.PENDING
    assert verdict(of, [*ALL, never], swm_3="down")[:2] == (
        Verdict.GOOD,
        "3 of 3 run it; the swarm's update waits for swm-3, which cannot be reached",
    )
    assert verdict(of, [task(1), task(2), task(2, "1"), never], swm_3="down")[0] is Verdict.PENDING
    assert verdict(of, [*ALL, task(1, "1"), never], swm_3="down")[0] is Verdict.PENDING


@pytest.mark.parametrize(
    ("state", "expected"),
    [("updating", "pending"), ("rollback_started", "pending"), ("paused", "stuck"), ("rollback_paused", "stuck"), ("rollback_completed", "back")],
)  # fmt: skip
def test_the_swarms_own_word_counts_first(state: str, expected: str) -> None:
    assert verdict(service(status=state), ALL)[0] == expected


def test_the_reason_is_the_newest_tasks_own() -> None:
    failed = task(2, "3", "failed", "shutdown", status={"Err": "task: non-zero exit (3)"})
    before = task(1, "1", "failed", "shutdown", status={"Err": "long ago"}, CreatedAt="2026-01-01T00:00:09.9Z")
    assert verdict(service("1", 1, "rollback_completed"), [before, failed])[2] == "task: non-zero exit (3) (swm-2)"
    quiet = task(3, "3", "complete", "shutdown", status={"ContainerStatus": {"ExitCode": 0}})
    assert verdict(service("1", 1, "rollback_completed"), [failed, quiet])[2].startswith("its task ended with 0: by itself, or")


def test_a_new_service_may_fail_some_times_before_it_is_given_up() -> None:
    """It may be there before what it needs; the swarm itself watches no first version."""
    ends = [
        task(number % 3 + 1, "2", "failed", "shutdown", ID=f"end{number}", CreatedAt=SINCE + f".{number}Z")
        for number in range(9)
    ]
    assert verdict(service(), ends[:8])[0] is Verdict.PENDING
    assert verdict(service(), ends)[0] is Verdict.BAD


def test_what_finds_no_node_says_so() -> None:
    waits = task(2, state="pending", NodeID="", status={"Err": "no suitable node (scheduling constraints not satisfied)"})
    found = verdict(service(status="updating"), [task(1), waits])
    assert found == (
        Verdict.PENDING, "1 of 3 run it; no suitable node (scheduling constraints not satisfied)",
        "no suitable node (scheduling constraints not satisfied)",
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["Global", "GlobalJob"])
@pytest.mark.parametrize("status", ["", "completed"])
def test_what_is_for_every_node_and_is_on_none_is_not_good(mode: str, status: str) -> None:
    """The managers want no task of it then, so that all that are wanted run."""
    nowhere = service(status=status, wanted=0)
    nowhere["Spec"]["Mode"] = {mode: {}}
    assert verdict(nowhere, []) == (Verdict.PENDING, "no node has a task of it yet", "no node fits its constraints")
    assert not seen([nowhere], []).services["web"].well
    assert verdict(service(wanted=0), [])[0] is Verdict.GOOD, "a service of which no task is asked for"


def test_somebody_else_has_changed_or_removed_it() -> None:
    assert verdict(service(revision=None), ALL)[::2] == (Verdict.TAKEN, "somebody else has updated it since: not by trimtab")
    assert judge(seen([], []), "web", 2, SINCE).verdict is Verdict.GONE


def job(**more: Any) -> dict[str, Any]:
    found = service(**more)
    found["Spec"]["Mode"] = {"ReplicatedJob": {"TotalCompletions": 1}}
    return {**found, "JobStatus": {"JobIteration": {"Index": 7}}}


def test_a_job_is_good_when_it_has_ended_well() -> None:
    ended: dict[str, Any] = {"JobIteration": {"Index": 7}}
    earlier: dict[str, Any] = {"JobIteration": {"Index": 6}}
    assert verdict(job(), [task(1, state="complete", desired="complete", **ended)])[0] is Verdict.GOOD
    assert verdict(job(), [task(1, state="complete", desired="complete", **earlier)])[0] is Verdict.PENDING
    assert verdict(job(), [task(1, state="failed", desired="shutdown", **ended), task(2, **ended)])[0] is Verdict.PENDING
    assert verdict(job(), [task(1, state="failed", desired="shutdown", **ended)])[0] is Verdict.BAD
