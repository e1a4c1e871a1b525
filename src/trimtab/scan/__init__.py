"""What is inside images and source trees: packages and their vulnerabilities, credentials, and how a benchmark is met."""

from trimtab.scan.result import (
    LEVELS,
    ControlResult,
    NotChecked,
    Part,
    Pending,
    Scan,
    Scope,
    Standing,
    TargetScan,
    count_severities,
)

__all__ = [
    "LEVELS",
    "ControlResult",
    "NotChecked",
    "Part",
    "Pending",
    "Scan",
    "Scope",
    "Standing",
    "TargetScan",
    "count_severities",
]
