"""What the ledger says of builds and images, as metrics and as the parts that are drawn."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from statistics import fmean

from trimtab.fleet import Fleet
from trimtab.fleet.bases import BaseUse, runtime_uses
from trimtab.gate import GatePolicy
from trimtab.history import BuildRow, FleetBuildRow, regressions
from trimtab.report.overview.known import RECENT, Known
from trimtab.report.overview.model import Change, Empty, Group, Metric, Optimised, Sourced, Target, Unit, Where
from trimtab.report.overview.spans import built, change, halves, mean, of_builds, ratio
from trimtab.report.overview.whole import BuildPart, ImageLine, RunLine
from trimtab.report.overview.words import shown
from trimtab.report.words import counted

IMAGE_GOAL, REBUILD_GOAL = 0.40, 0.50
"""What trimtab was made to reach: images smaller by 40 % at least, rebuilds that take half at most."""
_GOAL = "trimtab's own goal"
_BUILD = "trimtab build"
Targets = Mapping[str, Sequence[BuildRow]]
Average = Callable[[Sequence[BuildRow]], float | None]
Figure = Callable[[Sequence[Sequence[BuildRow]]], float | None]
"""What the builds of several targets amount to, whichever way it is: the value and both sides of its change are made alike."""


def build_metrics(known: Known, targets: Targets, optimised: Sourced[Optimised] | Empty, policy: GatePolicy) -> list[Metric]:
    """The figures of builds."""
    return [
        _time(targets, policy), _rebuilds(optimised), _hits(targets), _efficiency(known), _failures(targets),
    ]  # fmt: skip


def _newer(rows: Sequence[BuildRow]) -> Sequence[BuildRow]:
    return halves(rows, RECENT)[0]


def _older(rows: Sequence[BuildRow]) -> Sequence[BuildRow]:
    return halves(rows, RECENT)[1]


def _over_targets(targets: Iterable[Sequence[BuildRow]], average: Average) -> float | None:
    """The mean over targets, each with its own average."""
    return mean(value for rows in targets if (value := average(rows)) is not None)


def _against(targets: Targets, figure: Figure, only: Callable[[Iterable[BuildRow]], list[BuildRow]]) -> Change | None:
    """Newer builds against older ones, over the targets that have both."""
    both = {name: rows for name, mine in targets.items() if len(rows := only(mine)) > 1}
    if not both:
        return None
    older = [row for rows in both.values() for row in _older(rows)]
    before, after = (figure([half(rows) for rows in both.values()]) for half in (_older, _newer))
    return change(before, after, of_builds(older), counted(len(both), "target"))


def _time(targets: Targets, policy: GatePolicy) -> Metric:
    make = partial(
        Metric, "build_time", Group.BUILD, "Average build time per service", Unit.SECONDS, "lower",
        f"Mean over targets of the newer half of each one's last {RECENT} good builds, against the older half.", _BUILD,
    )  # fmt: skip
    good = {name: rows for name, mine in targets.items() if (rows := built(mine))}
    limit = policy.limits.build_seconds
    if not good:
        return make(target=_below(limit, None), note="no build is in the ledger")
    newer = [row for rows in good.values() for row in _newer(rows)]
    worst = max(fmean(row.seconds for row in _newer(rows)) for rows in good.values())
    return make(
        value=_seconds([_newer(rows) for rows in good.values()]), where=of_builds(newer),
        change=_against(good, _seconds, built), target=_below(limit, worst),
        note=f"{counted(len(newer), 'build')} of {counted(len(good), 'target')}",
    )  # fmt: skip


def _below(limit: float | None, worst: float | None) -> Target | None:
    if limit is None:
        return None
    return Target(f"each at most {limit:g} s", None if worst is None else worst <= limit, "gate: build-time")


def _seconds(groups: Sequence[Sequence[BuildRow]]) -> float | None:
    return _over_targets(groups, lambda rows: mean(row.seconds for row in rows))


def _rebuilds(optimised: Sourced[Optimised] | Empty) -> Metric:
    make = partial(
        Metric, "rebuild_reduction", Group.BUILD, "Saved of a rebuild after a source edit", Unit.SHARE, "higher",
        "Medians of interleaved pairs, before against after, summed over the accepted files where it was measured.",
        "trimtab optimize",
    )  # fmt: skip
    if isinstance(optimised, Empty):
        return make(target=_goal(REBUILD_GOAL, None), note=optimised.reason)
    found = [each for proof in optimised.value.accepted for each in proof.measurements if each.scenario == "source edit"]
    saved = _saved((each.before, each.after) for each in found)
    if saved is None:
        return make(target=_goal(REBUILD_GOAL, None), note="the last optimisation measured no rebuild")
    return make(
        value=saved, where=optimised.where, target=_goal(REBUILD_GOAL, saved), note=counted(len(found), "image"),
    )  # fmt: skip


def _goal(least: float, value: float | None) -> Target:
    return Target(f"at least {shown(Unit.SHARE, least)}", None if value is None else value >= least, _GOAL)


def _saved(pairs: Iterable[tuple[float, float]]) -> float | None:
    """The share by which sums went down."""
    every = list(pairs)
    before, after = sum(pair[0] for pair in every), sum(pair[1] for pair in every)
    return ratio(before - after, before)


def _hits(targets: Targets) -> Metric:
    make = partial(
        Metric, "cache_hit_rate", Group.BUILD, "Build steps from the cache", Unit.SHARE, "higher",
        f"Cached steps of all that could be, in the newer half of each target's last {RECENT} good builds.", _BUILD,
    )  # fmt: skip
    good = {name: rows for name, mine in targets.items() if (rows := built(mine))}
    value = _cached_together([_newer(rows) for rows in good.values()])
    if value is None:
        return make(note="no build is in the ledger")
    newer = [row for rows in good.values() for row in _newer(rows)]
    return make(
        value=value, where=of_builds(newer), change=_against(good, _cached_together, built),
        note=counted(sum(row.cacheable for row in newer), "step"),
    )  # fmt: skip


def _cached_together(groups: Sequence[Sequence[BuildRow]]) -> float | None:
    return _cached([row for rows in groups for row in rows])


def _cached(rows: Sequence[BuildRow]) -> float | None:
    return ratio(sum(row.cached for row in rows), sum(row.cacheable for row in rows))


def _efficiency(known: Known) -> Metric:
    make = partial(
        Metric, "parallel_efficiency", Group.BUILD, "Parallel efficiency", Unit.SHARE, "higher",
        "The time that no order of builds can go below, in relation to what the last run of several took.", _BUILD,
    )  # fmt: skip
    several = [run for run in known.runs if run.efficiency is not None and len(built(known.run_rows[run.run])) > 1]
    if not several:
        return make(note="no run has built several targets")
    last, earlier = several[0], several[1:2]
    return make(
        value=last.efficiency, where=_of_run(last),
        change=change(earlier[0].efficiency, last.efficiency, _of_run(earlier[0])) if earlier else None,
        note=f"{counted(len(built(known.run_rows[last.run])), 'build')}, {last.jobs} at once",
    )  # fmt: skip


def _of_run(run: FleetBuildRow) -> Where:
    return Where(_BUILD, run.started, (run.run,))


def _failures(targets: Targets) -> Metric:
    make = partial(
        Metric, "build_failure_rate", Group.BUILD, "Builds that failed", Unit.SHARE, "lower",
        f"Failed of all builds that were tried: the mean over targets, of the newer half of each one's last {RECENT}.", _BUILD,
    )  # fmt: skip
    newer = [row for rows in targets.values() for row in _newer(rows)]
    if not newer:
        return make(target=Target("none", None, "by default"), note="no build is in the ledger")
    value = _failed([_newer(rows) for rows in targets.values()])
    return make(
        value=value, where=of_builds(newer), change=_against(targets, _failed, list),
        target=Target("none", value == 0, "by default"),
        note=f"{sum(row.outcome == 'failed' for row in newer)} of {counted(len(newer), 'build')}",
    )  # fmt: skip


def _failed(groups: Sequence[Sequence[BuildRow]]) -> float | None:
    return _over_targets(groups, lambda rows: ratio(sum(row.outcome == "failed" for row in rows), len(rows)))


def image_metrics(
    fleet: Fleet, images: Sourced[Sequence[ImageLine]] | Empty, targets: Targets, optimised: Sourced[Optimised] | Empty,
    made: str,
) -> list[Metric]:  # fmt: skip
    """The figures of images."""
    return [_size(images, targets), _reduction(optimised), _layers(images, targets), _consistency(fleet, made)]


def _last_images(rows: Sequence[BuildRow]) -> list[BuildRow]:
    """The good builds among those that images are compared over."""
    return built(rows)[:RECENT]


def image_lines(targets: Targets) -> Sourced[Sequence[ImageLine]] | Empty:
    """Each target's newest image, the largest first."""
    found: list[ImageLine] = []
    rows: list[BuildRow] = []
    for target, mine in targets.items():
        sized = [row for row in _last_images(mine) if row.image_bytes]
        if sized:
            before = sized[-1].image_bytes if len(sized) > 1 else None
            rows.append(sized[0])
            found.append(ImageLine(target, sized[0].image_bytes or 0, sized[0].layers, sized[0].run, sized[0].started, before))
    if not found:
        return Empty("no image was built yet", _BUILD)
    return Sourced(sorted(found, key=lambda each: -each.bytes), of_builds(rows))


