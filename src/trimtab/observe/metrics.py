"""What the history of a fleet says, as metrics: containers, builds, deployments, scans, scores and proofs. Pure.

Names and units are Prometheus' own (https://prometheus.io/docs/practices/naming/): seconds, bytes, ratios of one, `_total` for
counters. What was not measured has no sample, and what was seen last too long ago to be true now has none either.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from trimtab.history import BuildRow, BuildTotal, ScanRow, ScoreRow, regressions
from trimtab.history.callers import Callers
from trimtab.history.containers import Place
from trimtab.history.deployments import DeploymentRow
from trimtab.observe.exposition import Family

T = TypeVar("T")
FRESH = 300.0
"""Seconds for which what was seen of a container is said of it now."""
HEALTH = ("healthy", "unhealthy", "starting")
OUTCOMES = ("done", "failed", "rolled-back", "abandoned")
_GAUGES = (
    ("memory_working_set_bytes", "Memory in use, without page cache that can be dropped.", "memory"),
    ("memory_limit_bytes", "The memory that the container may use.", "memory_limit"),
    ("cpu_limit_cores", "The processor cores that the container may use.", "cpu_limit"),
)
_COUNTERS = (
    ("cpu_seconds_total", "Processor time used while observed.", "cpu_seconds"),
    ("cpu_periods_total", "Scheduler periods in which a limited container wanted to run.", "periods"),
    ("cpu_throttled_periods_total", "Scheduler periods in which the container was held back.", "throttled"),
    ("oom_kills_total", "Processes killed for want of memory, children of a container that lives on among them.", "ooms"),
    ("restarts_total", "Restarts by the engine.", "restarts"),
    ("health_changes_total", "Changes of what the health check says.", "health_changes"),
    ("network_receive_bytes_total", "Bytes received.", "received"),
    ("network_transmit_bytes_total", "Bytes sent.", "sent"),
    ("disk_read_bytes_total", "Bytes read from block devices.", "bytes_read"),
    ("disk_written_bytes_total", "Bytes written to block devices.", "bytes_written"),
)


@dataclass(frozen=True)
class Known:
    """What the metrics are made from; builds, scans, scores and deployments the newest first."""

    places: Sequence[Place] = ()
    callers: Sequence[Callers] = ()
    totals: Sequence[BuildTotal] = ()
    """All builds, also those whose rows are not kept any more."""
    builds: Sequence[BuildRow] = ()
    """The last good ones of each target."""
    deployments: Sequence[DeploymentRow] = ()
    scans: Sequence[ScanRow] = ()
    scores: Sequence[ScoreRow] = ()
    verdicts: Mapping[str, tuple[str, str]] | None = None
    """Each file's newest verdict, with its reason."""
    answered: Sequence[ScanRow] = ()
    """Of each target the newest scan for whose vulnerabilities somebody could be asked: that others found none says nothing."""


def families(known: Known, now: float) -> list[Family]:
    """All metrics; `now` is in seconds since 1970."""
    return [
        *_containers(known.places, now), *_callers(known.callers), *_builds(known.totals, known.builds),
        *_deployments(known.deployments), *_scans(known.scans, known.answered),
        *_scores(known.scores), *_proofs(known.verdicts or {}),
    ]  # fmt: skip


def _gauge(name: str, told: str, values: Iterable[tuple[dict[str, str], float]]) -> Family:
    return Family(f"trimtab_{name}", "gauge", told, list(values))


def _counter(name: str, told: str, values: Iterable[tuple[dict[str, str], float]]) -> Family:
    return Family(f"trimtab_{name}", "counter", told, list(values))


def _containers(places: Sequence[Place], now: float) -> Iterator[Family]:
    fresh = [each for each in places if now - each.seen <= FRESH]
    seen = ((_place(each), each.seen) for each in places)
    yield _gauge("container_last_observed_timestamp_seconds", "When the container was seen last.", seen)
    info = (({**_place(each), "image_id": each.image, "config_hash": each.config}, 1.0) for each in fresh)
    yield _gauge("container_info", "The image and configuration that the container has.", info)
    running = ((_place(each), float(each.state == "running")) for each in fresh)
    yield _gauge("container_running", "Whether the container runs.", running)
    checked = [(each, status) for each in fresh if each.health for status in HEALTH]
    health = (({**_place(each), "status": status}, float(each.health == status)) for each, status in checked)
    yield _gauge("container_health_status", "Whether this is what the container's health check says.", health)
    for name, told, field in _GAUGES:
        known = [each for each in fresh if getattr(each, field) is not None]
        yield _gauge(f"container_{name}", told, ((_place(each), float(getattr(each, field))) for each in known))
    for name, told, field in _COUNTERS:
        yield _counter(f"container_{name}", told, ((_place(each), float(getattr(each, field))) for each in places))


def _place(place: Place) -> dict[str, str]:
    return {"project": place.project, "service": place.service, "number": str(place.number)}


def _callers(callers: Sequence[Callers]) -> Iterator[Family]:
    """What the holder says of the services behind it."""
    given = (({"project": each.project, "service": each.service}, float(each.requests)) for each in callers)
    yield _counter(
        "holder_requests_total", "Requests, and connections of plain TCP, given to the service by the holder.", given
    )
    failed = (({"project": each.project, "service": each.service}, float(each.failed)) for each in callers)
    told = "Of them, those that the service did not take, broke off, or answered with a status of 500 to 599."
    yield _counter("holder_failed_requests_total", told, failed)


