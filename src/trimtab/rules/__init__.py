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
    NewText,
    Refusal,
    Rule,
    Severity,
)
from trimtab.rules.registry import all_rules, default_rules, find_rules

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
    "NewText",
    "Refusal",
    "Rule",
    "Severity",
    "all_rules",
    "default_rules",
    "find_rules",
]
