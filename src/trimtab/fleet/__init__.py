"""The fleet: what a repository holds and how its parts belong together."""

from trimtab.fleet.context import BuildContext
from trimtab.fleet.discover import FleetOptions, discover
from trimtab.fleet.facts import Facts, facts_for
from trimtab.fleet.model import Build, Fleet, FleetFile, HealthCheck, Problem, Service
from trimtab.fleet.tree import DiskTree, Entry, MemoryTree, Tree, Unreadable

__all__ = [
    "Build",
    "BuildContext",
    "DiskTree",
    "Entry",
    "Facts",
    "Fleet",
    "FleetFile",
    "FleetOptions",
    "HealthCheck",
    "MemoryTree",
    "Problem",
    "Service",
    "Tree",
    "Unreadable",
    "discover",
    "facts_for",
]
