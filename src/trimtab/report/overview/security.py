"""What scans, the review and gates say of security."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from trimtab.fleet.plain import items, mapping
from trimtab.gate import GatePolicy
from trimtab.history import ScanRow, ScoreRow
from trimtab.report.overview.known import PERIOD, Known
from trimtab.report.overview.model import (
    Change,
    ControlLine,
    Empty,
    GateLine,
    Group,
    Metric,
    Scanned,
    Sourced,
    Target,
    Unit,
    Vulnerable,
    Where,
)
from trimtab.report.overview.spans import change, ratio
from trimtab.report.words import counted
from trimtab.review import Review
from trimtab.scan import LEVELS

_SCAN = "trimtab scan"
_WORST, _MISSING = 40, 20
"""Vulnerabilities and unchecked things that are listed; the rest is counted."""
Rows = Sequence[ScanRow]
_ALWAYS = ("critical", "high", "medium", "low")
"""Severities that are told even where there are none of them."""
_UNASKED = "no image was scanned with advisories at hand"


def security_metrics(known: Known, rows: Rows, review: Review, policy: GatePolicy, now: datetime) -> list[Metric]:
    """The figures of security; `rows` are the scans of what the fleet still has, the newest first."""
    made = now.isoformat(timespec="seconds")
    return [
        _score(known, review, policy, made), _security(known, review, policy, made), *_vulnerabilities(known, rows, policy),
        _compliance(known), _age(known, rows, policy, now), _frequency(rows, now),
    ]  # fmt: skip


def in_fleet(rows: Rows, names: frozenset[str]) -> list[ScanRow]:
    """The scans of what the fleet still has: services by their names, and what belongs to none."""
    return [row for row in rows if row.kind != "none" and (not row.services or not names.isdisjoint(row.services))]


def _by_target(known: Known, rows: Rows) -> dict[str, list[ScanRow]]:
    found: dict[str, list[ScanRow]] = {}
    for row in rows:
        if known.asked(row):
            found.setdefault(row.target, []).append(row)
    return found


def _of_scans(rows: Iterable[ScanRow]) -> Where:
    every = sorted(rows, key=lambda row: row.started, reverse=True)
    return Where(_SCAN, every[0].started, tuple(dict.fromkeys(row.run for row in every)))


def _vulnerabilities(known: Known, rows: Rows, policy: GatePolicy) -> list[Metric]:
    targets = _by_target(known, rows)
    newest = [mine[0] for mine in targets.values()]
    pairs = [(mine[1], mine[0]) for mine in targets.values() if len(mine) > 1]
    unchecked = sum({row.run: row.unchecked for row in newest}.values())
    limits = {"critical": policy.limits.max_critical, "high": policy.limits.max_high}
    found: list[Metric] = []
    counted_levels = [*_ALWAYS, *(each for each in LEVELS if each not in _ALWAYS and any(r.counts.get(each) for r in newest))]
    for level in counted_levels:
        make = partial(
            Metric, f"vulnerabilities_{level}", Group.SECURITY, f"Vulnerabilities, {level}", Unit.COUNT, "lower",
            "Of the newest scan of each target, against the scan before it; one that two images have counts for both.", _SCAN,
        )  # fmt: skip
        worst = max((row.counts.get(level, 0) for row in newest), default=None)
        target = _at_most(limits.get(level), worst, level, sure=not unchecked)
        if not newest:
            found.append(make(target=target, note=_UNASKED))
            continue
        before, after = (sum(pair[side].counts.get(level, 0) for pair in pairs) for side in (0, 1))
        against = Change(before, after, _of_scans(p[0] for p in pairs), counted(len(pairs), "target")) if pairs else None
        value = float(sum(row.counts.get(level, 0) for row in newest))
        note = f"in {counted(len(newest), 'target')}" + (f", {worst} at most" if worst else "")
        note += f"; {unchecked} things could not be looked at" if unchecked else ""
        found.append(make(value=value, where=_of_scans(newest), change=against, target=target, note=note))
    return found


def _at_most(limit: int | None, worst: int | None, level: str, *, sure: bool) -> Target | None:
    if limit is None:
        return None
    text = f"at most {limit} an image" if limit else "none"
    met = None if worst is None or (worst <= limit and not sure) else worst <= limit
    return Target(text, met, f"gate: max-{level}")


def _of_score(row: ScoreRow) -> Where:
    return Where("trimtab gate", row.started, (row.run,))


def _score(known: Known, review: Review, policy: GatePolicy, made: str) -> Metric:
    value, limit = review.score.overall, policy.limits.overall
    make = partial(
        Metric, "score", Group.SECURITY, "Score of the fleet", Unit.OF_HUNDRED, "higher",
        "The mean over files of what the review finds now, against the oldest score that the last gates kept.",
    )  # fmt: skip
    if not review.file_scores:
        return make("trimtab review", note="nothing was found to review")
    earlier = known.scores[-1] if known.scores else None
    return make(
        "trimtab gate", value, Where("trimtab review", made),
        change(earlier.overall, value, _of_score(earlier)) if earlier else None,
        Target(f"at least {limit:g}", value >= limit, "gate: overall") if limit is not None else None,
        "" if earlier else "no earlier score is kept: `trimtab gate` keeps each one",
    )  # fmt: skip


def _security(known: Known, review: Review, policy: GatePolicy, made: str) -> Metric:
    value = next(score for category, score in review.score.categories.items() if str(category) == "security")
    limit = policy.limits.security
    make = partial(
        Metric, "security_score", Group.SECURITY, "Security score", Unit.OF_TEN, "higher",
        "The review's category of security, against the oldest that the last gates kept.",
    )  # fmt: skip
    if not review.file_scores:
        return make("trimtab review", note="nothing was found to review")
    earlier = known.scores[-1] if known.scores else None
    before = earlier.categories.get("security") if earlier else None
    return make(
        "trimtab gate", value, Where("trimtab review", made),
        change(before, value, _of_score(earlier)) if earlier else None,
        Target(f"at least {limit:g}", value >= limit, "gate: security") if limit is not None else None,
        "" if earlier else "no earlier score is kept: `trimtab gate` keeps each one",
    )  # fmt: skip


def _compliance(known: Known) -> Metric:
    make = partial(
        Metric, "compliance", Group.SECURITY, "CIS controls met", Unit.SHARE, "higher",
        "Controls of the CIS Docker Benchmark that pass, of those that could be decided, service by service.",
        "trimtab scan --type compliance",
    )  # fmt: skip
    found = [(run, counts) for run, data in known.scan_files if (counts := _standings(data))["pass"] + counts["fail"]]
    if not found:
        return make(target=Target("all", None, "CIS Docker Benchmark"), note="no scan has asked for compliance")
    run, counts = found[0]
    value = _met(counts)
    earlier = found[1] if len(found) > 1 else None
    before = change(_met(earlier[1]), value, _of_run(known, earlier[0])) if earlier else None
    note = f"{counts['pass']} pass, {counts['fail']} fail, {counts['not checked']} could not be decided"
    return make(
        value=value, where=_of_run(known, run), change=before, note=note,
        target=Target("all", counts["fail"] == 0, "CIS Docker Benchmark"),
    )  # fmt: skip


def _standings(data: object) -> dict[str, int]:
    words = [str(mapping(each).get("standing")) for each in items(mapping(data).get("controls"))]
    return {standing: words.count(standing) for standing in ("pass", "fail", "not checked")}


def _met(counts: Mapping[str, int]) -> float | None:
    return ratio(counts["pass"], counts["pass"] + counts["fail"])


def _of_run(known: Known, run: str) -> Where:
    return _of_scans(row for row in known.scans if row.run == run)


def _age(known: Known, rows: Rows, policy: GatePolicy, now: datetime) -> Metric:
    make = partial(
        Metric, "scan_age", Group.SECURITY, "Age of the oldest scan in force", Unit.DAYS, "lower",
        "Of each target its newest scan; of those the oldest.", _SCAN,
    )  # fmt: skip
    newest = [mine[0] for mine in _by_target(known, rows).values()]
    limit, source = f"at most {policy.scan_days:g} days", "gate: scan-days"
    if not newest:
        return make(target=Target(limit, None, source), note=_UNASKED)
    oldest = min(newest, key=lambda row: row.started)
    days = (now - datetime.fromisoformat(oldest.started)) / timedelta(days=1)
    return make(
        value=days, where=_of_scans([oldest]), target=Target(limit, days <= policy.scan_days, source),
        note=f"of {oldest.target}",
    )  # fmt: skip


def _frequency(rows: Rows, now: datetime) -> Metric:
    make = partial(
        Metric, "scan_frequency", Group.SECURITY, f"Scans in {PERIOD} days", Unit.COUNT, "higher",
        f"Runs of `trimtab scan` in the last {PERIOD} days, against the {PERIOD} days before.", _SCAN,
    )  # fmt: skip
    if not rows:
        return make(note="nothing was scanned yet")
    runs = {row.run: row for row in rows}
    ages = {run: (now - datetime.fromisoformat(row.started)) / timedelta(days=PERIOD) for run, row in runs.items()}
    now_, before = [run for run, age in ages.items() if age < 1], [run for run, age in ages.items() if 1 <= age < 2]
    return make(
        value=float(len(now_)), where=_of_scans(rows),
        change=Change(len(before), len(now_), _of_scans(runs[run] for run in before)) if before else None,
    )  # fmt: skip


def scanned_part(known: Known, rows: Rows) -> Sourced[Scanned] | Empty:
    """The newest scan of each target, and what is most pressing in the last one."""
    newest = {row.target: row for row in reversed(rows)}
    if not newest:
        return Empty("nothing was scanned yet", _SCAN)
    targets = sorted(newest.values(), key=lambda row: ([-row.counts.get(level, 0) for level in LEVELS], row.target))
    last = mapping(known.scan_files[0][1] if known.scan_files else None)
    worst, more = _worst(last)
    controls = next((found for _, data in known.scan_files if (found := _controls(data))), list[ControlLine]())
    missing = dict.fromkeys((str(e.get("what")), str(e.get("reason"))) for e in map(mapping, items(last.get("not_checked"))))
    part = Scanned(
        [(row.target, row.started, row.counts if known.asked(row) else None, row.secrets) for row in targets],
        worst, more, controls, list(missing)[:_MISSING], rows[0].outcome,
    )  # fmt: skip
    return Sourced(part, _of_scans(newest.values()))


def _worst(scan: Mapping[str, object]) -> tuple[list[Vulnerable], int]:
    """The most pressing vulnerabilities, each target's own order kept, and how many more there are."""
    found: list[Vulnerable] = []
    for target in map(mapping, items(scan.get("targets"))):
        for each in map(mapping, items(target.get("vulnerabilities"))):
            if not each.get("ignored"):
                found.append(
                    Vulnerable(
                        str(target.get("name")), str(each.get("id")), str(each.get("package")), str(each.get("version")),
                        str(each.get("severity") or "unknown"), str(each.get("upgrade") or ""), bool(each.get("exploited")),
                        str(each.get("summary") or ""),
                    )
                )  # fmt: skip
    ranks = {level: number for number, level in enumerate(LEVELS)}
    found.sort(key=lambda each: (not each.exploited, ranks.get(each.severity, len(ranks))))
    return found[:_WORST], max(0, len(found) - _WORST)


