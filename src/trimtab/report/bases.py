"""The bases that services could have, as a table and as data."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trimtab.fleet.advice import BaseAdvice, Fit
from trimtab.fleet.portability import Part


def bases_data(advice: Sequence[BaseAdvice]) -> dict[str, object]:
    """`trimtab bases --format json`."""
    return {"schema": "trimtab.bases/1", "files": [_data(each) for each in advice]}


def _data(each: BaseAdvice) -> dict[str, object]:
    return {
        "path": each.path,
        "services": list(each.services),
        "base": each.base.text,
        "proposal": each.proposal,
        "alpine": _fit_data(each.alpine),
        "slim": _fit_data(each.slim),
        "packages": [_part_data(part) for part in each.parts],
    }


def _fit_data(fit: Fit) -> dict[str, object]:
    return {"answer": _answer(fit), "reason": fit.reason or None}


def _part_data(part: Part) -> dict[str, object]:
    return {
        "ecosystem": part.ecosystem,
        "name": part.name,
        "version": part.version or None,
        "musl": str(part.musl),
        "glibc": str(part.glibc),
        "first_musl": part.first_musl,
    }


def _answer(fit: Fit) -> str:
    return "yes" if fit.ready else "no" if fit.certain else "unknown"


def bases_view(advice: Sequence[BaseAdvice]) -> RenderableType:
    """One row for each Dockerfile; reasons stand where the answer is not yes."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("Dockerfile", "base", "Alpine", "slim"):
        table.add_column(name, overflow="fold")
    table.add_column("what decides", overflow="fold", ratio=1)
    for each in advice:
        reasons = "; ".join(dict.fromkeys(fit.reason for fit in (each.alpine, each.slim) if fit.reason))
        table.add_row(Text(each.path), Text(each.base.text), _shown(each.alpine), _shown(each.slim), Text(reasons, "dim"))
    ready = sum(each.alpine.ready for each in advice)
    slim = sum(each.slim.ready and not each.alpine.ready for each in advice)
    line = f"{len(advice)} services on Python or Node: {ready} could run on Alpine, {slim} on slim only."
    hint = 'A list in the configuration, such as `python = ["python:3.13-alpine", "python:3.13-slim"]` under `standard`,'
    rest = "has `trimtab optimize` move each to the first that fits, and keep what it has proven."
    return Group(table, "", Text(line, "bold"), Text(f"{hint} {rest}", "dim"))


def _shown(fit: Fit) -> Text:
    answer = _answer(fit)
    return Text(answer, {"yes": "green", "no": "red", "unknown": "yellow"}[answer])
