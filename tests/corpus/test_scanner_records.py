"""What other scanners say is read whole: every finding of their own recorded answers, with its names and its severity.

SCANNER_RECORDS names a folder with the folders `trivy`, `grype` and `osv-scanner`; in them, at any depth, lies what the
repositories of these programs record of their JSON (`*.golden`, `*.json`, `*.snap`; those of older commits as well). They
are fetched by whoever has them; none is part of this repository.
"""

# What others record has no type that could be given.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from trimtab.scan.adapters import SCANNERS
from trimtab.scan.packages import Package, from_purl
from trimtab.scan.spoken import ScannerName

RECORDS = Path(os.environ.get("SCANNER_RECORDS", "scanner-records-is-not-set"))
KEYS: dict[ScannerName, str] = {"trivy": "Results", "grype": "matches", "osv-scanner": "results"}
WORDS = {"critical": "critical", "high": "high", "medium": "medium", "low": "low", "negligible": "info"}
Said = tuple[set[str], str | None, set[str]]
"""What a record says of one finding: its names, its severity where it is one word, and its fixed versions."""


@cache
def answers(name: ScannerName) -> list[Any]:
    """All answers of one program, each once; a snapshot holds many, between other things."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in (RECORDS / name).rglob("*") if path.is_file()):
        text = path.read_text("utf-8", "replace")
        for part in re.findall(r"^\{\n.*?^\}$", text, re.MULTILINE | re.DOTALL):
            if f'"{KEYS[name]}"' in part and part not in found:
                found[part] = parsed(part)
    return [each for each in found.values() if is_answer(name, each)]


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def is_answer(name: ScannerName, found: Any) -> bool:
    """Whether it is of a form that our call of the program could give: Trivy's first one had no `sbom`."""
    return isinstance(found, dict) and isinstance(found.get(KEYS[name]), list) and (name != "trivy" or "SchemaVersion" in found)


def said(name: ScannerName, answer: Any) -> list[Said]:
    return list({"trivy": of_trivy, "grype": of_grype, "osv-scanner": of_osv}[name](answer))


def of_trivy(answer: Any) -> Iterator[Said]:
    for each in (each for result in answer["Results"] for each in result.get("Vulnerabilities") or []):
        fixed = {part.strip().lstrip("><=~^ ") for part in each.get("FixedVersion", "").split(",") if "<" not in part}
        level = WORDS.get(each["Severity"].lower(), "none")
        yield {each["VulnerabilityID"], *(each.get("VendorIDs") or [])}, level, fixed - {""}


def of_grype(answer: Any) -> Iterator[Said]:
    for match in answer["matches"]:
        each = match["vulnerability"]
        fixed = (each.get("fix") or {}).get("versions") or [each.get("fixedInVersion", "")]
        names = {each["id"], *(other["id"] for other in match.get("relatedVulnerabilities") or [])}
        yield names, WORDS.get(each.get("severity", "").lower(), "none"), {*fixed} - {""}


def of_osv(answer: Any) -> Iterator[Said]:
    for entry in (entry for result in answer["results"] for entry in result.get("packages") or []):
        groups, known = entry.get("groups") or [], set[str]()
        for each in entry.get("vulnerabilities") or []:
            own = [name for group in groups if each["id"] in group["ids"] for name in group["ids"]]
            names = {each["id"], *each.get("aliases", ()), *own}
            known |= names
            fixed = {
                event["fixed"]
                for part in each.get("affected", ())
                if part.get("package", {}).get("name") == entry["package"].get("name")
                for span in part.get("ranges", ())
                if span["type"] != "GIT"
                for event in span["events"]
                if "fixed" in event
            }
            yield names, None, fixed
        yield from (({*group["ids"]}, None, set[str]()) for group in groups if known.isdisjoint(group["ids"]))


def is_cut(answer: Any) -> bool:
    """Whether their tests have put numbers or bare names in the place of findings."""
    entries = [entry for result in answer.get("results") or [] for entry in result.get("packages") or []]
    values = [entry.get(key) or [] for entry in entries for key in ("vulnerabilities", "groups")]
    return any(isinstance(value, int) or not all(isinstance(each, dict) for each in value) for value in values)


def packages(answer: Any) -> list[Package]:
    """Those that have an address, as if we had given them."""
    addresses = re.findall(r'"(?:PURL|purl)": "(pkg:[^"]+)"', json.dumps(answer))
    return [package for address in addresses if (package := from_purl(address))]


@pytest.mark.skipif(not RECORDS.is_dir(), reason="SCANNER_RECORDS names no folder of recorded answers")
@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("given", [False, True], ids=["unknown", "given"])
def test_nothing_of_a_record_is_lost(name: ScannerName, given: bool) -> None:
    assert sum(len(said(name, answer)) for answer in answers(name) if not is_cut(answer))
    for answer in answers(name):
        answered = SCANNERS[name].read(answer, packages(answer) if given else [])
        if is_cut(answer):
            assert answered.reason
            continue
        theirs = said(name, answer)
        assert len(answered.found) == len(theirs)
        for ours, (names, severity, fixed) in zip(answered.found, theirs, strict=True):
            assert names <= set(ours.ids)
            assert severity in {None, str(ours.severity).lower()}
            assert set(ours.fixed) <= fixed


@pytest.mark.skipif(not RECORDS.is_dir(), reason="SCANNER_RECORDS names no folder of recorded answers")
@pytest.mark.parametrize("name", ["trivy", "osv-scanner"])
def test_a_record_that_lists_less_than_was_given_is_not_clean(name: ScannerName) -> None:
    """Grype's lists no packages: that it looked is what it says of its database."""
    for answer in answers(name):
        listed = sum(len(each.get("packages") or each.get("Packages") or ()) for each in answer[KEYS[name]])
        assert SCANNERS[name].read(answer, [Package("pypi", f"p{number}", "1") for number in range(listed + 1)]).reason
