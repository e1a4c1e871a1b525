"""The report's figures for a terminal."""

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from trimtab.report.overview import words
from trimtab.report.overview.model import Group, Metric
from trimtab.report.overview.whole import Overview

_STYLES = {"better": "green", "worse": "red", "same": "dim", "changed": ""}


def overview_view(report: Overview) -> RenderableType:
    """Every success metric with its change, its target and where it was measured; what was not says what measures it."""
    parts: list[RenderableType] = []
    for group in Group:
        table = Table(title=str(group), title_justify="left", box=None, pad_edge=False, header_style="dim")
        for column in ("", "value", "against before", "target"):
            table.add_column(column, overflow="fold")
        table.add_column("measured", overflow="fold", ratio=1)
        for each in report.metrics:
            if each.group is group:
                table.add_row(each.title, *_cells(each))
        parts += [table, ""]
    return Lines(*parts[:-1])


def _cells(metric: Metric) -> tuple[RenderableType, ...]:
    target = Text(metric.target.text if metric.target else "")
    if metric.target and metric.target.met is not None:
        target.append(", met" if metric.target.met else ", missed", "green" if metric.target.met else "bold red")
    if metric.value is None or metric.where is None:
        return Text("not measured", "dim"), "", target, Text(f"{metric.note}: {metric.fill}".removeprefix(": "), "dim")
    change = Text(words.change(metric), _STYLES.get(metric.verdict or "", ""))
    return Text(words.value(metric), "bold"), change, target, Text(words.source(metric.where), "dim")
