"""The report as Markdown, fit for a pull request."""

from collections.abc import Iterator

from trimtab.report import figures
from trimtab.report.exchange import cell, code
from trimtab.report.overview import words
from trimtab.report.overview.model import Empty, Group, Metric, Where
from trimtab.report.overview.whole import Overview

_SERVICES, _GATES, _PROOFS = 10, 20, 20
"""Rows of a table; the rest is counted."""
_MARKS = {"better": "better", "worse": "**worse**", "same": "unchanged", "changed": "changed", None: ""}


def overview_markdown(report: Overview) -> str:
    """The success metrics with value, change, target and source, then what does not hold, and what nobody has measured."""
    review = report.review.value
    counts = ", ".join(f"{number} {severity}" for severity, number in review.severities.items() if number) or "no findings"
    parts = [f"### trimtab report: {cell(report.name)}", ""]
    revision = f" at {code(report.revision)}" if report.revision else ""
    score = f"{review.overall:.1f} of 100" if review.files else "Nothing was found to review"
    seen = f"{len(report.services)} services in {review.files} files{revision}"
    parts += [f"**{score}** over {seen}: {counts}.", ""]
    for group in Group:
        parts += _group(group, [each for each in report.metrics if each.group is group])
    parts += [*_proofs(report), *_gates(report), *_services(report), *_worse(report)]
    missing = [each for each in report.metrics if each.value is None]
    filled = [f"{' · '.join(each.title for each in missing if each.fill == fill)} (`{fill}`)" for fill in _fills(missing)]
    if filled:
        parts += [f"Not measured yet: {'; '.join(filled)}.", ""]
    parts += [f"<sub>Made {words.moment(report.made)}. Every figure names the run it was measured in.</sub>", ""]
    return "\n".join(parts)


def _fills(missing: list[Metric]) -> dict[str, None]:
    """The commands that fill the gaps, each once."""
    return dict.fromkeys(each.fill for each in missing)


def _group(group: Group, metrics: list[Metric]) -> list[str]:
    measured = [each for each in metrics if each.value is not None]
    if not measured:
        return []
    head = [f"| {group} | value | against before | target | measured |", "|---|---|---|---|---|"]
    return [*head, *(_row(each) for each in measured), ""]


def _row(metric: Metric) -> str:
    mark = _MARKS[metric.verdict]
    change = "–" if not mark else mark if metric.verdict == "same" else f"{words.change(metric)} ({mark})"
    target = "–"
    if metric.target:
        met = {True: "met", False: "**missed**", None: ""}[metric.target.met]
        target = f"{metric.target.text}: {met}" if met else metric.target.text
    where = words.source(metric.where) if metric.where else ""
    return f"| {' | '.join(cell(each) for each in (metric.title, words.value(metric), change, target, where))} |"


def _proofs(report: Overview) -> Iterator[str]:
    if isinstance(report.optimised, Empty):
        return
    proofs = report.optimised.value.accepted
    total = len(report.optimised.value.proofs)
    yield from (
        f"**{len(proofs)} of {total} changed files proven** by the last optimisation. {_source(report.optimised.where)}",
        "",
    )
    sized = [each for each in proofs if each.bytes_before and each.bytes_after is not None][:_PROOFS]
    if sized:
        yield from ("| file | rules | image |", "|---|---|---|")
    for each in sized:
        before, after = each.bytes_before or 0, each.bytes_after or 0
        size = f"{figures.size(before)} → {figures.size(after)} {figures.percent(before, after)}"
        yield f"| {code(each.path)} | {', '.join(each.rules)} | {size} |"
    if sized:
        yield ""


def _gates(report: Overview) -> Iterator[str]:
    if isinstance(report.gates, Empty):
        return
    bad = [each for each in report.gates.value if not each.holds]
    held = f"{len(bad)} do not hold" if bad else "all hold"
    yield from (f"**Gates: {held}** of {len(report.gates.value)} checks. {_source(report.gates.where)}", "")
    if bad:
        yield from ("| gate | of | state | measured | limit |", "|---|---|---|---|---|")
        for each in bad[:_GATES]:
            yield f"| {' | '.join(cell(w) for w in (each.gate, each.subject, each.state, each.measured, each.limit))} |"
        if len(bad) > _GATES:
            yield f"\nand {len(bad) - _GATES} more: `trimtab gate`"
        yield ""


def _services(report: Overview) -> Iterator[str]:
    if not report.services:
        return
    yield from ("<details><summary>The services with the lowest scores</summary>", "")
    images = "" if isinstance(report.images, Empty) else f" Images: {_source(report.images.where)}"
    yield from (f"Scores and findings: {_source(report.review.where)}{images}", "")
    yield from ("| service | score | findings | image |", "|---|---|---|---|")
    for each in report.services[:_SERVICES]:
        size = figures.size(each.image_bytes) if each.image_bytes else "–"
        yield f"| {cell(each.name)} | {each.score:.1f} | {each.findings} | {size} |"
    yield from ("", "</details>", "")


def _source(where: Where) -> str:
    return f"<sub>{cell(words.source(where))}</sub>"


def _worse(report: Overview) -> Iterator[str]:
    if isinstance(report.builds, Empty):
        return
    for target, said in report.builds.value.worse:
        yield f"- {cell(target)} became worse: {cell(said)} {_source(report.builds.where)}"
    if report.builds.value.worse:
        yield ""
