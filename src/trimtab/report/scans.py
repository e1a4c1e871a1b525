"""Earlier scans and scores, for people and programs: what became better or worse, and how old each service's scan is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trimtab.fleet.needed import normal_reference
from trimtab.fleet.told_apart import Told
from trimtab.history import ScanRow, ScoreRow
from trimtab.history.scans import Asked
from trimtab.report.data import Data
from trimtab.scan import LEVELS
from trimtab.scan.verdict import age

_OUTCOMES = {"clean": "green", "findings": "red", "incomplete": "yellow"}


@dataclass(frozen=True)
class ScanRun:
    """One scan, over all of its targets; a vulnerability that two images have counts for both."""

    run: str
    started: str
    revision: str | None
    outcome: str
    targets: int
    counts: dict[str, int] | None
    """None where nobody was asked for vulnerabilities: that is no zero."""
    secrets: int | None
    """None where nobody looked for credentials."""
    unchecked: int


def scan_runs(rows: Sequence[ScanRow], asked: Asked) -> list[ScanRun]:
    """The rows of several scans, scan by scan, in their order."""
    found: list[ScanRun] = []
    for run in dict.fromkeys(row.run for row in rows):
        mine = [row for row in rows if row.run == run]
        counts = {level: sum(row.counts.get(level, 0) for row in mine) for level in LEVELS}
        first = mine[0]
        counts = counts if any(asked(row) for row in mine) else None
        secrets = sum(row.secrets for row in mine) if "secrets" in first.parts else None
        found.append(ScanRun(run, first.started, first.revision, first.outcome, len(mine), counts, secrets, first.unchecked))
    return found


def is_of(told: Told, scan: ScanRow) -> bool:
    """Whether a scan names a service, and is of its image where another project has a service of that name."""
    named = {normal_reference(each.image or f"{told.project}-{told.service}") for each in told.services}
    return told.service in scan.services and (not told.project or normal_reference(scan.target) in named)


def _about(row: ScanRow, told: Mapping[str, Told]) -> list[str]:
    """The services that a scan names, by what tells them apart now; one that no project has any more by its own name."""
    found: list[str] = []
    for service in row.services:
        mine = [each.name for each in told.values() if each.service == service and is_of(each, row)]
        found += mine or [service]
    return found


def last_scans(
    rows: Sequence[ScanRow], asked: Asked, told: Mapping[str, Told]
) -> dict[str, tuple[ScanRow, dict[str, int] | None]]:
    """Each service's newest scan that asked for vulnerabilities, with their numbers; where none did, the newest one without
    numbers. The rows are the newest first.
    """
    found: dict[str, tuple[ScanRow, dict[str, int] | None]] = {}
    for row in rows:
        for service in _about(row, told):
            known = found.setdefault(service, (row, dict(row.counts) if asked(row) else None))
            if known[1] is None and asked(row):
                found[service] = row, dict(row.counts)
    return dict(sorted(found.items()))


def never_scanned(rows: Sequence[ScanRow], told: Mapping[str, Told]) -> list[str]:
    """Those of a fleet's services that none of the rows is about."""
    seen = {service for row in rows for service in _about(row, told)}
    return sorted({*told} - seen)


def scans_data(rows: Sequence[ScanRow], asked: Asked, told: Mapping[str, Told]) -> Data:
    """`trimtab history scans --format json`; `told` are the services that the fleet has now."""
    return {
        "schema": "trimtab.history-scans/1",
        "scans": [
            {
                "run": each.run, "started": each.started, "revision": each.revision, "outcome": each.outcome,
                "targets": each.targets, "counts": each.counts, "secrets": each.secrets, "not_checked": each.unchecked,
            }
            for each in scan_runs(rows, asked)
        ],
        "services": [
            {"service": name, "scanned": row.started, "image": row.image or None, "counts": counts}
            for name, (row, counts) in last_scans(rows, asked, told).items()
        ],
        "never_scanned": never_scanned(rows, told),
    }  # fmt: skip


def scans_view(rows: Sequence[ScanRow], asked: Asked, told: Mapping[str, Told], now: datetime | None = None) -> RenderableType:
    """The scans over time, and how old each service's last one is that asked for vulnerabilities."""
    if not rows:
        return "no scan is kept yet: `trimtab scan` keeps each one"
    table = Table(title="scans", title_justify="left", box=None, pad_edge=False)
    for column in ("run", "started", "revision", "outcome", *LEVELS, "credentials", "not checked"):
        table.add_column(
            column, no_wrap=True, justify="left" if column in {"run", "started", "revision", "outcome"} else "right"
        )
    for each in scan_runs(rows, asked):
        numbers = [_number(each.counts[level] if each.counts else None) for level in LEVELS]
        table.add_row(
            each.run, each.started[:19].replace("T", " "), each.revision or "",
            Text(each.outcome, _OUTCOMES.get(each.outcome, "")), *numbers, _number(each.secrets), str(each.unchecked),
        )  # fmt: skip
    return Group(table, "", _services(rows, asked, told, now or datetime.now(UTC)))


def _number(value: int | None) -> Text:
    return Text("–" if value is None else str(value), "" if value else "dim")


def _services(rows: Sequence[ScanRow], asked: Asked, told: Mapping[str, Told], now: datetime) -> Table:
    table = Table(title="services", title_justify="left", box=None, pad_edge=False)
    for column in ("service", "last scan", "packages", *LEVELS):
        table.add_column(column, no_wrap=True, justify="left" if column in {"service", "last scan"} else "right")
    for name, (row, counts) in last_scans(rows, asked, told).items():
        numbers = [None if counts is None else counts.get(level, 0) for level in LEVELS]
        ago = f"{age(now - datetime.fromisoformat(row.started))} ago"
        table.add_row(name, ago, str(row.packages), *(_number(number) for number in numbers))
    for name in never_scanned(rows, told):
        table.add_row(name, Text("never", "yellow"), *[_number(None)] * (1 + len(LEVELS)))
    return table


def scores_data(name: str, rows: Sequence[ScoreRow]) -> Data:
    """`trimtab history scores --format json`; `change` is from the oldest of the rows to the newest."""
    return {
        "schema": "trimtab.history-scores/1",
        "name": name or None,
        "change": round(rows[0].overall - rows[-1].overall, 1) if rows else None,
        "scores": [
            {
                "run": each.run, "started": each.started, "revision": each.revision, "score": round(each.overall, 1),
                "scores": {category: round(value, 1) for category, value in each.categories.items()},
            }
            for each in rows
        ],
    }  # fmt: skip


def scores_view(name: str, rows: Sequence[ScoreRow]) -> RenderableType:
    """The scores of the fleet or one service over time, the newest first, each with its change."""
    if not rows:
        return "no score is kept yet: `trimtab gate` keeps each one"
    categories = list(rows[0].categories)
    table = Table(title=name or "fleet", title_justify="left", box=None, pad_edge=False)
    for column in ("started", "revision", "score", "change", *categories):
        table.add_column(column, no_wrap=True, justify="left" if column in {"started", "revision"} else "right")
    for row, before in zip(rows, [*rows[1:], None], strict=True):
        change = row.overall - before.overall if before else 0.0
        style = "green" if change > 0.05 else "red" if change < -0.05 else "dim"
        table.add_row(
            row.started[:19].replace("T", " "), row.revision or "", f"{row.overall:.1f}",
            Text(f"{change:+.1f}" if before else "", style), *(f"{row.categories.get(each, 0):.1f}" for each in categories),
        )  # fmt: skip
    return table
