"""How osv-scanner is asked, and what it says: held against what its own tests record."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from trimtab.docker import Command
from trimtab.fleet.plain import items, mapping
from trimtab.rules import Severity
from trimtab.scan.advisory import band, fixes, read_advisory
from trimtab.scan.match import Vulnerability
from trimtab.scan.packages import Package, from_ecosystem, from_purl
from trimtab.scan.spoken import Answered, Given, ScannerName, counted, text_of, vulnerability_of


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
        reason = "it names findings that cannot be read" if lost else counted(self.name, len(seen), packages)
        return Answered(self.name, found, reason)

    def _of(self, entry: Mapping[str, object], given: Given) -> Iterator[Vulnerability]:
        named, groups = mapping(entry.get("package")), [mapping(each) for each in items(entry.get("groups"))]
        ecosystem, name = text_of(named, "ecosystem"), text_of(named, "name")
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
            found = vulnerability_of(self.name, package, ids, level, score, advisory.summary, fixed)
            yield from [found] if found else []
        for group in groups:
            # A difference of two runs names some by their group alone.
            if told.isdisjoint(str(name) for name in items(group.get("ids"))):
                score, level = _group_score([group])
                found = vulnerability_of(self.name, package, _group_ids([group]), level, score, "", [])
                yield from [found] if found else []


_OSV_NAMES = ("ecosystem", "name", "os_package_name", "OSPackageName", "version", "commit")
"""What tells packages of an answer apart; the name of a distribution's is that of its source package."""


def _osv_package(named: Mapping[str, object], given: Given) -> Package:
    version = text_of(named, "version") or text_of(named, "commit")
    ecosystem, name, purl = text_of(named, "ecosystem"), text_of(named, "name"), text_of(named, "purl")
    said = from_ecosystem(ecosystem, name, version) or (from_purl(purl) if purl else None)
    said = said or Package("generic", name or "unknown", version)
    # By its own name first: several packages may be built from one source.
    return given.named(said, purl, text_of(named, "os_package_name") or text_of(named, "OSPackageName"), version)


def _group_ids(groups: Iterable[Mapping[str, object]]) -> list[str]:
    return [str(name) for group in groups for key in ("ids", "aliases") for name in items(group.get(key))]


def _group_score(groups: Iterable[Mapping[str, object]]) -> tuple[float | None, Severity | None]:
    """The score that osv-scanner itself gives, a text in its answers, with its band."""
    texts = [text_of(group, "max_severity") for group in groups]
    score = max((float(text) for text in texts if re.fullmatch(r"\d+(?:\.\d+)?", text)), default=None)
    return score, None if score is None else band(score)


def _is_cut(entry: Mapping[str, object]) -> bool:
    """Whether what is there as findings is not all in a form that is known."""
    listed = all(entry.get(key) is None or isinstance(entry[key], list) for key in ("vulnerabilities", "groups"))
    return not listed or any(not mapping(each).get("id") for each in items(entry.get("vulnerabilities")))
