"""Quality gates: what was measured, held against limits. What was not measured does not pass."""

from trimtab.gate.gates import Check, State, evaluate
from trimtab.gate.limits import GatePolicy, Limits, PathLimits
from trimtab.gate.measured import Generated, Measured, ScanSeen

__all__ = ["Check", "GatePolicy", "Generated", "Limits", "Measured", "PathLimits", "ScanSeen", "State", "evaluate"]
