"""What gates look at: results of other stages, as plain values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from trimtab.fleet.plain import items, mapping
from trimtab.review import Score


@dataclass(frozen=True)
class ScanSeen:
    """The last scan, as it was kept."""

    started: datetime
    as_of: datetime | None
    parts: frozenset[str]
    counts: Mapping[str, Mapping[str, int]]
    """Vulnerabilities by severity, for each service whose image was scanned, and for the source tree under `""`."""
    images: Mapping[str, str]
    """Each scanned image's name to the id that it had."""
    not_checked: Sequence[tuple[str, str, tuple[str, ...]]]
    """What, why, and which services it belongs to; no services where it is the fleet's."""
    secrets: int
    """How many credentials were found."""
    gaps: tuple[str, ...] = ()
    """Why it could not have found anything, whatever it found."""
    whole: bool = True
    """Whether it was of the whole fleet."""
    tree: str = ""
    """The fingerprint of the files that it searched."""
    unasked: frozenset[str] | None = frozenset()
    """The services whose vulnerabilities were not all looked up; None means nobody's were."""
    accepted_until: date | None = None
    """The last day on which everything holds that the ignore file accepts; None where it accepts nothing."""
    unsearched: bool = False
    """Whether something could not be searched for credentials."""
    places: tuple[str, ...] = ()
    """Where the credentials are: paths with lines, those in images behind the image's name."""


def read_scan(data: object) -> ScanSeen | None:
    """A scan from the JSON that it was kept as; None where that is none, or a part of it is not what a scan writes."""
    try:
        return _read(mapping(data))
    except (KeyError, ValueError):
        return None


def _read(found: Mapping[str, object]) -> ScanSeen:
    as_of, until = found.get("advisories_as_of"), found.get("accepted_until")
    targets = [mapping(each) for each in items(found.get("targets"))]
    counts: dict[str, Mapping[str, int]] = {}
    images: dict[str, str] = {}
    for target in targets:
        numbers = _numbers(target)
        for name in [str(each) for each in items(target.get("services"))] or [""] * (target.get("kind") == "sources"):
            counts[name] = _added(counts.get(name, {}), numbers)
        if target.get("image"):
            names = [target.get("name"), *items(target.get("names"))]
            images.update({str(name): str(target["image"]) for name in names})
    missing = [mapping(each) for each in items(found.get("not_checked"))]
    return ScanSeen(
        _moment(found["started"]),
        _moment(as_of) if as_of else None,
        frozenset(str(part) for part in items(found.get("parts"))),
        counts,
        images,
        [(str(e.get("what")), str(e.get("reason")), tuple(str(s) for s in items(e.get("services")))) for e in missing],
        sum(len(items(target.get("secrets"))) for target in targets),
        tuple(str(gap) for gap in items(found.get("gaps"))),
        bool(mapping(found.get("scope")).get("whole")),
        str(mapping(found.get("scope")).get("tree", "")),
        _unasked(found, missing),
        date.fromisoformat(str(until)) if until else None,
        any(each.get("part") == "secrets" for each in missing),
        tuple(dict.fromkeys(place for target in targets for place in _places(target))),
    )


def _places(target: Mapping[str, object]) -> Iterator[str]:
    image = f"{target.get('name')}: " if target.get("kind") == "image" else ""
    for leak in map(mapping, items(target.get("secrets"))):
        line = f":{leak['line']}" if leak.get("line") else ""
        yield f"{image}{leak.get('where')}{line}"


def _moment(value: object) -> datetime:
    found = datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _numbers(target: Mapping[str, object]) -> dict[str, int]:
    """How many vulnerabilities of each severity. One that is missing is no zero."""
    given = mapping(target.get("counts"))
    # Here, because the configuration's limits load this module, and no review is to load the matcher of vulnerabilities.
    from trimtab.scan import LEVELS

    numbers = {level: number for level in LEVELS if isinstance(number := given.get(level), int) and number >= 0}
    if len(numbers) < len(LEVELS):
        raise ValueError("a severity has no number")
    return numbers


def _unasked(found: Mapping[str, object], missing: Sequence[Mapping[str, object]]) -> frozenset[str] | None:
    """Whose vulnerabilities nobody was asked for, or could say."""
    missed = [[str(name) for name in items(each.get("services"))] for each in missing if each.get("part") == "vulns"]
    if not items(found.get("sources")) or [] in missed:
        return None
    return frozenset(name for names in missed for name in names)


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Two images of services of one name, which several compose files have."""
    return {level: one.get(level, 0) + other.get(level, 0) for level in {**one, **other}}


@dataclass(frozen=True, slots=True)
class ServiceSeen:
    """One service: where it is made, what it scored, and what was built last."""

    name: str
    path: str
    score: Score
    image_bytes: int | None = None
    build_seconds: float | None = None
    called: str = ""
    """What its files call it, where that is not its name here: another project has one of that name, too."""

    @property
    def service(self) -> str:
        return self.called or self.name


@dataclass(frozen=True, slots=True)
class Generated:
    """One generated file, as its own kind of linter sees it."""

    path: str
    tool: str
    problem: str | None = None
    """None where it is clean."""
    missing: bool = False
    """Whether the tool is not installed."""


@dataclass(frozen=True)
class Before:
    """What the branch that this one will be merged into has."""

    revision: str
    scores: Mapping[str, Score]
    """By service; `""` is the fleet."""
    findings: frozenset[str]
    """Fingerprints of its severe findings."""


@dataclass(frozen=True)
class Measured:
    """Everything that gates look at."""

    score: Score
    services: tuple[ServiceSeen, ...]
    unread: Mapping[str, str]
    """Files that could not be reviewed, with the reason."""
    scan: ScanSeen | None
    verdicts: Mapping[str, tuple[str, str]]
    """Each file's newest verdict by `trimtab optimize`: its kind and the reason."""
    generated: tuple[Generated, ...] = ()
    findings: Mapping[str, str] = field(default_factory=dict[str, str])
    """Fingerprints of the severe findings, to where they are and what they say."""
    before: Before | None = None
    images: Mapping[str, str] = field(default_factory=dict[str, str])
    """The id that each scanned image's name has now; without those that could not be asked for."""
    tree: str = ""
    """The fingerprint of the files as they are now."""
    no_scan: str = "no scan is recorded"
    """Why there is no scan to go by, where there is none."""
