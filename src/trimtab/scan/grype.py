"""How Grype is asked, and what it says: held against what its own tests record."""

from collections.abc import Iterator, Mapping, Sequence

from trimtab.docker import Command
from trimtab.fleet.plain import items, mapping
from trimtab.scan.match import Vulnerability
from trimtab.scan.packages import Package
from trimtab.scan.spoken import LEVELS, Answered, Given, ScannerName, highest, lost, package_of, text_of, vulnerability_of
from trimtab.scan.stores import read_time

_LEAVES_OUT = (
    "GRYPE_DISTRO", "GRYPE_EXCLUDE", "GRYPE_FAIL_ON_SEVERITY", "GRYPE_FILE", "GRYPE_IGNORE_STATES", "GRYPE_ONLY_FIXED",
    "GRYPE_ONLY_NOTFIXED", "GRYPE_OUTPUT_TEMPLATE_FILE", "GRYPE_VEX_DOCUMENTS",
)  # fmt: skip
"""Variables that take findings out of the answer or send it elsewhere. A settings file may say the same, and also where the
database is: it is read, and what it takes out is told by the answer."""

_KERNEL = "exact-indirect-match"
"""Of the rules that Grype adds by itself, for the headers of a kernel that no container runs."""


class Grype:
    """`grype sbom:` (anchore/grype, JSON)."""

    name: ScannerName = "grype"

    def command(self, document: str, *, offline: bool) -> Command:
        env = {"GRYPE_DB_AUTO_UPDATE": "false", "GRYPE_CHECK_FOR_APP_UPDATE": "false"} if offline else {}
        return Command(("grype", f"sbom:{document}", "--output", "json", "--quiet"), env, dropped=_LEAVES_OUT)

    def read(self, output: object, packages: Sequence[Package]) -> Answered:
        data, given = mapping(output), Given.of(packages)
        entries = [*(mapping(each) for each in items(data.get("matches"))), *_left_out(data)]
        found = tuple(vulnerability for each in entries if (vulnerability := self._one(each, given)))
        database = mapping(mapping(data.get("descriptor")).get("db"))
        built = str(mapping(database.get("status")).get("built") or database.get("built") or "")
        return Answered(self.name, found, lost(len(entries), found) or _grype_reason(data), read_time(built))

    def _one(self, entry: Mapping[str, object], given: Given) -> Vulnerability | None:
        artifact, said = mapping(entry.get("artifact")), mapping(entry.get("vulnerability"))
        package = package_of(given, text_of(artifact, "purl"), text_of(artifact, "name"), text_of(artifact, "version"))
        related = [text_of(mapping(each), "id") for each in items(entry.get("relatedVulnerabilities"))]
        score = highest(mapping(mapping(each).get("metrics")).get("baseScore") for each in items(said.get("cvss")))
        # Until 0.6 it named one version, and by a key of its own.
        fixed = [str(each) for each in items(mapping(said.get("fix")).get("versions"))] or [text_of(said, "fixedInVersion")]
        level = LEVELS.get(text_of(said, "severity").lower())
        ids = [text_of(said, "id"), *related]
        text = text_of(said, "description")
        return vulnerability_of(self.name, package, ids, level, score, text, [each for each in fixed if each])


def _left_out(data: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """What its settings took out, not what it knows itself to be no match: they count like all others."""
    configured = mapping(mapping(data.get("descriptor")).get("configuration")).get("ignore")
    told = [_rule(mapping(each)) for each in items(configured) if mapping(each).get("match-type") != _KERNEL]
    for match in (mapping(each) for each in items(data.get("ignoredMatches"))):
        rules = [mapping(each) for each in items(match.get("appliedIgnoreRules"))]
        if all(each.get("fix-state") or each.get("vex-status") or _rule(each) in told for each in rules):
            yield match


def _rule(rule: Mapping[str, object]) -> tuple[str, ...]:
    package = mapping(rule.get("package"))
    named = tuple(text_of(package, key) for key in ("name", "version", "type", "location"))
    return (*(text_of(rule, key) for key in ("vulnerability", "reason", "namespace", "match-type")), *named)


def _grype_reason(data: Mapping[str, object]) -> str | None:
    """Grype lists no packages; that it looked with a database is what its descriptor says."""
    if not isinstance(data.get("matches"), list):
        return "its answer has no list of `matches`"
    database = mapping(mapping(data.get("descriptor")).get("db"))
    status = mapping(database.get("status")) or database
    if not status or status.get("valid") is False or status.get("error"):
        return "it does not say that its database is valid"
    alerts = [mapping(alert) for each in items(data.get("alertsByPackage")) for alert in items(mapping(each).get("alerts"))]
    about = dict.fromkeys(text_of(alert, "message") or text_of(alert, "type") for alert in alerts)
    return f"it warns: {'; '.join([*about][:4])}; what it lacks is not known" if about else None
