"""What keeps a project from being deployed to a swarm, found out before anything is touched."""

import re
from collections.abc import Collection, Iterator, Mapping

from trimtab.deploy.desired import Desired
from trimtab.deploy.targets.loss import Loss, LossKind
from trimtab.deploy.targets.swarm.cluster import NAMESPACE, Seen
from trimtab.deploy.targets.swarm.export import Stack
from trimtab.deploy.targets.swarm.files import KINDS, changed_texts
from trimtab.docker.api import Api, Request, checked
from trimtab.fleet.plain import items, mapping, text

_SOURCES = ("content", "environment")
_VITAL = re.compile(
    r"(privileged|devices|gpus|runtime|network_mode|pid|ipc|volumes_from|provider|pre_start|use_api_socket|models|entrypoint|command"
    r"|security_opt|userns_mode|device_cgroup_rules|group_add|cgroup"
    r"|deploy\.resources\.reservations\.devices|volumes\[\d+\]|ports\[\d+\]\.host_ip)(\.|$)"
)
"""Settings without which a service is another one, has other rights, or is open to others than it was."""
_MADE_UP = re.compile(r"(depends_on|pull_policy)(\.|$)")
"""What a deployment does itself: it waits for what others need, and names every image by its digest."""


def vital_losses(losses: Collection[Loss], services: Collection[str]) -> list[str]:
    """Losses that would make something else of a service, each with what to do about it."""
    found = [loss for loss in losses if loss.kind is LossKind.LOST and loss.service in services and _VITAL.match(loss.key)]
    end = "Say it otherwise for the swarm, in a compose file of its own that goes over this one"
    return [f"{_said(loss)} {end}" for loss in found]


def other_losses(losses: Collection[Loss], services: Collection[str]) -> list[str]:
    """Losses that make nothing else of a service, the project's own among them: what compose does and a swarm does not."""
    meant = [loss for loss in losses if loss.kind is LossKind.LOST and (not loss.service or loss.service in services)]
    return [_said(loss) for loss in meant if not _VITAL.match(loss.key) and not _MADE_UP.match(loss.key)]


def _said(loss: Loss) -> str:
    whose = f"`{loss.service}`: " if loss.service else ""
    return f"{whose}`{loss.key}`: {f'{loss.reason} {loss.advice}'.strip()}"


def loose_volumes(stack: Stack, seen: Seen, services: Collection[str]) -> list[str]:
    """Services that write to a volume which every node has another one of, and that may run on any of several nodes."""
    if len(seen.nodes) < 2:
        return []
    local = {
        name
        for name, volume in mapping(stack.data.get("volumes")).items()
        if mapping(volume).get("driver") in {None, "local"} and not mapping(volume).get("driver_opts")
    }
    found: list[str] = []
    for name in sorted(services):
        body = stack.services.get(name, {})
        rules = [str(rule) for rule in items(mapping(mapping(body.get("deploy")).get("placement")).get("constraints"))]
        pinned = any(rule.startswith("node.") and not rule.startswith("node.platform") for rule in rules)
        mounts = [mapping(each) for each in items(body.get("volumes"))]
        loose = [str(each.get("source")) for each in mounts if each.get("source") in local and not each.get("read_only")]
        if loose and not pinned:
            rule = f"node.hostname == {next(iter(seen.nodes.values())).name}"
            found.append(
                f"`{name}`: each of the {len(seen.nodes)} nodes has its own volume `{loose[0]}`, and what one has is"
                f' missing on the others. Pin it (`deploy.placement.constraints: ["{rule}"]`), or give the volume a driver for'
                " shared storage"
            )
    return found


async def missing(api: Api, stack: Stack, desired: Desired, swarm: str) -> list[str]:
    """What the stack takes for given and the swarm, of that id, has not, and names that something else there has.

    Raises:
        EngineMissing: the engine does not answer.
        EngineRefused: it is no manager.
    """
    asked = [Request("GET", "/networks"), *(Request("GET", f"/{kind}") for kind in KINDS)]
    answers = [checked(*pair) for pair in zip(asked, await api.all(asked), strict=True)]
    networks, *files = [[mapping(each) for each in items(answer.json)] for answer in answers]
    found = list(_networks(stack, networks))
    for kind, there in zip(KINDS, files, strict=True):
        names = {text(mapping(each.get("Spec")).get("Name")) for each in there}
        word = kind.removesuffix("s")
        for name in changed_texts(kind, mapping(stack.data.get(kind)), there, swarm):
            why = "the swarm has it with another text, and changes none"
            found.append(f"the {word} `{name}`: {why}. Give it another `name`, or none: trimtab counts then")
        for key, each in mapping(stack.data.get(kind)).items():
            outer = text(mapping(each).get("name")) or key
            if mapping(each).get("external") and outer not in names:
                own = any(key_ in mapping(mapping(desired.top.get(kind)).get(key)) for key_ in _SOURCES)
                why = "a swarm keeps it itself" if own else "the swarm has none of that name"
                found.append(f"the {word} `{outer}`: {why}. Make it: `docker {word} create {outer} -` reads it")
    return found


def _networks(stack: Stack, there: Collection[Mapping[str, object]]) -> Iterator[str]:
    by_name = {str(each.get("Name")): each for each in there}
    for key, each in mapping(stack.data.get("networks")).items():
        external = mapping(each).get("external")
        outer = text(mapping(each).get("name")) or (key if external else f"{stack.project}_{key}")
        network = by_name.get(outer, {})
        if external and outer != "host" and network.get("Scope") != "swarm":
            yield f"the network `{outer}`: the swarm has none of that name. Make it: `docker network create -d overlay {outer}`"
        elif not external and network and mapping(network.get("Labels")).get(NAMESPACE) != stack.project:
            yield (
                f"the network `{outer}` of this engine is not the stack's: compose has the project running here. Take it down"
                " first, `docker compose down`, which leaves its volumes"
            )
