"""Where a pod runs, what it is called there, and whom it finds by what name."""

import re

from trimtab.deploy.targets.kubernetes.names import dns_label
from trimtab.deploy.targets.manifest import filled
from trimtab.deploy.targets.reading import Reading
from trimtab.fleet.compose.service import duration
from trimtab.fleet.plain import mapping

_EQUAL = re.compile(r"^node\.labels\.(?P<key>[\w./-]+)\s*==\s*(?P<value>[\w.-]+)$")


def placing(service: Reading) -> dict[str, object]:
    """The pod's own settings: its node, its name, its view of names and processes, its log, and its time to end."""
    _logging(service)
    host_network = _host_network(service)
    grace = duration(service.take("stop_grace_period"))
    return filled(
        {
            "hostname": _hostname(service),
            "hostAliases": _host_aliases(service),
            "dnsConfig": _dns(service),
            "nodeSelector": {**_platform(service), **_constraints(service)},
            "shareProcessNamespace": _init(service),
            "hostNetwork": host_network,
            "dnsPolicy": "ClusterFirstWithHostNet" if host_network else None,
            "hostPID": _host(service, "pid"),
            "hostIPC": _host(service, "ipc"),
            "terminationGracePeriodSeconds": None if grace is None else max(1, -int(-grace // 1)),
        }
    )


def _logging(service: Reading) -> None:
    if mapping(service.data.get("logging")).get("driver") in {None, "json-file", "local", "journald"} and service.has(
        "logging"
    ):
        why = "What a container prints is kept by the node, and the kubelet rotates it for all of them the same."
        service.approximated("logging", why, "Set `containerLogMaxSize` and `containerLogMaxFiles`.")


def _hostname(service: Reading) -> str | None:
    name = service.text("hostname")
    if not name:
        return None
    legal = dns_label(name)
    if legal != name:
        service.approximated("hostname", f"A pod's host name is one lower-case word: it became `{legal}`.")
    return legal


def _host_aliases(service: Reading) -> list[dict[str, object]]:
    names: dict[str, list[str]] = {}
    for entry in service.texts("extra_hosts"):
        name, _, address = entry.partition("=") if "=" in entry else entry.partition(":")
        address = address.strip("[]")
        if re.fullmatch(r"[0-9a-fA-F.:]+", address):
            names.setdefault(address, []).append(name)
        else:
            why = f"`{name}` is to be the machine that runs the container, and a pod's machine is another one every time."
            service.lost("extra_hosts", why, "Name the real host, or give it a Service with an EndpointSlice.")
    return [{"ip": address, "hostnames": sorted(hosts)} for address, hosts in sorted(names.items())]


def _dns(service: Reading) -> dict[str, object]:
    servers, search = service.texts("dns"), service.texts("dns_search")
    options: list[dict[str, object]] = []
    for option in service.texts("dns_opt"):
        name, colon, value = option.partition(":")
        options.append({"name": name, "value": value} if colon else {"name": name})
    if servers or search:
        key = "dns" if servers else "dns_search"
        service.approximated(key, "The cluster's own name server is still asked first, or no Service would be found by name.")
    return filled({"nameservers": servers[:3], "searches": search[:32], "options": options})


def _platform(service: Reading) -> dict[str, str]:
    system, _, architecture = (service.text("platform") or "").partition("/")
    found = {"kubernetes.io/os": system} if system else {}
    kind = architecture.partition("/")[0]
    return {**found, "kubernetes.io/arch": kind} if kind else found


def _constraints(service: Reading) -> dict[str, str]:
    placement = service.under("deploy").under("placement")
    found: dict[str, str] = {}
    for rule in placement.texts("constraints"):
        match = _EQUAL.match(rule)
        if match:
            found[match["key"]] = match["value"]
        else:
            why = f"`{rule}` speaks of a swarm's nodes."
            placement.lost("constraints", why, "Say it as `nodeSelector` or `affinity` about labels of the cluster's nodes.")
    return found


def _init(service: Reading) -> bool | None:
    if service.take("init") is not True:
        return None
    why = "There is no `--init`; the pod's own first process reaps what is left over instead, as processes share one tree."
    service.approximated("init", why, "Start the image with `tini` where signals have to be forwarded.")
    return True


def _host_network(service: Reading) -> bool | None:
    mode = service.text("network_mode")
    if mode == "host":
        why = "The pod uses the network of whatever node it is on; one of a kind fits on a node, and network policies skip it."
        service.approximated("network_mode", why, "Do without, or pin it to a node.")
        return True
    if mode and mode not in {"none", "bridge", "default"}:
        service.lost("network_mode", "Two pods cannot share a network.", "Make both services containers of one pod by hand.")
    return None


def _host(service: Reading, key: str) -> bool | None:
    value = service.text(key)
    if value == "host":
        return True
    if value and value not in {"private", "none"}:
        service.lost(key, "Two pods cannot share it.", "Make both services containers of one pod by hand.")
    return None
