"""One service of a stack."""

import re
from collections.abc import Mapping

from trimtab.deploy.targets.loss import LossKind
from trimtab.deploy.targets.manifest import filled
from trimtab.deploy.targets.project import Project, image_of
from trimtab.deploy.targets.reading import Reading
from trimtab.deploy.targets.swarm.mounted import files, mounts
from trimtab.deploy.targets.swarm.rollout import deployment, mode_of
from trimtab.deploy.targets.swarm.wanted import Wanted
from trimtab.fleet.plain import items, mapping, text

Part = dict[str, object]
HOST_NETWORK = "host"
_UNSET = "An empty list takes the image's own away; a swarm has no word for that."
_PREFIX = ("isolation", "stop_signal", "user", "working_dir")


def stack_service(
    service: Reading, project: Project, wanted: Wanted, *, image: str | None, endpoint_mode: str | None, monitor: int | None
) -> Part:
    """What a stack file says for a service; `endpoint_mode` and `monitor` (seconds) go before the service's own."""
    mode = mode_of(service, project, endpoint_mode=_endpoint_mode(service, endpoint_mode))
    deploy = deployment(service, mode, project, endpoint_mode=endpoint_mode, monitor=monitor)
    deploy |= filled({"labels": wanted.all_hidden(service.under("deploy"), "labels")})
    body: Part = {
        "image": _image(service, project, image),
        **{key: _words(service, key, wanted) for key in ("entrypoint", "command")},
        **{key: service.text(key) for key in _PREFIX},
        "hostname": service.text("hostname"),
        "environment": _environment(service, wanted),
        "healthcheck": _check(service.under("healthcheck"), wanted),
        **{key: True if service.take(key) is True else None for key in ("init", "read_only", "stdin_open", "tty")},
        **{key: service.texts(key) for key in ("cap_add", "cap_drop", "dns", "dns_search")},
        "extra_hosts": _hosts(service),
        "sysctls": {name: str(value) for name, value in mapping(service.take("sysctls")).items()},
        "ulimits": dict(mapping(service.take("ulimits"))),
        "oom_score_adj": service.number("oom_score_adj"),
        "stop_grace_period": service.text("stop_grace_period"),
        "logging": _logging(service.under("logging"), wanted),
        "credential_spec": _credential_spec(service.under("credential_spec")),
        "labels": wanted.all_hidden(service, "labels"),
        "ports": _ports(service, _endpoint_mode(service, endpoint_mode)),
        "networks": _networks(service),
        "volumes": mounts(service),
        "secrets": files(service, "secrets"),
        "configs": files(service, "configs"),
        "deploy": deploy,
    }
    return filled(body)


def _endpoint_mode(service: Reading, given: str | None) -> str | None:
    return given or text(mapping(service.data.get("deploy")).get("endpoint_mode"))


def _image(service: Reading, project: Project, given: str | None) -> str:
    service.take("image")
    if service.has("build"):
        kind = LossKind.MOOT if given else LossKind.APPROXIMATED
        advice = "" if given else "Push it to a registry that all nodes reach, and name it: `--image SERVICE=…@sha256:…`."
        service.note("build", kind, "A swarm pulls images and builds none.", advice)
    return given or image_of(project, service.owner)


def _words(service: Reading, key: str, wanted: Wanted) -> list[str]:
    if service.data.get(key) == []:
        service.lost(key, _UNSET, "Give the whole command under `entrypoint`.")
    return [wanted.hidden(service, key, word) for word in service.texts(key)]


def _environment(service: Reading, wanted: Wanted) -> Part:
    found: Part = {}
    for name, raw in sorted(mapping(service.take("environment")).items()):
        value = text(raw)
        if value is None:
            why = f"`{name}` comes from the shell that starts compose; it comes from the one that deploys there."
            service.note(f"environment.{name}", LossKind.MOOT, why)
            found[name] = None
            continue
        found[name] = wanted.variable(service, name, value)
    return found


def _check(check: Reading, wanted: Wanted) -> Part:
    test = [wanted.hidden(check, "test", word) for word in check.texts("test")]
    if check.take("disable") is True or test[:1] == ["NONE"]:
        for key in ("interval", "timeout", "retries", "start_period", "start_interval"):
            check.take(key)
        return {"disable": True}
    times = {key: check.text(key) for key in ("interval", "timeout", "start_period", "start_interval")}
    return filled({"test": test, **times, "retries": check.number("retries")})


def _hosts(service: Reading) -> list[str]:
    found: list[str] = []
    for entry in service.texts("extra_hosts"):
        name, _, address = entry.partition("=") if "=" in entry else entry.partition(":")
        if re.fullmatch(r"\[?[0-9a-fA-F.:]+\]?", address):
            found.append(f"{name}:{address.strip('[]')}")
        else:
            why = f"`{name}` is to be the machine that runs the container, which only the engine itself knows."
            service.lost("extra_hosts", why, "Name the real host.")
    return found


def _logging(logging: Reading, wanted: Wanted) -> Part:
    return filled({"driver": logging.text("driver"), "options": wanted.all_hidden(logging, "options")})


def _credential_spec(spec: Reading) -> Part:
    return filled({key: spec.text(key) for key in ("config", "file", "registry")})


def _ports(service: Reading, endpoint_mode: str | None) -> list[Part]:
    found: list[Part] = []
    for port in service.each("ports"):
        target, mode = port.number("target"), port.text("mode") or "ingress"
        if endpoint_mode == "dnsrr" and mode != "host":
            why = "Without a virtual address a port is open on the nodes that run a task, and not on all."
            port.approximated("mode", why, "Use a proxy in the swarm, or `vip`.")
            mode = "host"
        part = {"target": target, "published": _published(port), "protocol": port.text("protocol"), "mode": mode}
        found.append(filled(part))
        if port.has("host_ip"):
            why = f"A swarm opens port {target} at every address of a node, and not at {port.data['host_ip']} only."
            port.lost("host_ip", why, "Leave the port out, or close it by the nodes' firewall.")
    return found


def _published(port: Reading) -> int | None:
    if not port.has("published"):
        return None
    number = port.number("published")
    if number is None:
        port.lost("published", "A range is not for a stack file; the swarm picks a port.", "Name one port.")
    return number


def _networks(service: Reading) -> Part:
    kind = service.text("network_mode")
    if kind == "host":
        return {HOST_NETWORK: {}}
    if kind and kind not in {"bridge", "default"}:
        service.lost(
            "network_mode", f"A task cannot have `{kind}`; it is on the stack's own network.", "Name networks instead."
        )
    found: Part = {}
    for name, joined in service.named("networks").items():
        options = {key: str(value) for key, value in mapping(joined.take("driver_opts")).items()}
        found[name] = filled({"aliases": [str(alias) for alias in items(joined.take("aliases"))], "driver_opts": options})
    return found


def uses_host_network(body: Mapping[str, object]) -> bool:
    """Whether a service has the network of whatever node it is on."""
    return body.get("network_mode") == "host"
