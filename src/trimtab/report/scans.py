"""Earlier scans and scores, for people and programs: what became better or worse, and how old each service's scan is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trimtab.history import ScanRow, ScoreRow
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
    counts: dict[str, int]
    secrets: int
    unchecked: int


def scan_runs(rows: Sequence[ScanRow]) -> list[ScanRun]:
    """The rows of several scans, scan by scan, in their order."""
    found: list[ScanRun] = []
    for run in dict.fromkeys(row.run for row in rows):
        mine = [row for row in rows if row.run == run]
        counts = {level: sum(row.counts.get(level, 0) for row in mine) for level in LEVELS}
        first = mine[0]
        secrets = sum(row.secrets for row in mine)
        found.append(ScanRun(run, first.started, first.revision, first.outcome, len(mine), counts, secrets, first.unchecked))
    return found


def last_scans(rows: Sequence[ScanRow]) -> dict[str, ScanRow]:
    """Each service's newest scan; the rows are the newest first."""
    found: dict[str, ScanRow] = {}
    for row in rows:
        for service in row.services:
            found.setdefault(service, row)
    return dict(sorted(found.items()))


def scans_data(rows: Sequence[ScanRow]) -> Data:
    """`trimtab history scans --format json`."""
    return {
        "schema": "trimtab.history-scans/1",
        "scans": [
            {
                "run": each.run, "started": each.started, "revision": each.revision, "outcome": each.outcome,
                "targets": each.targets, "counts": each.counts, "secrets": each.secrets, "not_checked": each.unchecked,
            }
            for each in scan_runs(rows)
        ],
        "services": [
            {"service": name, "scanned": row.started, "image": row.image or None, "counts": dict(row.counts)}
            for name, row in last_scans(rows).items()
        ],
    }  # fmt: skip


def scans_view(rows: Sequence[ScanRow], now: datetime | None = None) -> RenderableType:
    """The scans over time, and how old each service's last one is."""
    if not rows:
        return "no scan is kept yet: `trimtab scan` keeps each one"
    table = Table(title="scans", title_justify="left", box=None, pad_edge=False)
    for column in ("run", "started", "revision", "outcome", *LEVELS, "credentials", "not checked"):
        table.add_column(
            column, no_wrap=True, justify="left" if column in {"run", "started", "revision", "outcome"} else "right"
        )
    for each in scan_runs(rows):
        numbers = [Text(str(each.counts[level]), "" if each.counts[level] else "dim") for level in LEVELS]
        table.add_row(
            each.run, each.started[:19].replace("T", " "), each.revision or "",
            Text(each.outcome, _OUTCOMES.get(each.outcome, "")), *numbers, str(each.secrets), str(each.unchecked),
        )  # fmt: skip
    return Group(table, "", _services(rows, now or datetime.now(UTC)))


def _services(rows: Sequence[ScanRow], now: datetime) -> Table:
    table = Table(title="services", title_justify="left", box=None, pad_edge=False)
    for column in ("service", "last scan", "packages", *LEVELS):
        table.add_column(column, no_wrap=True, justify="left" if column in {"service", "last scan"} else "right")
    for name, row in last_scans(rows).items():
        ago = f"{age(now - datetime.fromisoformat(row.started))} ago"
        table.add_row(name, ago, str(row.packages), *(str(row.counts.get(level, 0)) for level in LEVELS))
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
