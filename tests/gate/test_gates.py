"""Every gate at its limit, and that nothing passes unmeasured."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from trimtab.gate import Check, GatePolicy, Generated, Limits, Measured, PathLimits, State, evaluate
from trimtab.gate.measured import Before, ScanSeen, ServiceSeen, read_scan
from trimtab.report.gate import gate_data, gate_github, gate_junit, gate_markdown, passed
from trimtab.review import Score
from trimtab.rules import Category

NOW = datetime(2026, 11, 25, tzinfo=UTC)
NONE: dict[str, int] = dict.fromkeys(["critical", "high", "medium", "low", "info", "unknown"], 0)


def score(overall: float = 90, security: float = 9, maintainability: float = 9) -> Score:
    categories = dict.fromkeys(Category, 9.0)
    return Score(overall, {**categories, Category.SECURITY: security, Category.MAINTAINABILITY: maintainability})


SCAN = ScanSeen(
    NOW - timedelta(days=1),
    NOW - timedelta(days=2),
    frozenset({"vulns", "secrets"}),
    {"a": NONE, "": NONE},
    {"a:1": "sha256:1"},
    [],
    0,
)
GOOD = Measured(score(), (ServiceSeen("a", "services/a/Dockerfile", score()),), {}, SCAN, {}, images={"a:1": "sha256:1"})


def service(**more: object) -> Measured:
    return replace(GOOD, services=(replace(GOOD.services[0], **more),))  # pyright: ignore[reportArgumentType]


def scanned(**more: object) -> Measured:
    return replace(GOOD, scan=replace(SCAN, **more))  # pyright: ignore[reportArgumentType]


def bad(measured: Measured, policy: GatePolicy | None = None) -> list[tuple[str, str, State]]:
    return [(each.gate, each.subject, each.state) for each in evaluate(measured, policy or GatePolicy(), NOW) if not each.holds]


FAILED, UNCHECKED = State.FAILED, State.UNCHECKED


def test_a_good_fleet_passes() -> None:
    checks = evaluate(GOOD, GatePolicy(), NOW)
    assert passed(checks)
    assert {each.gate for each in checks} == {
        "overall", "security", "maintainability", "scan", "vulnerabilities", "secrets", "proofs", "generated",
    }  # fmt: skip
    assert all(each.measured and each.limit for each in checks)


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (replace(GOOD, score=score(69.9)), [("overall", "fleet", FAILED)]),
        (service(score=score(69.9)), [("overall", "a", FAILED)]),
        (service(score=score(70, 7, 7)), []),
        (service(score=score(69.96)), []),
        (service(score=score(90, 6.9)), [("security", "a", FAILED)]),
        (service(score=score(90, 9, 6.9)), [("maintainability", "a", FAILED)]),
        (replace(GOOD, unread={"x/Dockerfile": "is binary"}), [("readable", "x/Dockerfile", UNCHECKED)]),
        (replace(GOOD, services=()), [("readable", "fleet", UNCHECKED)]),
        (
            replace(GOOD, scan=None),
            [("scan", "fleet", UNCHECKED), ("vulnerabilities", "fleet", UNCHECKED), ("secrets", "fleet", UNCHECKED)],
        ),
        (scanned(started=NOW - timedelta(days=8)), [("scan", "scan", UNCHECKED)]),
        (scanned(as_of=NOW - timedelta(days=8)), [("scan", "advisories", UNCHECKED)]),
        (scanned(as_of=None), []),
        (scanned(started=NOW + timedelta(hours=20)), []),
        (scanned(started=NOW + timedelta(hours=25)), [("scan", "scan", UNCHECKED)]),
        (scanned(as_of=NOW + timedelta(days=400)), [("scan", "advisories", UNCHECKED)]),
        (scanned(parts=frozenset({"vulns"})), [("scan", "fleet", UNCHECKED), ("secrets", "fleet", UNCHECKED)]),
        (scanned(not_checked=[("a:1", "no advisories", ("a",))]), [("scan", "a", UNCHECKED)]),
        (scanned(counts={"": NONE}), [("vulnerabilities", "a", UNCHECKED)]),
        (scanned(counts={"a": {**NONE, "critical": 1}}), [("vulnerabilities", "a", FAILED)]),
        (scanned(counts={"a": NONE, "": {**NONE, "critical": 1}}), [("vulnerabilities", "source tree", FAILED)]),
        (scanned(counts={"a": {**NONE, "unknown": 1}}), [("vulnerabilities", "a", UNCHECKED)]),
        (scanned(counts={"a": {**NONE, "high": 9}}), []),
        (scanned(secrets=1), [("secrets", "fleet", FAILED)]),
        (scanned(unsearched=True), [("secrets", "fleet", UNCHECKED)]),
        (scanned(unsearched=True, secrets=1), [("secrets", "fleet", FAILED)]),
        (scanned(not_checked=[("a:1", "gone", ("a",))] * 3), [("scan", "a", UNCHECKED)]),
        (replace(GOOD, images={"a:1": "sha256:2"}), [("scan", "a:1", UNCHECKED)]),
        (replace(GOOD, images={}), [("scan", "a:1", UNCHECKED)]),
        (scanned(gaps=("no packages were found to look up",)), [("scan", "fleet", UNCHECKED)]),
        (scanned(unasked=None), [("vulnerabilities", "source tree", UNCHECKED), ("vulnerabilities", "a", UNCHECKED)]),
        (scanned(unasked=frozenset({"b"})), []),
        (scanned(unasked=frozenset({"a"})), [("vulnerabilities", "a", UNCHECKED)]),
        (scanned(unasked=None, counts={"a": {**NONE, "critical": 1}}), [("vulnerabilities", "a", FAILED)]),
        (scanned(whole=False), [("scan", "scope", UNCHECKED)]),
        (replace(GOOD, tree="other"), [("scan", "tree", UNCHECKED)]),
        (replace(GOOD, verdicts={"x": ("rejected", "why")}), [("proofs", "x", FAILED)]),
        (replace(GOOD, verdicts={"x": ("inconclusive", "why")}), []),
        (replace(GOOD, generated=(Generated("a.sh", "shellcheck"),)), []),
        (replace(GOOD, generated=(Generated("a.sh", "shellcheck", "SC2086"),)), [("generated", "a.sh", FAILED)]),
        (replace(GOOD, generated=(Generated("a.sh", "shellcheck", missing=True),)), [("generated", "a.sh", UNCHECKED)]),
    ],
)
def test_what_does_not_hold(measured: Measured, expected: list[tuple[str, str, State]]) -> None:
    assert bad(measured) == expected


def test_critical_services_need_more() -> None:
    policy = GatePolicy(critical=frozenset({"a"}))
    assert bad(service(score=score(79.9)), policy) == [("overall", "a", FAILED)]
    assert bad(service(score=score(80)), policy) == []
    lower = replace(policy, paths=(PathLimits("services/**", Limits(overall=72)),))
    assert bad(service(score=score(79.9)), lower) == [("overall", "a", FAILED)]


def test_names_and_patterns_that_hit_nothing_are_told() -> None:
    policy = GatePolicy(critical=frozenset({"auht"}), paths=(PathLimits("nowhere/**", Limits(overall=1)),))
    assert bad(GOOD, policy) == [("policy", "auht", UNCHECKED), ("policy", "nowhere/**", UNCHECKED)]


def test_limits_for_paths_and_the_last_match_wins() -> None:
    paths = (PathLimits("services/**", Limits(overall=95)), PathLimits("services/a/**", Limits(overall=50, max_high=0)))
    assert bad(service(score=score(60)), GatePolicy(paths=paths)) == []
    assert bad(service(score=score(60)), GatePolicy(paths=paths[:1])) == [("overall", "a", FAILED)]
    assert bad(scanned(counts={"a": {**NONE, "high": 1}}), GatePolicy(paths=paths)) == [("vulnerabilities", "a", FAILED)]


def test_budgets_come_from_the_ledger() -> None:
    policy = GatePolicy(replace(GatePolicy().limits, image_bytes=100_000_000, build_seconds=30))
    assert bad(GOOD, policy) == [("image-size", "a", UNCHECKED), ("build-time", "a", UNCHECKED)]
    assert bad(service(image_bytes=100_000_000, build_seconds=30.0), policy) == []
    assert bad(service(image_bytes=100_000_001, build_seconds=30.1), policy) == [
        ("image-size", "a", FAILED),
        ("build-time", "a", FAILED),
    ]


@pytest.mark.parametrize("name", ["scan", "scan:fleet"])
def test_what_is_not_checked_may_be_allowed_by_name(name: str) -> None:
    checks = evaluate(replace(GOOD, scan=None), GatePolicy(allowed=frozenset({name})), NOW)
    assert passed(checks)
    assert [each.state for each in checks if each.gate == "scan"] == [State.ALLOWED]


def test_where_a_part_may_be_missing_no_credentials_are_allowed_not_passed() -> None:
    checks = evaluate(scanned(unsearched=True), GatePolicy(allowed=frozenset({"scan"})), NOW)
    assert [each.state for each in checks if each.gate == "secrets"] == [State.ALLOWED]
    checks = evaluate(scanned(unsearched=True, secrets=1), GatePolicy(allowed=frozenset({"scan"})), NOW)
    assert [each.state for each in checks if each.gate == "secrets"] == [State.FAILED]


def test_a_broken_limit_cannot_be_allowed() -> None:
    assert bad(service(score=score(10)), GatePolicy(allowed=frozenset({"overall"}))) == [("overall", "a", FAILED)]


def test_the_ratchet() -> None:
    before = Before("abc", {"": score(80), "a": score(95)}, frozenset({"old"}))
    measured = replace(GOOD, before=before, findings={"old": "x:1 DF1 known", "new": "y:2 DF2 fresh"})
    assert bad(measured) == [("ratchet", "a", FAILED), ("ratchet", "y:2", FAILED)]
    assert bad(replace(GOOD, before=replace(before, scores={"": score(90)}), findings={"old": "x:1 DF1 known"})) == []


def test_the_ratchet_holds_each_category() -> None:
    """One that is better does not make up for one that is worse."""
    worse = replace(score(95), categories={**score(95).categories, Category.SECURITY: 7.2})
    before = Before(
        "abc", {"": score(90), "a": replace(worse, categories={**worse.categories, Category.SECURITY: 7.9})}, frozenset()
    )
    found = evaluate(replace(service(score=worse), before=before), GatePolicy(), NOW)
    assert [each.measured for each in found if each.gate == "ratchet" and not each.holds] == ["security 7.2, was 7.9"]


def test_a_scan_is_read_as_it_was_kept() -> None:
    data: dict[str, Any] = {
        "started": "2026-11-24T00:00:00+00:00", "advisories_as_of": "2026-11-23T00:00:00+00:00", "parts": ["vulns", "secrets"],
        "targets": [
            {"name": "a:1", "kind": "image", "image": "sha256:1", "names": ["b:1"], "services": ["a"], "counts": NONE,
             "secrets": [{"where": "/srv/.env", "line": 2}]},
            {"name": "source tree", "kind": "sources", "image": None, "services": [], "counts": NONE, "secrets": [{"where": "x"}]},
        ],
        "not_checked": [{"what": "x", "reason": "y", "services": ["a"]}],
    }  # fmt: skip
    scan = read_scan(data)
    assert scan is not None
    assert scan.counts.keys() == {"a", ""}
    assert scan.images == {"a:1": "sha256:1", "b:1": "sha256:1"}
    assert scan.secrets == 2
    assert scan.places == ("a:1: /srv/.env:2", "x")
    assert scan.not_checked == [("x", "y", ("a",))]


@pytest.mark.parametrize("data", [None, {}, [], {"started": "yesterday"}, "text"])
def test_what_is_no_scan_is_none(data: object) -> None:
    assert read_scan(data) is None


CHECKS = [
    Check("overall", "a", State.FAILED, "60.0 of 100", "≥ 70", "services/a/Dockerfile", "hint"),
    Check("scan", "b\x01<&>", State.UNCHECKED, "a | b", "≤ 7"),
    Check("proofs", "fleet", State.NOTHING, "x", "y"),
    Check("secrets", "fleet", State.PASSED, "0", "0", "."),
]


def test_junit_is_well_formed_and_counts() -> None:
    root = ElementTree.fromstring(gate_junit(CHECKS))
    assert [root.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["4", "1", "1", "1"]
    suites = {suite.get("name"): suite for suite in root}
    assert (suites["overall"].get("failures"), suites["scan"].get("errors"), suites["proofs"].get("skipped")) == ("1", "1", "1")
    assert suites["scan"][0].get("name") == "b\\x01<&>"
    assert suites["secrets"][0].findtext("system-out") == "0; limit: 0; at ."
    failure = suites["overall"][0].find("failure")
    assert failure is not None
    assert failure.get("message") == "60.0 of 100; limit: ≥ 70; at services/a/Dockerfile"


def test_the_other_formats_say_the_same() -> None:
    assert gate_data(CHECKS)["passed"] is False
    assert gate_github(CHECKS) == (
        "::error file=services/a/Dockerfile,title=gate overall::a: 60.0 of 100; limit: ≥ 70\n"
        "::error title=gate scan::b\\x01<&>: a | b; limit: ≤ 7\n"
    )
    assert "| scan | b\\x01&lt;&> | not checked | a \\| b | ≤ 7 |  |" in gate_markdown(CHECKS)
    assert "| overall | a | failed | 60.0 of 100 | ≥ 70 | services/a/Dockerfile |" in gate_markdown(CHECKS)


def test_a_line_is_named_where_a_place_has_one() -> None:
    found = gate_github(
        [Check("ratchet", "y:2", State.FAILED, "fresh", "old", "a/y:2"), Check("scan", "x", State.FAILED, "1", "0", "a:1b")]
    )
    assert found.startswith("::error file=a/y,line=2,title=gate ratchet::")
    assert "file=a%3A1b,title" in found


def test_credentials_are_placed() -> None:
    places = ("app:1: /srv/.env:2", ".env:3", "Env.TOKEN", "b.yml:1", "c.yml:1")
    check = next(each for each in evaluate(scanned(secrets=6, places=places), GatePolicy(), NOW) if each.gate == "secrets")
    assert check.measured == "6 credentials: app:1: /srv/.env:2, .env:3, Env.TOKEN, b.yml:1 …"
    assert check.where == ".env:3"


def test_a_scan_that_asked_nobody_is_read_as_one() -> None:
    data: dict[str, Any] = {"started": NOW.isoformat(), "parts": ["vulns"], "sources": [], "targets": [], "not_checked": []}
    assert unasked(data) is None
    assert unasked({**data, "sources": ["osv"]}) == frozenset()
    missed: dict[str, Any] = {"what": "a:1", "reason": "no advisories", "part": "vulns"}
    assert unasked({**data, "sources": ["osv"], "not_checked": [{**missed, "services": ["a"]}]}) == frozenset({"a"})
    assert unasked({**data, "sources": ["osv"], "not_checked": [{**missed, "services": []}]}) is None
    assert unasked({**data, "sources": ["osv"], "not_checked": [{**missed, "part": "secrets", "services": []}]}) == frozenset()


def test_what_could_not_be_searched_is_read() -> None:
    data: dict[str, Any] = {"started": NOW.isoformat(), "parts": ["secrets"], "targets": [], "not_checked": []}
    for part, expected in (("secrets", True), ("vulns", False)):
        missed: dict[str, Any] = {"what": "x", "reason": "y", "part": part, "services": []}
        found = read_scan({**data, "not_checked": [missed]})
        assert found is not None
        assert found.unsearched is expected


def unasked(data: dict[str, Any]) -> frozenset[str] | None:
    found = read_scan(data)
    assert found is not None
    return found.unasked


@pytest.mark.parametrize(
    "counts", [None, {}, {"critical": 0}, {**NONE, "critical": -1}, {**NONE, "high": "none"}, {**NONE, "low": None}]
)
def test_a_missing_number_is_no_zero(counts: object) -> None:
    target: dict[str, object] = {"name": "source tree", "kind": "sources", "services": [], "secrets": [], "counts": counts}
    assert read_scan({"started": NOW.isoformat(), "targets": [target]}) is None


def test_times_that_are_none_are_no_scan_and_one_without_a_zone_is_utc() -> None:
    assert read_scan({"started": NOW.isoformat(), "advisories_as_of": "soon"}) is None
    assert read_scan({"started": NOW.isoformat(), "accepted_until": "soon"}) is None
    plain = read_scan({"started": "2026-11-25T00:00:00"})
    assert plain is not None
    assert plain.started == NOW


@pytest.mark.parametrize(("days", "expected"), [(0, []), (-1, [("scan", "ignore file", UNCHECKED)])])
def test_what_was_accepted_holds_to_its_last_day(days: int, expected: list[tuple[str, str, State]]) -> None:
    assert bad(scanned(accepted_until=NOW.date() + timedelta(days=days))) == expected
