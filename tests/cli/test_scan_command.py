"""`trimtab scan` and `trimtab gate` as a user calls them, without an engine."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trimtab.build import Wanted, build_graph
from trimtab.cli.app import run
from trimtab.cli.scan import image_targets
from trimtab.fleet import DiskTree, discover
from trimtab.history import open_store, opened

VALUE = "AKIA" + "QYLPMN5HFIQR7XYA"
PASSWORD = "correct-" + "horse-battery"
FILES = {
    "compose.yaml": f"services:\n  a: {{build: services/a, image: 'shop-a:1', command: a --db-password {PASSWORD}}}\n"
    "  b: {build: services/b}\n",
    "services/a/Dockerfile": 'FROM python:3.13-slim\nUSER 1000\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCMD ["python"]\n',
    "services/a/requirements.txt": "flask==1.0\n",
    "services/a/deploy.py": f"KEY = '{VALUE}'\n",
    "services/a/.env": f"DB_PASSWORD={PASSWORD}\n",
    "services/b/Dockerfile": 'FROM python:3.13-slim\nCMD ["python"]\n',
    "services/b/requirements.txt": "django==3.0\n",
}


@pytest.fixture
def fleet_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, text in FILES.items():
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "shop"


def document(name: str, package: str, modified: str = "", ecosystem: str = "PyPI") -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}]
    return {
        "id": name, "modified": modified or datetime.now(UTC).isoformat(), "summary": "a thing", "database_specific": {"severity": "CRITICAL"},
        "affected": [{"package": {"name": package, "ecosystem": ecosystem}, "ranges": ranges}],
    }  # fmt: skip


@pytest.fixture
def advisories(tmp_path: Path) -> Path:
    folder = tmp_path / "osv"
    folder.mkdir()
    (folder / "A-1.json").write_text(json.dumps(document("CVE-2026-1", "flask")))
    return folder


def scan(folder: Path, *words: str) -> int:
    return run(["scan", str(folder), "--no-images", "-q", *words])


def found(folder: Path, *words: str) -> dict[str, Any]:
    path = folder.parent / "result.json"
    scan(folder, "--format", "json", "-o", str(path), *words)
    return json.loads(path.read_text())


def test_findings_end_with_one(fleet_folder: Path, advisories: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan(fleet_folder, "--advisories", str(advisories)) == 1
    text = capsys.readouterr().out
    assert "CVE-2026-1" in text
    assert "flask 1.0 → 2.0" in text
    assert "AWS Access Key" in text


def test_credentials_that_do_not_count_are_not_called_none(fleet_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fleet_folder / "services/a/deploy.py").unlink()
    assert scan(fleet_folder, "--type", "secrets", "--fail-on", "high") == 0
    assert "clean: 0 vulnerabilities, 0 credentials (2 in all)" in capsys.readouterr().out


def test_nothing_found_and_everything_looked_at_ends_with_zero(fleet_folder: Path, advisories: Path) -> None:
    words = ("--type", "vulns", "--advisories", str(advisories), "--target", "services/b")
    data = found(fleet_folder, *words)
    assert data["outcome"] == "clean"
    assert scan(fleet_folder, *words) == 0


def test_not_everything_looked_at_ends_with_two(fleet_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan(fleet_folder, "--type", "vulns", "--offline") == 2
    assert "no advisories: give `--advisories` or `--scanner`" in capsys.readouterr().out


def test_no_format_takes_old_advisories_for_clean(
    fleet_folder: Path, advisories: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything was looked at, and nobody knows what came since."""
    (advisories / "A-1.json").write_text(json.dumps(document("A-1", "other", "2020-01-01T00:00:00Z")))
    words = ("--type", "vulns", "--advisories", str(advisories), "--target", "services/b")
    said: dict[str, str] = {}
    for style in ("text", "json", "sarif", "github", "markdown"):
        assert scan(fleet_folder, *words, "--format", style) == 2
        said[style] = capsys.readouterr().out
    assert all("advisories end on 2020-01-01" in text for text in said.values())
    assert json.loads(said["sarif"])["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_only_the_folder_that_is_meant(fleet_folder: Path, advisories: Path) -> None:
    data = found(fleet_folder, "--advisories", str(advisories), "--target", "services/b")
    assert data["counts"]["critical"] == 0
    assert [target["secrets"] for target in data["targets"]] == [[]]
    assert {each["service"] for each in data["controls"]} == {"b"}


def test_the_store_may_be_named_in_the_configuration(fleet_folder: Path, advisories: Path) -> None:
    (fleet_folder / "trimtab.toml").write_text('advisories = "../osv"\n')
    assert found(fleet_folder, "--type", "vulns")["counts"]["critical"] == 1
    assert advisories.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--advisories", "/nowhere"], "does not exist"),
        (["--target", "services/c"], "There is no folder `services/c`"),
        (["--sbom", "/nowhere.json"], "cannot be read"),
        (["--vex", "/nowhere.json"], "cannot be read"),
        (["--epss", "/nowhere.csv"], "cannot be read"),
        (["--advisories", "osv", "--offline"], "needs the network"),
        (["--type", "virus"], "virus"),
        (["--fail-on", "awful"], "awful"),
    ],
)
def test_wrong_arguments_end_with_two(
    words: list[str], message: str, fleet_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scan(fleet_folder, *words) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_without_an_engine_images_cannot_be_looked_at(
    fleet_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    assert run(["scan", str(fleet_folder), "-q"]) == 2
    assert "--no-images" in " ".join(capsys.readouterr().err.split())


def test_no_value_of_a_credential_is_anywhere(fleet_folder: Path, advisories: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for style in ("text", "json", "sarif", "github", "markdown"):
        assert scan(fleet_folder, "--advisories", str(advisories), "--format", style) == 1
    run(["gate", str(fleet_folder), "--format", "json"])
    said = capsys.readouterr()
    assert "DB_PASSWORD" in said.out
    assert "db-password" in said.out
    kept = b"".join(path.read_bytes() for path in (fleet_folder / ".trimtab").rglob("*") if path.is_file())
    kept += b"".join(path.read_bytes() for path in (fleet_folder.parent / "cache").rglob("*") if path.is_file())
    for value in (VALUE, PASSWORD):
        assert value not in said.out + said.err
        assert value.encode() not in kept


def test_a_crash_log_holds_no_value(fleet_folder: Path, tmp_path: Path) -> None:
    """A bug in the middle of the search: what is written down of it names no value."""
    program = (
        "import sys, trimtab.scan.leaks as leaks\n"
        "def broken(value):\n    raise RuntimeError('a bug')\n"
        "leaks.identity = broken\n"
        "from trimtab.cli.app import run\nsys.exit(run(sys.argv[1:]))\n"
    )
    words = [sys.executable, "-c", program, "scan", str(fleet_folder), "--no-images", "-q", "--type", "secrets"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 3
    (log,) = tmp_path.glob("trimtab-crash-*/crash.log")
    text = log.read_text() + done.stdout + done.stderr
    assert "a bug" in text
    assert VALUE not in text
    assert PASSWORD not in text


def test_sarif_says_what_was_not_checked(fleet_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan(fleet_folder, "--type", "vulns", "--offline", "--format", "sarif")
    (log,) = json.loads(capsys.readouterr().out)["runs"]
    assert log["invocations"][0]["executionSuccessful"] is False
    assert "not checked" in log["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


def test_sarif_has_a_rule_for_every_result(fleet_folder: Path, advisories: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan(fleet_folder, "--advisories", str(advisories), "--format", "sarif")
    (log,) = json.loads(capsys.readouterr().out)["runs"]
    rules = {rule["id"] for rule in log["tool"]["driver"]["rules"]}
    assert {"CVE-2026-1", "credential"} < rules
    assert {result["ruleId"] for result in log["results"]} == rules
    (place,) = [r["locations"][0]["physicalLocation"] for r in log["results"] if r["ruleId"] == "CVE-2026-1"]
    assert place["artifactLocation"]["uri"] == "services/a/requirements.txt"
    assert place["region"] == {"startLine": 1}


def test_bills_are_written_and_read(fleet_folder: Path, advisories: Path, tmp_path: Path) -> None:
    scan(fleet_folder, "--type", "vulns", "--offline", "--write-sbom", str(tmp_path / "bills"))
    bill = tmp_path / "bills" / "source-tree.cdx.json"
    assert json.loads(bill.read_text())["bomFormat"] == "CycloneDX"
    data = found(fleet_folder, "--type", "vulns", "--sbom", str(bill), "--advisories", str(advisories))
    assert [(each["kind"], each["counts"]["critical"]) for each in data["targets"]] == [("sbom", 1)]
    # As Windows' shell writes what another program prints.
    bill.write_text(bill.read_text(), encoding="utf-16")
    assert (
        found(fleet_folder, "--type", "vulns", "--sbom", str(bill), "--advisories", str(advisories))["targets"]
        == data["targets"]
    )


def test_the_ignore_file(fleet_folder: Path, advisories: Path) -> None:
    entry = '[[vulnerability]]\nid = "CVE-2026-1"\nreason = "not used"\nexpires = 2999-01-01\n'
    (fleet_folder / ".trimtabignore.toml").write_text(entry)
    assert scan(fleet_folder, "--type", "vulns", "--advisories", str(advisories)) == 0
    (vulnerability,) = found(fleet_folder, "--type", "vulns", "--advisories", str(advisories))["targets"][0]["vulnerabilities"]
    assert vulnerability["ignored"] == "not used (until 2999-01-01)"


def test_scans_are_kept(fleet_folder: Path, advisories: Path) -> None:
    scan(fleet_folder, "--advisories", str(advisories))
    store = open_store(fleet_folder)
    (row,) = store.scans.rows()
    assert (row.kind, row.counts["critical"], row.secrets, row.outcome) == ("sources", 1, 3, "findings")
    store.close()


def test_an_image_that_one_service_builds_and_others_name_is_one_image(tmp_path: Path) -> None:
    """As two it had one row in the history, and the gate said that the builder's image was not scanned."""
    (tmp_path / "compose.yaml").write_text(
        "services:\n  a: {build: ., image: shop-a}\n  b: {image: 'shop-a:latest'}\n  c: {image: shop-a}\n  d: {image: other}\n"
    )
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY a /\n")
    fleet = discover(DiskTree(tmp_path))
    targets = image_targets(fleet, build_graph(fleet, "shop", Wanted()))
    assert [(each.reference, each.services) for each in targets] == [("shop-a", ("a", "b", "c")), ("other", ("d",))]


def gate(folder: Path, *words: str) -> tuple[int, list[dict[str, Any]]]:
    path = folder.parent / "gate.json"
    code = run(["gate", str(folder), "--format", "json", "-o", str(path), *words])
    return code, json.loads(path.read_text())["checks"]


def states(checks: Sequence[Mapping[str, Any]], name: str) -> set[str]:
    return {each["state"] for each in checks if each["gate"] == name}


def test_without_a_scan_a_gate_does_not_pass(fleet_folder: Path) -> None:
    code, checks = gate(fleet_folder)
    assert code == 1
    assert states(checks, "scan") == {"not checked"}
    code, checks = gate(fleet_folder, "--allow", "scan")
    assert states(checks, "scan") == {"allowed"}


def edited(folder: Path, text: str, other: str) -> None:
    (record,) = (folder / ".trimtab" / "runs").glob("*/scan.json")
    before = record.read_text()
    assert text in before
    record.write_text(before.replace(text, other))


@pytest.mark.parametrize(
    ("text", "other"),
    [('"critical": 1', '"critical": 0'), ('"whole": false', '"whole": true'), ('"kind": "sources"', '"kind": "image"')],
)
def test_a_record_that_somebody_has_edited_is_no_scan(text: str, other: str, fleet_folder: Path, advisories: Path) -> None:
    scan(fleet_folder, "--advisories", str(advisories))
    assert "failed" in states(gate(fleet_folder)[1], "vulnerabilities")
    edited(fleet_folder, text, other)
    code, checks = gate(fleet_folder)
    assert code == 1
    assert [each["measured"] for each in checks if each["gate"] == "scan"] == [
        "the record of the last scan is not as the scan wrote it"
    ]


def test_half_a_record_is_no_scan(fleet_folder: Path, advisories: Path) -> None:
    scan(fleet_folder, "--advisories", str(advisories))
    (record,) = (fleet_folder / ".trimtab" / "runs").glob("*/scan.json")
    record.write_text(record.read_text()[:200])
    code, checks = gate(fleet_folder)
    assert code == 1
    assert "cannot be read" in next(each["measured"] for each in checks if each["gate"] == "scan")
    record.unlink()
    assert states(gate(fleet_folder)[1], "scan") == {"not checked"}


def test_a_gate_asks_again_when_what_was_accepted_ends(fleet_folder: Path, advisories: Path) -> None:
    entry = '[[vulnerability]]\nid = "CVE-2026-1"\nreason = "not used"\nexpires = {}\n'
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    (fleet_folder / ".trimtabignore.toml").write_text(entry.format("2999-01-01") + entry.format(tomorrow))
    assert found(fleet_folder, "--advisories", str(advisories))["accepted_until"] == tomorrow.isoformat()


def test_a_scan_of_a_wrong_clock_hides_none_that_came_after_it(fleet_folder: Path, advisories: Path) -> None:
    words = ("--advisories", str(advisories))
    scan(fleet_folder, *words)
    with opened(fleet_folder) as store:
        (row,) = store.scans.rows()
        store.scans.add([replace(row, run="later", started="2999-01-01T00:00:00+00:00")])
        assert store.scans.last_run() == row.run
        assert store.scans.last_run(datetime(2999, 1, 2, tzinfo=UTC)) == "later"
        assert store.scans.last_run(datetime(2000, 1, 1, tzinfo=UTC)) == "later"


def test_what_goes_by_a_scan_is_told_where_there_is_none(fleet_folder: Path) -> None:
    for name in ("vulnerabilities", "secrets"):
        assert states(gate(fleet_folder)[1], name) == {"not checked"}
        assert states(gate(fleet_folder, "--allow", "scan")[1], name) == {"allowed"}


def test_a_gate_takes_its_limits_from_the_configuration(fleet_folder: Path) -> None:
    limits = "[gate]\noverall = 1\nsecurity = 0\nmaintainability = 0\nallow-unchecked = ['scan']\n"
    (fleet_folder / "trimtab.toml").write_text(limits)
    assert gate(fleet_folder)[0] == 0
    (fleet_folder / "trimtab.toml").write_text(limits + "[[gate.path]]\nmatch = 'services/b/**'\noverall = 99.9\n")
    code, checks = gate(fleet_folder)
    assert code == 1
    assert [each["subject"] for each in checks if each["state"] == "failed"] == ["b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[gate]\noveral = 1\n", "the nearest known one is `overall`"),
        ("[gate]\noverall = 101\n", "gate.overall"),
        ("[[gate.path]]\nmatch = 'x'\nmax-critcal = 1\n", "`max-critical`"),
        ("[gate]\nimage-size = 'big'\n", "is no size"),
    ],
)
def test_wrong_limits_are_told(text: str, message: str, fleet_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fleet_folder / "trimtab.toml").write_text(text)
    assert run(["gate", str(fleet_folder)]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def test_the_ratchet_compares_with_a_revision(fleet_folder: Path) -> None:
    limits = "[gate]\noverall = 1\nsecurity = 0\nmaintainability = 0\nallow-unchecked = ['scan']\n"
    (fleet_folder / "trimtab.toml").write_text(limits)
    git(fleet_folder, "init", "-q")
    git(fleet_folder, "add", "-A")
    git(fleet_folder, "commit", "-qm", "x")
    code, checks = gate(fleet_folder, "--base", "HEAD")
    assert code == 0
    assert states(checks, "ratchet") == {"passed"}
    dockerfile = fleet_folder / "services/b/Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + f"ENV API_TOKEN={PASSWORD}\n")
    code, checks = gate(fleet_folder, "--base", "HEAD")
    assert code == 1
    assert {"fleet", "b"} <= {each["subject"] for each in checks if each["gate"] == "ratchet" and each["state"] == "failed"}
    assert any("DF207" in each["measured"] for each in checks if each["gate"] == "ratchet")


def test_an_unknown_base_is_told(fleet_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gate", str(fleet_folder), "--base", "nowhere"]) == 2
    assert "git" in capsys.readouterr().err


def test_generated_files_are_linted(fleet_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (fleet_folder / "deploy.sh").write_text("#!/bin/sh\n# Generated by trimtab 0.2\nexit 0\n")
    (fleet_folder / "other.sh").write_text("#!/bin/sh\nexit 0\n")
    tools = fleet_folder.parent / "bin"
    tools.mkdir()
    tool = tools / "shellcheck"
    tool.write_text('#!/bin/sh\necho "$1: SC2086"\nexit 1\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    _, checks = gate(fleet_folder)
    (check,) = [each for each in checks if each["gate"] == "generated"]
    assert (check["subject"], check["state"]) == ("deploy.sh", "failed")
    tool.write_text("#!/bin/sh\nexit 0\n")
    _, checks = gate(fleet_folder)
    assert states(checks, "generated") == {"passed"}


def test_scans_over_time(fleet_folder: Path, advisories: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "scans", str(fleet_folder)]) == 0
    assert "no scan is kept yet" in capsys.readouterr().out
    scan(fleet_folder, "--type", "vulns", "--advisories", str(advisories))
    (advisories / "B-2.json").write_text(json.dumps(document("CVE-2026-2", "flask")))
    scan(fleet_folder, "--type", "vulns", "--advisories", str(advisories))
    capsys.readouterr()
    assert run(["history", "scans", str(fleet_folder), "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert sorted(each["counts"]["critical"] for each in data["scans"]) == [1, 2]


@pytest.mark.parametrize("lack", ["a broken lock", "nobody to ask", "old advisories", ""])
def test_nothing_is_called_not_found_where_something_was_not_looked_at(
    lack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder, osv = tmp_path / "shop", tmp_path / "osv"
    folder.mkdir()
    osv.mkdir()
    (folder / "requirements.txt").write_text("flask==3.0\n")
    if lack == "a broken lock":
        (folder / "package-lock.json").write_text("{")
    modified = "2026-01-01T00:00:00Z" if lack == "old advisories" else ""
    (osv / "A-1.json").write_text(json.dumps(document("CVE-2026-1", "flask", modified)))
    where = "http://127.0.0.1:9" if lack == "nobody to ask" else str(osv)
    monkeypatch.setattr("trimtab.scan.api.PAUSE", 0)
    assert scan(folder, "--type", "vulns", "--advisories", where) == (2 if lack else 0)
    assert ("nothing found in what was looked at" in capsys.readouterr().out) is bool(lack)


def test_a_scan_that_did_not_ask_tells_no_number(
    fleet_folder: Path, advisories: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan(fleet_folder, "--type", "vulns", "--advisories", str(advisories))
    scan(fleet_folder, "--type", "secrets", "--offline")
    scan(fleet_folder, "--type", "vulns", "--offline")
    capsys.readouterr()
    assert run(["history", "scans", str(fleet_folder), "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)["scans"]
    told = {(each["counts"] is None, each["secrets"] is None) for each in data}
    assert told == {(False, True), (True, False), (True, True)}


def test_scores_over_time(fleet_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate(fleet_folder)
    dockerfile = fleet_folder / "services/b/Dockerfile"
    dockerfile.write_text(dockerfile.read_text() + f"ENV API_TOKEN={PASSWORD}\n")
    gate(fleet_folder)
    capsys.readouterr()
    assert run(["history", "scores", "b", str(fleet_folder), "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data["scores"]) == 2
    assert run(["history", "scores", "", str(fleet_folder)]) == 0
    assert "fleet" in capsys.readouterr().out


def test_the_osv_api_is_asked_when_nothing_else_is_named(fleet_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked and out of reach is not checked."""
    monkeypatch.setattr("trimtab.scan.named.ADDRESS", "http://127.0.0.1:9")
    monkeypatch.setattr("trimtab.scan.api.PAUSE", 0.0)
    data = found(fleet_folder, "--type", "vulns")
    assert data["outcome"] == "incomplete"
    assert any("http://127.0.0.1:9 cannot be had" in each["reason"] for each in data["not_checked"])


def test_reports_written_beside_the_files_change_nothing(fleet_folder: Path) -> None:
    git(fleet_folder, "init", "-q")
    git(fleet_folder, "add", "-A")
    git(fleet_folder, "commit", "-qm", "x")
    run(
        [
            "scan",
            str(fleet_folder),
            "--no-images",
            "-q",
            "--offline",
            "--format",
            "sarif",
            "-o",
            str(fleet_folder / "scan.sarif"),
        ]
    )
    run(["gate", str(fleet_folder), "--format", "junit", "-o", str(fleet_folder / "gate.xml")])
    _, checks = gate(fleet_folder)
    assert not [each for each in checks if each["subject"] == "tree"]
    (fleet_folder / "services/a/deploy.py").write_text("KEY = 1\n")
    _, checks = gate(fleet_folder)
    assert [each["state"] for each in checks if each["subject"] == "tree"] == ["not checked"]
