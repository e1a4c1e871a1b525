"""The ignore file and VEX: what they take away, what they do not, and when they end."""

import json
from datetime import date
from pathlib import Path

import pytest

from trimtab.errors import UsageError
from trimtab.rules import Severity
from trimtab.scan.advisory import Answer
from trimtab.scan.ignore import IGNORE_FILE, Ignores, read_ignores
from trimtab.scan.leaks import Leak
from trimtab.scan.match import Vulnerability
from trimtab.scan.packages import Package
from trimtab.scan.ranking import Ranking, read_ranking, urgency
from trimtab.scan.result import NotChecked, Part

TODAY = date(2026, 11, 25)
FLASK = Package("pypi", "flask", "1.0")
ONE = Vulnerability(FLASK, "CVE-1", ("CVE-1", "GHSA-x"), Severity.HIGH, 7.5, "", "", Answer.AFFECTED)


def ignores(tmp_path: Path, text: str) -> Ignores:
    (tmp_path / IGNORE_FILE).write_text(text)
    return read_ignores(tmp_path, ())


PRODUCT = ("registry.example.com/shop-web:1", "sha256:" + "a" * 64)


def why(found: Ignores) -> str | None:
    return found.judged([ONE], PRODUCT, TODAY)[0].ignored


def test_an_entry_by_any_of_its_names(tmp_path: Path) -> None:
    found = ignores(tmp_path, '[[vulnerability]]\nid = "GHSA-x"\nreason = "not reachable"\nexpires = 2026-12-31\n')
    assert why(found) == "not reachable (until 2026-12-31)"
    assert not found.judged([ONE], ("x", ""), TODAY)[0].counts


@pytest.mark.parametrize(("package", "counts"), [("flask", False), ("django", True)])
def test_an_entry_for_one_package(package: str, counts: bool, tmp_path: Path) -> None:
    text = f'[[vulnerability]]\nid = "CVE-1"\npackage = "{package}"\nreason = "x"\nexpires = 2026-12-31\n'
    assert ignores(tmp_path, text).judged([ONE], ("x", ""), TODAY)[0].counts is counts


def test_an_entry_ends_on_its_day(tmp_path: Path) -> None:
    text = '[[vulnerability]]\nid = "CVE-1"\nreason = "x"\nexpires = 2026-11-25\n'
    assert why(ignores(tmp_path, text)) is not None
    found = ignores(tmp_path, text.replace("11-25", "11-24"))
    assert why(found) is None
    assert found.expired(TODAY) == ("CVE-1 (x) expired on 2026-11-24",)


def test_a_secret_by_its_identity(tmp_path: Path) -> None:
    leaks = [
        Leak("k", "a.py", 1, "abc", Severity.HIGH),
        Leak("k", "b.py", 1, "abc", Severity.HIGH),
        Leak("k", "a.py", 1, "def", Severity.HIGH),
    ]
    found = ignores(tmp_path, '[[secret]]\nid = "abc"\npath = "a.py"\nreason = "test key"\nexpires = 2027-01-01\n')
    assert [(each.where, each.identity) for each in found.kept(leaks, TODAY)] == [("b.py", "abc"), ("a.py", "def")]


def test_what_is_not_looked_at_may_be_accepted(tmp_path: Path) -> None:
    found = ignores(tmp_path, '[[unchecked]]\nwhat = "large *"\nreason = "models"\nexpires = 2027-01-01\n')
    gaps = [NotChecked("large files", "too large", Part.SECRETS), NotChecked("image a", "missing", Part.SECRETS)]
    left, notes = found.gaps(gaps, TODAY)
    assert [each.what for each in left] == ["image a"]
    assert "models" in notes[0]
    assert found.gaps(gaps, date(2027, 1, 2))[0] == tuple(gaps)