def _builds(totals: Sequence[BuildTotal], rows: Sequence[BuildRow]) -> Iterator[Family]:
    built: dict[str, list[BuildRow]] = {}
    for row in rows:
        if row.outcome == "built":
            built.setdefault(row.target, []).append(row)
    last = [each[0] for each in built.values()]
    counted = (({"target": each.target, "outcome": each.outcome}, float(each.builds)) for each in totals)
    yield _counter("builds_total", "Builds by how they ended.", counted)
    took = (({"target": row.target}, row.seconds) for row in last)
    yield _gauge("build_duration_seconds", "What the last good build took.", took)
    began = (({"target": row.target}, _time(row.started)) for row in last)
    yield _gauge("build_timestamp_seconds", "When the last good build began.", began)
    hits = (({"target": row.target}, row.cached / row.cacheable) for row in last if row.cacheable)
    yield _gauge("build_cache_hit_ratio", "The share of the last good build's steps that were in the cache.", hits)
    sizes = (({"target": row.target}, float(row.image_bytes)) for row in last if row.image_bytes)
    yield _gauge("image_size_bytes", "The size of the image that was built last.", sizes)
    worse = (({"target": target}, float(bool(regressions(each)))) for target, each in built.items())
    yield _gauge("build_regression", "Whether the last good build is slower or larger than those before it.", worse)


def _deployments(rows: Sequence[DeploymentRow]) -> Iterator[Family]:
    ended = [row for row in rows if row.outcome is not None]
    counts = sorted(Counter((row.project, row.kind, str(row.outcome)) for row in ended).items())
    last = _first((row.project, row) for row in ended)
    counted = (
        ({"project": project, "kind": kind, "outcome": outcome}, float(number)) for (project, kind, outcome), number in counts
    )
    yield _counter("deployments_total", "Deployments and rollbacks by how they ended.", counted)
    ends = [(row, outcome) for row in last for outcome in OUTCOMES]
    how = (({"project": row.project, "outcome": outcome}, float(row.outcome == outcome)) for row, outcome in ends)
    yield _gauge("deployment_outcome", "Whether the last deployment or rollback ended like this.", how)
    revisions = (({"project": row.project}, float(row.revision)) for row in last)
    yield _gauge("deployment_revision", "The revision of the last deployment or rollback.", revisions)
    began = (({"project": row.project}, _time(row.started)) for row in last)
    yield _gauge("deployment_timestamp_seconds", "When the last deployment or rollback began.", began)
    took = (({"project": row.project}, row.seconds) for row in last if row.seconds is not None)
    yield _gauge("deployment_duration_seconds", "What the last deployment or rollback took.", took)
    unfinished = _first((row.project, row) for row in rows if row.outcome is None)
    since = (({"project": row.project}, _time(row.started)) for row in unfinished)
    yield _gauge("deployment_unfinished_timestamp_seconds", "When a deployment began that has not ended.", since)


def _scans(rows: Sequence[ScanRow], answered: Sequence[ScanRow]) -> Iterator[Family]:
    last = _first((row.target, row) for row in rows)
    counts = [(row.target, severity, number) for row in answered for severity, number in sorted(row.counts.items())]
    known = (({"target": target, "severity": severity}, float(number)) for target, severity, number in counts)
    yield _gauge("scan_vulnerabilities", "Known vulnerabilities, by the last scan that had advisories.", known)
    never = {row.target: 0.0 for row in last if "vulns" in row.parts}
    times = never | {row.target: _time(row.started) for row in answered}
    had = (({"target": target}, value) for target, value in times.items())
    yield _gauge("scan_vulnerabilities_timestamp_seconds", "When the last scan that had advisories began; 0 for never.", had)
    secrets = (({"target": row.target}, float(row.secrets)) for row in last if "secrets" in row.parts)
    yield _gauge("scan_secrets", "Credentials that the last scan found.", secrets)
    unchecked = (({"target": row.target}, float(row.unchecked)) for row in last)
    yield _gauge("scan_unchecked", "What the last scan did not look at, over all of its targets.", unchecked)
    began = (({"target": row.target}, _time(row.started)) for row in last)
    yield _gauge("scan_timestamp_seconds", "When the last scan began.", began)
    advisories = (({"target": row.target}, _time(row.as_of)) for row in answered if row.as_of)
    yield _gauge("scan_advisories_timestamp_seconds", "Of when the advisories are that the last scan had.", advisories)


def _scores(rows: Sequence[ScoreRow]) -> Iterator[Family]:
    last = rows[:1]
    yield _gauge("score", "What the fleet scored last, of a hundred.", (({}, row.overall) for row in last))
    categories = (({"category": name}, value) for row in last for name, value in sorted(row.categories.items()))
    yield _gauge("category_score", "What the fleet scored last in one category, of ten.", categories)


def _proofs(verdicts: Mapping[str, tuple[str, str]]) -> Iterator[Family]:
    counts = sorted(Counter(kind for kind, _ in verdicts.values()).items())
    counted = (({"verdict": kind}, float(number)) for kind, number in counts)
    yield _gauge("proof_files", "Files by the last verdict on changes to them.", counted)


def _first(pairs: Iterable[tuple[str, T]]) -> list[T]:
    """The first of each name."""
    found: dict[str, T] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return list(found.values())


def _time(text: str) -> float:
    """ISO 8601 in seconds since 1970; a time without a zone is UTC."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
