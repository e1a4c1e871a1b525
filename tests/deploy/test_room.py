"""Room for both versions, and on the engine's disk, before anything is touched."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from simulated import conversation
from stage import Stage, desired, services

from trimtab.deploy.plan import Plan, Strategy
from trimtab.deploy.room import Host, Room, host_of, memory_in_use, room_for
from trimtab.docker.api import Api
from trimtab.docker.command import Command
from trimtab.docker.runner import Completed
from trimtab.docker.usage import working_set

PLENTY = Host(memory=8 * 2**30)


async def _planned(folder: Path) -> Plan:
    stage = Stage(folder)
    await stage.deploy("1")
    bodies: dict[str, Any] = services("1")
    bodies["api"]["image"] = "api:2"
    plan = await stage.plan(desired(bodies))
    stage.store.close()
    return plan


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """One service that changes, behind a holder: both versions run."""
    found = anyio.run(_planned, tmp_path)
    return replace(found, changes=tuple(replace(each, strategy=Strategy.SWITCH) for each in found.changes))


def used(plan: Plan, count: int) -> dict[str, int]:
    return {each.before.container.id: count for each in plan.changes if each.before}


def test_what_fits_is_not_spoken_of(plan: Plan) -> None:
    assert plan.services == ("api",)
    assert room_for(plan, used(plan, 700 * 2**20), PLENTY) == Room()


def test_two_versions_that_do_not_fit_are_refused(plan: Plan) -> None:
    found = room_for(plan, used(plan, 700 * 2**20), Host(600 * 2**20))
    assert found.problems == (
        "`api`: both versions run for a while; the old one uses 700 MiB, and 600 MiB are free. Make room, or name it in"
        " `stop-first`",
    )


def test_one_that_is_stopped_first_needs_no_more_than_before(plan: Plan) -> None:
    held = replace(plan, changes=tuple(replace(each, strategy=Strategy.HOLD) for each in plan.changes))
    assert room_for(held, used(held, 700_000_000), Host(1)) == Room()


def test_what_is_not_known_is_said(plan: Plan) -> None:
    found = room_for(plan, used(plan, 1), host_of(None))
    assert not found.problems
    assert found.notes == ("`api`: both versions run for a while; how much memory is free on the engine's host is not known",)


def test_what_the_engine_does_not_tell_is_not_nothing(plan: Plan) -> None:
    found = room_for(plan, {}, PLENTY)
    why = "how much memory the old one uses is not known: the engine does not say"
    assert found == Room(notes=(f"`api`: both versions run for a while; {why}",))


def test_what_does_not_run_is_not_asked_about_and_needs_nothing(plan: Plan) -> None:
    asked: list[str] = []

    class Refusing:
        """A runner whose engine tells no statistics."""

        async def run(
            self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
        ) -> Completed:
            def refuse(method: str, target: str, body: bytes) -> tuple[int, Any]:
                asked.append(target)
                return 500, {"message": "no statistics"}

            return Completed(command.argv, 0, conversation(command.stdin, refuse), "")

        async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
            raise NotImplementedError

    (change,) = plan.changes
    assert change.before is not None
    container = replace(change.before.container, state="exited")
    stopped = replace(plan, changes=(replace(change, before=replace(change.before, container=container)),))
    assert anyio.run(memory_in_use, Api(Refusing()), stopped) == {}
    assert (asked, room_for(stopped, {}, PLENTY)) == ([], Room())
    assert anyio.run(memory_in_use, Api(Refusing()), plan) == {}
    assert len(asked) == 1


def test_a_full_disk_is_found_before(plan: Plan) -> None:
    full = Host(PLENTY.memory, "only 0.4 GB are free below `/var/lib/docker`")
    found = room_for(plan, used(plan, 1), full)
    assert found.problems == (f"{full.short}, where the engine keeps its data: make room, or move it",)
    assert room_for(replace(plan, changes=()), {}, full) == Room()


def test_the_host_is_this_machine_where_its_folder_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = host_of(tmp_path)
    assert host.memory is not None
    assert host.memory > 0
    assert host_of(None) == Host(None)
    monkeypatch.setattr("trimtab.deploy.room.LEAST_DISK", 10**18)
    assert f"are free below `{tmp_path}`" in (host_of(tmp_path).short or "")


@pytest.mark.parametrize(
    ("memory", "bytes_"),
    [
        ({"usage": 100, "stats": {"inactive_file": 30}}, 70),
        ({"usage": 100, "stats": {"total_inactive_file": 40, "inactive_file": 30}}, 60),
        ({"usage": 100, "stats": {"inactive_file": 200}}, 100),
        ({}, None),
    ],
)
def test_the_working_set(memory: dict[str, object], bytes_: int | None) -> None:
    assert working_set({"memory_stats": memory}) == bytes_
