"""Room for both versions, and on the engine's disk, before anything is touched."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from stage import Stage, desired, services

from trimtab.deploy.plan import Plan, Strategy
from trimtab.deploy.room import LEAST_DISK, Host, Room, host_of, room_for
from trimtab.docker.usage import working_set

PLENTY = Host(memory=8_000_000_000, disk=50 * LEAST_DISK)


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
    assert room_for(plan, used(plan, 700_000_000), PLENTY) == Room()
    assert room_for(plan, {}, PLENTY) == Room()


def test_two_versions_that_do_not_fit_are_refused(plan: Plan) -> None:
    found = room_for(plan, used(plan, 700_000_000), Host(600_000_000, PLENTY.disk))
    assert found.problems == (
        "`api`: both versions run for a while; the old one uses 700 MB, and 600 MB are free. Make room, or name it in"
        " `stop-first`",
    )


def test_one_that_is_stopped_first_needs_no_more_than_before(plan: Plan) -> None:
    held = replace(plan, changes=tuple(replace(each, strategy=Strategy.HOLD) for each in plan.changes))
    assert room_for(held, used(held, 700_000_000), Host(1, PLENTY.disk)) == Room()


def test_what_is_not_known_is_said(plan: Plan) -> None:
    found = room_for(plan, used(plan, 1), host_of(None))
    assert not found.problems
    assert found.notes == ("`api`: both versions run for a while; how much memory is free on the engine's host is not known",)


def test_a_full_disk_is_found_before(plan: Plan) -> None:
    found = room_for(plan, {}, Host(PLENTY.memory, LEAST_DISK - 1))
    assert "are free where the engine keeps its data" in found.problems[0]
    assert room_for(replace(plan, changes=()), {}, Host(PLENTY.memory, 0)) == Room()


def test_the_host_is_this_machine_where_its_folder_is_here(tmp_path: Path) -> None:
    host = host_of(tmp_path)
    assert host.disk is not None
    assert host.disk > 0
    assert host_of(tmp_path / "nowhere").disk is None


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
