"""How Trivy is asked, and what it says: version 0.59.1 was run, with a database made by hand."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from trimtab.docker import Command
from trimtab.fleet.plain import items, mapping
from trimtab.scan.match import Vulnerability
from trimtab.scan.packages import Package
from trimtab.scan.spoken import (
    LEVELS,
    Answered,
    Given,
    ScannerName,
    counted,
    fixed_versions,
    highest,
    lost,
    package_of,
    text_of,
    vulnerability_of,
)
from trimtab.scan.stores import read_time

_LEAVES_OUT = (
    "TRIVY_COMPLIANCE", "TRIVY_CONFIG", "TRIVY_DISTRO", "TRIVY_EXIT_CODE", "TRIVY_EXIT_ON_EOL", "TRIVY_IGNOREFILE",
    "TRIVY_IGNORE_POLICY", "TRIVY_IGNORE_STATUS", "TRIVY_IGNORE_UNFIXED", "TRIVY_OUTPUT", "TRIVY_PKG_RELATIONSHIPS",
    "TRIVY_PKG_TYPES", "TRIVY_SCANNERS", "TRIVY_SECURITY_CHECKS", "TRIVY_SEVERITY", "TRIVY_SKIP_DIRS", "TRIVY_SKIP_FILES",
    "TRIVY_TEMPLATE", "TRIVY_VEX", "TRIVY_VULN_TYPE",
)  # fmt: skip
"""Variables (Trivy names one for each of its options) that take findings out of the answer or send it elsewhere. Those that say
where the database, its cache and its server are stay."""


class Trivy:
    """`trivy sbom` (aquasecurity/trivy, JSON schema version 2)."""

    name: ScannerName = "trivy"
    age = Command(("trivy", "version", "--format", "json"))
    """What says how old the database is: the answer of a scan does not."""

    def command(self, document: str, *, offline: bool) -> Command:
        words = ["trivy", "sbom", "--format", "json", "--list-all-pkgs"]
        words += ["--skip-db-update", "--skip-java-db-update", "--offline-scan"] if offline else []
        return Command((*words, document), dropped=_LEAVES_OUT)

    def read(self, output: object, packages: Sequence[Package]) -> Answered:
        results = [mapping(each) for each in items(mapping(output).get("Results"))]
        listed = ((result.get("Type"), mapping(each)) for result in results for each in items(result.get("Packages")))
        seen = {(kind, *(str(each.get(key)) for key in ("Name", "Epoch", "Version", "Release"))) for kind, each in listed}
        entries = [mapping(each) for result in results for each in items(result.get("Vulnerabilities"))]
        given = Given.of(packages)
        found = tuple(vulnerability for each in entries if (vulnerability := self._one(each, given)))
        reason = lost(len(entries), found) or counted(self.name, len(seen), packages)
        system = mapping(mapping(mapping(output).get("Metadata")).get("OS"))
        release = f"{text_of(system, 'Family')} {text_of(system, 'Name')}"
        ended = f"{release} gets no security updates any more: what it lacks is not known"
        return Answered(self.name, found, reason or (ended if system.get("EOSL") is True else None))

    @staticmethod
    def doubt(said: str) -> str | None:
        """Why it cannot be relied on, by what it says beside its answer. Of a release that is new to it, it finds nothing."""
        unknown = any("not on the EOL list" in line for line in said.splitlines())
        return "it does not know this release of the distribution" if unknown else None

    @staticmethod
    def built(output: object) -> datetime | None:
        """When the database was made, by what the program says of its version."""
        return read_time(str(mapping(mapping(output).get("VulnerabilityDB")).get("UpdatedAt", "")))

    def _one(self, entry: Mapping[str, object], given: Given) -> Vulnerability | None:
        purl, name = text_of(mapping(entry.get("PkgIdentifier")), "PURL"), text_of(entry, "PkgName")
        package = package_of(given, purl, name, text_of(entry, "InstalledVersion"))
        ratings = [mapping(each) for each in mapping(entry.get("CVSS")).values()]
        score = highest(each.get(key) for each in ratings for key in ("V40Score", "V3Score"))
        fixed = fixed_versions(text_of(entry, "FixedVersion"))
        ids = [text_of(entry, "VulnerabilityID"), *(str(each) for each in items(entry.get("VendorIDs")))]
        level = LEVELS.get(text_of(entry, "Severity").lower())
        return vulnerability_of(self.name, package, ids, level, score, text_of(entry, "Title"), fixed)
