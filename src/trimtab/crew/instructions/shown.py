"""What was understood of an instruction, what was not, and what is refused: for people and as data."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trimtab.crew.instructions import Fate, Instruction, Intent, Kept, Reach, Refused
from trimtab.crew.instructions.model import EVERYWHERE
from trimtab.report.data import Data

_SERVICES = 3
"""How many services of one refusal are shown; the data has all."""
_STYLES = {"do": "green", "look at": "cyan", "leave": "dim", "refused": "yellow", "not understood": "bold red"}


def instruction_data(instruction: Instruction, refused: Sequence[Refused] = ()) -> Data:
    """An instruction as data; `refused` is what the fleet does not allow, besides what the words alone refuse."""
    return {
        "schema": "trimtab.instructions/1",
        "text": instruction.text,
        "understood": [_intent_data(each) for each in instruction.intents],
        "kept": [{**_place(each), "topic": str(each.topic), "reach": _reach_data(each.reach)} for each in instruction.kept],
        "without_effect": [clause.said for clause in instruction.clauses if clause.fate is Fate.FILLER],
        "not_understood": list(instruction.not_understood),
        "refused": [_refused_data(each) for each in (*instruction.refused, *refused)],
        "standard": {name: list(bases) for name, bases in instruction.standard.items()},
        "exclude": list(instruction.exclude),
        "only": list(instruction.scope),
        "except": list(instruction.except_),
        "project": instruction.project,
        "rules": list(instruction.rules),
    }


def _place(each: Intent | Kept) -> dict[str, object]:
    return {"said": each.said, "start": each.span.start, "end": each.span.end}


def _intent_data(each: Intent) -> dict[str, object]:
    return {
        **_place(each), "topic": str(each.topic), "reach": _reach_data(each.reach), "looks": each.looks,
        "heading": each.heading,
    }  # fmt: skip


def _reach_data(reach: Reach) -> dict[str, object]:
    return {
        "only": list(reach.only), "except": list(reach.except_), "runtimes": list(reach.runtimes), "tools": list(reach.tools),
    }  # fmt: skip


def _refused_data(each: Refused) -> dict[str, object]:
    return {
        "said": each.said, "reason": each.reason, "path": each.path, "line": each.line, "services": list(each.services),
    }  # fmt: skip


def instruction_view(instruction: Instruction, refused: Sequence[Refused] = ()) -> RenderableType:
    """Clause by clause what is made of it, in the order of the text, then what holds for all of it."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for overflow in ("fold", "fold", "fold"):
        table.add_column(overflow=overflow)
    for verb, what, said in _rows(instruction, refused):
        table.add_row(Text(verb, _STYLES[verb]), Text(what), Text(f"“{said}”", "dim"))
    return Group(table, *(Text(line) for line in _lines(instruction)), Text(_summary(instruction, refused), "bold"))


def _rows(instruction: Instruction, refused: Sequence[Refused]) -> list[tuple[str, str, str]]:
    rows: dict[tuple[str, str, str], None] = {}
    for intent in instruction.intents:
        if not intent.heading:
            rows[("look at" if intent.looks else "do", f"{intent.topic}{_where(intent.reach)}", intent.said)] = None
    for kept in instruction.kept:
        rows[("leave", f"{kept.topic}{_where(kept.reach)}", kept.said)] = None
    for each in (*instruction.refused, *refused):
        rows[("refused", f"{_site(each)}{each.reason}", each.said)] = None
    rows.update({("not understood", "", said): None for said in instruction.not_understood})
    return list(rows)


def _site(each: Refused) -> str:
    named = ", ".join(each.services[:_SERVICES])
    more = len(each.services) - _SERVICES
    services = f"{named} and {more} more, " if more > 0 else f"{named}, " if named else ""
    return f"{services}{each.path}:{each.line}: " if each.path else ""


def _where(reach: Reach) -> str:
    parts = [f" for {' and '.join(reach.tools or reach.runtimes)}"] if reach.tools or reach.runtimes else []
    parts += [f" only in {', '.join(reach.only)}"] if reach.only else []
    parts += [f" except in {', '.join(reach.except_)}"] if reach.except_ else []
    return "".join(parts)


def _lines(instruction: Instruction) -> list[str]:
    lines = [f"standard for {name}: {', else '.join(bases)}" for name, bases in instruction.standard.items()]
    lines += [f"to be excluded: {', '.join(instruction.exclude)}"] if instruction.exclude else []
    lines += [f"all of it{_where(instruction.reach)}"] if instruction.reach != EVERYWHERE else []
    lines += [f"{instruction.project} is taken for the name of the fleet"] if instruction.project else []
    return lines


def _summary(instruction: Instruction, refused: Sequence[Refused]) -> str:
    number = len(instruction.refused) + len(refused)
    unknown = len(instruction.not_understood)
    rules = len(instruction.rules)
    end = "; nothing is done while something is not understood" if unknown else ""
    return f"{rules} rule{'' if rules == 1 else 's'} selected, {number} refused, {unknown} not understood{end}"
