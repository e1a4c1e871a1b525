"""From what compose or the engine says of a container to the request that makes another one like it. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import cast

from trimtab.deploy import names
from trimtab.deploy.desired import Desired, Need, Wanted
from trimtab.deploy.names import Slot
from trimtab.docker.containers import Container
from trimtab.fleet.plain import items, mapping

Body = dict[str, object]
_OTHERS = ("container_name", "depends_on", "build", "links", "volumes_from", "profiles", "scale", "develop")
"""Keys of a service that its model does without: they name other services, or are about how many there are."""
_ENDPOINT = ("IPAMConfig", "Links", "Aliases", "DriverOpts", "GwPriority", "MacAddress")


def templates(desired: Desired, services: Iterable[str], revision: int) -> bytes:
    """A compose project in which each of these services has a model, under a name of its own, in the same networks.

    Compose creates the models and starts none; what it makes of a service's keys is then read from the engine, so that
    nothing of them has to be understood twice.
    """
    modelled = {names.template(name, revision): _model(desired.services[name]) for name in services}
    return json.dumps({**desired.top, "services": modelled}).encode()


def _model(wanted: Wanted) -> Body:
    body = {key: deepcopy(value) for key, value in wanted.body.items() if key not in _OTHERS}
    for key in wanted.joins:
        body.pop(key, None)
    deploy = {key: value for key, value in mapping(body.get("deploy")).items() if key != "replicas"}
    if "deploy" in body:
        body["deploy"] = deploy
    return {**body, "image": wanted.image}


def obstacle(wanted: Wanted, top: Mapping[str, object]) -> str | None:
    """Why a service cannot be deployed, where that is known before anything is tried."""
    for key in ("volumes_from", "links"):
        if wanted.body.get(key):
            return f"`{key}` names other containers, which trimtab does not follow: use networks and named volumes"
    for kind in ("secrets", "configs"):
        named = mapping(top.get(kind))
        for each in items(wanted.body.get(kind)):
            source = str(mapping(each).get("source") or each)
            given = {"environment", "content"} & set(mapping(named.get(source)))
            if given:
                return f"{kind[:-1]} `{source}` comes from `{min(given)}`: compose writes it at a start of its own; use `file`"
    return None


def service_body(model: Container, wanted: Wanted, slot: Slot, desired: Desired) -> Body:
    """The request for a service's container, from its model."""
    labels = {
        **model.labels,
        names.COMPOSE_SERVICE: wanted.name,
        names.COMPOSE_NUMBER: str(slot.number),
        names.COMPOSE_HASH: wanted.config_hash,
        names.COMPOSE_DEPENDS: _depends(wanted.needs),
        names.COMPOSE_FILES: ",".join(desired.files),
        names.COMPOSE_FOLDER: desired.folder,
    }
    told = {model.name: slot.name, model.labels.get(names.COMPOSE_SERVICE, ""): wanted.name}
    return renamed({**body_of(model), "Labels": labels}, told)


def _depends(needs: Mapping[str, Need]) -> str:
    """Compose's label for what a service depends on, which `compose down` and `stop` go by."""
    return ",".join(f"{name}:{need.condition}:{str(need.restart).lower()}" for name, need in needs.items())


def body_of(container: Container) -> Body:
    """The request that makes a container like one that is there, its run-time state left out."""
    config = deepcopy(dict(mapping(container.body.get("Config"))))
    if config.get("Hostname") == container.id[:12]:
        del config["Hostname"]
    host = deepcopy(dict(mapping(container.body.get("HostConfig"))))
    networks = mapping(mapping(container.body.get("NetworkSettings")).get("Networks"))
    endpoints = {name: _endpoint(container, mapping(value)) for name, value in networks.items()}
    joined = str(host.get("NetworkMode") or "").startswith("container:")
    if joined:
        # The name and the open ports of a container that joins another one's network are that one's.
        for key in ("Hostname", "ExposedPorts", "MacAddress"):
            config.pop(key, None)
    return {**config, "HostConfig": host, "NetworkingConfig": {"EndpointsConfig": {} if joined else endpoints}}


