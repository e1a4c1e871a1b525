"""Everything brought together: the history and the review of the files, as one value. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from trimtab.build.told_apart import Targets, targets_of
from trimtab.fleet import Fleet
from trimtab.fleet.compose.facts import ComposeFacts, compose_facts
from trimtab.fleet.compose.startup import faster_checks, predict
from trimtab.fleet.told_apart import Told, about, project_name, told_apart
from trimtab.gate import GatePolicy
from trimtab.history import BuildRow, ScanRow
from trimtab.report.overview import spans
from trimtab.report.overview.builds import build_metrics, build_part, image_lines, image_metrics
from trimtab.report.overview.deployments import (
    deployment_metrics,
    deployments_part,
    healthy,
    last_outcomes,
    memory_shares,
    usage_part,
)
from trimtab.report.overview.known import Known
from trimtab.report.overview.model import Cost, Empty, ReviewPart, ServiceLine, Sourced, Where
from trimtab.report.overview.proofs import optimised_part
from trimtab.report.overview.security import gates_part, in_fleet, scanned_part, security_metrics
from trimtab.report.overview.whole import Overview, ProjectStart
from trimtab.report.scans import is_of
from trimtab.review import Review
from trimtab.review.score import deductions
from trimtab.rules import Finding, Severity

_COSTS, _BUILDS = 12, 20


def overview(
    name: str, revision: str | None, review: Review, known: Known, policy: GatePolicy, now: datetime
) -> Overview:  # fmt: skip
    """The report of a fleet. The same values give the same report.

    Args:
        name: What the fleet is called.
        revision: The commit of the files, where they are in git.
        review: The review of the files as they are.
        known: What its history holds.
        policy: What its gates ask for, which is what the figures are held against.
        now: The moment of the report, with its zone.
    """
    made = now.isoformat(timespec="seconds")
    fleet = review.fleet
    names = frozenset(service.name for service in fleet.services)
    targets = spans.in_fleet(known.recent, names)
    scans = in_fleet(known.scans, names)
    optimised, images, usage = optimised_part(known), image_lines(targets), usage_part(known, _jobs(fleet))
    return Overview(
        name=name,
        made=made,
        revision=revision,
        review=Sourced(_review(review), Where("trimtab review", made)),
        services=_services(review, known, targets, scans, memory_shares(usage)),
        metrics=(
            *build_metrics(known, targets, optimised, policy),
            *image_metrics(fleet, images, targets, optimised, made),
            *security_metrics(known, scans, review, policy, now),
            *deployment_metrics(known),
        ),
        optimised=optimised,
        starts=_starts(fleet, known, made),
        builds=build_part(known, targets),
        images=images,
        scanned=scanned_part(known, scans),
        gates=gates_part(known),
        deployments=deployments_part(known),
        usage=usage,
        running=known.running,
    )


def _review(review: Review) -> ReviewPart:
    counts = Counter(str(finding.severity) for finding in review.findings)
    return ReviewPart(
        review.score.overall,
        {str(category): value for category, value in review.score.categories.items()},
        {str(severity): counts[str(severity)] for severity in sorted(Severity, reverse=True)},
        len(review.file_scores),
        _costs(review),
        [(error.path, error.message) for error in review.errors],
    )


def _costs(review: Review) -> list[Cost]:
    """What each rule costs the fleet, the dearest first: the mean over files of what its findings cost there."""
    files: dict[str, list[Finding]] = {}
    for finding in review.findings:
        files.setdefault(finding.path, []).append(finding)
    points: dict[str, float] = {}
    findings: dict[str, list[Finding]] = {}
    for mine in files.values():
        for finding, lost in deductions(mine):
            points[finding.rule] = points.get(finding.rule, 0.0) + lost / max(len(review.file_scores), 1)
            findings.setdefault(finding.rule, []).append(finding)
    return [
        Cost(rule, findings[rule][0].name, len(findings[rule]), lost, sum(each.fix is not None for each in findings[rule]))
        for rule, lost in sorted(points.items(), key=lambda pair: (-pair[1], pair[0]))[:_COSTS]
    ]


def _services(
    review: Review, known: Known, targets: Mapping[str, Sequence[BuildRow]], scans: Sequence[ScanRow],
    memory: Mapping[tuple[str, str], float],
) -> list[ServiceLine]:  # fmt: skip
    """Every service, the lowest score first."""
    told = told_apart(review.fleet)
    built_as, outcomes = targets_of(review.fleet), last_outcomes(known)
    findings = Counter(name for finding in review.findings for name in about(told, finding.services, finding.path))
    found: list[ServiceLine] = []
    for name, score in review.service_scores.items():
        one = told[name]
        good = spans.built(_builds_of(one, targets, built_as))
        row = next((each for each in scans if is_of(one, each)), None)
        security = next(value for category, value in score.categories.items() if str(category) == "security")
        place = (one.project, one.service)
        found.append(
            ServiceLine(
                name, _path(one), score.overall, security, findings[name],
                next((each.image_bytes for each in good if each.image_bytes), None),
                tuple(each.seconds for each in reversed(good[:_BUILDS])), row.counts if row and known.asked(row) else None,
                row.started if row else "", outcomes.get(place, ""), memory.get(place),
            )
        )  # fmt: skip
    return sorted(found, key=lambda each: (each.score, each.name))


def _path(told: Told) -> str:
    service = told.services[-1]
    return (service.build.dockerfile if service.build else None) or service.origin


def _builds_of(told: Told, targets: Mapping[str, Sequence[BuildRow]], built_as: Targets) -> Sequence[BuildRow]:
    """The builds of the image that a service runs."""
    chosen = built_as.get(told.name)
    for target, rows in targets.items():
        called = {target, *rows[0].services.split(",")} if rows[0].services else {target}
        if told.service in called and (chosen is None or target in chosen):
            return rows
    return ()


def _jobs(fleet: Fleet) -> frozenset[tuple[str, str]]:
    """The services that are meant to end, by project where another one has a service of that name."""
    told = told_apart(fleet)
    ends = {id(service) for each in compose_facts(fleet) for service in each.project.services if each.is_job(service)}
    return frozenset((each.project, each.service) for each in told.values() if any(id(one) in ends for one in each.services))


def _starts(fleet: Fleet, known: Known, made: str) -> Sourced[Sequence[ProjectStart]] | Empty:
    """The start of each project that is meant, predicted from its files as `trimtab startup` does."""
    measured, told = healthy(known), told_apart(fleet)
    found: list[ProjectStart] = []
    for project in fleet.meant_projects:
        facts, owner = ComposeFacts(fleet, project), project_name(project, fleet.tree.name)
        start = predict(facts, {})
        if start.timings:
            depends = {
                each.name: tuple(n for n in each.depends_on if n in start.timings)
                for each in project.services
                if each.name in start.timings
            }
            seen = {
                name: seconds
                for name in start.timings
                if (seconds := measured.get((owner if (f"{owner}/{name}") in told else "", name))) is not None
            }
            faster = predict(facts, {}, faster_checks(facts)).seconds
            found.append(ProjectStart(project.files, start, faster, depends, seen))
    if not found:
        return Empty("no compose project was found", "trimtab review")
    return Sourced(found, Where("trimtab startup", made))
