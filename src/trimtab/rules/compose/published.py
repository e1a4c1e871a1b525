"""CM131 to CM134: names and ports of the host that a service takes."""

from collections.abc import Iterator

from trimtab.fleet.compose.facts import ComposeFacts, is_web, published_ports, replicas, store_port
from trimtab.fleet.model import Service
from trimtab.rules.base import Category, ComposeRule, Finding, Refusal, Severity, compose_case

_ONE = "which of the two is meant, one container or several, is not known"


class FixedContainerName(ComposeRule):
    """Fixed container name on a service that is to run several times.

    ## What it does
    Finds `container_name` on services with `deploy.replicas` or `scale` above one.

    ## Why it matters
    Two containers cannot have one name; compose refuses: `the custom container name … must be unique`.

    ## Fix safety
    Not fixed: scripts may use the name.
    """

    code = "CM131"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [compose_case("services: {a: {image: a, container_name: a}, b: {image: b, scale: 3}}\n")]
    flagged = [compose_case("services: {a: {image: a, container_name: a, deploy: {replicas: 2}}}\n", refused=_ONE)]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            if service.body.get("container_name") and replicas(service) > 1:
                message = f"has one name for {replicas(service)} containers, so they cannot be created"
                yield self.about(facts, service, ("container_name",), message, Refusal(_ONE))


class FixedHostPort(ComposeRule):
    """Fixed host port on a service that is to run several times.

    ## What it does
    Finds `ports` with one host port on services with `deploy.replicas` or `scale` above one.

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
    flagged = [compose_case("services: {a: {image: a, ports: ['80:80'], deploy: {replicas: 2}}}\n", refused=_ONE)]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            for port in published_ports(service):
                if port.published and "-" not in port.published and replicas(service) > 1:
                    message = f"has the host's port {port.published} for {replicas(service)} containers"
                    yield self.about(facts, service, ("ports", port.index), message, Refusal(_ONE), port.published)


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
        compose_case("services: {a: {image: 'postgres:16', ports: ['127.0.0.1:5432:5432']}, b: {image: b, ports: ['80:80']}}\n")
    ]
    flagged = [
        compose_case("services: {a: {image: 'postgres:16', ports: ['5432:5432']}}\n", refused=_REACHED),
        compose_case("services: {a: {image: 'redis:7', ports: [{target: 6379, published: '6379'}]}}\n", refused=_REACHED),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            if store_port(service) is not None:
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
            if is_web(service) or store_port(service) is not None:
                continue
            for index, text in _to_the_world(service):
                message = f"publishes port {text} on every address of the host, past `{fronts[0].name}`"
                yield self.about(facts, service, ("ports", index), message, Refusal(_REACHED), text)


def _to_the_world(service: Service) -> Iterator[tuple[int, str]]:
    for port in published_ports(service):
        if port.published and port.address in _EVERY:
            yield port.index, port.published
