"""Generated pipelines, and what one run of them has to do, for people and as data."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trimtab.pipelines.besides import Beside
from trimtab.pipelines.blocks import BlockChange, Fate, Merged
from trimtab.pipelines.plan import Plan
from trimtab.report.data import Data
from trimtab.report.patch import PatchView
from trimtab.text import unified_diff

_STYLES = {
    Fate.NEW: "green", Fate.CHANGED: "green", Fate.REMOVED: "green", Fate.UNCHANGED: "dim", Fate.KEPT: "dim",
    Fate.LEFT: "bold yellow", Fate.REPLACED: "yellow",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """A file with what is in its place, None for nothing, and what becomes of it."""

    path: str
    current: str | None
    merged: Merged

    @property
    def changes(self) -> bool:
        return self.merged.text != self.current


def pipelines_data(files: Sequence[Written], others: Sequence[Beside], *, written: bool) -> Data:
    """`trimtab ci --format json`."""
    return {
        "schema": "trimtab.ci/1",
        "written": written,
        "files": [
            {
                "path": each.path,
                "fate": str(each.merged.fate),
                "changes": each.changes,
                "blocks": [{"name": block.name, "fate": str(block.fate)} for block in each.merged.blocks],
            }
            for each in files
        ],
        "besides": [
            {"path": each.path, "job": each.job, "line": each.line, "does": list(each.does), "unpinned": each.unpinned}
            for each in others
        ],
    }


def pipelines_view(
    files: Sequence[Written], others: Sequence[Beside], notes: Sequence[str], *, diff: bool, written: bool
) -> RenderableType:
    """Every file with what becomes of it; blocks that somebody has edited always with what we would write there."""
    parts: list[RenderableType] = []
    for each in files:
        if diff and each.changes:
            parts.append(_diff(each.path, each.current, each.merged.text))
        parts.append(_line(each, written=written))
        for block in each.merged.blocks:
            parts += _block_lines(each.path, block)
    number = sum(each.changes for each in files)
    if others:
        parts.append(Text("\nwhat else does a part of this:", "bold"))
    for other in others:
        unpinned = f"; {other.unpinned} actions not pinned to commits" if other.unpinned else ""
        parts.append(Text.assemble(f"  {other.path}:{other.line} {other.job}", (f"  {', '.join(other.does)}{unpinned}", "dim")))
    parts += [Text(f"note: {note}", "dim") for note in notes]
    return Group(*parts, Text(f"{number} of {len(files)} {'written' if written else 'would be written'}", "bold"))


def _line(each: Written, *, written: bool) -> RenderableType:
    fate = each.merged.fate
    verb = str(fate) if written or not fate.is_written else f"would be {fate}"
    why = ""
    if fate is Fate.LEFT:
        why = "  somebody has written it; --force puts ours in its place" if not each.merged.blocks else ""
    names = ", ".join(block.name for block in each.merged.blocks if block.fate.is_written) if fate is not Fate.NEW else ""
    return Text.assemble((verb.ljust(9), _STYLES[fate]), " ", each.path, (f"  {names}" if names else why, "dim"))


def _block_lines(path: str, block: BlockChange) -> list[RenderableType]:
    if block.fate not in {Fate.KEPT, Fate.LEFT, Fate.REPLACED}:
        return []
    what = {
        Fate.KEPT: "somebody has edited it, and we would write what we wrote then: it stays",
        Fate.LEFT: "somebody has edited it, and we would write something else now; --force does",
        Fate.REPLACED: "somebody had edited it",
    }[block.fate]
    shown: list[RenderableType] = [Text.assemble("  ", (str(block.fate), _STYLES[block.fate]), f" {block.name}: {what}")]
    return [*shown, _diff(f"{path}#{block.name}", block.before, block.after)]


def _diff(path: str, before: str | None, after: str | None) -> RenderableType:
    return PatchView(unified_diff(path, before, after))


def pipeline_view(planned: Plan) -> RenderableType:
    """What a run has to do, and why."""
    wave_of = {name: number for number, step in enumerate(planned.waves, 1) for name in step}
    table = Table(box=None, pad_edge=False)
    for column in ("target", "wave", "tests", "why"):
        table.add_column(column, overflow="fold", no_wrap=column != "why")
    for name, reasons in planned.reasons.items():
        tests = ", ".join(each.language for each in planned.tests if each.target == name)
        why = "\n".join(reasons) or "no file that it reads changed, and nothing else of it"
        table.add_row(name, str(wave_of.get(name, "")), tests, why, style="" if reasons else "dim")
    built, waves = len(planned.built), len(planned.waves)
    tail = (
        f"{built} of {len(planned.reasons)} images in {waves} wave{'' if waves == 1 else 's'}; {len(planned.tests)} test suites"
    )
    return Group(table, Text(tail, "bold"))