def _size(images: Sourced[Sequence[ImageLine]] | Empty, targets: Targets) -> Metric:
    make = partial(
        Metric, "image_size", Group.IMAGE, "Average image size per service", Unit.BYTES, "lower",
        f"Mean of each target's newest image, against the oldest of its last {RECENT} good builds.", _BUILD,
    )  # fmt: skip
    if isinstance(images, Empty):
        return make(note=images.reason)
    return make(
        value=fmean(each.bytes for each in images.value), where=images.where,
        change=_first_to_last(targets, lambda row: row.image_bytes), note=counted(len(images.value), "image"),
    )  # fmt: skip


def _first_to_last(targets: Targets, figure: Callable[[BuildRow], int | None]) -> Change | None:
    pairs = [
        (rows[-1], rows[0]) for mine in targets.values() if len(rows := [row for row in _last_images(mine) if figure(row)]) > 1
    ]
    if not pairs:
        return None
    before, after = (fmean(figure(pair[side]) or 0 for pair in pairs) for side in (0, 1))
    return Change(before, after, of_builds(pair[0] for pair in pairs), counted(len(pairs), "target"))


def _reduction(optimised: Sourced[Optimised] | Empty) -> Metric:
    make = partial(
        Metric, "image_reduction", Group.IMAGE, "Saved of image sizes by the last optimisation", Unit.SHARE, "higher",
        "Bytes of all accepted images, before against after.", "trimtab optimize",
    )  # fmt: skip
    if isinstance(optimised, Empty):
        return make(target=_goal(IMAGE_GOAL, None), note=optimised.reason)
    sized = [(p.bytes_before, p.bytes_after) for p in optimised.value.accepted if p.bytes_before and p.bytes_after is not None]
    saved = _saved(sized)
    if saved is None:
        return make(target=_goal(IMAGE_GOAL, None), note="the last optimisation accepted no image")
    return make(value=saved, where=optimised.where, target=_goal(IMAGE_GOAL, saved), note=counted(len(sized), "image"))


