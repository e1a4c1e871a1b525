"""The report for programs. Fields are added, never renamed."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

from trimtab.history import BuildRow
from trimtab.report.data import Data
from trimtab.report.overview.model import Change, Empty, Metric, Scanned, Sourced, Where
from trimtab.report.overview.whole import BuildPart, Overview, ProjectStart

T = TypeVar("T")


def overview_data(report: Overview) -> Data:
    """`trimtab report --format json`."""
    return {
        "schema": "trimtab.report/1",
        "fleet": report.name,
        "made": report.made,
        "revision": report.revision,
        "metrics": [_metric(each) for each in report.metrics],
        "review": _part(report.review, asdict),
        "services": [asdict(each) for each in report.services],
        "optimisation": _part(report.optimised, asdict),
        "startup": _part(report.starts, lambda value: {"projects": [_start(each) for each in value]}),
        "builds": _part(report.builds, _builds),
        "images": _part(report.images, lambda value: {"images": [asdict(each) for each in value]}),
        "scan": _part(report.scanned, _scan),
        "gates": _part(report.gates, lambda value: {"checks": [asdict(each) for each in value]}),
        "deployments": _part(report.deployments, lambda value: {"deployments": [asdict(each) for each in value]}),
        "usage": _part(
            report.usage,
            lambda value: {
                "containers": [{**asdict(each), "memory_share": each.memory, "cpu_share": each.cpu} for each in value]
            },
        ),
        "running": [asdict(each) for each in report.running],
    }


def _metric(metric: Metric) -> Data:
    return {
        "key": metric.key,
        "group": str(metric.group),
        "title": metric.title,
        "unit": str(metric.unit),
        "better": metric.better,
        "value": metric.value,
        "measured": _where(metric.where),
        "change": _change(metric.change),
        "verdict": metric.verdict,
        "target": asdict(metric.target) if metric.target else None,
        "how": metric.how,
        "note": metric.note or None,
        "fill": metric.fill,
    }


def _change(change: Change | None) -> Data | None:
    if change is None:
        return None
    return {"before": change.before, "after": change.after, "measured": _where(change.where), "of": change.subjects or None}


def _where(where: Where | None) -> Data | None:
    return None if where is None else {"command": where.command, "at": where.at, "ids": list(where.ids)}


def _part(part: Sourced[T] | Empty, data: Callable[[T], Data]) -> Data:
    """A part with its source; one that nothing is known for says what fills it."""
    if isinstance(part, Empty):
        return {"measured": None, "missing": part.reason, "fill": part.fill}
    return {"measured": _where(part.where), **data(part.value)}


def _start(each: ProjectStart) -> Data:
    return {
        "files": list(each.files),
        "predicted_seconds": round(each.start.seconds, 1),
        "predicted_seconds_with_quicker_probes": round(each.faster, 1),
        "critical_path": list(each.start.critical_path),
        "circular": list(each.start.circular),
        "services": {
            name: {
                "starts": round(timing.starts, 1), "ready": round(timing.ready, 1), "slack": round(timing.slack, 1),
                "depends_on": list(each.depends.get(name, ())), "healthy_after": each.healthy.get(name),
            }
            for name, timing in each.start.timings.items()
        },
    }  # fmt: skip


def _builds(part: BuildPart) -> Data:
    return {
        "run": {**asdict(part.run), "efficiency": part.run.efficiency},
        "builds": [_row(row) for row in part.rows],
        "runs": [asdict(each) for each in part.runs],
        "worse": [{"target": target, "what": said} for target, said in part.worse],
    }


def _row(row: BuildRow) -> Data:
    return {name: value for name, value in asdict(row).items() if name not in {"steps", "id"}}


def _scan(part: Scanned) -> Data:
    return {
        "outcome": part.outcome,
        "targets": [
            {"name": name, "scanned": scanned, "counts": counts, "credentials": credentials}
            for name, scanned, counts, credentials in part.targets
        ],
        "worst": [asdict(each) for each in part.worst],
        "more": part.more,
        "controls": [asdict(each) for each in part.controls],
        "not_checked": [{"what": what, "reason": reason} for what, reason in part.not_checked],
    }
