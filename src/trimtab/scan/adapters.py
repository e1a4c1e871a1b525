"""Other scanners, where they are installed: each is given our own bill of materials, and its answer is read.

So all of them speak of the same packages, and one that looked at none is found out. Trivy 0.59.1 was run, with a database made
by hand; how the others are read was held against what their own tests record.
"""

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Protocol

from trimtab.docker import Command, Runner
from trimtab.errors import UsageError
from trimtab.fleet.plain import items, mapping
from trimtab.rules import Severity
from trimtab.scan.advisory import Answer, band, fixes, read_advisory
from trimtab.scan.match import Vulnerability, can_compare
from trimtab.scan.packages import ADVISED_KINDS, Package, from_ecosystem, from_purl
from trimtab.scan.sbom import write_sbom
from trimtab.scan.spoken import Given, fixed_above, fixed_versions
from trimtab.scan.stores import read_time
from trimtab.syntax.data import read_json

ScannerName = Literal["trivy", "grype", "osv-scanner"]
_SECONDS = 600
_LEVELS = {
    "critical": Severity.CRITICAL, "high": Severity.HIGH, "medium": Severity.MEDIUM, "moderate": Severity.MEDIUM,
    "low": Severity.LOW, "negligible": Severity.INFO,
}  # fmt: skip


@dataclass(frozen=True)
class Answered:
    """What a scanner said. `reason` is why it cannot be relied on; its findings, if any, still count."""

    source: str
    found: tuple[Vulnerability, ...]
    reason: str | None = None
    as_of: datetime | None = None
    """When its database was built; None where it does not say, which is nothing to go by offline."""


class Scanner(Protocol):
    """A program, as pure functions: how it is called, and what its output says."""

    name: ScannerName

    def command(self, document: str, *, offline: bool) -> Command: ...

    def read(self, output: object, packages: Sequence[Package]) -> Answered: ...


class Trivy:
    """`trivy sbom` (aquasecurity/trivy, JSON schema version 2)."""

    name: ScannerName = "trivy"
    age = Command(("trivy", "version", "--format", "json"))
    """What says how old the database is: the answer of a scan does not."""

    def command(self, document: str, *, offline: bool) -> Command:
        words = ["trivy", "sbom", "--format", "json", "--list-all-pkgs"]
        words += ["--skip-db-update", "--skip-java-db-update", "--offline-scan"] if offline else []
        return Command((*words, document))

    def read(self, output: object, packages: Sequence[Package]) -> Answered:
        results = [mapping(each) for each in items(mapping(output).get("Results"))]
        listed = ((result.get("Type"), mapping(each)) for result in results for each in items(result.get("Packages")))
        seen = {(kind, *(str(each.get(key)) for key in ("Name", "Epoch", "Version", "Release"))) for kind, each in listed}
        entries = [mapping(each) for result in results for each in items(result.get("Vulnerabilities"))]
        given = Given.of(packages)
        found = tuple(vulnerability for each in entries if (vulnerability := self._one(each, given)))
        reason = _lost(len(entries), found) or _counted(self.name, len(seen), packages)
        system = mapping(mapping(mapping(output).get("Metadata")).get("OS"))
        ended = (
            f"{_text(system, 'Family')} {_text(system, 'Name')} gets no security updates any more: what it lacks is not known"
        )
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
        purl, name = _text(mapping(entry.get("PkgIdentifier")), "PURL"), _text(entry, "PkgName")
        package = _package(given, purl, name, _text(entry, "InstalledVersion"))
        ratings = [mapping(each) for each in mapping(entry.get("CVSS")).values()]
        score = _highest(each.get(key) for each in ratings for key in ("V40Score", "V3Score"))
        fixed = fixed_versions(_text(entry, "FixedVersion"))
        ids = [_text(entry, "VulnerabilityID"), *(str(each) for each in items(entry.get("VendorIDs")))]
        level = _LEVELS.get(_text(entry, "Severity").lower())
        return _vulnerability(self.name, package, ids, level, score, _text(entry, "Title"), fixed)