def _layers(images: Sourced[Sequence[ImageLine]] | Empty, targets: Targets) -> Metric:
    make = partial(
        Metric, "image_layers", Group.IMAGE, "Layers per image", Unit.COUNT, "lower",
        f"Mean of each target's newest image, against the oldest of its last {RECENT} good builds.", _BUILD,
    )  # fmt: skip
    layers = [each.layers for each in images.value if each.layers] if isinstance(images, Sourced) else []
    if isinstance(images, Empty) or not layers:
        return make(note="no image was built yet")
    return make(
        value=fmean(layers), where=images.where, change=_first_to_last(targets, lambda row: row.layers),
        note=f"{min(layers)} … {max(layers)}",
    )  # fmt: skip


def _consistency(fleet: Fleet, made: str) -> Metric:
    make = partial(
        Metric, "base_consistency", Group.IMAGE, "Images on the base of their runtime", Unit.SHARE, "higher",
        "Images on a base of `standard` in the configuration, else on the one that most images of their runtime have.",
        "trimtab bases",
    )  # fmt: skip
    uses: dict[str, list[BaseUse]] = {}
    for use in runtime_uses(fleet):
        if use.reference.runtime:
            uses.setdefault(use.reference.runtime, []).append(use)
    total = sum(map(len, uses.values()))
    if not total:
        return make(note="no image runs on the official image of a language")
    standard = fleet.policy.standard
    alike = sum(_alike(mine, standard.get(runtime, ())) for runtime, mine in uses.items())
    bases = len({_base(use) for mine in uses.values() for use in mine})
    return make(
        value=alike / total, where=Where("the files", made), target=Target("all", alike == total, "by default"),
        note=f"{alike} of {counted(total, 'image')}; {counted(bases, 'base')} for {counted(len(uses), 'runtime')}",
    )  # fmt: skip


def _alike(uses: Sequence[BaseUse], standard: Sequence[str]) -> int:
    if standard:
        return sum(_base(use) in standard for use in uses)
    return Counter(map(_base, uses)).most_common(1)[0][1]


def _base(use: BaseUse) -> str:
    return use.reference.text.partition("@")[0]


def build_part(known: Known, targets: Targets) -> Sourced[BuildPart] | Empty:
    """The last run that built something, and the runs before it."""
    last = known.last_built
    if last is None:
        return Empty("no run of builds is in the ledger", _BUILD)
    worse = [(target, said) for target, rows in targets.items() for said in regressions(rows)]
    runs = [_line(run, known.run_rows[run.run]) for run in reversed(known.runs)]
    return Sourced(BuildPart(last, known.run_rows[last.run], known.steps, runs, worse), _of_run(last))


def _line(run: FleetBuildRow, rows: Sequence[BuildRow]) -> RunLine:
    good = built(rows)
    failed = sum(row.outcome == "failed" for row in rows)
    return RunLine(run.run, run.started, run.seconds, run.outcome, len(good), failed, _cached(good), run.efficiency)
