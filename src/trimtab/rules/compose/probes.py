"""CM121 to CM124: how often a health check asks, and how long it waits."""

import re
from collections.abc import Iterator

from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.mentions import old_compose
from trimtab.fleet.compose.service import written_duration
from trimtab.fleet.model import HealthCheck, Service
from trimtab.rules.base import (
    Applicability,
    Case,
    Category,
    ComposeRule,
    Finding,
    Fix,
    Refusal,
    Severity,
    compose_case,
    fix_of,
)

_ENGINE_START_INTERVAL = 5.0
"""Seconds between two probes during the start period where nothing else is said (docker 25 and later)."""
_ENGINE_INTERVAL = _ENGINE_TIMEOUT = 30.0
_HEAVY = re.compile(
    r"(?i)(?<![\w-])(?:powershell|pwsh|java|rabbitmqctl|rabbitmq-[\w-]+|kafka-[\w-]+|zookeeper-shell|nodetool|cqlsh|srvctl"
    r"|celery|airflow)(?![\w-])"
)
"""Programs that start a virtual machine of their own, or load a whole application, for every question."""
_TOO_SOON = (
    re.compile(
        r"(?<![\w-])(?P<word>pg_isready|psql)(?![\w-])(?!.*(?:(?<!\w)(?:-h|--host)|postgres(?:ql)?://|host=))", re.DOTALL
    ),
    re.compile(
        r"(?<![\w-])(?P<word>mysqladmin|mariadb-admin|mysql|mariadb)(?![\w-])"
        r"(?!.*(?<!\w)(?:(?:-h|--host)[= ]?[\"']?(?!localhost)[\w$]|--protocol[= ]?tcp))",
        re.DOTALL | re.IGNORECASE,
    ),
    re.compile(r"(?<![\w-])(?P<word>mongosh|mongo)(?![\w-])(?!.*--host[= ][\"']?(?!localhost|127\.)[\w$])", re.DOTALL),
)
"""Checks that a store's image answers while it sets its data up: it runs the server for itself then, on the socket (PostgreSQL,
MySQL, MariaDB) or on 127.0.0.1 (MongoDB), and stops it again before the one that others can reach."""
_LONGEST = 3600.0
_LONG = "`retries` times `interval` is more than an hour, which is no start any more"
_ASKED_FOR = "whether a slow answer or a quick one is meant is not known"


