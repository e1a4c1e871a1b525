"""Instructions in plain words: what a sentence asks for, what of it is not understood, and what is refused."""

from trimtab.crew.instructions.against import against, called_in, names_of, runtimes_of
from trimtab.crew.instructions.model import Clause, Fate, Instruction, Intent, Kept, Reach, Refused
from trimtab.crew.instructions.topics import CODES, Topic, codes_of
from trimtab.crew.instructions.understand import understand

__all__ = [
    "CODES",
    "Clause",
    "Fate",
    "Instruction",
    "Intent",
    "Kept",
    "Reach",
    "Refused",
    "Topic",
    "against",
    "called_in",
    "codes_of",
    "names_of",
    "runtimes_of",
    "understand",
]
