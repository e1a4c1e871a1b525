"""The laboratory: a rewrite is a hypothesis, and only building and running it decides."""

from trimtab.verify.evidence import (
    Behaviour,
    Difference,
    Evidence,
    Measurement,
    Pair,
    Scenario,
    Trial,
    Verdict,
    VerdictKind,
)
from trimtab.verify.experiment import Experiment, Laboratory, Progress
from trimtab.verify.optimize import Optimization, clean_up, optimize

__all__ = [
    "Behaviour",
    "Difference",
    "Evidence",
    "Experiment",
    "Laboratory",
    "Measurement",
    "Optimization",
    "Pair",
    "Progress",
    "Scenario",
    "Trial",
    "Verdict",
    "VerdictKind",
    "clean_up",
    "optimize",
]
