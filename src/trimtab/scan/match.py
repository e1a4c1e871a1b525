"""Holding packages against advisories."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from trimtab.rules import Severity
from trimtab.scan.advisory import Advisory, Affected, Answer, fixes, judge
from trimtab.scan.packages import Package, advisory_key
from trimtab.scan.versions import UnreadableVersion, read_version

Key = tuple[str, str]
"""An ecosystem and a name, as `advisory_key` gives them."""
_PREFERENCE = (re.compile(r"^CVE-"), re.compile(r"^GHSA-"), re.compile(r"^PYSEC-"))


@dataclass(frozen=True)
class Vulnerability:
    """One vulnerability of one package. Advisories that name each other are one."""

    package: Package
    id: str
    """The CVE number where there is one."""
    ids: tuple[str, ...]
    severity: Severity | None
    """None where no advisory says; that is not the same as harmless."""
    score: float | None
    summary: str
    url: str
    answer: Answer
    fixed: tuple[str, ...] = ()
    """Versions that are named as fixed, and lie above the package's own."""
    upgrade: str | None = None
    """The smallest version that clears this and everything else known of the package."""
    sources: tuple[str, ...] = ()
    """Who says so: stores of advisories, and programs."""
    ignored: str | None = None
    """Why it does not count, from an ignore file or a VEX document."""
    epss: float | None = None
    """The probability of being exploited within thirty days (FIRST), where a file says it."""
    exploited: bool = False
    """Whether CISA lists it as known to be exploited, where a file says it."""
    also: tuple[str, ...] = field(default=())
    """Further files that bring the same package at the same version."""

    @property
    def counts(self) -> bool:
        return self.ignored is None and self.answer is Answer.AFFECTED


def key_of(package: Package) -> Key | None:
    """What a package's advisories are filed under; None where nobody files any."""
    ecosystem = package.ecosystem
    return advisory_key(ecosystem, package.advised[0]) if ecosystem else None


def match(packages: Iterable[Package], advisories: Mapping[Key, Sequence[Advisory]], source: str) -> list[Vulnerability]:
    """Every vulnerability that the advisories know of, and every one of which they cannot tell. Withdrawn ones do not count.

    The same package at the same version in several files is one entry, the others being in `also`. So are the packages of a
    distribution that were built from one source.
    """
    found: list[Vulnerability] = []
    for key, group in _grouped(packages).items():
        known = [advisory for advisory in advisories.get(key[0], ()) if not advisory.withdrawn]
        package, also = group[0], tuple(dict.fromkeys(each.where for each in group[1:] if each.where != group[0].where))
        mine = [replace(each, also=also, sources=(source,)) for each in _matched(package, known)]
        upgrade = smallest_upgrade(package, mine, known)
        found += [replace(each, upgrade=upgrade) if each.fixed else each for each in mine]
    return found


def _grouped(packages: Iterable[Package]) -> dict[tuple[Key, str], list[Package]]:
    groups: dict[tuple[Key, str], list[Package]] = {}
    for package in packages:
        key = key_of(package)
        if key is not None:
            groups.setdefault((key, package.advised[1]), []).append(package)
    return groups


def _matched(package: Package, known: Sequence[Advisory]) -> list[Vulnerability]:
    ecosystem, (name, version) = package.ecosystem or "", package.advised
    hits = [(advisory, parts) for advisory in known if (parts := _hits(advisory, ecosystem, name, version))]
    return [_joined(package, group) for group in _by_alias(hits)]


_Hit = tuple[Advisory, list[tuple[Affected, Answer]]]


def _hits(advisory: Advisory, ecosystem: str, name: str, version: str) -> list[tuple[Affected, Answer]]:
    answers = [(part, judge(_in(part, ecosystem), version)) for part in advisory.parts(ecosystem, name)]
    affected = [each for each in answers if each[1] is Answer.AFFECTED]
    return affected or [each for each in answers if each[1] is Answer.UNSURE]


def _in(part: Affected, ecosystem: str) -> Affected:
    return part if part.ecosystem == ecosystem else replace(part, ecosystem=ecosystem)


def _by_alias(hits: Sequence[_Hit]) -> list[list[_Hit]]:
    """Advisories that share an identifier, directly or through others."""
    groups: list[tuple[set[str], list[_Hit]]] = []
    for hit in hits:
        names, members = {hit[0].id, *hit[0].aliases}, [hit]
        apart = [group for group in groups if names.isdisjoint(group[0])]
        for group in groups:
            if not names.isdisjoint(group[0]):
                names, members = names | group[0], [*group[1], *members]
        groups = [*apart, (names, members)]
    return [members for _, members in groups]


def _joined(package: Package, group: Sequence[_Hit]) -> Vulnerability:
    named = {name for advisory, _ in group for name in (advisory.id, *advisory.aliases, *advisory.upstream)}
    ids = sorted(named, key=_preferred)
    parts = [pair for _, pairs in group for pair in pairs]
    levels = [each.severity for advisory, pairs in group for each in (advisory, *(part for part, _ in pairs))]
    scores = [each.score for advisory, pairs in group for each in (advisory, *(part for part, _ in pairs))]
    sure = any(answer is Answer.AFFECTED for _, answer in parts)
    versions = (version for part, _ in parts for version in fixes(part))
    return Vulnerability(
        package, ids[0], tuple(ids),
        max((level for level in levels if level is not None), default=None),
        max((score for score in scores if score is not None), default=None),
        next((advisory.summary for advisory, _ in group if advisory.summary), ""),
        next((advisory.url for advisory, _ in group if advisory.url), ""),
        Answer.AFFECTED if sure else Answer.UNSURE,
        above(package, versions),
    )  # fmt: skip


def _preferred(name: str) -> tuple[int, str]:
    return next((rank for rank, pattern in enumerate(_PREFERENCE) if pattern.match(name)), len(_PREFERENCE)), name


def above(package: Package, versions: Iterable[str]) -> tuple[str, ...]:
    """Those of several versions that lie above a package's own, in order, each once."""
    ecosystem = package.ecosystem or ""
    readable = [version for version in dict.fromkeys(versions) if _is_readable(ecosystem, version)]
    if not _is_readable(ecosystem, package.advised[1]):
        return ()
    own = read_version(ecosystem, package.advised[1])
    higher = [version for version in readable if own < read_version(ecosystem, version)]
    return tuple(sorted(higher, key=lambda version: read_version(ecosystem, version)))


def can_compare(package: Package, version: str) -> bool:
    """Whether a version can be put in order with a package's own."""
    ecosystem = package.ecosystem or ""
    return _is_readable(ecosystem, package.advised[1]) and _is_readable(ecosystem, version)


def _is_readable(ecosystem: str, version: str) -> bool:
    try:
        read_version(ecosystem, version)
    except UnreadableVersion:
        return False
    return True


def smallest_upgrade(package: Package, found: Sequence[Vulnerability], known: Sequence[Advisory]) -> str | None:
    """The smallest version named as fixed that none of the known advisories affects; None when there is none.

    All advisories of the package are asked, and name versions, not only those found: what clears today's may have others.
    """
    if not found:
        return None
    ecosystem, name = package.ecosystem or "", package.advised[0]
    parts = (part for each in known for part in each.parts(ecosystem, name))
    candidates = above(package, (version for part in parts for version in fixes(part)))
    return next((version for version in candidates if not any(_hits(each, ecosystem, name, version) for each in known)), None)
