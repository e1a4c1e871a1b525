"""CM125: what a health check in a compose file calls in an image from elsewhere."""

from collections.abc import Iterator

from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.healthchecks import written_check
from trimtab.fleet.supply import image_lacks
from trimtab.rules.base import Category, ComposeRule, Finding, Refusal, Severity, compose_case

_TOOL = "what the image has to ask with instead is a decision"


class HealthCheckToolMissing(ComposeRule):
    """Health check that calls a program which an image from elsewhere does not have.

    ## What it does
    Looks up the programs of the health checks of services that are not built here in what their official images are known to
    have: `curl` in `postgres`, `redis` and the slim images of languages, `bash` in images of Alpine. Of what is built here
    DF302 speaks.

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
    ]
    flagged = [
        compose_case(
            f"services: {{a: {{image: '{image}', healthcheck: {{test: [CMD, curl, -f, localhost]}}}}}}\n", refused=_TOOL
        )
        for image in ("postgres:16", "redis:7-alpine", "python:3.13-slim", "node:24-alpine")
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            check = written_check(service) if service.image and service.build is None else None
            for program in dict.fromkeys(check.programs if check else ()):
                if image_lacks(service.image or "", program):
                    message = f"is checked with `{program}`, which `{service.image}` does not have"
                    yield self.about(facts, service, ("healthcheck", "test"), message, Refusal(_TOOL), program)
