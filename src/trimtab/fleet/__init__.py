"""The fleet: what a repository holds and how its parts belong together."""

from trimtab.fleet.compose import changed_service
from trimtab.fleet.context import BuildContext
from trimtab.fleet.discover import discover, is_variant, rediscover
from trimtab.fleet.facts import Facts, facts_for
from trimtab.fleet.model import Build, ComposeProject, Fleet, FleetFile, FleetOptions, HealthCheck, Mount, Problem, Service
from trimtab.fleet.outside import Outside, Wheels, WheelState
from trimtab.fleet.policy import PathPolicy, Policy
from trimtab.fleet.tree import DiskTree, Entry, MemoryTree, OverlayTree, Tree, Unreadable

__all__ = [
    "Build",
    "BuildContext",
    "ComposeProject",
    "DiskTree",
    "Entry",
    "Facts",
    "Fleet",
    "FleetFile",
    "FleetOptions",
    "HealthCheck",
    "MemoryTree",
    "Mount",
    "Outside",
    "OverlayTree",
    "PathPolicy",
    "Policy",
    "Problem",
    "Service",
    "Tree",
    "Unreadable",
    "WheelState",
    "Wheels",
    "changed_service",
    "discover",
    "facts_for",
    "is_variant",
    "rediscover",
]
