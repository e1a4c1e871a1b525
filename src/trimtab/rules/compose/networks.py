"""CM301 to CM304: who can reach whom, and who tries to reach nobody."""

from collections.abc import Iterator

from trimtab.fleet.compose.addresses import addresses, stranger, talks_to
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.model import Service
from trimtab.rules.base import (
    Category,
    ComposeRule,
    Confidence,
    Finding,
    Refusal,
    Severity,
    compose_case,
)

_PLAN = "who needs whom is `trimtab networks`' to propose, and to be looked at by somebody who knows"
_FEW = 5
_FLAT = "services: {w: {image: nginx}, d: {image: 'postgres:16'}, a: {image: a}, b: {image: b}, c: {image: c}"


class FlatNetwork(ComposeRule):
    """Stores on the same network as everything else.

    ## What it does
    Finds projects of five and more services, a store among them, all of whose services are on one network.

    ## Why it matters
    Whoever breaks into the least important service reaches the database directly.

    ## Fix safety
    Not fixed here: `trimtab networks` proposes which service goes on which network.

    ## References
    CIS Docker Benchmark 5.30
    """

    code = "CM301"
    category = Category.SECURITY
    severity = Severity.LOW
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: a}, d: {image: 'postgres:16'}}\n"),
        compose_case(f"{_FLAT}, e: {{image: e, networks: [x]}}}}\nnetworks: {{x: {{}}}}\n"),
    ]
    flagged = [compose_case(f"{_FLAT}}}\n", refused=_PLAN)]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        placed = {service.name: facts.networks(service) for service in facts.project.services}
        stores = [service for service in facts.project.services if facts.store_port(service) is not None]
        if len(placed) < _FEW or not stores or len(set(placed.values())) != 1 or None in placed.values():
            return
        message = f"keeps data, and all {len(placed)} services of the project are on its network"
        yield self.about(facts, stores[0], ("networks",), message, Refusal(_PLAN))


_HOST = "which service is meant is not known"


