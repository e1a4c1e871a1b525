"""CM131 to CM134: names and ports of the host that a service takes."""

import re
from collections.abc import Iterator
from itertools import pairwise

from trimtab.fleet.compose.facts import ComposeFacts, PublishedPort, is_web, published_ports, replicas
from trimtab.fleet.model import Service
from trimtab.fleet.scripts import EngineCall, ScriptPart
from trimtab.rules.base import Category, ComposeRule, Finding, Refusal, Severity, compose_case, script_case

_SCALED = re.compile(r"(?:--scale=)?(?P<name>[\w.-]+)=(?P<wanted>\d{1,4})")
_ONE = "which of the two is meant, one container or several, is not known"


_NAMED = "services: {a: {image: a, container_name: a}}\n"


class FixedContainerName(ComposeRule):
    """Fixed container name on a service that is to run several times.

    ## What it does
    Finds `container_name` on services with `deploy.replicas` or `scale` above one, or that a script starts so (`up --scale`).

    ## Why it matters
    Two containers cannot have one name; compose refuses: `the custom container name … must be unique`.

    ## Fix safety
    Not fixed: scripts may use the name.
    """

    code = "CM131"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: a, container_name: a}, b: {image: b, scale: 3}}\n"),
        script_case(
            "#!/bin/sh\nset -e\ndocker compose -f b.yaml up --scale a=2\ndocker compose up --scale a=1\n", compose=_NAMED
        ),
    ]
    flagged = [
        compose_case("services: {a: {image: a, container_name: a, deploy: {replicas: 2}}}\n", refused=_ONE),
        *(
            script_case(f"#!/bin/sh\nset -e\ndocker compose {each}\n", compose=_NAMED, refused=_ONE)
            for each in ("up -d --scale a=2", "up --scale=a=3 -d", "scale a=2")
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            wanted = _containers(facts, service)
            if service.body.get("container_name") and wanted > 1:
                message = f"has one name for {wanted} containers, so they cannot be created"
                yield self.about(facts, service, ("container_name",), message, Refusal(_ONE))


class FixedHostPort(ComposeRule):
    """Fixed host port on a service that is to run several times.

    ## What it does
    Finds `ports` with fewer host ports than containers on services with `deploy.replicas` or `scale` above one, or that a
    script starts so (`up --scale`).

    ## Why it matters
    The second container does not start: `Bind for 0.0.0.0:… failed: port is already allocated`.

    ## Fix safety
    Not fixed: a proxy in front of them, or a range of ports, is a decision.
    """

    code = "CM132"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: a, ports: ['80:80']}, b: {image: b, scale: 3, ports: ['80', '8000-8002:80']}}\n"),
    ]
    flagged = [
        compose_case("services: {a: {image: a, ports: ['80:80'], deploy: {replicas: 2}}}\n", refused=_ONE),
        compose_case("services: {a: {image: a, ports: ['80-81:80'], deploy: {replicas: 3}}}\n", refused=_ONE),
        script_case(
            "#!/bin/sh\nset -e\ndocker compose up -d --scale a=2\n",
            compose="services: {a: {image: a, ports: ['80:80']}}\n",
            refused=_ONE,
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            wanted = _containers(facts, service)
            for port in published_ports(service):
                if port.published and _host_ports(port) < wanted:
                    message = f"has the host's port {port.published} for {wanted} containers"
                    yield self.about(facts, service, ("ports", port.index), message, Refusal(_ONE), port.published)


def _host_ports(port: PublishedPort) -> int:
    """How many ports of the host one entry has for each port of the container."""
    low, _, high = port.published.partition("-")
    return 1 + int(high) - int(low) if low.isdigit() and high.isdigit() and len(port.targets) == 1 else 1


def _containers(facts: ComposeFacts, service: Service) -> int:
    """How many containers a service gets, by its own file or by a script that starts more."""
    return max([replicas(service), *(int(each["wanted"]) for each in _scaled(facts) if each["name"] == service.name)])


def _scaled(facts: ComposeFacts) -> Iterator["re.Match[str]"]:
    for part in facts.fleet.scripts:
        for call in part.calls:
            for option, word in pairwise(call.words if call.is_compose else ()):
                asked = option == "--scale" or word.startswith("--scale=") or call.verb == "scale"
                match = _SCALED.fullmatch(word) if asked else None
                if match is not None and _is_about(part, call, facts):
                    yield match


def _is_about(part: ScriptPart, call: EngineCall, facts: ComposeFacts) -> bool:
    """Whether a call may be one of this project: it names a file of it, or none at all."""
    files = {place for file in call.files for place in part.places(file)}
    return not files or bool(files & set(facts.project.files))


_REACHED = "who has to reach it from outside the host is not known; `127.0.0.1:` in front keeps it on the host"
_EVERY = frozenset({"", "0.0.0.0", "::", "[::]"})  # noqa: S104  as compose files name it


class StorePublishedToTheWorld(ComposeRule):
    """Database or message broker whose port is published on all of the host's addresses.

    ## What it does
    Finds services with a known store's image that publish the port it listens on without an address of the host.

    ## Why it matters
    The engine opens such a port past the host's own firewall rules. The other services reach the store by its name, without a
    published port.

    ## Fix safety
    Not fixed: somebody may use the port from another machine.

    ## References
    https://docs.docker.com/engine/network/packet-filtering-firewalls/
    """

    code = "CM133"
    category = Category.SECURITY
    severity = Severity.HIGH
    since = "0.2"
    aliases = ("CL-0005",)
    clean = [
        compose_case(
            "services: {a: {image: 'postgres:16', ports: ['127.0.0.1:5432:5432']}, b: {image: b, ports: ['80:80']}}\n"
        ),
        compose_case("services: {a: {build: ./a, ports: ['80:80']}}\n", a="FROM postgres:16\nCMD serve\n"),
    ]
    flagged = [
        compose_case("services: {a: {image: 'postgres:16', ports: ['5432:5432']}}\n", refused=_REACHED),
        compose_case("services: {a: {image: 'redis:7', ports: [{target: 6379, published: '6379'}]}}\n", refused=_REACHED),
        compose_case("services: {a: {build: ./a, ports: ['5432:5432']}}\n", a="FROM postgres:16\nRUN make\n", refused=_REACHED),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            if facts.store_port(service) is not None:
                for index, text in _to_the_world(service):
                    message = f"keeps data, and publishes port {text} on every address of the host"
                    yield self.about(facts, service, ("ports", index), message, Refusal(_REACHED), text)


class PortPublishedToTheWorld(ComposeRule):
    """Port published on all of the host's addresses, of a service that has others in front of it.

    ## What it does
    Finds published ports without an address of the host, in projects that have a web server or proxy of their own, on services
    that are neither that nor a store.

    ## Why it matters
    Whoever reaches the host reaches the service past the proxy, and past the host's own firewall rules.

    ## Fix safety
    Not fixed: somebody may use the port from another machine.

    ## References
    CIS Docker Benchmark 5.14
    """

    code = "CM134"
    category = Category.SECURITY
    severity = Severity.LOW
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: a, ports: ['80:80']}}\n"),
        compose_case("services: {a: {image: a, ports: ['127.0.0.1:80:80']}, n: {image: 'nginx:1', ports: ['443:443']}}\n"),
    ]
    flagged = [
        compose_case(
            "services: {a: {image: a, ports: ['8000:8000']}, n: {image: 'nginx:1', ports: ['443:443']}}\n", refused=_REACHED
        )
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        fronts = [each for each in facts.project.services if is_web(each) and any(published_ports(each))]
        for service in facts.project.services if fronts else ():
            if is_web(service) or facts.store_port(service) is not None:
                continue
            for index, text in _to_the_world(service):
                message = f"publishes port {text} on every address of the host, past `{fronts[0].name}`"
                yield self.about(facts, service, ("ports", index), message, Refusal(_REACHED), text)


def _to_the_world(service: Service) -> Iterator[tuple[int, str]]:
    for port in published_ports(service):
        if port.published and port.address in _EVERY:
            yield port.index, port.published
