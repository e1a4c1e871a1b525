"""Why a setting of compose's is not in the stack file, and what to do about it."""

from trimtab.deploy.targets.loss import LossKind
from trimtab.deploy.targets.reading import Reasons

_LOST, _MOOT = LossKind.LOST, LossKind.MOOT
_IGNORED = "`docker stack deploy` says that it ignores it."
_UNKNOWN = "A stack file has no such key, and is refused with it."
_HERE = "It is about compose on one machine."
_UNRESOLVED = "Compose has not resolved it."
_ADDRESS = "A task gets its addresses from the swarm."

REASONS: Reasons = {
    "annotations": (_LOST, _UNKNOWN, "Use labels."),
    "attach": (_MOOT, _HERE, ""),
    "blkio_config": (_LOST, _UNKNOWN, ""),
    "cgroup": (_LOST, _UNKNOWN, ""),
    "cgroup_parent": (_LOST, _IGNORED, ""),
    "configs": (_LOST, "A stack file has no such option of a configuration file.", ""),
    "container_name": (_MOOT, "A task's container is named by the swarm.", "Call the service by its name."),
    "cpu_count": (_LOST, _UNKNOWN, ""),
    "cpu_percent": (_LOST, _UNKNOWN, ""),
    "cpu_period": (_LOST, _UNKNOWN, "Say `deploy.resources.limits.cpus`."),
    "cpu_quota": (_LOST, _UNKNOWN, "Say `deploy.resources.limits.cpus`."),
    "cpu_rt_period": (_LOST, _UNKNOWN, ""),
    "cpu_rt_runtime": (_LOST, _UNKNOWN, ""),
    "cpu_shares": (_LOST, _UNKNOWN, "Say `deploy.resources.reservations.cpus`."),
    "cpuset": (_LOST, _UNKNOWN, ""),
    "depends_on": (_LOST, "A swarm starts everything at once.", "Let the program try again until the other one answers."),
    "deploy.resources.reservations.devices": (_LOST, _UNKNOWN, "Use `generic_resources`, which a node's daemon.json offers."),
    "develop": (_MOOT, _HERE, ""),
    "device_cgroup_rules": (_LOST, _UNKNOWN, ""),
    "devices": (_LOST, _IGNORED, "Run it outside of the swarm."),
    "dns_opt": (_LOST, _UNKNOWN, ""),
    "domainname": (_LOST, _IGNORED, ""),
    "env_file": (_LOST, _UNRESOLVED, "Resolve the project first."),
    "expose": (_MOOT, "All services of a network reach each other on every port.", ""),
    "extends": (_LOST, _UNRESOLVED, "Resolve the project first."),
    "external_links": (_LOST, _IGNORED, "Put both on an attachable network."),
    "gpus": (_LOST, _UNKNOWN, "Use `generic_resources`, which a node's daemon.json offers."),
    "group_add": (_LOST, _UNKNOWN, "Set the user's groups in the image."),
    "include": (_LOST, _UNRESOLVED, "Resolve the project first."),
    "ipc": (_LOST, _IGNORED, ""),
    "label_file": (_LOST, _UNRESOLVED, "Resolve the project first."),
    "links": (_LOST, _IGNORED, "Call the service by its name, or give it an alias in a network."),
    "mac_address": (_LOST, _IGNORED, ""),
    "mem_swappiness": (_LOST, _UNKNOWN, ""),
    "memswap_limit": (_LOST, _UNKNOWN, ""),
    "models": (_LOST, _UNKNOWN, "Run a model server, and pass its address."),
    "networks": (_LOST, "A stack file has no such option of a network.", ""),
    "networks.*.ipv4_address": (_LOST, _ADDRESS, "Call the service by its name."),
    "networks.*.ipv6_address": (_LOST, _ADDRESS, "Call the service by its name."),
    "networks.*.mac_address": (_LOST, _ADDRESS, ""),
    "networks.*.gw_priority": (_MOOT, _ADDRESS, ""),
    "networks.*.priority": (_MOOT, _ADDRESS, ""),
    "oom_kill_disable": (_LOST, _UNKNOWN, ""),
    "pid": (_LOST, _IGNORED, ""),
    "ports": (_MOOT, "It is a name for people.", ""),
    "post_start": (_LOST, _UNKNOWN, "Do it at the start of the program."),
    "pre_start": (_LOST, _UNKNOWN, "Make it a service of the mode `replicated-job`."),
    "pre_stop": (_LOST, _UNKNOWN, "Do it when the program is told to stop."),
    "privileged": (_LOST, _IGNORED, "Add the capabilities that it needs, or run it outside of the swarm."),
    "profiles": (_MOOT, "The services of the chosen profiles are exported, and no others.", ""),
    "provider": (_LOST, "It is made by a program on the machine, not in a container.", "Make it by hand."),
    "pull_policy": (_LOST, _UNKNOWN, "`docker stack deploy --resolve-image` is always, changed or never."),
    "pull_refresh_after": (_LOST, _UNKNOWN, ""),
    "runtime": (_LOST, _UNKNOWN, "Make it the default runtime of the nodes that it may run on."),
    "secrets": (_LOST, "A stack file has no such option of a secret.", ""),
    "security_opt": (_LOST, _IGNORED, "Set `no-new-privileges` and profiles in each node's daemon.json."),
    "storage_opt": (_LOST, _UNKNOWN, ""),
    "use_api_socket": (_LOST, _UNKNOWN, "Mount the engine's socket of a manager node, if it must be."),
    "userns_mode": (_LOST, _IGNORED, ""),
    "uts": (_LOST, _UNKNOWN, ""),
    "volumes": (_LOST, "A stack file has no such option of a mount.", ""),
    "volumes_from": (_LOST, _UNKNOWN, "Mount a named volume in both."),
    "build": (_LOST, "A swarm builds nothing.", "Push the image."),
    "credential_spec": (_LOST, "A stack file has no such option of it.", ""),
}
"""By compose's key. Facts are docker/cli's: `UnsupportedProperties` and `ForbiddenProperties` in cli/compose/types, the schema
3.13, and what cli/compose/convert makes of a service."""