class UnknownHost(ComposeRule):
    """Address of a service that does not exist.

    ## What it does
    Finds URLs in a service's environment, env files, command and entry point whose host is a plain name that no service,
    container name, alias or `extra_hosts` entry of the project has.

    ## Why it matters
    The engine's name server knows the project's names only; the request fails: `Name or service not known`.

    ## Fix safety
    Not fixed: which service is meant is not known.
    """

    code = "CM302"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        compose_case(
            "services: {a: {image: a, environment: {U: 'http://b:80/x', V: 'https://example.com', W: 'http://localhost:1'}},"
            " b: {image: b}}\n"
        ),
        compose_case("services: {a: {image: a, environment: {U: 'http://c'}, extra_hosts: ['c:host-gateway']}}\n"),
        compose_case("services: {a: {image: a, environment: {DB_HOST: somewhere}}}\n"),
        compose_case(
            "services: {a: {image: a, environment: {U: 'http://x'}, networks: [o]}}\nnetworks: {o: {external: true}}\n"
        ),
    ]
    flagged = [
        compose_case("services: {a: {image: a, environment: ['U=redis://u:p@redis/0']}, b: {image: b}}\n", refused=_HOST)
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            if _meets_others(facts, service):
                continue
            for address in addresses(facts, service):
                if stranger(facts, service, address):
                    message = f"is given the host `{address.host}` in `{address.variable}`, and no service has that name"
                    yield self.about(facts, service, _keys(service, address.variable), message, Refusal(_HOST), address.host)


def _meets_others(facts: ComposeFacts, service: Service) -> bool:
    """Whether services of another project may be on one of its networks, whose names are then known, too."""
    networks = facts.networks(service)
    if networks is None:
        return True
    settings = (facts.project.networks.get(name) for name in networks)
    return any(isinstance(each, dict) and ("external" in each or "name" in each) for each in settings)


def _keys(service: Service, name: str) -> tuple[str, ...]:
    written = ("environment", name) if name in service.environment else ("env_file",)
    return (name,) if name in {"command", "entrypoint"} else written


class UnreachableHost(ComposeRule):
    """Address of a service on another network.

    ## What it does
    Finds URLs and host names in a service's environment, env files and command that mean another service of the project with
    which it shares no network.

    ## Why it matters
    A service's name is known on its own networks only.

    ## Fix safety
    Not fixed: which network joins them is a decision; `trimtab networks` proposes one.
    """

    code = "CM303"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        compose_case(
            "services: {a: {image: a, environment: {U: 'http://b'}, networks: [x, y]}, b: {image: b, networks: [y]}}\n"
            "networks: {x: {}, y: {}}\n"
        )
    ]
    flagged = [
        compose_case(
            "services: {a: {image: a, environment: {U: 'http://b'}, networks: [x]}, b: {image: b, networks: [y]}}\n"
            "networks: {x: {}, y: {}}\n",
            refused=_PLAN,
        )
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            own = facts.networks(service)
            for address, other in talks_to(facts, service):
                theirs = facts.networks(other)
                if own is not None and theirs is not None and not own & theirs:
                    message = f"is given the host `{address.host}` in `{address.variable}`, with which it shares no network"
                    yield self.about(facts, service, _keys(service, address.variable), message, Refusal(_PLAN), address.host)


_PORT = "whether the address or the other service's port is wrong is not known"


class WrongPort(ComposeRule):
    """Address with a port on which the other service does not listen.

    ## What it does
    Finds URLs in a service's environment, env files and command that mean another service of the project, and pairs such as
    `DB_HOST` and `DB_PORT`, with a port that nothing says it listens on: not its `ports`, `expose`, EXPOSE, start command, nor
    what its image is known for. A port that is only the host's side of the other's `ports` is the most common mistake.

    ## Why it matters
    Inside the network a container is reached on its own port. The request is refused.

    ## Fix safety
    Not fixed: which of the two is wrong is not known.
    """

    code = "CM304"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        compose_case(f"services: {{a: {{image: a, environment: {{U: 'http://b:{port}'}}}}, b: {{image: {other}}}}}\n")
        for port, other in ((80, "b, ports: ['8080:80']"), (81, "b, ports: ['80']"), (81, "b"),
                            (15672, "'rabbitmq:4-management'"), (6380, "'redis:8', command: redis-server --port 6380"))
    ] + [
        compose_case("services: {a: {image: a, environment: {D_HOST: d, D_PORT: 5432, PORT: 1}}, d: {image: 'postgres:17'}}\n"),
        compose_case("services: {a: {image: a, environment: {U: 'http://b:9'}}, b: {build: ./b}}\n",
                     b="FROM a:1\nEXPOSE 8 9\n"),
    ]  # fmt: skip
    flagged = [
        compose_case(
            f"services: {{a: {{image: a, environment: {{U: 'http://b:{port}'}}}}, b: {{image: {other}}}}}\n", refused=_PORT
        )
        for port, other in ((8080, "b, ports: ['8080:80']"), (5433, "'postgres:17', environment: {POSTGRES_PASSWORD: a}"))
    ] + [
        compose_case(
            "services: {a: {image: a, environment: {PGHOST: d, PGPORT: 1}}, d: {image: 'postgres:17', ports: ['1:5432']}}\n",
            refused=_PORT,
        ),
        compose_case(
            "services: {a: {image: a, environment: {U: 'http://b:9000'}}, b: {build: ./b}}\n",
            b='FROM python:3.12\nEXPOSE 8000\nCMD ["uvicorn", "a:a", "--port", "8000"]\n',
            refused=_PORT,
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            for address, other in talks_to(facts, service):
                known = facts.ports(other)
                if address.port is None or not known or address.port in known:
                    continue
                if address.port in facts.host_ports(other) or facts.surely_not_on(other, address.port):
                    ports = ", ".join(str(port) for port in sorted(known)[:4])
                    message = f"asks `{other.name}` on port {address.port} in `{address.variable}`, and that listens on {ports}"
                    yield self.about(facts, service, _keys(service, address.variable), message, Refusal(_PORT), address.host)