class Grype:
    """`grype sbom:` (anchore/grype, JSON)."""

    name: ScannerName = "grype"

    def command(self, document: str, *, offline: bool) -> Command:
        env = {"GRYPE_DB_AUTO_UPDATE": "false", "GRYPE_CHECK_FOR_APP_UPDATE": "false"} if offline else {}
        return Command(("grype", f"sbom:{document}", "--output", "json", "--quiet"), env)

    def read(self, output: object, packages: Sequence[Package]) -> Answered:
        data, given = mapping(output), Given.of(packages)
        entries = [mapping(each) for each in items(data.get("matches"))]
        found = tuple(vulnerability for each in entries if (vulnerability := self._one(each, given)))
        database = mapping(mapping(data.get("descriptor")).get("db"))
        built = str(mapping(database.get("status")).get("built") or database.get("built") or "")
        return Answered(self.name, found, _lost(len(entries), found) or _grype_reason(data), read_time(built))

    def _one(self, entry: Mapping[str, object], given: Given) -> Vulnerability | None:
        artifact, said = mapping(entry.get("artifact")), mapping(entry.get("vulnerability"))
        package = _package(given, _text(artifact, "purl"), _text(artifact, "name"), _text(artifact, "version"))
        related = [_text(mapping(each), "id") for each in items(entry.get("relatedVulnerabilities"))]
        score = _highest(mapping(mapping(each).get("metrics")).get("baseScore") for each in items(said.get("cvss")))
        # Until 0.6 it named one version, and by a key of its own.
        fixed = [str(each) for each in items(mapping(said.get("fix")).get("versions"))] or [_text(said, "fixedInVersion")]
        level = _LEVELS.get(_text(said, "severity").lower())
        ids = [_text(said, "id"), *related]
        text = _text(said, "description")
        return _vulnerability(self.name, package, ids, level, score, text, [each for each in fixed if each])


def _grype_reason(data: Mapping[str, object]) -> str | None:
    """Grype lists no packages; that it looked with a database is what its descriptor says."""
    if not isinstance(data.get("matches"), list):
        return "its answer has no list of `matches`"
    database = mapping(mapping(data.get("descriptor")).get("db"))
    status = mapping(database.get("status")) or database
    if not status or status.get("valid") is False or status.get("error"):
        return "it does not say that its database is valid"
    alerts = [mapping(alert) for each in items(data.get("alertsByPackage")) for alert in items(mapping(each).get("alerts"))]
    about = dict.fromkeys(_text(alert, "message") or _text(alert, "type") for alert in alerts)
    return f"it warns: {'; '.join([*about][:4])}; what it lacks is not known" if about else None


class OsvScanner:
    """`osv-scanner scan source` (google/osv-scanner 2, JSON)."""

    name: ScannerName = "osv-scanner"

    def command(self, document: str, *, offline: bool) -> Command:
        words = ["osv-scanner", "scan", "source", "--format", "json", "--all-packages", "--lockfile", document]
        return Command((*words, *(["--offline"] if offline else [])))

    def read(self, output: object, packages: Sequence[Package]) -> Answered:
        results = [mapping(each) for each in items(mapping(output).get("results"))]
        entries = [mapping(each) for result in results for each in items(result.get("packages"))]
        seen = {tuple(str(mapping(each.get("package")).get(key)) for key in _OSV_NAMES) for each in entries}
        given = Given.of(packages)
        found = tuple(vulnerability for entry in entries for vulnerability in self._of(entry, given))
        lost = any(_is_cut(entry) for entry in entries)
        reason = "it names findings that cannot be read" if lost else _counted(self.name, len(seen), packages)
        return Answered(self.name, found, reason)

    def _of(self, entry: Mapping[str, object], given: Given) -> Iterator[Vulnerability]:
        named, groups = mapping(entry.get("package")), [mapping(each) for each in items(entry.get("groups"))]
        ecosystem, name = _text(named, "ecosystem"), _text(named, "name")
        package = _osv_package(named, given)
        told: set[str] = set()
        for said in items(entry.get("vulnerabilities")):
            if not mapping(said).get("id"):
                continue
            advisory = read_advisory(said)
            parts = advisory.parts(ecosystem, name)
            own = [group for group in groups if advisory.id in items(group.get("ids"))]
            ids = [advisory.id, *advisory.aliases, *advisory.upstream, *_group_ids(own)]
            told.update(ids)
            score, level = _group_score(own)
            score = max((each.score for each in (advisory, *parts) if each.score is not None), default=score)
            level = max((each.severity for each in (advisory, *parts) if each.severity is not None), default=level)
            fixed = [version for part in parts for version in fixes(part)]
            found = _vulnerability(self.name, package, ids, level, score, advisory.summary, fixed)
            yield from [found] if found else []
        for group in groups:
            # A difference of two runs names some by their group alone.
            if told.isdisjoint(str(name) for name in items(group.get("ids"))):
                score, level = _group_score([group])
                found = _vulnerability(self.name, package, _group_ids([group]), level, score, "", [])
                yield from [found] if found else []


