"""Reports of roles for people: on a terminal, and as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from trimtab.crew.model import Claim, Left, Report, Role, Standing
from trimtab.history.crew import CrewStep
from trimtab.report import figures
from trimtab.report.exchange import cell, code

_STYLES = {Standing.DONE: "green", Standing.UNCHANGED: "cyan", Standing.FAILED: "red", Standing.UNKNOWN: "yellow"}


def value(claim: Claim) -> str:
    """A claim's value, with the earlier one where there is one."""
    now = _figure(claim.value, claim.unit)
    before = claim.earlier
    if before is None:
        return now
    change = ""
    if isinstance(before.value, int | float) and isinstance(claim.value, int | float):
        change = f" {figures.percent(before.value, claim.value)}"
    return f"{_figure(before.value, before.unit)} → {now}{change}"


def _figure(found: object, unit: str) -> str:
    if isinstance(found, int | float) and unit in {"bytes", "seconds"}:
        return figures.size(found) if unit == "bytes" else figures.seconds(found)
    text = f"{found:.2f}".rstrip("0").rstrip(".") if isinstance(found, float) else str(found)
    return f"{text} {unit}".rstrip()


def source(claim: Claim) -> str:
    """Where a claim was read."""
    return f"step {claim.step}, {claim.file} {claim.reading}"


def report_view(report: Report, *, sources: bool = False) -> RenderableType:
    """One role's report on a terminal."""
    head = Text.assemble((str(report.role), "bold"), ": ", (str(report.standing), _STYLES[report.standing]), f", {report.said}")
    grid = Table.grid(padding=(0, 2))
    for claim in report.claims:
        grid.add_row(f"  {escape(claim.what)}", escape(value(claim)), *([Text(source(claim), "dim")] if sources else []))
    rest = [Text(f"  not done: {line}", "yellow") for line in left_lines(report.left)]
    return Group(head, grid, *rest)


def workflow_view(title: str, reports: Sequence[Report], facts: Sequence[tuple[str, str]]) -> RenderableType:
    """All reports of a run at a glance."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for name in ("role", "standing", "what it says", "not done"):
        table.add_column(name, overflow="fold", justify="right" if name == "not done" else "left")
    for report in reports:
        standing = Text(str(report.standing), _STYLES[report.standing])
        table.add_row(str(report.role), standing, escape(report.said), str(len(left_lines(report.left)) or ""))
    return Group(table, *(Text(f"{name}: {text}") for name, text in facts))


def left_lines(left: Iterable[Left]) -> list[str]:
    """What is not done, a line each; the same said of several things is one line, and of one thing is said once."""
    grouped: dict[tuple[str, str], dict[str, None]] = {}
    for each in left:
        grouped.setdefault((each.why, each.next), {})[each.what] = None
    return [f"{_several([*names])}: {why}{f' ({then})' if then else ''}" for (why, then), names in grouped.items()]


def _several(names: Sequence[str]) -> str:
    return f"{', '.join(names[:6])}{f' and {len(names) - 6} more' if len(names) > 6 else ''}"


def report_markdown(report: Report) -> str:
    """One role's report as a page."""
    lines = [f"# {report.role}: {report.standing}", "", cell(f"{report.said}."), ""]
    if report.claims:
        lines += ["| what | value | where it was read |", "|---|---|---|"]
        lines += [f"| {cell(each.what)} | {cell(value(each))} | {cell(source(each))} |" for each in report.claims]
        lines.append("")
    if report.left:
        lines += ["## Not done, and why", "", *(f"- {cell(line)}" for line in left_lines(report.left)), ""]
    return "\n".join(lines)


def index_markdown(
    title: str, facts: Sequence[tuple[str, str]], reports: Sequence[Report], artefacts: Mapping[Role, Sequence[str]],
    steps: Sequence[CrewStep] = (),
) -> str:  # fmt: skip
    """The page that leads to the reports of a run, to every file behind them, and to the ledger's row of each step."""
    lines = [f"# {title}", "", *(f"- {cell(name)}: {cell(text)}" for name, text in facts), ""]
    lines += ["| role | standing | what it says | artefacts |", "|---|---|---|---|"]
    for report in reports:
        links = ", ".join(f"[{path.rpartition('/')[2]}]({quote(path)})" for path in artefacts.get(report.role, ()))
        lines.append(f"| {report.role} | {report.standing} | {cell(report.said)} | {links} |")
    if steps:
        lines += ["", "## Steps", "", "As the ledger has them, in the table `crew_steps` of `.trimtab/history.db`.", ""]
        lines += ["| step | role | command | exit | seconds | result | SHA-256 of it |", "|---|---|---|---|---|---|---|"]
        lines += [_step_row(each) for each in steps]
    return "\n".join([*lines, ""])


def _step_row(step: CrewStep) -> str:
    ended = ("–", "–") if step.code is None or step.seconds is None else (str(step.code), f"{step.seconds:.1f}")
    command, result, digest = code(f"trimtab {step.command}"), cell(step.file or "none"), (step.digest or "–")[:12]
    return f"| {step.number} | {step.role} | {command} | {' | '.join(ended)} | {result} | {digest} |"
