"""A compose project as a stack for a Docker swarm, what is lost on the way, and how a service's last update ended."""

from trimtab.deploy.targets.swarm.export import STACK, SwarmOptions, export_swarm
from trimtab.deploy.targets.swarm.state import UpdateOutcome, UpdateState, update_state

__all__ = ["STACK", "SwarmOptions", "UpdateOutcome", "UpdateState", "export_swarm", "update_state"]
