"""CM111 to CM116: what a service waits for before it starts."""

from collections.abc import Iterator

from trimtab.fleet.compose.conditions import is_named_in, why_not_waited_for
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.mentions import old_compose
from trimtab.fleet.compose.waiting import waits_itself
from trimtab.fleet.model import Service
from trimtab.fleet.plain import items, mapping
from trimtab.rules.base import (
    Applicability,
    Case,
    Category,
    ComposeRule,
    Confidence,
    Finding,
    Fix,
    Refusal,
    Severity,
    compose_case,
    fix_of,
)

_HEALTHY = {"condition": "service_healthy"}
_CHECK = "healthcheck: {test: [CMD, 'true']}"
_HEALTHY_FLOW = "{condition: service_healthy}"
_OLD = "a docker-compose before 1.27 is pinned here, which may read only a list there"
_CHOSEN = "`service_started` stands beside a `service_healthy`, so the difference seems to be meant"


class DependencyWithoutCondition(ComposeRule):
    """Dependency that is only waited for until its container has started.

    ## What it does
    Finds entries of `depends_on` without a condition, or with `service_started`, whose target has a health check.

    ## Why it matters
    A started container is a process, not a service: the first requests meet a port that nobody listens on yet, and whoever
    does not try again ends or stays broken.

    ## Fix safety
    Unsafe: the service then starts only when the other one is healthy, which takes longer, and not at all while it is not.
    `docker stack deploy` reads only a list there, as docker-compose before 1.27 does in a file of version 3: refused where the
    project seems to be deployed with the one, and where the other is pinned. Refused, too, where the other service seems to
    be meant to end, where its check is in a file that may be left out, seems unable to pass, allows not one failure while it
    starts or needs a program that an image from elsewhere may lack, and where `service_started` is written beside a
    `service_healthy`.
    """

    code = "CM111"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        compose_case(
            f"services: {{a: {{image: a, depends_on: {{b: {{condition: service_healthy}}}}}}, b: {{image: b, {_CHECK}}}}}\n"
        ),
        compose_case("services: {a: {image: a, depends_on: [b]}, b: {image: b}}\n"),
    ]
    flagged = [
        compose_case(
            f"services:\n  a:\n    image: a\n    depends_on:\n      - b # first\n  b: {{image: b, {_CHECK}}}\n",
            after="services:\n  a:\n    image: a\n    depends_on:\n      b: # first\n        condition: service_healthy\n"
            f"  b: {{image: b, {_CHECK}}}\n",
        ),
        compose_case(
            "services:\n  a:\n    image: a\n    depends_on:\n      b:\n        condition: service_started\n"
            f"  b: {{image: b, {_CHECK}}}\n",
            after="services:\n  a:\n    image: a\n    depends_on:\n      b:\n        condition: service_healthy\n"
            f"  b: {{image: b, {_CHECK}}}\n",
        ),
        compose_case(
            "services:\n  a:\n    image: a\n    depends_on:\n      b: {condition: service_started}\n"
            f"      c: {{condition: service_healthy}}\n  b: {{image: b, {_CHECK}}}\n  c: {{image: c, {_CHECK}}}\n",
            refused=_CHOSEN,
        ),
        compose_case(
            "services:\n  a: {image: a, depends_on: [b]}\n"
            "  b: {image: 'quay.io/keycloak/keycloak:26', healthcheck: {test: curl -f http://localhost:9000/health}}\n",
            refused="whether the image of `b` has the `curl` of its health check is not known",
        ),
        compose_case(
            "services:\n  a: {image: a, depends_on: [b]}\n"
            "  b: {image: 'mongo:6', healthcheck: {test: [CMD, mongosh, --eval, rs.initiate()]}}\n",
            refused="the health check of `b` sets up what is there from the second start on, and fails then",
        ),
        compose_case(
            "services:\n  a: {image: 'redis:7', depends_on: [b]}\n"
            "  b: {image: 'redis:7', healthcheck: {test: redis-cli cluster info | grep -q cluster_state:ok}}\n",
            refused="the health check of `b` asks for a whole cluster, whose other members may have to start first",
        ),
        compose_case(
            "services:\n  a: {image: 'e:8', depends_on: [b]}\n  c: {image: k, depends_on: {b: {condition: service_healthy}}}\n"
            f"  b: {{image: 'e:8', environment: {{cluster.initial_master_nodes: 'b,a'}}, {_CHECK}}}\n",
            refused="`b` forms a cluster with it, and may be healthy only once there are enough members",
        ),
        compose_case(
            "services:\n  a:\n    image: a\n    depends_on: {b: {condition: service_started}}\n"
            "  b: {image: 'c:1-alpine', healthcheck: {test: 'wget -q http://localhost/'}}\n",
            after="services:\n  a:\n    image: a\n    depends_on: {b: {condition: service_healthy}}\n"
            "  b: {image: 'c:1-alpine', healthcheck: {test: 'wget -q http://localhost/'}}\n",
        ),
        Case(
            "FROM scratch\n",
            refused=_OLD,
            files={
                "compose.yaml": "version: '3'\nservices:\n  a: {image: a, depends_on: [b]}\n  b: {image: b, " + _CHECK + "}\n",
                "requirements-test.txt": "docker-compose==1.24.1\n",
            },
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            loose = [
                name
                for name in service.depends_on
                if facts.condition(service, name) == "service_started"
                and (other := facts.project.service(name)) is not None
                and facts.has_check(other)
            ]
            for name in loose:
                message = f"does not wait until `{name}` is healthy, which has a health check"
                outcome = _conditioned(facts, service, name, loose)
                yield self.about(facts, service, ("depends_on", name), message, outcome, name)


def _conditioned(facts: ComposeFacts, service: Service, name: str, loose: list[str]) -> Fix | Refusal:
    raw = facts.raw(service, "depends_on")
    editor = facts.editor(service, "depends_on")
    if raw is None or "depends_on" not in raw.body:
        return Refusal("it extends another service, which may be what has to change")
    path = ("services", service.name, "depends_on")
    if facts.may_be_swarm:
        return Refusal("`docker stack deploy` reads only a list there, and the project seems to be deployed with it")
    pinned = old_compose(facts.fleet.tree)
    if pinned is not None and pinned < 27:
        return Refusal(_OLD)
    written = raw.body["depends_on"]
    names = [] if mapping(written) else [str(item) for item in items(written)]
    if any("$" in each for each in names):
        return Refusal("a name is made of variables, which compose does not put into keys")
    if not is_named_in(facts, service, name):
        return Refusal(f"`{name}` is named in another file, or by a variable")
    if _HEALTHY["condition"] in {mapping(each).get("condition") for each in mapping(written).values()}:
        return Refusal(_CHOSEN)
    reason = why_not_waited_for(facts, service, name, raw.path)
    if reason is not None:
        return Refusal(reason)
    if names:
        waited = {each for each in loose if why_not_waited_for(facts, service, each, raw.path) is None}
        values = {each: _HEALTHY if each in waited else {"condition": "service_started"} for each in names}
        return fix_of("wait until they are healthy", editor.keyed(path, values), Applicability.UNSAFE)
    change = editor.set((*path, name, "condition"), "service_healthy")
    return fix_of(f"wait until `{name}` is healthy", change, Applicability.UNSAFE)


_WHAT = "what tells that the service is ready is known to whoever wrote it"


class DependencyWithoutHealthCheck(ComposeRule):
    """Wait for the health of a service that has no health check.

    ## What it does
    Finds `condition: service_healthy` on a service without a health check in the compose file and in its image.

    ## Why it matters
    Compose refuses to start the service: `container … has no healthcheck configured`.

    ## Fix safety
    Not fixed: either the condition or the check is missing, and what to check is not known.
    """

    code = "CM112"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        compose_case(
            f"services: {{a: {{image: a, depends_on: {{b: {{condition: service_healthy}}}}}}, b: {{image: b, {_CHECK}}}}}\n"
        ),
        compose_case("services: {a: {image: a, depends_on: {b: {condition: service_healthy}}}, b: {image: b}}\n"),
        compose_case(
            "services: {a: {image: a, depends_on: {b: {condition: service_healthy}}}, b: {build: ./b}}\n",
            b="FROM scratch\nHEALTHCHECK CMD true\n",
        ),
    ]
    flagged = [
        compose_case(
            "services: {a: {image: a, depends_on: {b: {condition: service_healthy}}}, b: {build: ./b}}\n",
            b="FROM python:3.12\n",
            refused=_WHAT,
        ),
        compose_case(
            "services: {a: {image: a, depends_on: {b: {condition: service_healthy}}},"
            " b: {image: b, healthcheck: {disable: true}}}\n",
            refused=_WHAT,
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            for name in service.depends_on:
                other = facts.project.service(name)
                if other and facts.condition(service, name) == "service_healthy" and facts.has_check(other) is False:
                    message = f"waits until `{name}` is healthy, which has no health check, so that it cannot be started"
                    yield self.about(facts, service, ("depends_on", name), message, Refusal(_WHAT), name)


_EDGE = "which of them can do without the other is not known"


class DependencyCycle(ComposeRule):
    """Services that wait for each other.

    ## What it does
    Finds circles in `depends_on`.

    ## Why it matters
    Compose refuses the whole project: `dependency cycle detected`.

    ## Fix safety
    Not fixed: which dependency is not needed is not known.
    """

    code = "CM113"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [compose_case("services: {a: {image: a, depends_on: [b, c]}, b: {image: b, depends_on: [c]}, c: {image: c}}\n")]
    flagged = [
        compose_case("services: {a: {image: a, depends_on: [b]}, b: {image: b, depends_on: [a]}}\n", refused=_EDGE),
        compose_case("services: {a: {image: a, depends_on: [a]}}\n", refused=_EDGE),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        done: set[str] = set()
        for service in facts.project.services:
            circle = _circle(facts, service.name)
            if circle and not done.intersection(circle):
                done.update(circle)
                message = f"waits for itself: {' → '.join([*circle, circle[0]])}"
                yield self.about(facts, service, ("depends_on",), message, Refusal(_EDGE))


def _circle(facts: ComposeFacts, start: str) -> list[str]:
    """A way from a service back to it, along dependencies."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        last = facts.project.service(way[-1])
        for name in last.depends_on if last else ():
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


_PROFILE = "whether the service belongs to the profile, or does without the other one, is not known"


class DependencyInProfile(ComposeRule):
    """Dependency on a service that is only there in a profile.

    ## What it does
    Finds services that depend on one with `profiles`, and are started without any of these profiles. A dependency with
    `required: false` is meant that way.

    ## Why it matters
    Without the profile compose refuses the project: `service … depends on undefined service`.

    ## Fix safety
    Not fixed: which of the two is meant is not known.
    """

    code = "CM114"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: a, depends_on: [b], profiles: [x]}, b: {image: b, profiles: [x, y]}}\n"),
        compose_case(
            "services: {a: {image: a, depends_on: {b: {condition: service_started, required: false}}},"
            " b: {image: b, profiles: [x]}}\n"
        ),
    ]
    flagged = [compose_case("services: {a: {image: a, depends_on: [b]}, b: {image: b, profiles: [x]}}\n", refused=_PROFILE)]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            for name in service.depends_on:
                other = facts.project.service(name)
                if other is None or not other.profiles or _is_optional(service, name):
                    continue
                if not service.profiles or not set(service.profiles) <= set(other.profiles):
                    message = f"depends on `{name}`, which is only there with the profile `{'`, `'.join(other.profiles)}`"
                    yield self.about(facts, service, ("depends_on", name), message, Refusal(_PROFILE), name)


def _is_optional(service: Service, name: str) -> bool:
    return mapping(mapping(service.body.get("depends_on")).get(name)).get("required") is False


_NAME = "which service is meant is not known"


class UnknownDependency(ComposeRule):
    """Dependency on a service that does not exist.

    ## What it does
    Finds names in `depends_on` that the project has no service for.

    ## Why it matters
    Compose refuses the whole project: `service … depends on undefined service`.

    ## Fix safety
    Not fixed: which service is meant is not known.
    """

    code = "CM115"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [compose_case("services: {a: {image: a, depends_on: [b]}, b: {image: b}}\n")]
    flagged = [compose_case("services: {a: {image: a, depends_on: [bb]}, b: {image: b}}\n", refused=_NAME)]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            for name in service.depends_on:
                if facts.project.service(name) is None and not _is_optional(service, name):
                    message = f"depends on `{name}`, which does not exist"
                    yield self.about(facts, service, ("depends_on", name), message, Refusal(_NAME), name)


_LONG_ENOUGH = "whether it tries for long enough only a start shows; `trimtab startup` says what would be saved"


class RetryingDependant(ComposeRule):
    """Wait for the health of a service by one that tries again by itself.

    ## What it does
    Finds `condition: service_healthy` where the waiting service's command waits for the other one (`wait-for-it`, `dockerize`,
    `until nc …`), or where one of its own files that speak of the other one uses a library that tries again (tenacity, backoff,
    p-retry and the like).

    ## Why it matters
    Both wait: the container is started only when the other one is healthy, and everything that the service could do before
    its first request is put off until then.

    ## Fix safety
    Not fixed: whether it tries for long enough only a start shows. `trimtab startup` says what would be saved.
    """

    code = "CM116"
    category = Category.RELIABILITY
    severity = Severity.INFO
    confidence = Confidence.LOW
    since = "0.2"
    clean = [
        compose_case(
            f"services: {{a: {{image: a, command: a b, depends_on: {{b: {_HEALTHY_FLOW}}}}}, b: {{image: b, {_CHECK}}}}}\n"
        ),
        compose_case("services: {a: {image: a, command: ./wait-for-it.sh b:1 -- a, depends_on: [b]}, b: {image: b}}\n"),
    ]
    flagged = [
        compose_case(
            "services:\n  a:\n    image: a\n    command: ./wait-for-it.sh b:5432 -- serve\n    depends_on:\n      b:\n"
            f"        condition: service_healthy\n  b: {{image: b, {_CHECK}}}\n",
            refused=_LONG_ENOUGH,
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            for name in service.depends_on:
                reason = waits_itself(facts, service, name) if facts.condition(service, name) == "service_healthy" else None
                if reason is not None:
                    message = f"waits until `{name}` is healthy, and {reason}"
                    yield self.about(facts, service, ("depends_on", name), message, Refusal(_LONG_ENOUGH), name)