_OSV_NAMES = ("ecosystem", "name", "os_package_name", "OSPackageName", "version", "commit")
"""What tells packages of an answer apart; the name of a distribution's is that of its source package."""


def _osv_package(named: Mapping[str, object], given: Given) -> Package:
    version = _text(named, "version") or _text(named, "commit")
    ecosystem, name, purl = _text(named, "ecosystem"), _text(named, "name"), _text(named, "purl")
    said = from_ecosystem(ecosystem, name, version) or (from_purl(purl) if purl else None)
    said = said or Package("generic", name or "unknown", version)
    # By its own name first: several packages may be built from one source.
    return given.named(said, purl, _text(named, "os_package_name") or _text(named, "OSPackageName"), version)


def _group_ids(groups: Iterable[Mapping[str, object]]) -> list[str]:
    return [str(name) for group in groups for key in ("ids", "aliases") for name in items(group.get(key))]


def _group_score(groups: Iterable[Mapping[str, object]]) -> tuple[float | None, Severity | None]:
    """The score that osv-scanner itself gives, a text in its answers, with its band."""
    texts = [_text(group, "max_severity") for group in groups]
    score = max((float(text) for text in texts if re.fullmatch(r"\d+(?:\.\d+)?", text)), default=None)
    return score, None if score is None else band(score)


def _is_cut(entry: Mapping[str, object]) -> bool:
    """Whether what is there as findings is not all in a form that is known."""
    listed = all(entry.get(key) is None or isinstance(entry[key], list) for key in ("vulnerabilities", "groups"))
    return not listed or any(not mapping(each).get("id") for each in items(entry.get("vulnerabilities")))


SCANNERS: Mapping[ScannerName, Scanner] = {each.name: each for each in (Trivy(), Grype(), OsvScanner())}
_ENDS = {"trivy": {0}, "grype": {0}, "osv-scanner": {0, 1}}
"""The exit codes with which each says that it has looked; osv-scanner's 1 is findings, its 128 no packages."""


def present(name: ScannerName) -> bool:
    """Whether a scanner is installed."""
    return shutil.which(name) is not None


async def ask_scanner(
    runner: Runner, name: ScannerName, target: str, packages: Sequence[Package], *, offline: bool
) -> Answered:
    """What a scanner says of packages. Whatever goes wrong is a reason why it cannot be relied on, never a clean answer.

    Raises:
        UsageError: it is not installed.
    """
    if not present(name):
        raise UsageError(f"`{name}` is not on PATH. Install it, or leave `--scanner {name}` out.")
    scanner = SCANNERS[name]
    with TemporaryDirectory(prefix="trimtab-") as folder:
        document = Path(folder) / "bom.cdx.json"
        document.write_text(json.dumps(write_sbom(target, packages, "cyclonedx")), encoding="utf-8")
        # Not in the fleet's folder: a `.trivyignore`, `trivy.yaml` or `.grype.yaml` there would take findings out unseen.
        command = replace(scanner.command(str(document), offline=offline), folder=folder)
        try:
            completed = await runner.run(command, timeout=_SECONDS)
        except TimeoutError:
            return Answered(name, (), f"did not end within {_SECONDS} s")
    if completed.code not in _ENDS[name]:
        detail = next(iter(completed.stderr.strip().splitlines()[-1:]), "")
        return Answered(name, (), f"ended with {completed.code}: {detail[:200]}")
    try:
        answered = scanner.read(read_json(completed.stdout), packages)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        return Answered(name, (), f"its answer cannot be read: {error}")
    answered = replace(answered, reason=answered.reason or _never(name, packages))
    if isinstance(scanner, Trivy):
        reason = answered.reason or scanner.doubt(completed.stderr)
        answered = replace(answered, reason=reason, as_of=await _built(runner, scanner))
    if offline and answered.reason is None and answered.as_of is None:
        return replace(answered, reason="it does not say how old its database is, and offline it is not renewed")
    return answered