def _controls(data: object) -> list[ControlLine]:
    rows = [mapping(each) for each in items(mapping(data).get("controls"))]
    groups: dict[str, list[Mapping[str, object]]] = {}
    for row in rows:
        groups.setdefault(str(row.get("control")), []).append(row)
    found: list[ControlLine] = []
    for control, mine in groups.items():
        failed = [row for row in mine if row.get("standing") == "fail"]
        first = f"{failed[0].get('service')}: {failed[0].get('reason')}" if failed else ""
        passed, unchecked = (sum(row.get("standing") == standing for row in mine) for standing in ("pass", "not checked"))
        found.append(ControlLine(control, str(mine[0].get("title")), passed, len(failed), unchecked, first))
    return found


def gates_part(known: Known) -> Sourced[Sequence[GateLine]] | Empty:
    """The last gate, what does not hold first."""
    if known.gate is None:
        return Empty("no gate was asked yet", "trimtab gate")
    row, data = known.gate
    lines = [
        GateLine(
            str(each.get("gate")), str(each.get("subject")), str(each.get("state")), str(each.get("measured")),
            str(each.get("limit")), str(each.get("hint") or ""), each.get("state") not in {"failed", "not checked"},
        )
        for each in map(mapping, items(mapping(data).get("checks")))
    ]  # fmt: skip
    return Sourced(sorted(lines, key=lambda line: line.holds), _of_score(row))
