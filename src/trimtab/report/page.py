"""The evidence of a run as one HTML page that needs nothing from anywhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab.report import evidence as told
from trimtab.report import figures
from trimtab.report.charts import Rectangle, cascade, treemap
from trimtab.report.pages import render
from trimtab.rewrite import SkipReason
from trimtab.verify import Evidence, ImageUse, Measurement, Optimization, Scenario, VerdictKind

_MAP_WIDTH, _MAP_HEIGHT = 480.0, 200.0
_BAR_WIDTH = 100.0


@dataclass(frozen=True, slots=True)
class Tile:
    """One layer in a map of layers."""

    place: Rectangle
    text: str
    line: int | None
    bytes: str
    hidden: float
    """The part of it that higher layers hide, from 0 to 1."""
    label: str


@dataclass(frozen=True, slots=True)
class _Bar:
    name: str
    start: float
    length: float
    time: str
    cached: bool


def evidence_page(run: str, result: Optimization, environment: Mapping[str, object]) -> str:
    """The page: totals, every service before and after, its layers and rebuilds, and everything refused with its reason."""
    accepted = [each for each in result.evidence if each.verdict.kind is VerdictKind.ACCEPTED]
    sized = [each for each in accepted if each.before_bytes and each.after_bytes is not None]
    refusals = [
        (change.path, skip) for change in result.planned.files for skip in change.skipped if skip.reason is SkipReason.REFUSED
    ]
    return render(
        "evidence.html",
        told=told,
        layers=_layers,
        steps=_steps,
        scenarios=_scenarios,
        run=run,
        environment=environment,
        evidence=result.evidence,
        accepted=accepted,
        totals=told.totals(accepted),
        largest=max((each.before_bytes or 0 for each in sized), default=1),
        sized=sorted(sized, key=lambda each: -(each.before_bytes or 0)),
        refusals=refusals,
    )


def _scenarios(evidence: Evidence) -> Sequence[Measurement]:
    return [found for scenario in Scenario if (found := evidence.measurement(scenario)) is not None]


def _layers(use: ImageUse) -> list[Tile]:
    tiles: list[Tile] = []
    for place in treemap([layer.bytes for layer in use.layers], _MAP_WIDTH, _MAP_HEIGHT):
        layer = use.layers[place.index]
        where = f"line {layer.line}" if layer.line else "base"
        label = f"{where} {figures.size(layer.bytes)}" if place.width > 70 and place.height > 16 else ""
        tiles.append(
            Tile(place, layer.text, layer.line, figures.size(layer.bytes), layer.hidden_bytes / max(layer.bytes, 1), label)
        )
    return tiles


def _steps(measurement: Measurement) -> dict[str, list[_Bar]]:
    """The steps of the last pair, one after another, both on one scale."""
    sides = {"before": measurement.before_steps, "after": measurement.after_steps}
    longest = max((sum(step.seconds for step in steps) for steps in sides.values()), default=0.0)
    return {
        name: [
            _Bar(step.name, start, length, figures.seconds(step.seconds), step.cached)
            for step, (start, length) in zip(steps, cascade([step.seconds for step in steps], _BAR_WIDTH, longest), strict=True)
        ]
        for name, steps in sides.items()
    }
