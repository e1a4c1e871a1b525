"""What an export wrote, and what of the project is not in it as it was."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trimtab.deploy.targets.files import Placed
from trimtab.deploy.targets.loss import Exported, Loss, LossKind
from trimtab.report.words import counted

_STYLES = {LossKind.LOST: "red", LossKind.APPROXIMATED: "yellow", LossKind.MOOT: "dim"}
_ORDER = list(LossKind)
_SHOWN = 3
"""How many services a row names; the rest is counted."""


@dataclass(frozen=True)
class Export:
    """One export of a project."""

    target: str
    project: str
    folder: str
    exported: Exported
    placed: Placed
    left_out: tuple[str, ...]
    """Services of profiles that are not chosen."""


def export_data(export: Export) -> dict[str, object]:
    """`trimtab export … --format json`."""
    return {
        "schema": "trimtab.export/1",
        "target": export.target,
        "project": export.project,
        "folder": export.folder,
        "files": list(export.exported.files),
        "written": list(export.placed.written),
        "left_from_earlier": list(export.placed.left),
        "left_out": list(export.left_out),
        "losses": [
            {"service": loss.service or None, "key": loss.key, "kind": loss.kind, "reason": loss.reason, "advice": loss.advice}
            for loss in export.exported.losses
        ],
    }


def export_view(export: Export) -> RenderableType:
    """What is lost first, the same of several services once; then what was written."""
    parts: list[RenderableType] = [_table(export.exported.losses), ""] if export.exported.losses else []
    counts = {kind: sum(loss.kind is kind for loss in export.exported.losses) for kind in _ORDER}
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "nothing is lost"
    placed = export.placed
    line = f"{export.project}: {counted(len(export.exported.files), 'file')} in {export.folder}"
    parts.append(Text(f"{line}, {len(placed.written)} of them new or changed; {said}.", "bold"))
    if export.left_out:
        parts.append(Text(f"Not exported, as their profiles are not chosen: {', '.join(export.left_out)}", "yellow"))
    if placed.left:
        parts.append(Text(f"Left from an earlier export, remove them by hand: {', '.join(placed.left)}", "yellow"))
    return Group(*parts)


def _table(losses: Sequence[Loss]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", no_wrap=True)
    table.add_column("service", overflow="fold", max_width=30)
    table.add_column("key", overflow="fold", max_width=34)
    table.add_column("why, and what to do", overflow="fold", ratio=1)
    for group in _grouped(losses):
        first = group[0]
        text = Text(first.reason)
        text.append(f" {first.advice}" if first.advice else "", "dim")
        table.add_row(Text(first.kind, _STYLES[first.kind]), _services(group), Text(first.key), text)
    return table


def _grouped(losses: Sequence[Loss]) -> list[list[Loss]]:
    found: dict[tuple[LossKind, str, str, str], list[Loss]] = {}
    for loss in losses:
        found.setdefault((loss.kind, loss.key, loss.reason, loss.advice), []).append(loss)
    return sorted(found.values(), key=lambda group: _ORDER.index(group[0].kind))


def _services(group: Sequence[Loss]) -> Text:
    names = [loss.service or "(all)" for loss in group]
    more = f", {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return Text(", ".join(names[:_SHOWN]) + more)