@pytest.mark.parametrize(
    ("first", "second", "ignored"),
    [
        ("", "", False),
        ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00+01:00", False),
        ("2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
    ],
)
def test_the_newest_of_several_vex_documents_counts(first: str, second: str, ignored: bool, tmp_path: Path) -> None:
    paths: list[Path] = []
    for name, time, status in (("one", first, "not_affected"), ("two", second, "affected")):
        paths.append(tmp_path / f"{name}.json")
        statements = [said(status, {"@id": "pkg:pypi/flask"})]
        paths[-1].write_text(
            json.dumps({"@context": "https://openvex.dev/ns/v0.2.0", "timestamp": time, "statements": statements})
        )
    assert (why(read_ignores(tmp_path, paths)) is not None) is ignored


@pytest.mark.parametrize(
    "text",
    [
        "[[vulnerability]]\nid = 'CVE-1'\nreason = 'x'\n",
        "[[vulnerability]]\nid = 'CVE-1'\nexpires = 2027-01-01\n",
        "[[vulnerability]]\nid = 'CVE-1'\nreason = ''\nexpires = 2027-01-01\n",
        "[[vulnerability]]\nid = 'CVE-1'\nreason = 'x'\nexpires = 2027-01-01\nuntil = 3\n",
        "[[vulnerabilities]]\n",
        "[[vulnerability\n",
        "\udcff",
    ],
)
def test_a_wrong_ignore_file_is_no_ignore_file(text: str, tmp_path: Path) -> None:
    (tmp_path / IGNORE_FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match="trimtabignore"):
        read_ignores(tmp_path, ())


def vex(tmp_path: Path, *statements: dict[str, object]) -> Ignores:
    path = tmp_path / "vex.json"
    path.write_text(json.dumps({"@context": "https://openvex.dev/ns/v0.2.0", "statements": list(statements)}))
    return read_ignores(tmp_path, (path,))


def said(status: str, *products: object, **more: object) -> dict[str, object]:
    return {"vulnerability": {"name": "CVE-1"}, "status": status, "products": list(products), **more}


@pytest.mark.parametrize(
    ("statement", "ignored"),
    [
        (said("not_affected", {"@id": "pkg:pypi/flask@1.0"}), True),
        (said("not_affected", {"@id": "pkg:pypi/flask"}), True),
        (said("not_affected", {"@id": "pkg:pypi/flask@2.0"}), False),
        (said("not_affected", {"@id": "pkg:oci/shop-web"}), True),
        (said("not_affected", {"@id": "pkg:oci/shop-api"}), False),
        (said("not_affected", {"@id": "pkg:oci/shop-web@sha256%3A" + "a" * 64}), True),
        (said("not_affected", {"@id": "pkg:oci/shop-web@sha256%3A" + "b" * 64}), False),
        (said("not_affected", {"@id": "pkg:oci/shop-api", "subcomponents": [{"@id": "pkg:pypi/flask"}]}), False),
        (said("not_affected", {"@id": "pkg:oci/shop-web", "subcomponents": [{"@id": "pkg:pypi/flask"}]}), True),
        (said("not_affected", {"@id": "pkg:oci/shop-web", "subcomponents": [{"@id": "pkg:pypi/django"}]}), False),
        (said("not_affected", "pkg:pypi/flask"), True),
        (said("fixed", {"@id": "registry.example.com/shop-web:1"}), True),
        (said("affected", {"@id": "pkg:pypi/flask"}), False),
        (said("under_investigation", {"@id": "pkg:pypi/flask"}), False),
        (said("not_affected"), False),
        ({"vulnerability": "CVE-1", "status": "not_affected", "products": ["pkg:pypi/flask"]}, True),
        ({"vulnerability": {"name": "CVE-9", "aliases": ["GHSA-x"]}, "status": "fixed", "products": ["pkg:pypi/flask"]}, True),
    ],
)
def test_vex(statement: dict[str, object], ignored: bool, tmp_path: Path) -> None:
    assert (why(vex(tmp_path, statement)) is not None) is ignored


def test_the_last_statement_of_vex_counts(tmp_path: Path) -> None:
    product = {"@id": "pkg:pypi/flask"}
    assert why(vex(tmp_path, said("not_affected", product), said("affected", product))) is None
    assert (
        why(vex(tmp_path, said("affected", product), said("not_affected", product, justification="component_not_present")))
        == "VEX: not affected: component not present"
    )


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"@context": "cyclonedx"}'])
def test_what_is_no_vex_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "vex.json").write_text(text)
    with pytest.raises(UsageError, match=r"vex\.json"):
        read_ignores(tmp_path, (tmp_path / "vex.json",))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_scores_and_exploited_ones_come_first(encoding: str, tmp_path: Path) -> None:
    scores = "#model_version:v2026.01.01\ncve,epss,percentile\nCVE-1,0.9,0.99\n"
    (tmp_path / "epss.csv").write_text(scores, encoding=encoding)
    (tmp_path / "kev.json").write_text(json.dumps({"vulnerabilities": [{"cveID": "CVE-2"}]}), encoding=encoding)
    ranking = read_ranking(tmp_path / "epss.csv", tmp_path / "kev.json")
    low = Vulnerability(FLASK, "CVE-2", ("CVE-2",), Severity.LOW, None, "", "", Answer.AFFECTED)
    marked = ranking.marked([ONE, low])
    assert [(each.epss, each.exploited) for each in marked] == [(0.9, False), (None, True)]
    assert max(marked, key=urgency).id == "CVE-2"
    assert read_ranking(None, None) == Ranking()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("epss.csv", "x,y\n1,2\n"),
        ("epss.csv", "cve,epss\nCVE-1,high\n"),
        ("epss.csv", "cve,epss\n"),
        ("epss.csv.gz", "no gzip"),
        ("kev.json", "{}"),
        ("kev.json", "{"),
    ],
)
def test_wrong_lists_are_refused(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=name):
        read_ranking(*((tmp_path / name, None) if "epss" in name else (None, tmp_path / name)))
