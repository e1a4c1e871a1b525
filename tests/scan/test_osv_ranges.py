"""Every boundary of what an OSV document can say of a version."""

from typing import Any

import pytest
from samples import osv

from trimtab.rules import Severity
from trimtab.scan.advisory import Answer, base_score, judge, read_advisory

YES, NO, UNSURE = Answer.AFFECTED, Answer.NOT, Answer.UNSURE


def events(*pairs: str) -> list[dict[str, str]]:
    return [{kind: version} for kind, _, version in (pair.partition(" ") for pair in pairs)]


CASES = [
    (events("introduced 0"), {"0": YES, "0.0.1.dev1": YES, "99": YES}),
    (events("introduced 0", "fixed 2.0"), {"1.9": YES, "2.0rc1": YES, "2.0": NO, "2.0.0": NO, "2.0.post1": NO}),
    (events("introduced 1.0", "fixed 2.0"), {"1.0rc1": NO, "1.0": YES, "2.0": NO}),
    (events("introduced 1.0", "last_affected 1.5"), {"1.5": YES, "1.5.0": YES, "1.5.post1": NO, "1.6": NO}),
    (events("introduced 1.0", "last_affected 1.0"), {"0.9": NO, "1.0": YES, "1.0.0": YES, "1.1": NO, "9": NO}),
    (events("last_affected 1.0", "introduced 1.0"), {"0.9": NO, "1.0": YES, "1.1": NO}),
    (events("introduced 1.0", "last_affected 1.0", "introduced 2.0"), {"1.0": YES, "1.1": NO, "2.0": YES, "9": YES}),
    (events("introduced 0", "last_affected 1.0", "introduced 1.0", "fixed 1.5"), {"1.0": YES, "1.2": YES, "1.5": NO}),
    (events("introduced 0", "last_affected 0"), {"0": YES, "0.1": NO}),
    (events("introduced 0", "fixed 1.0", "introduced 2.0", "fixed 2.1"), {"0.9": YES, "1.5": NO, "2.0": YES, "2.1": NO}),
    (events("introduced 2.0", "fixed 2.1", "introduced 0", "fixed 1.0"), {"0.9": YES, "1.5": NO, "2.0": YES, "2.1": NO}),
    (events("fixed 1.0", "introduced 1.0", "introduced 0"), {"0.9": YES, "1.0": YES, "1.1": YES}),
    (events("introduced 0", "limit 3.0"), {"2.9": YES, "3.0": NO, "4.0": NO}),
    (events("introduced 0", "limit *"), {"9": YES}),
    (events("introduced 0", "fixed 0"), {"0": NO, "1.0": NO}),
    (events("introduced 1.0"), {"garbage here": UNSURE}),
    (events("introduced 0", "fixed not-a-version!"), {"1.0": UNSURE}),
]


@pytest.mark.parametrize(("said", "answers"), CASES)
def test_ranges(said: list[dict[str, str]], answers: dict[str, Answer]) -> None:
    part = read_advisory(osv("A-1", events=said)).affected[0]
    assert {version: judge(part, version) for version in answers} == answers


def test_debian_epochs_and_tildes() -> None:
    part = read_advisory(osv("A-1", "openssl", "Debian:12", events=events("introduced 0", "fixed 1:1.1.0-1~deb12u1"))).affected[
        0
    ]
    answers = {"9.9-1": YES, "1:1.1.0-1~deb12u1": NO, "1:1.1.0-1": NO, "1:1.1.0-1~": YES}
    assert {version: judge(part, version) for version in answers} == answers


def test_semver_prereleases_and_build_metadata() -> None:
    part = read_advisory(osv("A-1", "x", "npm", kind="SEMVER", events=events("introduced 1.0.0", "fixed 1.2.0"))).affected[0]
    answers = {"1.0.0-rc.1": NO, "1.0.0": YES, "1.2.0-rc.1": YES, "1.2.0+build": NO, "1.1.0+build": YES}
    assert {version: judge(part, version) for version in answers} == answers


def test_a_listed_version_is_affected_whatever_the_ranges_say() -> None:
    part = read_advisory(osv("A-1", events=events("introduced 5.0"), versions=["1.0"])).affected[0]
    assert judge(part, "1.0") is YES
    assert judge(part, "2.0") is NO


def test_lists_alone_compare_as_the_ecosystem_does() -> None:
    part = read_advisory(osv("A-1", versions=["1.0", "strange one"])).affected[0]
    assert judge(part, "1.0.0") is YES
    assert judge(part, "1.1") is NO
    assert judge(part, "another strange one") is UNSURE


def test_ranges_of_commits_say_nothing_of_versions() -> None:
    part = read_advisory(osv("A-1", kind="GIT", events=events("introduced 0"))).affected[0]
    assert judge(part, "1.0") is UNSURE


@pytest.mark.parametrize(
    ("more", "severity", "score"),
    [
        ({"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}, Severity.CRITICAL, 9.8),
        ({"severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}]}, Severity.CRITICAL, 9.3),
        ({"severity": [{"type": "CVSS_V2", "score": "AV:N/AC:L/Au:N/C:P/I:P/A:P"}]}, Severity.HIGH, 7.5),
        ({"severity": [{"type": "Ubuntu", "score": "medium"}]}, Severity.MEDIUM, None),
        ({"database_specific": {"severity": "MODERATE"}}, Severity.MEDIUM, None),
        ({"severity": [{"type": "CVSS_V3", "score": "nonsense"}]}, None, None),
        ({}, None, None),
    ],
)  # fmt: skip
def test_severity(more: dict[str, Any], severity: Severity | None, score: float | None) -> None:
    advisory = read_advisory(osv("A-1", **more))
    assert (advisory.severity, advisory.score) == (severity, score)


def test_no_vector_is_no_score() -> None:
    assert base_score("") is None


@pytest.mark.parametrize("data", [None, [], "text", {}, {"id": 5}, {"id": ""}])
def test_what_is_no_document_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="id"):
        read_advisory(data)


def test_a_document_of_the_wrong_shape_is_read_as_far_as_it_goes() -> None:
    advisory = read_advisory(
        {"id": "A-1", "affected": ["x", {"package": 3, "ranges": "y", "versions": None}], "aliases": "CVE-1"}
    )
    assert advisory.aliases == ("CVE-1",)
    assert [part.name for part in advisory.affected] == ["", ""]
