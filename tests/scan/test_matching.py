"""Which vulnerabilities packages have, and which version clears them."""

from typing import Any

from samples import osv

from trimtab.rules import Severity
from trimtab.scan.advisory import Advisory, Answer, read_advisory
from trimtab.scan.match import Vulnerability, key_of, match
from trimtab.scan.packages import Distro, Package, from_purl, read_os_release

FLASK = Package("pypi", "flask", "1.0", "requirements.txt")


def found(package: Package, *documents: dict[str, object]) -> list[Vulnerability]:
    key = key_of(package)
    assert key is not None
    return match([package], {key: [read_advisory(each) for each in documents]}, "test")


def fixed_in(name: str, version: str, **more: Any) -> dict[str, Any]:
    return osv(name, "flask", events=[{"introduced": "0"}, {"fixed": version}], **more)


def test_advisories_that_name_each_other_are_one() -> None:
    vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
    (only,) = found(
        FLASK,
        fixed_in("PYSEC-1", "2.0", aliases=["CVE-2026-1"]),
        fixed_in("GHSA-x", "2.0", aliases=["CVE-2026-1"], severity=[{"type": "CVSS_V3", "score": vector}]),
    )
    assert only.id == "CVE-2026-1"
    assert set(only.ids) == {"CVE-2026-1", "PYSEC-1", "GHSA-x"}
    assert only.severity is Severity.CRITICAL


def test_one_of_them_is_enough() -> None:
    """Databases differ about ranges: who says affected is believed."""
    (only,) = found(FLASK, fixed_in("PYSEC-1", "0.5", aliases=["CVE-1"]), fixed_in("GHSA-x", "2.0", aliases=["CVE-1"]))
    assert only.answer is Answer.AFFECTED
    assert only.fixed == ("2.0",)


def test_a_withdrawn_advisory_does_not_count() -> None:
    assert found(FLASK, fixed_in("PYSEC-1", "2.0", withdrawn="2026-01-01T00:00:00Z")) == []


def test_the_smallest_upgrade_clears_everything() -> None:
    again = osv("C-3", "flask", events=[{"introduced": "2.0"}, {"fixed": "2.0.5"}])
    vulnerabilities = found(FLASK, fixed_in("A-1", "1.5"), fixed_in("B-2", "2.0"), again)
    assert {each.id: each.upgrade for each in vulnerabilities} == {"A-1": "2.0.5", "B-2": "2.0.5"}, "2.0 has C-3, 1.5 has B-2"
    endless = osv("C-3", "flask", events=[{"introduced": "2.0"}])
    assert [each.upgrade for each in found(FLASK, fixed_in("B-2", "2.0"), endless)] == [None]
    vulnerabilities = found(FLASK, fixed_in("A-1", "1.5"), fixed_in("B-2", "2.0"), fixed_in("D-4", "2.0.7"), again)
    assert {each.upgrade for each in vulnerabilities} == {"2.0.7"}


def test_what_cannot_be_told_is_said() -> None:
    (only,) = found(Package("pypi", "flask", "??"), fixed_in("A-1", "2.0"))
    assert only.answer is Answer.UNSURE
    assert not only.counts


def test_names_are_compared_as_the_index_compares_them() -> None:
    package = from_purl("pkg:pypi/Flask_Login@1.0")
    assert package is not None
    assert len(found(package, osv("A-1", "flask.login", events=[{"introduced": "0"}]))) == 1


def test_a_distribution_goes_by_its_source_packages_and_releases() -> None:
    bookworm = Distro("debian", "12")
    package = Package("deb", "libssl3", "3.0.15-1~deb12u1", source=("openssl", "3.0.15-1~deb12u1"), distro=bookworm)
    here = osv("DSA-1", "openssl", "Debian:12", events=[{"introduced": "0"}, {"fixed": "3.0.16-1~deb12u1"}])
    elsewhere = osv("DSA-2", "openssl", "Debian:11", events=[{"introduced": "0"}])
    everywhere = osv("DSA-3", "openssl", "Debian", events=[{"introduced": "0"}])
    binary = osv("DSA-4", "libssl3", "Debian:12", events=[{"introduced": "0"}])
    assert [each.id for each in found(package, here, elsewhere, everywhere, binary)] == ["DSA-1", "DSA-3"]


def test_binaries_of_one_source_are_one_finding() -> None:
    bookworm = Distro("debian", "12")
    packages = [
        Package("deb", name, "3.0-1", f"/{name}", ("openssl", "3.0-1"), bookworm)
        for name in ("libssl3", "openssl", "libssl-dev")
    ]
    advisory = read_advisory(osv("DSA-1", "openssl", "Debian:12", events=[{"introduced": "0"}]))
    (only,) = match(packages, {("Debian:12", "openssl"): [advisory]}, "test")
    assert only.also == ("/openssl", "/libssl-dev")


def test_releases_as_osv_calls_them() -> None:
    names = {
        'ID=debian\nVERSION_ID="12"\n': "Debian:12",
        "ID=ubuntu\nVERSION_ID='22.04'\n": "Ubuntu:22.04:LTS",
        "ID=ubuntu\nVERSION_ID=23.10\n": "Ubuntu:23.10",
        "ID=alpine\nVERSION_ID=3.20.3\n": "Alpine:v3.20",
        'ID="rocky"\nVERSION_ID="9.4"\n': "Rocky Linux:9",
        "ID=wolfi\nVERSION_ID=20230201\n": "Wolfi",
        "ID=plan9\nVERSION_ID=4\n": None,
        'PRETTY_NAME="Debian GNU/Linux forky/sid"\nID=debian\n': None,
    }
    for text, name in names.items():
        distro = read_os_release(text)
        assert distro is not None
        assert distro.ecosystem == name
    assert read_os_release("PRETTY_NAME=x\n") is None


def test_package_urls_both_ways() -> None:
    bookworm = Distro("debian", "12")
    packages = [
        Package("pypi", "flask", "1.0"), Package("npm", "@babel/core", "7.0.0"), Package("golang", "github.com/a/b/v2", "v2.0.1"),
        Package("maven", "org.a:b-c", "1.0"), Package("golang", "stdlib", "1.22.1"),
        Package("deb", "libssl3", "1:3.0-1+b1", source=("openssl", "1:3.0-1"), distro=bookworm),
        Package("deb", "dash", "0.5-1", source=("dash", "0.5-1"), distro=bookworm),
    ]  # fmt: skip
    for package in packages:
        assert from_purl(package.purl) == package
    assert packages[1].purl == "pkg:npm/%40babel/core@7.0.0"
    assert from_purl("pkg:rpm/rhel/bash@5.1-1.el9?epoch=2&distro=rocky-9.4&upstream=bash-5.1-1.el9.src.rpm") == Package(
        "rpm", "bash", "2:5.1-1.el9", source=("bash", "2:5.1-1.el9"), distro=Distro("rocky", "9.4")
    )
    assert from_purl("not a purl") is None
    assert from_purl("pkg:pypi/flask") is None, "without a version there is nothing to look up"


def test_an_advisory_of_another_package_says_nothing() -> None:
    other: Advisory = read_advisory(osv("A-1", "django", events=[{"introduced": "0"}]))
    assert match([FLASK], {("PyPI", "flask"): [other]}, "test") == []
