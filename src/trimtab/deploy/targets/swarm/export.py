"""A compose project as a stack file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from trimtab.deploy.targets.loss import Exported, Loss, in_order
from trimtab.deploy.targets.manifest import filled, manifest_text
from trimtab.deploy.targets.project import read_project, unescaped
from trimtab.deploy.targets.reading import Reading
from trimtab.deploy.targets.swarm.mounted import given_name, top_volumes
from trimtab.deploy.targets.swarm.reasons import REASONS
from trimtab.deploy.targets.swarm.service import HOST_NETWORK, stack_service, uses_host_network
from trimtab.deploy.targets.swarm.wanted import Wanted, written
from trimtab.fleet.plain import mapping

STACK = "stack.yml"
Part = dict[str, object]


@dataclass(frozen=True)
class SwarmOptions:
    """What the project itself does not say."""

    images: Mapping[str, str] = field(default_factory=dict[str, str])
    """By service: the image to run, best by digest."""
    endpoint_mode: Literal["vip", "dnsrr"] | None = None
    """How services are found, where the project does not say: a kernel without IPVS needs `dnsrr`."""
    monitor: int | None = None
    """For how many seconds a new task is watched, where the project does not say; None goes by its health check."""


@dataclass(frozen=True)
class Stack:
    """A project in a stack file's words, before it is written."""

    project: str
    data: Mapping[str, object] = field(repr=False)
    """References to variables in it are not written out yet; `stack_text` does that."""
    variables: Mapping[str, str] = field(repr=False)
    """The values that the shell has to have, by variable. They are credentials, and stand in no file."""
    losses: tuple[Loss, ...] = ()

    @property
    def services(self) -> Mapping[str, Mapping[str, object]]:
        return {name: mapping(body) for name, body in mapping(self.data.get("services")).items()}


def read_stack(data: Mapping[str, object], options: SwarmOptions | None = None) -> Stack:
    """A project as `docker compose config --format json` prints it, as a stack. The same project gives the same stack."""
    options = options or SwarmOptions()
    project = read_project(mapping(unescaped(dict(data))))
    losses: list[Loss] = []
    whole, wanted = Reading("", project.data, losses=losses), Wanted(project.credentials)
    services: Part = {}
    for name, body in project.services.items():
        service = Reading(name, body, losses=losses)
        services[name] = stack_service(
            service,
            project,
            wanted,
            image=options.images.get(name),
            endpoint_mode=_endpoint_mode(body, options),
            monitor=options.monitor,
        )
        service.report_unread(REASONS)
    for key in ("name", "services"):
        whole.take(key)
    stack = {
        "services": services,
        "networks": {**_networks(whole, project.name, wanted), **_host_network(project.services)},
        "volumes": top_volumes(whole, project.name, wanted),
        **{kind: _files(whole, kind, project.name, wanted) for kind in ("secrets", "configs")},
    }
    whole.report_unread(REASONS)
    variables = {name: value for (value, _), name in sorted(wanted.names.items(), key=lambda each: each[1])}
    return Stack(project.name, filled(stack), variables, in_order(losses))


def stack_text(stack: Stack) -> str:
    """A stack as the text of a stack file; `docker stack deploy` refuses it until it is given every variable."""
    return manifest_text([mapping(written(dict(stack.data)))], *_comments(stack.project, stack.variables))


def export_swarm(data: Mapping[str, object], options: SwarmOptions | None = None) -> Exported:
    """A stack file for a project as `docker compose config --format json` prints it, and what is lost.

    No value of a credential is in it: the shell that deploys gives them. `docker stack deploy` refuses the file until it does.
    The same project always gives the same file.
    """
    stack = read_stack(data, options)
    return Exported({STACK: stack_text(stack)}, stack.losses)


def _endpoint_mode(body: Mapping[str, object], options: SwarmOptions) -> str | None:
    said = mapping(body.get("deploy")).get("endpoint_mode")
    return None if said else options.endpoint_mode


def _comments(project: str, names: Iterable[str]) -> list[str]:
    first = f"Deploy it by: docker stack deploy --compose-file {STACK} {project}"
    named = ", ".join(names)
    return [first, *([f"The shell has to have: {named}"] if named else [])]


def _networks(whole: Reading, project: str, wanted: Wanted) -> Part:
    found: Part = {}
    for name, network in whole.named("networks").items():
        external = bool(network.take("external"))
        driver = network.text("driver")
        if external:
            network.approximated(
                "external", "It has to be an overlay network of the swarm.", "`docker network create -d overlay`"
            )
            found[name] = {"external": True, "name": given_name(network, project, name, external=True)}
            continue
        if driver not in {None, "bridge", "overlay"}:
            network.approximated("driver", f"`{driver}` is a driver of one machine; it became an overlay network.")
        found[name] = filled(
            {
                "name": given_name(network, project, name, external=False),
                "driver": "overlay",
                "driver_opts": wanted.all_hidden(network, "driver_opts") if driver == "overlay" else None,
                "internal": True if network.take("internal") is True else None,
                "attachable": True if network.take("attachable") is True else None,
                "ipam": _addresses(network),
                "labels": dict(mapping(network.take("labels"))),
            }
        )
    return found


def _addresses(network: Reading) -> Part:
    ipam = network.under("ipam")
    driver = ipam.text("driver")
    subnets = [{"subnet": subnet} for each in ipam.each("config") if (subnet := each.text("subnet"))]
    return filled({"driver": driver, "config": subnets})


def _host_network(services: Mapping[str, Mapping[str, object]]) -> Part:
    if any(uses_host_network(body) for body in services.values()):
        return {HOST_NETWORK: {"external": True, "name": "host"}}
    return {}


def _files(whole: Reading, kind: str, project: str, wanted: Wanted) -> Part:
    found: Part = {}
    for name, each in whole.named(kind).items():
        external = bool(each.take("external"))
        given = given_name(each, project, name, external=external)
        path = each.text("file")
        if path and not external:
            why = f"It is made from {path} as it is then; a swarm changes none, so that a new text needs a new name."
            each.approximated("file", why, f"Give it a `name` with a number, and count up: `name: {name}_1`.")
            found[name] = filled(
                {
                    "file": path,
                    "name": given,
                    "labels": dict(mapping(each.take("labels"))),
                    "driver": each.text("driver"),
                    "driver_opts": wanted.all_hidden(each, "driver_opts"),
                    "template_driver": each.text("template_driver"),
                }
            )
            continue
        outer = given or name
        found[name] = {"external": True, "name": outer}
        key = next((key for key in ("content", "environment") if each.has(key)), "external")
        command = f"docker {kind.removesuffix('s')} create {outer} -"
        each.approximated(key, "It is not made here.", f"Make it before you deploy: `{command}` reads it.")
    return found
