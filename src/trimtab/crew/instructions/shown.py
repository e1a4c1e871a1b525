"""What was understood of an instruction, for people."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from trimtab.crew.instructions.model import Instruction, Refused


def instruction_view(instruction: Instruction, refused: Sequence[Refused]) -> RenderableType:
    """What is understood, what is refused and why, and what is not understood."""
    lines = [Text(f"understood: {each.topic}", "green") for each in instruction.intents if not each.heading]
    lines += [Text(f"refused: {each.said}: {each.reason}", "yellow") for each in refused]
    lines += [Text(f"not understood: {each}", "red") for each in instruction.not_understood]
    return Group(*lines)
