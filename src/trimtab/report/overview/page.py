"""The report as one HTML page that needs nothing from anywhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from trimtab.fleet.compose.startup import ASSUMED_BOOT
from trimtab.fleet.sizes import size_text
from trimtab.report import figures
from trimtab.report.charts import Rectangle, Start, columns, polyline, treemap
from trimtab.report.graphs import BOX_HEIGHT, BOX_WIDTH, Drawing, draw
from trimtab.report.overview import words
from trimtab.report.overview.model import Deployed, Empty, GateLine, Group, Layer, Sourced, Unit
from trimtab.report.overview.whole import BuildPart, ImageLine, Overview, ProjectStart
from trimtab.report.page import Tile
from trimtab.report.pages import render
from trimtab.report.waterfall import ledger_rows
from trimtab.scan import LEVELS

T = TypeVar("T")
_MAP = (960.0, 320.0)
_LAYERS = (480.0, 200.0)
_TREND = (960.0, 80.0)
_LINE = (960.0, 46.0)
_SERVICES, _IMAGES, _PROOFS, _MAPS, _STARTS, _CHECKS, _USED = 30, 250, 25, 8, 20, 60, 40
"""What is drawn or listed at first sight: services, images, proofs, maps of layers, starts, checks, containers."""


@dataclass(frozen=True, slots=True)
class Links:
    """Pages of single runs, as the report can reach them; empty where it cannot."""

    evidence: str = ""
    build: str = ""


def report_page(report: Overview, links: Links | None = None, *, live: str = "") -> str:
    """The page. With `live`, the address of a script of the same server that keeps it up to date, it loads that script."""
    policy = {"policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'"} if live else {}
    return render(
        "report.html",
        **policy,
        report=report,
        links=links or Links(),
        live=live,
        words=words,
        memory=size_text,
        groups=[(str(group), [each for each in report.metrics if each.group is group]) for group in Group],
        standing=_standing(report),
        empty=_empty,
        levels=[level for level in LEVELS if level != "unknown"],
        services=_cut(report.services, _SERVICES),
        proofs=_cut(report.optimised.value.proofs if isinstance(report.optimised, Sourced) else (), _PROOFS),
        largest=_largest(report),
        maps=_MAPS,
        tiles=_layers,
        spark=_spark,
        drawings=_drawings(report),
        assumed=ASSUMED_BOOT,
        box=(BOX_WIDTH, BOX_HEIGHT),
        rows=_waterfall(report.builds),
        trend=_trend(report.builds),
        images=_image_map(report.images),
        timeline=_timeline(report.deployments),
        checks=_cut(_broken(report), _CHECKS),
        kinds=_gate_counts(report),
        used=_cut(report.usage.value if isinstance(report.usage, Sourced) else (), _USED),
    )  # fmt: skip


def _empty(part: object) -> bool:
    return isinstance(part, Empty)


def _spark(values: Sequence[float]) -> str:
    return polyline(values, 80, 20)


def _cut(values: Sequence[T], most: int) -> tuple[Sequence[T], Sequence[T]]:
    """What is shown at first sight, and the rest; a rest of a few is no rest."""
    return (values, ()) if len(values) <= most + 5 else (values[:most], values[most:])


def _standing(report: Overview) -> Mapping[str, int]:
    """How many targets are met and missed, and how many figures nobody has measured."""
    held = [each.target.met for each in report.metrics if each.target is not None]
    return {
        "met": held.count(True), "missed": held.count(False), "not measured": sum(each.value is None for each in report.metrics)
    }  # fmt: skip


def _broken(report: Overview) -> Sequence[GateLine]:
    return [each for each in report.gates.value if not each.holds] if isinstance(report.gates, Sourced) else ()


def _largest(report: Overview) -> int:
    proofs = report.optimised.value.accepted if isinstance(report.optimised, Sourced) else ()
    return max((max(each.bytes_before or 0, each.bytes_after or 0) for each in proofs), default=1) or 1


def _layers(layers: Sequence[Layer]) -> list[Tile]:
    found: list[Tile] = []
    for place in treemap([layer.bytes for layer in layers], *_LAYERS):
        layer = layers[place.index]
        where = f"line {layer.line}" if layer.line else "base"
        label = f"{where} {figures.size(layer.bytes)}" if place.width > 80 and place.height > 16 else ""
        hidden = layer.hidden_bytes / max(layer.bytes, 1)
        found.append(Tile(place, layer.text[:200], layer.line, figures.size(layer.bytes), hidden, label))
    return found


@dataclass(frozen=True, slots=True)
class _Project:
    """One project's start, drawn."""

    files: str
    start: ProjectStart
    graph: Drawing
    rows: Sequence[Start]
    more: int