class TimeoutAboveInterval(ComposeRule):
    """Health check that waits longer for an answer than it lets pass between two.

    ## What it does
    Finds health checks in compose files whose `timeout` is not below their `interval`.

    ## Why it matters
    The engine starts the next probe an interval after the last one has ended. A service that hangs is found after the sum of
    both, times `retries`: minutes where the interval reads like seconds.

    ## Fix safety
    Not fixed: which of the two is meant is not known.
    """

    code = "CM121"
    category = Category.RELIABILITY
    severity = Severity.LOW
    since = "0.2"
    clean = [compose_case("services: {a: {image: a, healthcheck: {test: [CMD, b], interval: 30s, timeout: 5s}}}\n")]
    flagged = [
        compose_case(
            "services: {a: {image: a, healthcheck: {test: [CMD, b], interval: 30s, timeout: 60s}}}\n", refused=_ASKED_FOR
        ),
        compose_case("services: {a: {image: a, healthcheck: {test: [CMD, b], interval: 10s}}}\n", refused=_ASKED_FOR),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service, check in _checks(facts):
            interval = _ENGINE_INTERVAL if check.interval is None else check.interval
            timeout = _ENGINE_TIMEOUT if check.timeout is None else check.timeout
            # Both left out is the engine's own choice, and so 30 s each.
            if timeout >= interval and (check.interval, check.timeout) != (None, None):
                message = f"waits up to {timeout:g} s for an answer that it asks for every {interval:g} s"
                yield self.about(facts, service, ("healthcheck", "timeout"), message, Refusal(_ASKED_FOR))


_OLD = "a docker-compose 1 is pinned here, which refuses a project with `start_interval`"


class MissingStartInterval(ComposeRule):
    """Health check that others wait for, and that asks rarely while the service starts.

    ## What it does
    Finds services that others wait for with `service_healthy`, whose check has no `start_interval`, or whose start period is
    missing so that not even the engine's five seconds are in effect.

    ## Why it matters
    Every service in a chain waits for the next probe of the one before it. A chain of eight services that boot in a second
    each took 46.3 s to start with the engine's five seconds, and 18.5 s with `start_interval: 500ms` (docker 28.5, compose
    2.40, median of two).

    ## Fix safety
    Unsafe: the check runs every second while the service starts, or every five where it starts PowerShell, Java or the like;
    engines before docker 25 do not know the key. Where there is no start period, one of `retries` times `interval` is added,
    without which compose refuses the key; refused where that is more than an hour, where a docker-compose 1 is pinned, which
    does not know the key, and where a store's check asks over the socket (`pg_isready` without `-h`): a new store answers
    there while it is still set up, and seconds decide whether it is asked then.
    """

    code = "CM122"
    category = Category.RELIABILITY
    severity = Severity.LOW
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: a, healthcheck: {test: [CMD, b], interval: 30s, start_period: 30s}}}\n"),
        compose_case(
            "services: {c: {image: c, depends_on: {a: {condition: service_healthy}}}, a: {image: a, healthcheck:"
            " {test: [CMD, b], interval: 30s, start_period: 30s, start_interval: 500ms}}}\n"
        ),
    ]
    flagged = [
        compose_case(
            "services:\n  c:\n    image: c\n    depends_on: {a: {condition: service_healthy}}\n"
            "  a:\n    image: a\n    healthcheck:\n      test: [CMD, b]\n      start_period: 30s # slow\n      retries: 3\n",
            after="services:\n  c:\n    image: c\n    depends_on: {a: {condition: service_healthy}}\n"
            "  a:\n    image: a\n    healthcheck:\n      test: [CMD, b]\n      start_period: 30s # slow\n"
            "      start_interval: 1s\n      retries: 3\n",
        ),
        compose_case(
            "services:\n  c: {image: c, depends_on: {a: {condition: service_healthy}}}\n"
            "  a: {image: a, healthcheck: {test: [CMD, b], interval: 10s, retries: 4}}\n",
            after="services:\n  c: {image: c, depends_on: {a: {condition: service_healthy}}}\n"
            "  a: {image: a, healthcheck: {test: [CMD, b], interval: 10s, start_period: 40s, start_interval: 1s, "
            "retries: 4}}\n",
        ),
        compose_case(
            "services:\n  c: {image: c, depends_on: {a: {condition: service_healthy}}}\n"
            "  a: {image: a, healthcheck: {test: rabbitmq-diagnostics -q ping, interval: 10s, retries: 4}}\n",
            after="services:\n  c: {image: c, depends_on: {a: {condition: service_healthy}}}\n"
            "  a: {image: a, healthcheck: {test: rabbitmq-diagnostics -q ping, interval: 10s, start_period: 40s, "
            "start_interval: 5s, retries: 4}}\n",
        ),
        compose_case(
            "services:\n  c: {image: c, depends_on: {a: {condition: service_healthy}}}\n"
            "  a: {image: 'postgres:16', healthcheck: {test: pg_isready -U a, interval: 10s, retries: 4}}\n",
            refused="`pg_isready` is answered while a new store is still set up, which it would be asked in more often",
        ),
        compose_case(
            "services:\n  c: {image: c, depends_on: {a: {condition: service_healthy}}}\n"
            "  a: {image: 'mysql:8', healthcheck: {test: mysqladmin ping -h localhost, interval: 10s, retries: 4}}\n",
            refused="`mysqladmin` is answered while a new store is still set up, which it would be asked in more often",
        ),
        compose_case(
            "services:\n  c: {image: c, depends_on: {a: {condition: service_healthy}}}\n"
            "  a: {image: 'mysql:8', healthcheck: {test: mysqladmin ping -h 127.0.0.1, interval: 10s, retries: 4}}\n",
            after="services:\n  c: {image: c, depends_on: {a: {condition: service_healthy}}}\n"
            "  a: {image: 'mysql:8', healthcheck: {test: mysqladmin ping -h 127.0.0.1, interval: 10s, start_period: 40s, "
            "start_interval: 1s, retries: 4}}\n",
        ),
        compose_case(
            "services:\n  c: {image: c, depends_on: {a: {condition: service_healthy}}}\n"
            "  a: {image: 'mongo:7', healthcheck: {test: mongosh --host localhost --eval 1, interval: 10s, retries: 4}}\n",
            refused="`mongosh` is answered while a new store is still set up, which it would be asked in more often",
        ),
        Case(
            "FROM scratch\n",
            refused=_OLD,
            files={
                "compose.yaml": "services:\n  c: {image: c, depends_on: {a: {condition: service_healthy}}}\n"
                "  a: {image: a, healthcheck: {test: [CMD, b], interval: 10s, retries: 4}}\n",
                ".travis.yml": "env:\n  - DOCKER_COMPOSE_VERSION=1.28.6\n",
            },
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service, check in _checks(facts):
            waiting = [each for each in facts.dependants(service) if facts.condition(each, service.name) == "service_healthy"]
            asked = _probed_every(check)
            if not waiting or check.start_interval is not None or asked <= _start_interval(check) or _is_slowed(check):
                continue
            names = ", ".join(f"`{each.name}`" for each in waiting[:3]) + (" and others" if len(waiting) > 3 else "")
            message = f"is asked every {asked:g} s while it starts, and {names} wait for the answer"
            yield self.about(facts, service, ("healthcheck",), message, _asked_often(facts, service, check))


def _probed_every(check: HealthCheck) -> float:
    """Seconds between two probes while the service starts."""
    interval = _ENGINE_INTERVAL if check.interval is None else check.interval
    return _ENGINE_START_INTERVAL if check.start_period else interval


def _start_period(check: HealthCheck) -> float:
    """As long as a service has now before it counts as unhealthy."""
    return (check.retries or 3) * (_ENGINE_INTERVAL if check.interval is None else check.interval)


def _start_interval(check: HealthCheck) -> int:
    """Seconds between two questions that a starting service can bear."""
    return 5 if _HEAVY.search(" ".join(check.test)) else 1


def _asked_often(facts: ComposeFacts, service: Service, check: HealthCheck) -> Fix | Refusal:
    early = next((match["word"] for each in _TOO_SOON if (match := each.search(" ".join(check.test)))), None)
    if early is not None:
        return Refusal(f"`{early}` is answered while a new store is still set up, which it would be asked in more often")
    if old_compose(facts.fleet.tree) is not None:
        return Refusal(_OLD)
    editor, path = facts.editor(service, "healthcheck"), ("services", service.name, "healthcheck")
    seconds = _start_interval(check)
    title, values = f"ask every {seconds} s while it starts", {"start_interval": f"{seconds}s"}
    if not check.start_period:
        period = _start_period(check)
        if period > _LONGEST:
            return Refusal(_LONG)
        values = {"start_period": written_duration(period), **values}
    return fix_of(title, editor.set_all(path, values, after=("start_period", "interval", "test")), Applicability.UNSAFE)


class StartIntervalWithoutPeriod(ComposeRule):
    """Probe interval for a start period that is not there.

    ## What it does
    Finds health checks in compose files with `start_interval` and without `start_period`.

    ## Why it matters
    Compose refuses the project: `healthcheck.start_interval requires healthcheck.start_period to be set`.

    ## Fix safety
    Unsafe: a start period of `retries` times `interval` is added, in which failures do not count. Refused where that is more
    than an hour.
    """

    code = "CM123"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [compose_case("services: {a: {image: a, healthcheck: {test: [CMD, b], start_period: 9s, start_interval: 1s}}}\n")]
    flagged = [
        compose_case(
            "services:\n  a:\n    image: a\n    healthcheck:\n      test: [CMD, b]\n      start_interval: 1s\n",
            after="services:\n  a:\n    image: a\n    healthcheck:\n      test: [CMD, b]\n      start_interval: 1s\n"
            "      start_period: 90s\n",
        )
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service, check in _checks(facts):
            if check.start_interval is None or check.start_period:
                continue
            path = ("services", service.name, "healthcheck", "start_period")
            outcome: Fix | Refusal = Refusal(_LONG)
            if (seconds := _start_period(check)) <= _LONGEST:
                change = facts.editor(service, "healthcheck").set(path, written_duration(seconds), after=("start_interval",))
                outcome = fix_of("add a start period", change, Applicability.UNSAFE)
            message = "has a `start_interval` and no `start_period`, which compose refuses"
            yield self.about(facts, service, ("healthcheck", "start_interval"), message, outcome)


class SlowedProbe(ComposeRule):
    """Short probe interval that a start period makes longer.

    ## What it does
    Finds health checks in compose files with an `interval` below five seconds, a `start_period` and no `start_interval`.

    ## Why it matters
    During the start period the engine asks every `start_interval`, which is five seconds unless it is set. A chain of eight
    services with `interval: 2s` took 22.1 s to start without a start period and 46.4 s with one (docker 28.5, compose 2.40,
    median of two).

    ## Fix safety
    Unsafe: the interval that is written is put in effect while the service starts, too.
    """

    code = "CM124"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: a, healthcheck: {test: [CMD, b], interval: 2s}}}\n"),
        compose_case("services: {a: {image: a, healthcheck: {test: [CMD, b], interval: 30s, start_period: 30s}}}\n"),
    ]
    flagged = [
        compose_case(
            "services:\n  a:\n    image: a\n    healthcheck:\n      test: [CMD, b]\n      interval: 2s\n"
            "      start_period: 30s\n",
            after="services:\n  a:\n    image: a\n    healthcheck:\n      test: [CMD, b]\n      interval: 2s\n"
            "      start_period: 30s\n      start_interval: 2s\n",
        )
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service, check in _checks(facts):
            if not _is_slowed(check):
                continue
            path = ("services", service.name, "healthcheck", "start_interval")
            editor = facts.editor(service, "healthcheck", "interval")
            change = editor.set(path, written_duration(check.interval or 0), after=("start_period",))
            outcome = fix_of("ask as often while it starts", change, Applicability.UNSAFE)
            message = f"is to be asked every {check.interval:g} s, and is asked every 5 s while it starts"
            yield self.about(facts, service, ("healthcheck", "interval"), message, outcome)


def _is_slowed(check: HealthCheck) -> bool:
    short = check.interval is not None and 0 < check.interval < _ENGINE_START_INTERVAL
    return short and bool(check.start_period) and check.start_interval is None


def _checks(facts: ComposeFacts) -> Iterator[tuple[Service, HealthCheck]]:
    for service in facts.project.services:
        check = service.healthcheck
        if check is not None and not check.disabled and check.test:
            yield service, check
