"""CM125 and CM126: what a health check in a compose file calls in an image from elsewhere, and which port it asks."""

import re
from collections.abc import Iterator

from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.healthchecks import written_check
from trimtab.fleet.model import Service
from trimtab.fleet.ports import listening_ports
from trimtab.fleet.start import start_of
from trimtab.fleet.supply import image_lacks
from trimtab.rules.base import Category, ComposeRule, Finding, Refusal, Severity, compose_case

_TOOL = "what the image has to ask with instead is a decision"


class HealthCheckToolMissing(ComposeRule):
    """Health check that calls a program which an image from elsewhere does not have.

    ## What it does
    Looks up the programs of the health checks of services that are not built here in what their official images are known to
    have: no `curl` in `postgres`, `redis`, `mongo`, `rabbitmq`, `haproxy`, `caddy` and the slim images of languages, no `bash`
    in images of Alpine, no shell in distroless ones, no `mysqladmin` in MariaDB 11, and no store's client in another store. An
    image that is not known is not checked. Of what is built here DF302 speaks.

    ## Why it matters
    The check fails for ever: the container is `unhealthy` from the first minute, and whatever waits for it never starts.

    ## Fix safety
    Not fixed: what to ask with instead is not known; a store brings its own (`pg_isready`, `redis-cli ping`).
    """

    code = "CM125"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: 'postgres:16-alpine', healthcheck: {test: 'wget -q localhost || exit 1'}}}\n"),
        compose_case("services: {a: {image: 'postgres:16', healthcheck: {test: [CMD-SHELL, pg_isready -U a]}}}\n"),
        compose_case("services: {a: {image: 'acme/postgres:16', healthcheck: {test: curl localhost}}}\n"),
        compose_case("services: {a: {image: 'python:3.13', healthcheck: {test: curl localhost}}}\n"),
        compose_case("services: {a: {image: 'mariadb:10.11', healthcheck: {test: [CMD, mysqladmin, ping]}}}\n"),
        compose_case("services: {a: {image: 'nats:2-alpine', healthcheck: {test: wget -q localhost}}}\n"),
        compose_case("services: {a: {image: 'valkey/valkey:8', healthcheck: {test: redis-cli ping}}}\n"),
        compose_case("services: {a: {image: 'nginx:1.27-alpine', healthcheck: {test: curl -f localhost}}}\n"),
    ]
    flagged = [
        compose_case(
            f"services: {{a: {{image: '{image}', healthcheck: {{test: [CMD, curl, -f, localhost]}}}}}}\n", refused=_TOOL
        )
        for image in ("postgres:16", "redis:7-alpine", "python:3.13-slim", "node:24-alpine", "mongo:8", "caddy:2")
    ] + [
        compose_case(f"services: {{a: {{image: '{image}', healthcheck: {{test: {test}}}}}}}\n", refused=_TOOL)
        for image, test in (
            ("gcr.io/distroless/nodejs22-debian12", "node /check.js"),
            ("mariadb:11.4", "[CMD, mysqladmin, ping]"),
            ("mysql:8", "[CMD, pg_isready]"),
            ("node:24-slim", "timeout 3 curl -f localhost"),
        )
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        own = {service.image for service in facts.fleet.services if service.build is not None}
        for service in facts.project.services:
            check = written_check(service) if service.image and service.build is None and service.image not in own else None
            asked = [*(["sh"] if check.shell else []), *check.programs] if check else ()
            mounted = str(service.body.get("volumes") or "")
            program = next((each for each in asked if image_lacks(service.image or "", each) and each not in mounted), None)
            if program is not None:
                message = f"is checked with `{program}`, which `{service.image}` does not have"
                yield self.about(facts, service, ("healthcheck", "test"), message, Refusal(_TOOL), program)


_PORT = "which port is meant is not known: the service may have been told to listen on it"


class HealthCheckHostPort(ComposeRule):
    """Health check that asks the port which only the host knows.

    ## What it does
    Finds health checks in compose files that ask the service's own container for a port to which `ports` gives another number
    inside: `localhost:8080` where `ports` says `8080:80`, and those that ask a known store with a single port for another one.
    It speaks where nothing says that the service listens on that port, too. Where the service's own start command tells its
    port, DF303 speaks.

    ## Why it matters
    The check runs in the container, where nobody listens on the host's port: the container is `unhealthy` while the same
    request from the host is answered.

    ## Fix safety
    Not fixed: which port is meant is not known.
    """

    code = "CM126"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        compose_case(f"services: {{a: {{image: 'nginx:1', ports: ['{ports}'], healthcheck: {{test: {test}}}}}}}\n")
        for ports, test in (
            ("8080:80", "curl -f http://localhost/"),
            ("8080:80", "curl -f localhost:80/"),
            ("8080:8080", "curl -f http://localhost:8080/"),
            ("8080:80", "curl -f http://other:8080/"),
            ("8080:80", "curl -f http://localhost:9000/"),
        )
    ] + [
        compose_case(
            "services: {a: {image: 'a:1', network_mode: host, ports: ['81:80'], healthcheck: {test: nc -z localhost 81}}}\n"
        ),
        compose_case(
            "services: {a: {image: 'a:1', expose: [81], ports: ['81:80'], healthcheck: {test: nc -z localhost 81}}}\n"
        ),
        compose_case(
            "services: {a: {image: 'a:1', command: a -p 81, ports: ['81:80'], healthcheck: {test: nc -z localhost 81}}}\n"
        ),
    ]
    flagged = [
        compose_case(
            f"services: {{a: {{image: '{image}', ports: ['{ports}'], healthcheck: {{test: {test}}}}}}}\n", refused=_PORT
        )
        for image, ports, test in (
            ("nginx:1", "8080:80", "curl -f http://localhost:8080/"),
            ("nginx:1", "8080:80", "curl -f 127.0.0.1:8080/health"),
            ("redis:7", "127.0.0.1:6380:6379", "[CMD, redis-cli, -p, '6380', ping]"),
            ("postgres:16", "5433:5432", "pg_isready -U a -p 5433"),
            ("redis:7", "6379", "[CMD, redis-cli, -p, '6380', ping]"),
        )
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            check = written_check(service)
            if check is None or facts.networks(service) is None or _tells_its_port(facts, service):
                continue
            inside, outside = facts.ports(service), facts.host_ports(service)
            said = " ".join([*service.started_with.values(), *(value or "" for value in facts.environment(service).values())])
            for port in dict.fromkeys(check.local_ports()):
                if port in inside or re.search(rf"(?<!\d){port}(?!\d)", said):
                    continue
                message = f"is checked on port {port}, which is the host's: inside the container it is another one"
                if port not in outside:
                    message = f"is checked on port {port}, on which `{service.image}` does not listen unless it is told to"
                of_store = facts.store_port(service) is not None and facts.surely_not_on(service, port)
                if port in outside or of_store:
                    yield self.about(facts, service, ("healthcheck", "test"), message, Refusal(_PORT), str(port))


def _tells_its_port(facts: ComposeFacts, service: Service) -> bool:
    """Whether what is built here says itself where it listens, which DF303 compares."""
    image = facts.image(service)
    if image is None:
        return False
    start = start_of(*image)
    own = start is not None and start.program.rstrip("0123456789.") in {"python", "node"}
    return own or bool(listening_ports(*image))
