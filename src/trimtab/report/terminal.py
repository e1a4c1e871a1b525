"""Tables and text for a terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trimtab.fleet import Fleet, Unreadable
from trimtab.fleet.copies import heaviest_folders, sent_files
from trimtab.report import figures
from trimtab.report.patch import PatchView
from trimtab.report.words import one_line, printable
from trimtab.review import Review, Score
from trimtab.review.score import deductions
from trimtab.rewrite import ChangeSet, SkipReason
from trimtab.rules import Category, Finding, Fix, Rule, Severity
from trimtab.text import apply_edits, unified_diff

SEVERITY_STYLES = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}


def review_view(review: Review) -> RenderableType:
    """Findings under their file, then the scores."""
    parts: list[RenderableType] = []
    paths = dict.fromkeys(finding.path for finding in review.findings)
    for path in paths:
        parts.append(_file_heading(review, path))
        parts.extend(_finding(finding) for finding in review.of_file(path))
        parts.append("")
    for error in review.errors:
        parts.append(Text.assemble(("could not check ", "bold red"), one_line(f"{error.path}: {error.message}")))
    parts.append(_summary(review))
    return Group(*parts)


def _file_heading(review: Review, path: str) -> Text:
    file = review.fleet.file(path)
    services = f"  {one_line(', '.join(file.service_names))}" if file and file.service_names else ""
    score = review.file_scores[path].overall
    return Text.assemble((one_line(path), "bold underline"), (services, "dim"), ("  score ", "dim"), _graded(score, 100))


def _finding(finding: Finding) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=7, justify="right", no_wrap=True)
    table.add_column(width=8, no_wrap=True)
    table.add_column(width=5, no_wrap=True)
    table.add_column(overflow="fold")
    message = Text(one_line(finding.message))
    if finding.fix:
        message.append(f"  [{finding.fix.applicability} fix: {one_line(finding.fix.title)}]", "green")
    elif finding.refusal:
        message.append(f"  [no fix: {one_line(finding.refusal.reason)}]", "dim")
    severity = Text(str(finding.severity), SEVERITY_STYLES[finding.severity])
    table.add_row(Text(f"{finding.line}:{finding.column}", "dim"), severity, Text(finding.rule, "bold"), message)
    return table


def _graded(value: float, top: float) -> tuple[str, str]:
    part = value / top
    return (f"{value:.1f}", "green" if part >= 0.8 else "yellow" if part >= 0.6 else "red")


def _summary(review: Review) -> RenderableType:
    fixable = sum(finding.fix is not None for finding in review.findings)
    counts = ", ".join(
        f"{number} {severity}"
        for severity in sorted(Severity, reverse=True)
        if (number := sum(finding.severity is severity for finding in review.findings))
    )
    files = len(review.file_scores)
    head = Text.assemble(
        (f"{len(review.findings)} findings", "bold"),
        f" ({counts})" if counts else "",
        f" in {files} {'file' if files == 1 else 'files'}, {fixable} with a fix",
    )
    if review.suppressed:
        head.append(f", {len(review.suppressed)} suppressed")
    return Group(head, _contexts(review.fleet), _scores(review))


def _contexts(fleet: Fleet) -> Text:
    """What all builds send together, and the heaviest of them."""
    sent = [(file, context, sent_files(file, context)) for file in fleet.files for context in file.contexts]
    total = sum(sum(files.values()) for _, _, files in sent)
    line = Text.assemble(("contexts ", "bold"), f"{figures.size(total)} sent by {len(sent)} builds")
    if total:
        file, _, most = max(sent, key=lambda each: sum(each[2].values()))
        folders = ", ".join(f"{path} {figures.size(size)}" for path, size in heaviest_folders(most)[:3])
        line.append(f"; most by {file.path}: {figures.size(sum(most.values()))} ({folders})", "dim")
    return line


def _scores(review: Review) -> Text:
    """The scores of what was reviewed; a folder without anything to review has none."""
    if not review.file_scores:
        return Text("nothing was found to review: no Dockerfile, compose file or script", "yellow")
    return scores_line(review.score)


def scores_line(score: Score) -> Text:
    """All scores in one line."""
    parts: list[tuple[str, str] | str] = [("score ", "bold"), _graded(score.overall, 100)]
    for category in Category:
        parts += [f"   {category} ", _graded(score.categories[category], 10)]
    return Text.assemble(*parts)


def score_view(review: Review) -> RenderableType:
    """A table of files with the findings that cost most."""
    table = Table(title=None, box=None, pad_edge=False, header_style="bold")
    table.add_column("file", overflow="fold")
    for name in ("score", *(str(category) for category in Category)):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("costs most", overflow="fold")
    for path, score in sorted(review.file_scores.items(), key=lambda pair: pair[1].overall):
        worst = ", ".join(f"{finding.rule} −{points:.1f}" for finding, points in deductions(review.of_file(path))[:3])
        cells = [_graded(score.overall, 100), *(_graded(score.categories[category], 10) for category in Category)]
        table.add_row(Text(one_line(path)), *(Text(*cell) for cell in cells), Text(worst, "dim"))
    return Group(table, "", _scores(review))


def changes_view(changes: ChangeSet, *, diff: bool, written: bool) -> RenderableType:
    """What was changed, or would be, and what was left out and why."""
    parts: list[RenderableType] = []
    if diff and changes.diff:
        parts.append(PatchView(changes.diff))
    verb = "fixed" if written else "would fix"
    for change in changes.changed:
        rules = ", ".join(change.rules)
        parts.append(
            Text.assemble((verb, "green"), f" {one_line(change.path)}  ", (f"{len(change.applied)} fixes: {rules}", "dim"))
        )
    for change in changes.bugs:
        parts.append(Text.assemble(("left alone ", "bold red"), one_line(f"{change.path}: our own bug, {change.bug}")))
    left = [(change.path, skip) for change in changes.files for skip in change.skipped]
    refused = [(path, skip) for path, skip in left if skip.reason is SkipReason.REFUSED]
    for path, skip in refused:
        where = f"{path}:{skip.finding.line}"
        parts.append(Text.assemble(("refused ", "yellow"), one_line(f"{where} {skip.finding.rule}: {skip.explanation}")))
    unsafe = sum(skip.reason in {SkipReason.UNSAFE, SkipReason.PROOF} for _, skip in left)
    applied = sum(len(change.applied) for change in changes.changed)
    tail = f"{applied} fixes in {len(changes.changed)} files, {len(refused)} refused"
    if unsafe:
        tail += f", {unsafe} that need proof first (`trimtab optimize`)"
    parts.append(Text(tail, "bold"))
    return Group(*parts)


def proposal_view(finding: Finding, fleet: Fleet) -> RenderableType:
    """One finding with what its fix would change, for a question."""
    fix = finding.fix or Fix("")
    source = fleet.tree.read(finding.path)
    parts: list[RenderableType] = [Text(finding.path, "bold underline"), _finding(finding)]
    if fix.edits and not isinstance(source, Unreadable):
        after = apply_edits(source.text, fix.edits)
        parts.append(PatchView(unified_diff(finding.path, source.text, after)))
    for new in fix.files:
        old = fleet.tree.read(new.path)
        parts.append(PatchView(unified_diff(new.path, None if isinstance(old, Unreadable) else old.text, new.text)))
    return Group(*parts)


def shown(text: str, style: str = "") -> Text:
    """Somebody else's words as text: no markup, and nothing that moves the cursor."""
    return Text(printable(text), style)


def rule_view(rule: Rule) -> RenderableType:
    """A rule's page."""
    from rich.markdown import Markdown

    head = f"**{rule.code} {rule.name}**: {rule.category}, {rule.severity}, since {rule.since}"
    return Markdown(f"{head}\n\n{rule.documentation}")


def rules_view(rules: Sequence[Rule]) -> RenderableType:
    """A table of rules."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("code", "name", "category", "severity", "what it finds"):
        table.add_column(name, overflow="fold")
    for rule in rules:
        severity = Text(str(rule.severity), SEVERITY_STYLES[rule.severity])
        table.add_row(rule.code, rule.name, str(rule.category), severity, rule.summary)
    return table
