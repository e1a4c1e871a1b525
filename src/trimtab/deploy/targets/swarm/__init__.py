"""A compose project as a stack for a Docker swarm, what is lost on the way, and how a service's last update ended."""

from trimtab.deploy.targets.swarm.export import STACK, Stack, SwarmOptions, export_swarm, read_stack, stack_text
from trimtab.deploy.targets.swarm.state import UpdateOutcome, UpdateState, update_state

__all__ = [
    "STACK",
    "Stack",
    "SwarmOptions",
    "UpdateOutcome",
    "UpdateState",
    "export_swarm",
    "read_stack",
    "stack_text",
    "update_state",
]
