"""The scripts that were generated, and those in whose place they are, for people and as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from trimtab.deploy.frontends import FrontEnd
from trimtab.deploy.predecessors import Predecessor
from trimtab.deploy.written import Generated, Outcome
from trimtab.report.data import Data
from trimtab.report.patch import PatchView
from trimtab.rules import Finding
from trimtab.text import unified_diff

_REASONS = 5
"""How many kinds of findings of one script are shown; the data has all."""
_STYLES: Mapping[Outcome, str] = {
    Outcome.NEW: "green", Outcome.CHANGED: "green", Outcome.UNCHANGED: "dim", Outcome.REPLACED: "yellow",
    Outcome.LEFT: "bold yellow",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Placed:
    """A script for a place, and what becomes of that."""

    front: FrontEnd
    file: Generated


def scripts_data(placed: Sequence[Placed], old: Sequence[Predecessor], *, written: bool) -> Data:
    """`trimtab scripts --format json`."""
    return {
        "schema": "trimtab.scripts/1",
        "written": written,
        "files": [
            {
                "path": each.front.path, "job": each.front.job, "shell": each.front.shell, "outcome": str(each.file.outcome),
                "reason": each.file.reason or None, "compose_files": list(each.front.before.files),
                "env_files": list(each.front.before.env_files), "kept": dict(each.front.understood.kept),
                "refused": dict(each.front.understood.refused),
            }
            for each in placed
        ],
        "before": [
            {
                "path": each.path, "job": each.job, "services": list(each.services), "flags": list(each.interface.flags),
                "commands": list(each.interface.commands), "reasons": [_reason(finding) for finding in each.reasons],
                "besides": [{"line": line, "command": text} for line, text in each.besides],
            }
            for each in old
        ],
    }  # fmt: skip


def _reason(finding: Finding) -> Mapping[str, object]:
    return {
        "rule": finding.rule, "name": finding.name, "severity": str(finding.severity), "line": finding.line,
        "message": finding.message,
    }  # fmt: skip


def scripts_view(placed: Sequence[Placed], old: Sequence[Predecessor], *, diff: bool, written: bool) -> RenderableType:
    """What was written or left, then the scripts that do the same, with what is wrong with them and becomes of their flags."""
    parts: list[RenderableType] = []
    for each in placed if diff else ():
        if each.file.is_written:
            text = unified_diff(each.front.path, each.file.current, each.front.text)
            parts.append(PatchView(text))
    parts += [_line(each, written=written) for each in placed]
    for job in dict.fromkeys(each.front.job for each in placed):
        front = next(each.front for each in placed if each.front.job == job)
        parts += _job_lines(front, [each for each in old if each.job == job])
    left = sum(each.file.outcome is Outcome.LEFT for each in placed)
    number = sum(each.file.is_written for each in placed)
    tail = f"{number} {'written' if written else 'would be written'}, {left} left as {'it is' if left == 1 else 'they are'}"
    return Group(*parts, Text(tail, "bold"))


def _line(each: Placed, *, written: bool) -> RenderableType:
    verb = str(each.file.outcome) if written or not each.file.is_written else f"would be {each.file.outcome}"
    hint = "; --force puts this one in its place" if each.file.outcome is Outcome.LEFT else ""
    told = f"  {each.file.reason}{hint}" if each.file.reason else ""
    return Text.assemble((verb.ljust(9 if written else 17), _STYLES[each.file.outcome]), " ", each.front.path, (told, "dim"))


def _job_lines(front: FrontEnd, old: Sequence[Predecessor]) -> list[RenderableType]:
    if not old:
        return []
    lines: list[RenderableType] = [Text(f"\nwhat else does the job of {front.job}:", "bold")]
    for each in old:
        part = f"  only {', '.join(each.services[:3])}" if each.services else ""
        part += f" and {len(each.services) - 3} more" if len(each.services) > 3 else ""
        lines.append(Text.assemble(f"  {each.path}", (part, "dim")))
        lines += _reason_lines(each.reasons)
        lines += [Text(f"    line {line}: does `{text}` besides, which no script of ours does") for line, text in each.besides]
    if front.before.files:
        lines.append(Text(f"  compose files taken over: {', '.join(front.before.files)}"))
    if front.before.env_files:
        named = ", ".join(front.before.env_files)
        lines.append(Text(f"  for compose, in COMPOSE_ENV_FILES: {named}"))
    known = front.understood
    same = [each if each == now else f"{each} ({now})" for each, now in known.kept.items() if now != "--help"]
    if same:
        lines.append(Text(f"  still understood: {', '.join(same)}"))
    return lines + [Text.assemble(("  refused ", "yellow"), f"{word}: {why}") for word, why in known.refused.items()]


def _reason_lines(reasons: Sequence[Finding]) -> list[RenderableType]:
    """The worst kinds of findings, each once with all its lines."""
    kinds = list(dict.fromkeys((each.rule, each.name, each.message) for each in reasons))
    lines: list[RenderableType] = []
    for rule, name, message in kinds[:_REASONS]:
        places = sorted(each.line for each in reasons if (each.rule, each.message) == (rule, message))
        where = f"line{'s' if len(places) > 1 else ''} {', '.join(map(str, places))}"
        lines.append(Text.assemble(f"    {where}: {message} ", (f"{rule} {name}", "dim")))
    more = len(kinds) - _REASONS
    return lines + ([Text(f"    and {more} more: trimtab review --select SC", "dim")] if more > 0 else [])
