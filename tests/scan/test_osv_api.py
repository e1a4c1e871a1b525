"""The OSV API, held against a server on the loopback."""

import anyio
import pytest
from osv_server import OsvServer, serving
from samples import osv

from trimtab.errors import ToolError
from trimtab.scan import api
from trimtab.scan.api import Api
from trimtab.scan.match import match
from trimtab.scan.packages import Distro, Package
from trimtab.scan.stores import Known

EVERYTHING = [{"introduced": "0"}]
FLASK, EXPRESS = Package("pypi", "flask", "1.0"), Package("npm", "express", "4.0.0")
DOCUMENTS = [
    osv("A-1", "flask", events=EVERYTHING),
    osv("B-2", "flask", events=EVERYTHING),
    osv("C-3", "express", "npm", kind="SEMVER", events=EVERYTHING),
]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "PAUSE", 0.0)


def asked(server: OsvServer, *packages: Package) -> Known:
    return anyio.run(Api(server.address).ask, packages)


def names(known: Known) -> dict[tuple[str, str], list[str]]:
    return {key: sorted(each.id for each in found) for key, found in known.advisories.items()}


def test_one_batch_and_one_document_each() -> None:
    with serving(DOCUMENTS) as server:
        known = asked(server, FLASK, EXPRESS, FLASK)
    assert names(known) == {("PyPI", "flask"): ["A-1", "B-2"], ("npm", "express"): ["C-3"]}
    assert sorted(server.asked) == ["/v1/querybatch", "/v1/vulns/A-1", "/v1/vulns/B-2", "/v1/vulns/C-3"]
    assert known.as_of is None


def test_documents_are_remembered_until_they_change() -> None:
    with serving(DOCUMENTS) as server:
        asked(server, FLASK)
        server.asked.clear()
        asked(server, FLASK)
        assert server.asked == ["/v1/querybatch"]
        server.documents = {**server.documents, "A-1": {**DOCUMENTS[0], "modified": "2026-11-24T00:00:00Z"}}
        asked(server, FLASK)
        assert server.asked[-1] == "/v1/vulns/A-1"


@pytest.mark.parametrize("kind", ["pypi", "npm"])
def test_an_upgrade_is_not_one_that_has_a_vulnerability_of_its_own(kind: str) -> None:
    """The service names only what is known of the version that is there; of the one that clears it, it is asked too."""
    ecosystem, name = {"pypi": ("PyPI", "flask"), "npm": ("npm", "express")}[kind]
    steps = [("0", "1.1.0"), ("1.1.0", "1.2.0"), ("1.2.0", "1.3.0"), ("1.9.0", "2.0.0")]
    documents = [
        osv(f"A-{number}", name, ecosystem, events=[{"introduced": first}, {"fixed": last}])
        for number, (first, last) in enumerate(steps)
    ]
    package = Package(kind, name, "1.0.0")
    with serving(documents) as server:
        known = asked(server, package)
    (found,) = match([package], known.advisories, "x")
    assert (found.id, found.fixed, found.upgrade) == ("A-0", ("1.1.0",), "1.3.0")
    assert server.asked.count("/v1/querybatch") == 4, "once for each version on the way"
    assert "/v1/vulns/A-3" not in server.asked


def test_further_pages_are_fetched() -> None:
    many = [osv(f"A-{number}", "flask", events=EVERYTHING) for number in range(7)]
    with serving(many) as server:
        server.page = 3
        known = asked(server, FLASK)
    assert len(known.advisories["PyPI", "flask"]) == 7


def test_large_fleets_go_in_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "BATCH", 2)
    packages = [Package("pypi", f"p{number}", "1.0") for number in range(5)]
    with serving([osv("A-1", "p4", events=EVERYTHING)]) as server:
        known = asked(server, *packages)
    assert server.asked.count("/v1/querybatch") == 3
    assert names(known)["PyPI", "p4"] == ["A-1"]


def test_a_release_that_the_service_does_not_know_is_not_checked() -> None:
    """It answers as it does of packages without vulnerabilities: with nothing."""
    packages = [Package("deb", "dash", "0.5", distro=Distro("debian", version)) for version in ("12", "99")]
    with serving([osv("D-1", "openssl", "Debian:12", events=EVERYTHING)]) as server:
        known = asked(server, *packages)
    assert list(known.unanswered) == ["Debian:99"]
    assert known.advisories == {("Debian:12", "dash"): [], ("Debian:99", "dash"): []}
    assert server.asked == ["/v1/querybatch"]


def test_a_package_has_as_many_pages_as_it_has() -> None:
    """Ubuntu's kernels come fifty a page, and have thousands of advisories."""
    many = [osv(f"A-{number}", "flask", events=EVERYTHING) for number in range(150)]
    with serving(many) as server:
        server.page = 1
        known = asked(server, FLASK)
    assert len(known.advisories["PyPI", "flask"]) == 150


def test_what_may_be_better_later_is_asked_again() -> None:
    with serving(DOCUMENTS) as server:
        server.fail = 2
        assert len(asked(server, FLASK).advisories["PyPI", "flask"]) == 2


def test_a_server_that_stays_broken_is_an_error() -> None:
    with serving(DOCUMENTS) as server:
        server.fail = 100
        with pytest.raises(ToolError, match="cannot be had"):
            asked(server, FLASK)


def test_a_batch_with_missing_answers_is_an_error() -> None:
    with serving(DOCUMENTS) as server:
        server.short = True
        with pytest.raises(ToolError, match="2 questions had 1 answers"):
            asked(server, FLASK, EXPRESS)


def test_nobody_there_is_an_error() -> None:
    with serving([]) as server:
        pass
    with pytest.raises(ToolError, match="cannot be had"):
        asked(server, FLASK)
