"""What a scan comes to. The trap that this project exists for: a scanner that skipped everything must not read as clean."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from samples import Files, osv, save_image, write_documents

from trimtab.docker import Command, Completed
from trimtab.errors import ToolError
from trimtab.fleet import Fleet
from trimtab.rules import Severity
from trimtab.scan.leaks import Leak
from trimtab.scan.packages import Package
from trimtab.scan.result import NotChecked, Part, Pending, Scan, Standing, TargetScan
from trimtab.scan.run import Bill, ImageTarget, Request, scan
from trimtab.scan.spoken import Answered
from trimtab.scan.stores import Folder, Known
from trimtab.scan.verdict import Outcome, Policy, judge_scan

NOW = datetime(2026, 11, 25, tzinfo=UTC)
VULNS = frozenset({Part.VULNERABILITIES})
FLASK = Package("pypi", "flask", "1.0")
Make = Callable[[Mapping[str, str]], Fleet]
DEBIAN: Files = {
    "etc/os-release": b"ID=debian\nVERSION_ID=12\n",
    "var/lib/dpkg/status": b"Package: dash\nStatus: install ok installed\nVersion: 0.5-1\n",
}


class Engine:
    """An engine with some images, by the archives they were saved to."""

    def __init__(self, images: Mapping[str, Path] | None = None) -> None:
        self.images = images or {}

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        known = self.images.get(command.argv[-1])
        return Completed(command.argv, 0 if known else 1, f"sha256:{known.stem}".encode() if known else b"", "no such image")

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        sink(self.images[command.argv[-1]].read_bytes())
        return Completed(command.argv, 0, b"", "")


def done(request: Request, engine: Engine | None = None) -> Scan:
    async def run() -> Scan:
        return await scan(engine or Engine(), request, "run")

    return anyio.run(run)


def outcome(found: Scan, policy: Policy | None = None) -> Outcome:
    return judge_scan(found, policy or Policy(), NOW).outcome


def advisories(tmp_path: Path, *more: Mapping[str, Any]) -> Folder:
    harmless = [
        osv("A-1", "other", events=[{"introduced": "0"}]),
        osv("D-1", "other", "Debian:12", events=[{"introduced": "0"}]),
    ]
    return Folder(write_documents(tmp_path / "osv", *harmless, *more))


def test_everything_looked_at_and_nothing_found_is_clean(fleet: Make, tmp_path: Path) -> None:
    tree = fleet({"requirements.txt": "flask==1.0\n"})
    image = save_image(tmp_path / "a.tar", [("base", DEBIAN)])
    found = done(Request(tree, VULNS, images=(ImageTarget("a", ("a",)),), store=advisories(tmp_path)), Engine({"a": image}))
    assert found.not_checked == ()
    assert [len(target.packages) for target in found.targets] == [1, 1]
    assert outcome(found) is Outcome.CLEAN


@pytest.mark.parametrize(("outdated", "expected"), [("sha256:a", Outcome.INCOMPLETE), ("sha256:0", Outcome.CLEAN)])
def test_an_image_of_other_files_says_nothing_of_these(outdated: str, expected: Outcome, fleet: Make, tmp_path: Path) -> None:
    image = save_image(tmp_path / "a.tar", [("base", DEBIAN)])
    target = ImageTarget("a", ("a",), outdated=outdated)
    found = done(Request(fleet({}), VULNS, images=(target,), store=advisories(tmp_path)), Engine({"a": image}))
    assert outcome(found) is expected
    assert [each.services for each in found.not_checked] == [("a",)] * (expected is Outcome.INCOMPLETE)


def test_a_vulnerability_is_a_finding(fleet: Make, tmp_path: Path) -> None:
    store = advisories(tmp_path, osv("B-1", "flask", events=[{"introduced": "0"}, {"fixed": "2.0"}]))
    found = done(Request(fleet({"requirements.txt": "flask==1.0\n"}), VULNS, store=store))
    assert outcome(found) is Outcome.FINDINGS
    assert outcome(found, Policy(fail_on=Severity.CRITICAL)) is Outcome.FINDINGS, "nobody says how severe it is"
    assert found.counts()["unknown"] == 1


@pytest.mark.parametrize(
    ("severity", "fail_on", "clean"),
    [("HIGH", Severity.HIGH, False), ("MODERATE", Severity.HIGH, True), ("LOW", Severity.INFO, False)],
)
def test_what_is_less_severe_than_asked_for_is_shown_only(
    severity: str, fail_on: Severity, clean: bool, fleet: Make, tmp_path: Path
) -> None:
    store = advisories(tmp_path, osv("B-1", "flask", events=[{"introduced": "0"}], database_specific={"severity": severity}))
    found = done(Request(fleet({"requirements.txt": "flask==1.0\n"}), VULNS, store=store))
    assert (outcome(found, Policy(fail_on=fail_on)) is Outcome.CLEAN) is clean


@pytest.mark.parametrize(
    ("severity", "fail_on", "clean"),
    [
        (Severity.HIGH, Severity.CRITICAL, False),
        (Severity.MEDIUM, Severity.CRITICAL, True),
        (Severity.MEDIUM, Severity.MEDIUM, False),
        (Severity.LOW, Severity.MEDIUM, True),
    ],
)
def test_a_credential_of_high_severity_counts_always(severity: Severity, fail_on: Severity, clean: bool) -> None:
    target = TargetScan("source tree", "sources", leaks=(Leak("k", "a.py", 1, "abc", severity),))
    found = Scan(NOW, frozenset({Part.SECRETS}), (target,), (), ())
    assert (outcome(found, Policy(fail_on=fail_on)) is Outcome.CLEAN) is clean


def test_without_a_fixed_version_it_may_be_shown_only(fleet: Make, tmp_path: Path) -> None:
    store = advisories(tmp_path, osv("B-1", "flask", events=[{"introduced": "0"}]))
    found = done(Request(fleet({"requirements.txt": "flask==1.0\n"}), VULNS, store=store))
    assert outcome(found, Policy(only_fixed=True)) is Outcome.CLEAN
    assert outcome(found) is Outcome.FINDINGS


class Nobody:
    async def ask(self, packages: Sequence[Package]) -> Known:
        raise ToolError("the network is away")


def request(fleet: Make, **more: Any) -> Request:
    return Request(fleet({"requirements.txt": "flask==1.0\n"}), VULNS, **more)


SKIPPED: dict[str, Callable[[Make, Path], Request]] = {
    "nobody is asked": lambda fleet, _: request(fleet),
    "the store does not answer": lambda fleet, _: request(fleet, store=Nobody()),
    "the store has nothing of the ecosystem": lambda fleet, path: Request(
        fleet({"package-lock.json": '{"lockfileVersion": 3, "packages": {"node_modules/a": {"version": "1.0.0"}}}'}),
        VULNS, store=advisories(path),
    ),
    "a version is not resolved": lambda fleet, path: Request(
        fleet({"requirements.txt": "flask>=1\n"}), VULNS, store=advisories(path), bills=(Bill("x", (FLASK,), ()),)
    ),
    "a lock file is broken": lambda fleet, path: Request(
        fleet({"requirements.txt": "flask==1.0\n", "a/uv.lock": "["}), VULNS, store=advisories(path)
    ),
    "there are no packages at all": lambda fleet, path: Request(fleet({"a.txt": ""}), VULNS, store=advisories(path)),
    "the image is not there": lambda fleet, path: request(fleet, store=advisories(path), images=(ImageTarget("b", ("b",)),)),
    "a bill is empty": lambda fleet, path: request(fleet, store=advisories(path), bills=(Bill("x", (), ()),)),
    "a bill's component has no package URL": lambda fleet, path: request(
        fleet, store=advisories(path), bills=(Bill("x", (FLASK,), ("thing",)),)
    ),
    "an advisory cannot be read": lambda fleet, path: request(fleet, store=_with_broken(advisories(path))),
    "nothing is scanned": lambda fleet, path: request(fleet, store=advisories(path), sources=False),
    "an affected version cannot be told": lambda fleet, path: request(
        fleet, store=advisories(path, osv("B-1", "flask", events=[{"introduced": "0"}, {"fixed": "??"}]))
    ),
}  # fmt: skip


def _with_broken(store: Folder) -> Folder:
    (store.path / "broken.json").write_text("{")
    return store


@pytest.mark.parametrize("case", SKIPPED)
def test_what_was_skipped_is_never_clean(case: str, fleet: Make, tmp_path: Path) -> None:
    found = done(SKIPPED[case](fleet, tmp_path))
    verdict = judge_scan(found, Policy(), NOW)
    assert verdict.outcome is Outcome.INCOMPLETE
    assert verdict.reasons


@pytest.mark.parametrize(
    "layers",
    [
        [("base", {"bin/sh": b"x"})],
        [("base", {"var/lib/dpkg/status": b"Package: a\nStatus: install ok installed\nVersion: 1\n"})],
    ],
)
def test_an_image_that_says_nothing_is_never_clean(layers: list[tuple[str, Files]], fleet: Make, tmp_path: Path) -> None:
    image = save_image(tmp_path / "a.tar", layers)
    found = done(request(fleet, store=advisories(tmp_path), images=(ImageTarget("a", ("a",)),)), Engine({"a": image}))
    assert outcome(found) is Outcome.INCOMPLETE


def test_a_damaged_image_is_never_clean(fleet: Make, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no archive")
    found = done(
        request(fleet, store=advisories(tmp_path), images=(ImageTarget("a", ("a",)),)), Engine({"a": tmp_path / "a.tar"})
    )
    assert outcome(found) is Outcome.INCOMPLETE


def test_a_scanner_that_skipped_everything_is_never_clean(fleet: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def skipped(*_: object, **__: object) -> Answered:
        return Answered("trivy", (), "`trivy` was given 1 packages and looked at none")

    monkeypatch.setattr("trimtab.scan.run.ask_scanner", skipped)
    found = done(request(fleet, scanners=("trivy",)))
    assert outcome(found) is Outcome.INCOMPLETE
    assert [each.what for each in found.not_checked] == ["source tree by trivy"]


@pytest.mark.parametrize(("days", "expected"), [(6, Outcome.CLEAN), (8, Outcome.INCOMPLETE)])
def test_old_advisories_are_never_clean(days: int, expected: Outcome, fleet: Make, tmp_path: Path) -> None:
    old = {**osv("A-1", "other", events=[{"introduced": "0"}]), "modified": (NOW - timedelta(days=days)).isoformat()}
    found = done(request(fleet, store=Folder(write_documents(tmp_path / "osv", old))))
    assert outcome(found) is expected
    assert outcome(found, Policy(max_age=timedelta(days=30))) is Outcome.CLEAN


def test_advisories_without_a_time_are_never_clean(fleet: Make, tmp_path: Path) -> None:
    """Nor are those of a time to come: the oldest collection would seem new."""
    documents = [osv("A-1", "other", events=[{"introduced": "0"}])]
    documents += [
        {**osv(f"B-{when}", "other", events=[{"introduced": "0"}]), "modified": when}
        for when in ("", "some day", "2999-01-01T00:00:00Z")
    ]
    found = done(request(fleet, store=Folder(write_documents(tmp_path / "osv", *documents))))
    assert outcome(found) is Outcome.INCOMPLETE
    assert len(found.not_checked) == 3


def test_the_oldest_collection_counts(fleet: Make, tmp_path: Path) -> None:
    """New advisories of one ecosystem do not make those of another new."""
    old = {**osv("A-1", "other", events=[{"introduced": "0"}]), "modified": "2015-01-01T00:00:00Z"}
    new = {**osv("B-1", "x", "npm", events=[{"introduced": "0"}]), "modified": NOW.isoformat()}
    found = done(request(fleet, store=Folder(write_documents(tmp_path / "osv", old, new))))
    assert outcome(found) is Outcome.INCOMPLETE


@pytest.mark.parametrize(("hours", "expected"), [(20, Outcome.CLEAN), (25, Outcome.INCOMPLETE)])
def test_advisories_of_the_future_are_never_clean(hours: int, expected: Outcome) -> None:
    target = TargetScan("x", "sources", (FLASK,))
    found = Scan(NOW, VULNS, (target,), (), (), ("grype",), NOW + timedelta(hours=hours))
    assert outcome(found) is expected


@pytest.mark.parametrize(("security", "expected"), [(True, Outcome.FINDINGS), (False, Outcome.CLEAN)])
def test_a_security_update_that_waits_is_a_finding(security: bool, expected: Outcome) -> None:
    pending = (Pending("openssl", "3.0-1", "3.0-2", security, ("CVE-2026-1",)),)
    targets = tuple(TargetScan(name, "image", (FLASK,), pending=pending) for name in ("a", "b"))
    verdict = judge_scan(Scan(NOW, VULNS, targets, (), (), ("osv",), NOW), Policy(), NOW)
    assert (verdict.outcome, verdict.updates) == (expected, int(security)), "once, however many images lack it"


def test_a_scan_of_nothing_is_never_clean() -> None:
    assert outcome(Scan(NOW, VULNS, (), (), (), ("store",))) is Outcome.INCOMPLETE
    assert outcome(Scan(NOW, frozenset({Part.COMPLIANCE}), (TargetScan("x", "sources"),), (), ())) is Outcome.INCOMPLETE


def test_findings_outweigh_what_was_not_checked(fleet: Make, tmp_path: Path) -> None:
    store = advisories(tmp_path, osv("B-1", "flask", events=[{"introduced": "0"}]))
    found = done(request(fleet, store=_with_broken(store)))
    verdict = judge_scan(found, Policy(), NOW)
    assert verdict.outcome is Outcome.FINDINGS
    assert verdict.reasons
    assert isinstance(found.not_checked[0], NotChecked)


def test_scanned_images_settle_what_requirements_leave_open(fleet: Make, tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM debian:12\n", "compose.yaml": "services: {a: {build: .}}\n", "requirements.txt": "flask>=1\n"}
    image = save_image(tmp_path / "a.tar", [("base", DEBIAN)])
    asked = Request(
        fleet(files), VULNS, services=frozenset({"a"}), images=(ImageTarget("a", ("a",)),), store=advisories(tmp_path)
    )
    found = done(asked, Engine({"a": image}))
    assert outcome(found) is Outcome.CLEAN
    assert found.notes
    assert outcome(done(asked)) is Outcome.INCOMPLETE


def test_files_that_git_ignores_are_not_in_the_repository(fleet: Make) -> None:
    tree = fleet(
        {".env": "DB_PASSWORD=correct-horse\n", "b/.env": "DB_PASSWORD=correct-horse\n", "c/.env": "DB_PASSWORD=x-horse\n"}
    )
    found = done(Request(tree, frozenset({Part.SECRETS}), ignored_by_git=(".env", "b/")))
    assert [leak.where for _, leak in found.leaks] == ["c/.env"]
    assert outcome(found) is Outcome.FINDINGS


SECRETS = frozenset({Part.SECRETS})


@pytest.mark.parametrize(
    ("files", "ignored", "below"),
    [({}, (), ""), ({"a/.env": "X=1\n"}, ("a/",), ""), ({"a/.env": "X=1\n", "b": ""}, ("a/",), "a")],
)
def test_a_search_that_read_no_file_is_never_clean(
    files: dict[str, str], ignored: tuple[str, ...], below: str, fleet: Make
) -> None:
    found = done(Request(fleet(files), SECRETS, below=below, ignored_by_git=ignored))
    assert outcome(found) is Outcome.INCOMPLETE


def test_what_git_tracks_is_searched_wherever_it_lies(fleet: Make) -> None:
    tree = fleet({f"{folder}/.env": "DB_PASSWORD=correct-horse\n" for folder in ("venv", "node_modules", "a")} | {"b": ""})
    tracked = frozenset({"venv/.env", "a/.env", "b"})
    found = done(Request(tree, SECRETS, tracked=tracked))
    assert sorted(leak.where for _, leak in found.leaks) == ["a/.env", "venv/.env"]
    without = done(Request(tree, SECRETS, tracked=tracked - {"venv/.env"}))
    assert without.scope.tree != found.scope.tree, "what changes there is a change"


@pytest.mark.parametrize(("other", "expected"), [("a", Outcome.CLEAN), ("b", Outcome.INCOMPLETE), ("", Outcome.INCOMPLETE)])
def test_each_name_of_what_one_build_makes_is_of_the_scanned_image(
    other: str, expected: Outcome, fleet: Make, tmp_path: Path
) -> None:
    """Two services with one build and names of their own: one of them may be there from long ago, or not at all."""
    images = {f"{name}:1": save_image(tmp_path / f"{name}.tar", [("base", DEBIAN)]) for name in ("a", "b")}
    engine = Engine({"a:1": images["a:1"], **({"other:1": images[f"{other}:1"]} if other else {})})
    target = ImageTarget("a:1", ("a", "b"), names=("other:1",))
    found = done(Request(fleet({}), VULNS, images=(target,), store=advisories(tmp_path)), engine)
    assert outcome(found) is expected
    assert [each.what for each in found.not_checked] == ["image other:1"] * (expected is Outcome.INCOMPLETE)
    assert found.targets[0].names == ("other:1",) * (expected is Outcome.CLEAN)


@pytest.mark.parametrize("store", ["none", "of nothing here", "broken", "good"])
def test_a_benchmark_does_not_pass_what_nobody_could_say(store: str, fleet: Make, tmp_path: Path) -> None:
    """Patches (4.4) are known to be in where all packages of an image were looked up."""
    image = save_image(tmp_path / "a.tar", [("base", DEBIAN)])
    stores = {
        "none": lambda: None,
        "of nothing here": lambda: Folder(write_documents(tmp_path / "x", osv("A-1", events=[{"introduced": "0"}]))),
        "broken": lambda: _with_broken(advisories(tmp_path)),
        "good": lambda: advisories(tmp_path),
    }
    tree = fleet({"Dockerfile": "FROM debian:12\n", "compose.yaml": "services: {a: {build: .}}\n"})
    asked = Request(tree, frozenset(Part), services=frozenset({"a"}), images=(ImageTarget("a", ("a",)),), store=stores[store]())
    found = done(asked, Engine({"a": image}))
    (patched,) = (each for each in found.controls if each.control == "4.4")
    assert (patched.standing is Standing.PASS) is (store == "good")