async def _built(runner: Runner, scanner: Trivy) -> datetime | None:
    try:
        completed = await runner.run(scanner.age, timeout=_SECONDS)
        return scanner.built(read_json(completed.stdout)) if completed.code == 0 else None
    except (TimeoutError, ValueError, RecursionError):
        return None


def _never(name: str, packages: Sequence[Package]) -> str | None:
    """What a scanner lists and finds nothing of, because there are no advisories that could be about it."""
    kinds = sorted({each.kind for each in packages} - ADVISED_KINDS)
    if kinds:
        return f"`{name}` knows no vulnerabilities of packages of kind {', '.join(kinds)}"
    vague = next((each.distro for each in packages if each.distro and each.distro.id and not each.distro.version), None)
    return f"`{name}` knows no vulnerabilities of {vague.told}" if vague else None


def _counted(name: str, seen: int, packages: Sequence[Package]) -> str | None:
    given = len({(each.kind, each.name, each.version) for each in packages})
    return f"`{name}` was given {given} packages and looked at {seen}" if seen < given else None


def _lost(entries: int, found: Sequence[Vulnerability]) -> str | None:
    return f"{entries - len(found)} of its findings have no name" if len(found) < entries else None


def _text(entry: Mapping[str, object], key: str) -> str:
    return str(entry.get(key) or "")


def _highest(scores: Iterable[object]) -> float | None:
    return max((float(score) for score in scores if isinstance(score, int | float)), default=None)


def _package(given: Given, purl: str, name: str, version: str) -> Package:
    said = (from_purl(purl) if purl else None) or Package("generic", name or "unknown", version)
    return given.named(said, purl, name, version)


def _vulnerability(
    source: str, package: Package, ids: Sequence[str], severity: Severity | None, score: float | None, text: str,
    fixed: Sequence[str],
) -> Vulnerability | None:  # fmt: skip
    names = tuple(dict.fromkeys(name for name in ids if name))
    if not names:
        return None
    main = min(names, key=lambda name: (not name.startswith("CVE-"), names.index(name)))
    line = text.strip().partition("\n")[0]
    higher = fixed_above(package, fixed)
    # Of several that cannot be put in order, the first may be older than what is there.
    upgrade = higher[0] if higher and (len(higher) == 1 or can_compare(package, higher[0])) else None
    return Vulnerability(package, main, names, severity, score, line[:200], "", Answer.AFFECTED, higher, upgrade, (source,))


def merged(ours: Sequence[Vulnerability], theirs: Iterable[Vulnerability]) -> tuple[Vulnerability, ...]:
    """All of them, what several say of one package being one; the more severe word counts."""
    found = list(ours)
    for each in theirs:
        at = next((number for number, one in enumerate(found) if _same(one, each)), None)
        if at is None:
            found.append(each)
            continue
        one = found[at]
        levels = [level for level in (one.severity, each.severity) if level is not None]
        found[at] = replace(
            one,
            ids=tuple(dict.fromkeys((*one.ids, *each.ids))),
            severity=max(levels, default=None),
            score=max((score for score in (one.score, each.score) if score is not None), default=None),
            answer=Answer.AFFECTED if Answer.AFFECTED in {one.answer, each.answer} else one.answer,
            fixed=one.fixed or each.fixed,
            upgrade=one.upgrade or each.upgrade,
            sources=tuple(dict.fromkeys((*one.sources, *each.sources))),
        )
    return tuple(found)


def _same(one: Vulnerability, other: Vulnerability) -> bool:
    same = (one.package.kind, *one.package.advised) == (other.package.kind, *other.package.advised)
    return same and not set(one.ids).isdisjoint(other.ids)
