"""Scans as they are found again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from trimtab.cli.app import run
from trimtab.fleet import MemoryTree, discover
from trimtab.fleet.told_apart import told_apart
from trimtab.history import ScanRow, opened
from trimtab.history.scans import asked_for_vulnerabilities
from trimtab.report.scans import last_scans, never_scanned

ROW = ScanRow("", "api", "image", "2026-01-01T00:00:00+00:00", None, "sha256:1", ("api",), (), 1, {}, 0, 0, None, "clean")


@pytest.mark.parametrize("runs", [("a", "b"), ("b", "a")])
def test_of_two_in_one_second_the_later_one_is_the_newest(tmp_path: Path, runs: tuple[str, str]) -> None:
    """A run's name is chosen by chance: it says nothing of when it was."""
    with opened(tmp_path) as store:
        for run in runs:
            store.scans.add([replace(ROW, run=run)])
        assert [each.run for each in store.scans.newest()] == [runs[-1]]
        assert store.scans.last_run() == runs[-1]


def test_a_services_last_scan_is_one_that_asked_for_vulnerabilities() -> None:
    newest = replace(ROW, run="c", parts=("secrets",))
    unasked = replace(ROW, run="b", parts=("vulns",), services=("api", "web"))
    asked = replace(ROW, run="a", parts=("vulns",), counts={"critical": 2}, as_of="2026-01-01T00:00:00+00:00")
    found = last_scans([newest, unasked, asked], asked_for_vulnerabilities(lambda _: {"sources": []}), {})
    assert {name: (row.run, counts) for name, (row, counts) in found.items()} == {
        "api": ("a", {"critical": 2}),
        "web": ("b", None),
    }


def test_services_that_were_never_scanned_are_named() -> None:
    """Only those that were stood in the table of how old each service's last scan is."""
    told = told_apart(
        discover(MemoryTree({"compose.yaml": "services: {a: {build: .}, b: {build: .}, c: {build: .}, d: {build: .}}"}))
    )
    row = replace(ROW, services=("a", "b"))
    assert never_scanned([row], told) == ["c", "d"]


def test_the_scan_of_one_projects_image_is_not_that_of_anothers_service() -> None:
    """`mail-api` was called scanned because `shop-api` had been."""
    files = {f"{name}/compose.yaml": f"name: {name}\nservices: {{api: {{build: .}}}}" for name in ("shop", "mail")}
    told = told_apart(discover(MemoryTree(files)))
    row = replace(ROW, run="r", target="shop-api:latest")
    asked = asked_for_vulnerabilities(lambda _: {"sources": []})
    assert [*last_scans([row], asked, told)] == ["shop/api"]
    assert never_scanned([row], told) == ["mail/api"]
    # What no project of the fleet is called any more is told by the name it had.
    assert [*last_scans([replace(row, target="old-api")], asked, told)] == ["api"]


def test_a_project_that_says_no_name_is_called_by_its_folder_from_within_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the folder itself, which is where commands are run, it had no name, and its images were another project's."""
    folder = tmp_path / "shop"
    (folder / "mail").mkdir(parents=True)
    for place in (folder, folder / "mail"):
        (place / "compose.yaml").write_text("services: {api: {build: .}}\n")
    with opened(folder) as store:
        store.scans.add([replace(ROW, run="r", target="shop-api:latest")])
    monkeypatch.chdir(folder)
    assert run(["history", "scans", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [each["service"] for each in data["services"]] == ["shop/api"]
    assert data["never_scanned"] == ["mail/api"]
