"""Advisories in the OSV schema, and what they say of one version."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import cast

from cvss import CVSS2, CVSS3, CVSS4  # pyright: ignore[reportMissingTypeStubs]
from cvss.exceptions import CVSSError  # pyright: ignore[reportMissingTypeStubs]

from trimtab.fleet.plain import items, mapping
from trimtab.rules import Severity
from trimtab.scan.packages import advisory_key
from trimtab.scan.versions import Ordered, UnreadableVersion, read_version

_WORDS: Mapping[str, Severity] = {
    "critical": Severity.CRITICAL, "high": Severity.HIGH, "important": Severity.HIGH, "moderate": Severity.MEDIUM,
    "medium": Severity.MEDIUM, "low": Severity.LOW, "negligible": Severity.INFO, "unimportant": Severity.INFO,
}  # fmt: skip
"""Words that databases use for how bad something is: GitHub's, Red Hat's, Ubuntu's and Debian's."""
_BANDS = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW), (0.0, Severity.INFO))
"""FIRST's qualitative scale of CVSS 3 and 4; `none` is below 0.1."""


class Answer(StrEnum):
    """What an advisory says of a version."""

    AFFECTED = "affected"
    NOT = "not affected"
    UNSURE = "unsure"
    """A version that cannot be put in order; never to be taken for `not`."""


@dataclass(frozen=True, slots=True)
class Range:
    """Events along the order of versions; an `introduced` of `0` is before all of them."""

    kind: str
    """`SEMVER`, `ECOSYSTEM` or `GIT`."""
    events: tuple[tuple[str, str], ...]
    """Kind and version: `introduced`, `fixed`, `last_affected` or `limit`."""


@dataclass(frozen=True, slots=True)
class Affected:
    """What an advisory says of one package."""

    ecosystem: str
    name: str
    ranges: tuple[Range, ...]
    versions: frozenset[str]
    severity: Severity | None
    score: float | None


@dataclass(frozen=True, slots=True)
class Advisory:
    """One OSV document."""

    id: str
    aliases: tuple[str, ...]
    summary: str
    modified: str
    """As written: RFC 3339, UTC."""
    withdrawn: bool
    severity: Severity | None
    score: float | None
    """CVSS's base score, None where the document has no vector."""
    affected: tuple[Affected, ...]
    url: str = ""
    upstream: tuple[str, ...] = ()
    """What it was derived from: a distribution's advisory names the CVE numbers that it is about."""

    def parts(self, ecosystem: str, name: str) -> list[Affected]:
        """What it says of a package. One that names no release of a distribution speaks of all of them."""
        key = advisory_key(ecosystem, name)
        family = (ecosystem.partition(":")[0], key[1])
        return [part for part in self.affected if advisory_key(part.ecosystem, part.name) in {key, family}]


def read_advisory(data: object) -> Advisory:
    """An OSV document that has been read from JSON or YAML.

    Raises:
        ValueError: it is none: it has no `id`, or is no mapping.
    """
    found = mapping(data)
    name = found.get("id")
    if not isinstance(name, str) or not name:
        raise ValueError("it has no `id`")
    score, severity = _severity(found)
    references = (mapping(each) for each in items(found.get("references")))
    by_kind = {str(each.get("type")): str(each.get("url", "")) for each in references}
    return Advisory(
        name,
        tuple(str(alias) for alias in items(found.get("aliases"))),
        _summary(found),
        _time(found.get("modified")),
        bool(found.get("withdrawn")),
        severity,
        score,
        tuple(_affected(mapping(each)) for each in items(found.get("affected"))),
        by_kind.get("ADVISORY") or by_kind.get("WEB") or "",
        tuple(str(name) for name in items(found.get("upstream"))),
    )


def _time(value: object) -> str:
    """As RFC 3339; YAML gives a time where JSON gives a text."""
    return value.isoformat() if isinstance(value, datetime) else str(value or "")


def _summary(found: Mapping[str, object]) -> str:
    text = str(found.get("summary") or found.get("details") or "")
    line = text.strip().partition("\n")[0].strip()
    return line if len(line) <= 200 else line[:199] + "…"


def _affected(found: Mapping[str, object]) -> Affected:
    package = mapping(found.get("package"))
    score, severity = _severity(found)
    ranges = (mapping(each) for each in items(found.get("ranges")))
    return Affected(
        str(package.get("ecosystem", "")),
        str(package.get("name", "")),
        tuple(Range(str(each.get("type", "")), tuple(_events(items(each.get("events"))))) for each in ranges),
        frozenset(str(version) for version in items(found.get("versions"))),
        severity,
        score,
    )


def _events(events: Sequence[object]) -> Iterator[tuple[str, str]]:
    for event in events:
        yield from ((kind, str(version)) for kind, version in mapping(event).items())


def _severity(found: Mapping[str, object]) -> tuple[float | None, Severity | None]:
    """The highest CVSS score with its band, else what the database says in a word; both None when nothing is said."""
    given = [mapping(each) for each in items(found.get("severity"))]
    scores = [score for each in given if (score := base_score(str(each.get("score", "")))) is not None]
    if scores:
        return max(scores), band(max(scores))
    words = [str(each.get("score", "")) for each in given]
    words += [str(mapping(found.get(key)).get(word, "")) for key in _SPECIFIC for word in ("severity", "urgency")]
    levels = [_WORDS[word.lower()] for word in words if word.lower() in _WORDS]
    return None, max(levels, default=None)


