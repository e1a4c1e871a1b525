"""Rules: what is wrong, why it matters, and its fix or the reason there is none."""

from trimtab.rules.base import (
    Applicability,
    Case,
    Category,
    Confidence,
    DockerfileRule,
    Effects,
    Finding,
    Fix,
    FleetRule,
    Refusal,
    Rule,
    Severity,
)
from trimtab.rules.registry import all_rules, find_rule

__all__ = [
    "Applicability",
    "Case",
    "Category",
    "Confidence",
    "DockerfileRule",
    "Effects",
    "Finding",
    "Fix",
    "FleetRule",
    "Refusal",
    "Rule",
    "Severity",
    "all_rules",
    "find_rule",
]
