"""`trimtab resources` over a fleet that was observed: what it shows, writes, and leaves alone."""

import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from traces import MONDAY, TRACES

from trimtab.cli.app import run
from trimtab.history import open_store

COMPOSE = """name: shop
services:
  api: # the heart of it
    image: python:3.12
    mem_limit: 256m
    cpus: 0.25
    mem_reservation: 250m
  wasteful:
    image: python:3.12
    mem_limit: 512m
    cpus: 1.0
    mem_reservation: 96m
  unseen:
    image: nginx:1.27
"""
SHAPES = {"api": "near its limit", "wasteful": "flat, and far too much"}


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """A compose project that was observed for the last whole week from Monday on."""
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    week = 7 * 86_400
    later = int(time.time() - MONDAY - week) // week * week
    store = open_store(tmp_path)
    by_name = {trace.name: trace for trace in TRACES}
    for service, shape in SHAPES.items():
        store.usage.add(
            [
                (
                    replace(subject, project="shop", service=service),
                    replace(row, start=row.start + later, last=row.last + later),
                )
                for subject, row in by_name[shape].rows()
            ]
        )
    store.close()
    return tmp_path


def test_what_was_seen_is_shown_with_its_evidence(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["resources", str(fleet), "--format", "json"]) == 1
    (project,) = json.loads(capsys.readouterr().out)["projects"]
    assert project["observed"] == "shop"
    by_name = {each["service"]: each for each in project["services"]}
    api, wasteful, unseen = (by_name[name] for name in ("api", "wasteful", "unseen"))
    assert (api["before"]["memory"], api["after"]["memory"]) == (256 << 20, 336 << 20)
    assert (api["confidence"], api["evidence"]["points"]) == ("medium", 7 * 1440)
    assert (wasteful["after"]["memory"], wasteful["after"]["cpus"], wasteful["confidence"]) == (384 << 20, 0.75, "high")
    assert (unseen["basis"], unseen["evidence"], unseen["confidence"]) == ("default for web", None, None)
    assert run(["resources", str(fleet)]) == 1
    shown = capsys.readouterr().out
    assert "256 MiB → 336 MiB" in shown
    assert "seen for 7 days, high confidence" in shown
    assert "on the way to 112 MiB" in shown


def test_what_is_advised_is_written_and_nothing_else_of_the_file(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["resources", str(fleet), "--apply"]) == 0
    text = (fleet / "compose.yaml").read_text()
    head, _, unseen = text.partition("  unseen:\n")
    expected = COMPOSE.partition("  unseen:\n")[0]
    for old, new in (("256m", "336M"), ("512m", "384M"), ("cpus: 1.0", "cpus: 0.75")):
        expected = expected.replace(old, new)
    assert head == expected
    assert "memory: 64M" in unseen
    capsys.readouterr()
    assert run(["resources", str(fleet), "--format", "json"]) == 0
    (project,) = json.loads(capsys.readouterr().out)["projects"]
    held = {each["service"]: each["held"] for each in project["services"]}
    assert any("not the one that was in force" in line for line in held["wasteful"])


def test_all_limits_together_are_those_of_every_container_that_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    limits = "mem_limit: 1g, cpus: 1, mem_reservation: 512m"
    (tmp_path / "trimtab.toml").write_text('host-memory = "4g"\n')
    (tmp_path / "compose.yaml").write_text(
        f"services:\n  api: {{image: a, {limits}, scale: 3}}\n  now: {{image: b, {limits}, profiles: [now and then]}}\n"
        f"  none: {{image: c, {limits}, scale: 0}}\n  off: {{image: d, {limits}, deploy: {{replicas: 0}}}}\n"
    )
    assert run(["resources", str(tmp_path)]) == 0
    assert "limits together: 3 GiB of the host's 4 GiB: 75%" in " ".join(capsys.readouterr().out.split())
    assert run(["resources", str(tmp_path), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["projects"][0]["limits"] == 3 << 30


def test_uncommitted_changes_are_told_before_anything_runs_differently(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def live(*_: object) -> None:
        pytest.fail("containers were changed, and watched for ten minutes, for nothing")

    monkeypatch.setattr("trimtab.cli.resources._live", live)
    (fleet / "second").mkdir()
    (fleet / "second" / "compose.yaml").write_text("name: second\nservices: {web: {image: 'nginx:1.27'}}\n")
    subprocess.run(["git", "init", "--quiet", fleet], check=True)
    subprocess.run(["git", "-C", fleet, "add", "compose.yaml"], check=True)
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", fleet, *author, "commit", "--quiet", "-m", "x"], check=True)
    assert run(["resources", str(fleet), "--live", "--apply"]) == 2
    assert "second/compose.yaml` would be changed and has uncommitted changes" in " ".join(capsys.readouterr().err.split())
    # The first of both could have been written.
    assert run(["resources", str(fleet), "--apply"]) == 2
    assert (fleet / "compose.yaml").read_text() == COMPOSE


def test_old_observations_are_none(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store(fleet)
    rows = store.usage.rows("shop")
    store.close()
    (fleet / ".trimtab" / "history.db").unlink()
    store = open_store(fleet)
    store.usage.add(
        [(subject, replace(row, start=row.start - 40 * 86_400, last=row.last - 40 * 86_400)) for subject, row in rows]
    )
    store.close()
    run(["resources", str(fleet), "--format", "json"])
    (project,) = json.loads(capsys.readouterr().out)["projects"]
    assert {each["basis"] for each in project["services"]} == {"default for python", "default for web"}


def test_what_was_seen_of_one_project_is_not_taken_for_another_in_its_folder(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = COMPOSE.replace("name: shop", "name: tools")
    (fleet / "compose.tools.yaml").write_text(other)
    assert run(["resources", str(fleet), "--format", "json"]) == 1
    assert [each["observed"] for each in json.loads(capsys.readouterr().out)["projects"]] == ["shop", None]
    assert run(["resources", str(fleet / "compose.tools.yaml"), "--format", "json"]) == 1
    assert [each["observed"] for each in json.loads(capsys.readouterr().out)["projects"]] == [None]
    # By another name than its files', a project that is alone is still the one that was seen.
    (fleet / "compose.tools.yaml").unlink()
    (fleet / "compose.yaml").write_text(other)
    assert run(["resources", str(fleet), "--format", "json"]) == 1
    assert [each["observed"] for each in json.loads(capsys.readouterr().out)["projects"]] == ["shop"]


def test_a_fleet_that_was_never_observed_gets_no_history_by_being_looked_at(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    assert run(["resources", str(tmp_path)]) == 1
    assert not (tmp_path / ".trimtab").exists()
