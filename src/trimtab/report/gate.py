"""Gates as a table, data, JUnit XML, GitHub's workflow commands and Markdown."""

from collections.abc import Sequence
from xml.etree import ElementTree

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trimtab.gate import Check, State
from trimtab.report.data import Data
from trimtab.report.exchange import cell, workflow_command
from trimtab.report.terminal import shown
from trimtab.report.words import printable
from trimtab.rules import Severity

_STYLES = {
    State.PASSED: "green", State.FAILED: "bold red", State.UNCHECKED: "bold yellow", State.ALLOWED: "yellow",
    State.NOTHING: "dim",
}  # fmt: skip


def passed(checks: Sequence[Check]) -> bool:
    """Whether all gates hold."""
    return all(check.holds for check in checks)


def gate_data(checks: Sequence[Check]) -> Data:
    """`trimtab gate --format json`."""
    return {
        "schema": "trimtab.gate/1",
        "passed": passed(checks),
        "checks": [
            {
                "gate": each.gate, "subject": each.subject, "state": str(each.state), "measured": each.measured,
                "limit": each.limit, "where": each.where or None, "hint": each.hint or None,
            }
            for each in checks
        ],
    }  # fmt: skip


def gate_view(checks: Sequence[Check]) -> RenderableType:
    """Every gate with what was measured, its limit and where: what does not hold last; counts by gate; and the verdict."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("gate", "of", "state", "limit"):
        table.add_column(name, overflow="fold")
    table.add_column("measured", overflow="fold", ratio=1)
    for each in sorted(checks, key=lambda check: (not check.holds, check.state is State.ALLOWED)):
        more = [each.where] if each.where not in {"", ".", each.subject} else []
        more += [each.hint] if each.hint and each.state is not State.PASSED else []
        measured = Text.assemble(shown(each.measured), (f"  ({'; '.join(map(printable, more))})" if more else "", "dim"))
        style = "dim" if each.holds and each.state is not State.ALLOWED else ""
        table.add_row(
            each.gate, shown(each.subject), Text(str(each.state), _STYLES[each.state]), each.limit, measured, style=style
        )
    parts: list[RenderableType] = [table, ""] if table.row_count else []
    for gate in dict.fromkeys(each.gate for each in checks):
        mine = [each for each in checks if each.gate == gate]
        numbers = {state: sum(each.state is state for each in mine) for state in State}
        line = Text(f"{gate:<16}")
        for state, number in numbers.items():
            line.append(f"{number} {state}  " if number else "", _STYLES[state])
        parts.append(line)
    bad = [each for each in checks if not each.holds]
    failed = sum(each.state is State.FAILED for each in bad)
    text = f"failed: {failed} limits broken, {len(bad) - failed} things not checked" if bad else "passed"
    parts += ["", Text(text, "bold red" if bad else "bold green")]
    return Group(*parts)


def gate_junit(checks: Sequence[Check]) -> str:
    """JUnit XML, one suite a gate, with what was measured; what was not checked is an error, what is allowed is skipped."""
    root = ElementTree.Element("testsuites", {"name": "trimtab gate", **_numbers(checks)})
    for gate in dict.fromkeys(each.gate for each in checks):
        mine = [each for each in checks if each.gate == gate]
        suite = ElementTree.SubElement(root, "testsuite", {"name": gate, **_numbers(mine)})
        for each in mine:
            case = ElementTree.SubElement(suite, "testcase", classname=f"trimtab.{gate}", name=printable(each.subject))
            tag = {State.FAILED: "failure", State.UNCHECKED: "error", State.ALLOWED: "skipped", State.NOTHING: "skipped"}
            message = printable(f"{each.measured}; limit: {each.limit}{f'; at {each.where}' if each.where else ''}")
            if each.state is State.PASSED:
                ElementTree.SubElement(case, "system-out").text = message
            else:
                ElementTree.SubElement(case, tag[each.state], message=message).text = printable(each.hint)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _numbers(checks: Sequence[Check]) -> dict[str, str]:
    counts = {
        "tests": len(checks),
        "failures": sum(each.state is State.FAILED for each in checks),
        "errors": sum(each.state is State.UNCHECKED for each in checks),
        "skipped": sum(each.state in {State.ALLOWED, State.NOTHING} for each in checks),
    }
    return {name: str(number) for name, number in counts.items()}


def gate_github(checks: Sequence[Check]) -> str:
    """One workflow command for everything that does not hold."""
    lines = [
        workflow_command(
            Severity.HIGH, *_place(each.where), f"gate {each.gate}", f"{each.subject}: {each.measured}; limit: {each.limit}"
        )
        for each in checks
        if not each.holds
    ]  # fmt: skip
    return "".join(line + "\n" for line in lines)


def _place(where: str) -> tuple[str, int]:
    """The file and the line of a place; 0 where it has none."""
    path, _, line = where.rpartition(":")
    path, number = (path, int(line)) if path and line.isdecimal() else (where, 0)
    return ("" if path == "." else path), number


def gate_markdown(checks: Sequence[Check]) -> str:
    """A report for a pull request: what does not hold first."""
    parts = [f"### trimtab gate: {'passed' if passed(checks) else 'failed'}", ""]
    parts += ["| gate | of | state | measured | limit | where |", "|---|---|---|---|---|---|"]
    for each in sorted(checks, key=lambda check: check.holds):
        words = (each.gate, each.subject, str(each.state), each.measured, each.limit, each.where)
        parts.append("| " + " | ".join(cell(word) for word in words) + " |")
    return "\n".join(parts) + "\n"