_SPECIFIC = ("database_specific", "ecosystem_specific")


def base_score(vector: str) -> float | None:
    """The base score of a CVSS vector of version 2, 3 or 4; None for what is none."""
    kinds = {"CVSS:3": CVSS3, "CVSS:4": CVSS4}
    try:
        return float(cast("float", kinds.get(vector[:6], CVSS2)(vector).scores()[0]))
    except (CVSSError, ValueError, TypeError, KeyError):
        return None


def band(score: float) -> Severity:
    """The severity of a CVSS score."""
    return next(severity for lowest, severity in _BANDS if score >= lowest)


def judge(part: Affected, version: str) -> Answer:
    """Whether a version is affected, by the algorithm of the OSV schema ("Evaluation").

    A version that is listed is; so is one within a range. Ranges of Git commits say nothing about versions. A build of ours of
    a public Python version (`2.0.1+cu118`) is what that version is.
    """
    plain = version.partition("+")[0] if part.ecosystem == "PyPI" else version
    answers = {_judged(part, each) for each in dict.fromkeys((version, plain))}
    return next(answer for answer in (Answer.AFFECTED, Answer.UNSURE, Answer.NOT) if answer in answers)


def _judged(part: Affected, version: str) -> Answer:
    if version in part.versions:
        return Answer.AFFECTED
    ranges = [each for each in part.ranges if each.kind != "GIT"]
    answers = [_within(part.ecosystem, each, version) for each in ranges]
    if Answer.AFFECTED in answers:
        return Answer.AFFECTED
    if Answer.UNSURE in answers or (not ranges and not part.versions):
        return Answer.UNSURE
    return _listed(part, version) if part.versions else Answer.NOT


def _listed(part: Affected, version: str) -> Answer:
    """Whether it equals a listed version that is written differently: `1.0` and `1.0.0` are one for PyPI."""
    try:
        own = read_version(part.ecosystem, version)
        equal = any(not (own < other or other < own) for other in _orders(part.ecosystem, part.versions))
    except UnreadableVersion:
        return Answer.UNSURE
    return Answer.AFFECTED if equal else Answer.NOT


def _orders(ecosystem: str, versions: Iterable[str]) -> Iterator[Ordered]:
    for version in versions:
        try:
            yield read_version(ecosystem, version)
        except UnreadableVersion:
            # Only its own spelling can match it, and that has been looked for.
            continue


def _within(ecosystem: str, events: Range, version: str) -> Answer:
    try:
        own = read_version(ecosystem, version)
        ordered = _sorted(ecosystem, events)
        if not _below_limits(ecosystem, events, own):
            return Answer.NOT
    except UnreadableVersion:
        return Answer.UNSURE
    inside = False
    for kind, at in ordered:
        if kind == "introduced" and (at is None or not own < at):
            inside = True
        elif at is not None and ((kind == "fixed" and not own < at) or (kind == "last_affected" and at < own)):
            inside = False
    return Answer.AFFECTED if inside else Answer.NOT


_BEGINNING = ("introduced", "0")


def _sorted(ecosystem: str, events: Range) -> list[tuple[str, Ordered | None]]:
    """The events in order; None stands before all versions. A version that is fixed and introduced again is affected."""
    first: list[tuple[str, Ordered | None]] = [(kind, None) for kind, at in events.events if (kind, at) == _BEGINNING]
    rest = [(kind, read_version(ecosystem, at)) for kind, at in events.events if kind != "limit" and (kind, at) != _BEGINNING]
    rest.sort(key=lambda event: event[0] == "introduced")
    rest.sort(key=_by_version)
    return [*first, *_closed(rest, opened=bool(first))]


def _closed(ordered: Sequence[tuple[str, Ordered]], *, opened: bool) -> list[tuple[str, Ordered]]:
    """A version that is introduced and the last affected is that one alone, unless a span before it ends there."""
    found: list[tuple[str, Ordered]] = []
    stray: tuple[str, Ordered] | None = None
    for event in ordered:
        begins = event[0] == "introduced"
        alone = [stray] if stray and begins and not stray[1] < event[1] else []
        # What ends here begins here: otherwise `= 1.2.3` would have no end.
        found[len(found) - len(alone) :] = [event, *alone]
        stray = event if event[0] == "last_affected" and not opened else None
        opened = begins and not alone
    return found


def _by_version(event: tuple[str, Ordered]) -> Ordered:
    return event[1]


def _below_limits(ecosystem: str, events: Range, own: Ordered) -> bool:
    """Whether a version is below one of the limits; without limits, or with `*`, every version is."""
    limits = [at for kind, at in events.events if kind == "limit"]
    return not limits or any(at == "*" or own < read_version(ecosystem, at) for at in limits)


def fixes(part: Affected) -> list[str]:
    """The versions that are named as fixed, as written."""
    named = (at for each in part.ranges if each.kind != "GIT" for kind, at in each.events if kind == "fixed")
    return list(dict.fromkeys(named))