def _drawings(report: Overview) -> list[_Project]:
    if isinstance(report.starts, Empty):
        return []
    found: list[_Project] = []
    for each in report.starts.value:
        path = each.start.critical_path
        # The last to be ready, and all of the path: who else is ready early decides nothing.
        latest = sorted(each.start.timings.items(), key=lambda pair: (pair[0] not in path, -pair[1].ready, pair[0]))[:_STARTS]
        scale = 100 / max(each.start.seconds, 0.1)
        rows = [
            Start(
                name, name in path, timing.starts * scale, (timing.ready - timing.starts) * scale, 0.0, 0.0,
                _ready(each, name),
            )
            for name, timing in sorted(latest, key=lambda pair: (pair[1].ready, pair[0]))
        ]  # fmt: skip
        more = len(each.start.timings) - len(rows)
        found.append(_Project(", ".join(each.files), each, draw(each.depends, path), rows, more))
    return found


def _ready(start: ProjectStart, name: str) -> str:
    """What is predicted of one service, and what was measured of it."""
    timing = start.start.timings[name]
    waits = f", waits for {timing.waits_for}" if timing.waits_for else ""
    healthy = f"; measured: healthy {figures.seconds(start.healthy[name])} after its start" if name in start.healthy else ""
    return f"ready after {timing.ready:.1f} s{waits}{healthy}"


def _waterfall(builds: Sourced[BuildPart] | Empty) -> Sequence[object]:
    if isinstance(builds, Empty):
        return []
    return ledger_rows(builds.value.rows, builds.value.steps, builds.value.run.seconds)


@dataclass(frozen=True, slots=True)
class _Column:
    """One run in the trend of runs."""

    place: Rectangle
    text: str
    took: str
    failed: bool


def _trend(builds: Sourced[BuildPart] | Empty) -> list[_Column]:
    """What each run took, the oldest first; a single run is no trend."""
    runs = [run for run in builds.value.runs if run.seconds is not None] if isinstance(builds, Sourced) else []
    if len(runs) < 2:
        return []
    found: list[_Column] = []
    for place, run in zip(columns([run.seconds or 0.0 for run in runs], *_TREND), runs, strict=True):
        cached = f", {words.shown(Unit.SHARE, run.hit_rate)} of steps cached" if run.hit_rate is not None else ""
        ended = f"{run.built} built, {run.failed} failed{cached}"
        text = f"{words.moment(run.started)}: {figures.seconds(run.seconds or 0.0)}, {ended}"
        found.append(_Column(place, text, figures.seconds(run.seconds or 0.0), bool(run.failed)))
    return found


@dataclass(frozen=True, slots=True)
class _Image:
    """One image in the map of images."""

    place: Rectangle
    text: str
    label: str
    size: str
    rest: bool
    """Whether it stands for all that are not drawn."""


def _image_map(images: Sourced[Sequence[ImageLine]] | Empty) -> list[_Image]:
    lines, rest = _cut(images.value if isinstance(images, Sourced) else (), _IMAGES)
    sizes = [(each.target, each.bytes, _image_text(each)) for each in lines]
    if rest:
        others, together = f"{len(rest)} smaller", sum(each.bytes for each in rest)
        sizes.append((others, together, f"{others} images, {figures.size(together)} together"))
    found: list[_Image] = []
    for place in treemap([size for _, size, _ in sizes], *_MAP):
        name, size, text = sizes[place.index]
        room = int((place.width - 8) / 6.4)
        short = name if len(name) <= room else f"{name[: room - 1]}…"
        found.append(
            _Image(place, text, short if room >= 6 and place.height > 18 else "", figures.size(size), place.index == len(lines))
        )
    return found


def _image_text(line: ImageLine) -> str:
    layers = f" in {line.layers} layers" if line.layers else ""
    return f"{line.target}: {figures.size(line.bytes)}{layers}, run {line.run}"


@dataclass(frozen=True, slots=True)
class _Mark:
    """One deployment on the time line."""

    x: float
    each: Deployed


def _timeline(deployments: Sourced[Sequence[Deployed]] | Empty) -> list[_Mark]:
    """Deployments by the time at which they began, the oldest on the left; a single one is no line."""
    rows = list(reversed(deployments.value)) if isinstance(deployments, Sourced) else []
    if len(rows) < 2:
        return []
    times = [datetime.fromisoformat(row.started) for row in rows]
    span = max((max(times) - min(times)) / timedelta(seconds=1), 1.0)
    room = _LINE[0] - 24
    return [
        _Mark(12 + (at - min(times)) / timedelta(seconds=1) / span * room, row) for at, row in zip(times, rows, strict=True)
    ]


def _gate_counts(report: Overview) -> Mapping[str, Mapping[str, int]]:
    """By gate, how many checks are in which state."""
    found: dict[str, dict[str, int]] = {}
    for each in report.gates.value if isinstance(report.gates, Sourced) else ():
        states = found.setdefault(each.gate, {})
        states[each.state] = states.get(each.state, 0) + 1
    return dict(sorted(found.items()))
