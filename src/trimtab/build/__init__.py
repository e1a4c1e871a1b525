"""Building images and knowing what a build did: one, or a whole fleet."""

from trimtab.build.failures import Outage, outage
from trimtab.build.graph import Graph, Wanted, build_graph
from trimtab.build.image import BuildRequest, BuildResult, build_image
from trimtab.build.outcome import Done, Outcome, RunResult
from trimtab.build.slots import Slots
from trimtab.build.target import Link, Target

__all__ = [
    "BuildRequest",
    "BuildResult",
    "Done",
    "Graph",
    "Link",
    "Outage",
    "Outcome",
    "RunResult",
    "Slots",
    "Target",
    "Wanted",
    "build_graph",
    "build_image",
    "outage",
]