def _endpoint(container: Container, endpoint: Mapping[str, object]) -> Body:
    found = {key: deepcopy(endpoint[key]) for key in _ENDPOINT if endpoint.get(key)}
    if container.state != "created":
        # Of one that has run it cannot be told whether it was asked for or given.
        found.pop("MacAddress", None)
    # Engines before 25 list the container's own short id among the aliases.
    aliases = [str(each) for each in items(found.get("Aliases")) if str(each) != container.id[:12]]
    return {**found, **({"Aliases": aliases} if aliases else {})}


def renamed(body: Body, told: Mapping[str, str]) -> Body:
    """The request with other aliases for the old ones, each alias once; `""` leaves one out."""
    endpoints = mapping(mapping(body.get("NetworkingConfig")).get("EndpointsConfig"))
    changed: Body = {}
    for network, endpoint in endpoints.items():
        aliases = [told.get(str(each), str(each)) for each in items(mapping(endpoint).get("Aliases"))]
        changed[network] = {**mapping(endpoint), "Aliases": [each for each in dict.fromkeys(aliases) if each]}
    return {**body, "NetworkingConfig": {"EndpointsConfig": changed}}


def with_volumes_of(body: Body, before: Container | None) -> Body:
    """The request with the anonymous volumes of the container before, by name: what is in them is not lost."""
    if before is None:
        return body
    host = dict(mapping(body.get("HostConfig")))
    taken = _named_targets(host)
    given: list[object] = []
    for mount in items(before.body.get("Mounts")):
        entry = mapping(mount)
        target, name = str(entry.get("Destination") or ""), str(entry.get("Name") or "")
        if entry.get("Type") == "volume" and name and target not in taken and _wants_volume(body, target):
            given.append({"Type": "volume", "Source": name, "Target": target, "ReadOnly": entry.get("RW") is False})
    targets = {str(mapping(each).get("Target")) for each in given}
    kept = [each for each in items(host.get("Mounts")) if str(mapping(each).get("Target")) not in targets]
    return {**body, "HostConfig": {**host, "Mounts": [*kept, *given]}} if given else body


def _named_targets(host: Mapping[str, object]) -> set[str]:
    """Paths at which something of a name is mounted."""
    binds = {str(each).split(":")[1] for each in items(host.get("Binds")) if ":" in str(each)}
    mounts = {str(mapping(each).get("Target")) for each in items(host.get("Mounts")) if mapping(each).get("Source")}
    return binds | mounts | set(mapping(host.get("Tmpfs")))


def _wants_volume(body: Mapping[str, object], target: str) -> bool:
    """Whether a request asks for an anonymous volume at a path, by a mount or by what its image declares."""
    host = mapping(body.get("HostConfig"))
    mounts = {str(mapping(each).get("Target")) for each in items(host.get("Mounts")) if not mapping(each).get("Source")}
    return target in mounts or target in mapping(body.get("Volumes"))


def kept_body(body: Body, image: str, name: str, marks: Mapping[str, str]) -> Body:
    """The request for a container that is never started and only keeps a configuration.

    Compose does not see it, and no volume is made for it: an empty mount stands wherever one would be. The name of the
    container that it was made from is none of its aliases: it is kept for all places of the service.
    """
    body = renamed(body, {name: ""})
    host = dict(mapping(body.get("HostConfig")))
    anonymous = [
        each for each in items(host.get("Mounts")) if mapping(each).get("Type") == "volume" and not mapping(each).get("Source")
    ]
    declared = set(mapping(body.get("Volumes"))) | {str(mapping(each).get("Target")) for each in anonymous}
    suppressed = sorted(declared - _named_targets(host))
    stays = [each for each in items(host.get("Mounts")) if each not in anonymous]
    empty = [{"Type": "tmpfs", "Target": path} for path in suppressed]
    labels = {_quoted(name): str(value) for name, value in mapping(body.get("Labels")).items()}
    mine = {**labels, **marks, names.ROLE: names.KEPT, names.SUPPRESSED: json.dumps(suppressed)}
    return {**body, "Image": image, "Labels": mine, "HostConfig": {**host, "Mounts": [*stays, *empty]}}


