"""Services by which pods are reached, and policies that keep compose's networks apart."""

from collections.abc import Iterator, Mapping, Sequence

from trimtab.deploy.targets.kubernetes.labels import selector
from trimtab.deploy.targets.kubernetes.names import dns_label, label_value, port_name
from trimtab.deploy.targets.loss import LossKind
from trimtab.deploy.targets.manifest import filled
from trimtab.deploy.targets.project import Port, Project
from trimtab.deploy.targets.reading import Reading
from trimtab.fleet.plain import items, mapping

Manifest = dict[str, object]
_LOOPBACK = ("127.", "::1")
NETWORK_LABEL = "io.trimtab/network-"


def network_label(network: str) -> str:
    """The label of pods on a network."""
    return NETWORK_LABEL + label_value(dns_label(network))


def networks_of(body: Mapping[str, object]) -> tuple[str, ...]:
    """The networks that a service is on; none with a network mode of its own."""
    return () if body.get("network_mode") else tuple(sorted(mapping(body.get("networks")))) or ("default",)


def services(service: Reading, project: Project, name: str, names: Mapping[str, str], *, needed: bool) -> Iterator[Manifest]:
    """A Service for each name by which a service is called, with each port on which it is reached.

    Without a known port it is headless, and finds the pods by name all the same.
    """
    ports = project.ports[service.owner]
    _published(service)
    headless = service.under("deploy").text("endpoint_mode") == "dnsrr" or not ports
    aliases = list(_aliases(service, project, name, names))
    if ports or needed or service.owner in project.called:
        yield _service(name, name, project.name, ports, headless=headless)
        yield from (_service(alias, name, project.name, ports, headless=headless) for alias in aliases)


def _published(service: Reading) -> None:
    for port in service.each("ports"):
        for key in ("target", "protocol", "mode"):
            port.take(key)
        host, where = port.text("published"), port.text("host_ip")
        if host or where or port.data.get("published") is None:
            port.take("published")
            at = f"port {host} of the machine" if host else "some port of the machine"
            only = f", {where} only" if where else ""
            why = f"{port.text('target')} is open at {at}{only}; a Service is open to the cluster only."
            port.approximated("published", why, "Add an Ingress, or make the Service a LoadBalancer or a NodePort.")
    service.take("expose")


def _aliases(service: Reading, project: Project, name: str, names: Mapping[str, str]) -> Iterator[str]:
    """Further names from the networks that are this service's alone, and legal."""
    for network in service.named("networks").values():
        for alias in network.texts("aliases"):
            taken = alias != name and (alias in names.values() or project.hosts.get(alias) != service.owner)
            if dns_label(alias) != alias or taken:
                network.lost(
                    "aliases", f"`{alias}` is another service's name, or no legal one.", "Call the service by its own name."
                )
            elif alias != name:
                yield alias
    container = service.text("container_name")
    if container in project.spoken and container not in names.values() and container and dns_label(container) == container:
        why = "Others call it by this name, and so it is one of a Service, too; pods are named by Kubernetes."
        service.note("container_name", LossKind.MOOT, why)
        yield container
    elif container:
        why = "Pods are named by Kubernetes."
        service.note("container_name", LossKind.MOOT, why, "Use `kubectl logs deploy/NAME` and the like in scripts.")


def _service(name: str, pods: str, project: str, ports: Sequence[Port], *, headless: bool) -> Manifest:
    labels = selector(pods, project)
    spec = {
        "clusterIP": "None" if headless else None,
        "selector": labels,
        "ports": [
            filled(
                {
                    "name": port_name(port.number, port.protocol),
                    "port": port.number,
                    "targetPort": port.number,
                    "protocol": None if port.protocol == "TCP" else port.protocol,
                }
            )
            for port in ports
        ],
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": labels}, "spec": filled(spec)}


def policies(project: Project, names: Mapping[str, str], network_names: Mapping[str, str]) -> Iterator[Manifest]:
    """Who may talk to whom: services of the same network, and everybody to published ports.

    Compose lets all containers of a network talk to each other on every port, and none of another one. A service whose networks
    are all internal reaches nothing outside of them but the name server.
    """
    for network, name in sorted(network_names.items()):
        pods = {"podSelector": {"matchLabels": {network_label(network): "true"}}}
        yield _policy(
            f"network-{name}", pods["podSelector"], {"policyTypes": ["Ingress"], "ingress": [{"from": [pods]}]}, project
        )
    for service, body in project.services.items():
        mine: dict[str, object] = {"matchLabels": selector(names[service], project.name)}
        if body.get("network_mode") == "none":
            yield _policy(f"alone-{names[service]}", mine, {"policyTypes": ["Ingress", "Egress"]}, project)
            continue
        published = [
            port for port in map(mapping, items(body.get("ports"))) if not str(port.get("host_ip")).startswith(_LOOPBACK)
        ]
        if published:
            ports = [{"port": port.number, "protocol": port.protocol} for port in project.ports[service]
                     if any(str(each.get("target")) == str(port.number) for each in published)]  # fmt: skip
            yield _policy(
                f"published-{names[service]}", mine, {"policyTypes": ["Ingress"], "ingress": [{"ports": ports}]}, project
            )
        own = networks_of(body)
        if own and all(mapping(mapping(project.data.get("networks")).get(network)).get("internal") for network in own):
            peers = [{"podSelector": {"matchLabels": {network_label(network): "true"}}} for network in own]
            resolver = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
            egress: list[object] = [{"to": peers}, resolver]
            yield _policy(f"internal-{names[service]}", mine, {"policyTypes": ["Egress"], "egress": egress}, project)


def _policy(name: str, pods: object, rules: Mapping[str, object], project: Project) -> Manifest:
    labels = {"app.kubernetes.io/part-of": label_value(project.name)}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": labels},
        "spec": {"podSelector": pods, **rules},
    }
