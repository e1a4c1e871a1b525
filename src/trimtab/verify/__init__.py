"""The laboratory: a rewrite is a hypothesis, and only building and running it decides."""

from trimtab.verify.evidence import (
    Answer,
    Behaviour,
    Difference,
    Evidence,
    ImageUse,
    LayerUse,
    Measurement,
    Pair,
    Scenario,
    Stop,
    Trial,
    Verdict,
    VerdictKind,
)
from trimtab.verify.faults import NOBODYS_FAULT, broken_off
from trimtab.verify.laboratory import Laboratory, Measures, Progress
from trimtab.verify.memory import Memory
from trimtab.verify.optimize import Choice, Optimization, clean_up, optimize

__all__ = [
    "NOBODYS_FAULT",
    "Answer",
    "Behaviour",
    "Choice",
    "Difference",
    "Evidence",
    "ImageUse",
    "Laboratory",
    "LayerUse",
    "Measurement",
    "Measures",
    "Memory",
    "Optimization",
    "Pair",
    "Progress",
    "Scenario",
    "Stop",
    "Trial",
    "Verdict",
    "VerdictKind",
    "broken_off",
    "clean_up",
    "optimize",
]