_AWAY = "io.trimtab.kept/"


def _quoted(name: str) -> str:
    return name if name.startswith("io.trimtab.") else f"{_AWAY}{name}"


def placed_body(kept: Container, slot: Slot, image: str, marks: Mapping[str, str], before: Container | None) -> Body:
    """The request for a service's container from a kept revision.

    Args:
        kept: The revision.
        slot: The place of the service that it is for, any of them.
        image: The reference of the revision's image.
        marks: Labels of ours.
        before: The container in that place, whose anonymous volumes it takes over as compose does.
    """
    body = body_of(kept)
    suppressed = set(cast("Sequence[str]", json.loads(kept.labels.get(names.SUPPRESSED) or "[]")))
    theirs = {name.removeprefix(_AWAY): value for name, value in kept.labels.items() if name.startswith(_AWAY)}
    host = dict(mapping(body.get("HostConfig")))
    mounts = [each for each in items(host.get("Mounts")) if str(mapping(each).get("Target")) not in suppressed]
    wished = [{"Type": "volume", "Target": path} for path in sorted(suppressed)]
    endpoints = mapping(mapping(body.get("NetworkingConfig")).get("EndpointsConfig"))
    named = {network: _also_named(mapping(each), slot.name) for network, each in endpoints.items()}
    made = {
        **body,
        "Image": image,
        "Labels": {**theirs, names.COMPOSE_NUMBER: str(slot.number), **marks},
        "HostConfig": {**host, "Mounts": [*mounts, *wished]},
        "NetworkingConfig": {"EndpointsConfig": named},
    }
    return with_volumes_of(made, before)


def _also_named(endpoint: Mapping[str, object], name: str) -> Body:
    return {**endpoint, "Aliases": list(dict.fromkeys([name, *map(str, items(endpoint.get("Aliases")))]))}


def joined_body(body: Body, joined: Mapping[str, str]) -> Body:
    """The request with other containers' namespaces.

    Args:
        body: The request.
        joined: Compose's keys (`network_mode`, `pid`, `ipc`) to the ids of containers.
    """
    keys = {"network_mode": "NetworkMode", "pid": "PidMode", "ipc": "IpcMode"}
    host = {**mapping(body.get("HostConfig")), **{keys[key]: f"container:{identity}" for key, identity in joined.items()}}
    made = {**body, "HostConfig": host}
    if "network_mode" not in joined:
        return made
    # The name, the open ports and the networks of a container that joins another one's network are that one's.
    without = {key: value for key, value in made.items() if key not in {"Hostname", "ExposedPorts", "NetworkingConfig"}}
    return {**without, "HostConfig": {**host, "PortBindings": {}, "ExtraHosts": [], "Dns": []}}


def trial_body(body: Body, host: str, marks: Mapping[str, str]) -> Body:
    """The request for a container that tries a new version by itself: no port of the host, no name that anybody asks for.

    Labels of the service's own are left out, as some proxies find by them whom to lead callers to.
    """
    made = behind_body(body, host, "")
    return {**made, "Labels": {**marks, names.ROLE: names.TRIAL}, "HostConfig": {
        **mapping(made.get("HostConfig")), "RestartPolicy": {"Name": "no"},
    }}  # fmt: skip


def behind_body(body: Body, host: str, letter: str) -> Body:
    """The request for a container behind the holder: the ports of the host and the names that others ask for are the holder's.

    Args:
        body: The request.
        host: The one name by which the holder finds it.
        letter: The slot that it gets.
    """
    endpoints = mapping(mapping(body.get("NetworkingConfig")).get("EndpointsConfig"))
    named = {network: {**mapping(each), "Aliases": [host]} for network, each in endpoints.items()}
    own: Body = {**mapping(body.get("HostConfig")), "PublishAllPorts": False}
    own.pop("PortBindings", None)
    labels = {**mapping(body.get("Labels")), names.LETTER: letter}
    return {**body, "Labels": labels, "HostConfig": own, "NetworkingConfig": {"EndpointsConfig": named}}
