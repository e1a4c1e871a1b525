"""`against`: what of an instruction a fleet does not allow."""

from trimtab.crew.instructions.model import Instruction, Refused
from trimtab.fleet import Fleet


def against(instruction: Instruction, fleet: Fleet) -> tuple[Refused, ...]:
    """TODO."""
    return ()
