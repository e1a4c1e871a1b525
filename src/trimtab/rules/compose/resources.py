"""CM101 to CM108: what a service may use of its host."""

from collections.abc import Iterator
from statistics import median

from trimtab.fleet import Policy
from trimtab.fleet.compose.facts import ComposeFacts, image_name, replicas
from trimtab.fleet.compose.resources import memory_limit, memory_reservation, reserved_cpus
from trimtab.fleet.compose.told import heap_of
from trimtab.fleet.model import Service
from trimtab.fleet.sizes import byte_size, size_text
from trimtab.rules.base import (
    Applicability,
    Category,
    ComposeRule,
    Confidence,
    Finding,
    Refusal,
    Severity,
    compose_case,
    fix_of,
)
from trimtab.syntax.yaml import Path

_OBSERVE = "how much it needs has to be observed; `trimtab resources` proposes limits, from its use where that is known"
_LIMITS = "deploy: {resources: {limits: {memory: 256M, cpus: '0.5'}, reservations: {memory: 64M}}}"
_DEPLOY = ("deploy", "resources")


class MissingMemoryLimit(ComposeRule):
    """Service that may use all of its host's memory.

    ## What it does
    Finds services without `mem_limit` and without `deploy.resources.limits.memory`.

    ## Why it matters
    A leak in one service takes the memory of all others, and the kernel picks which of them it kills.

    ## Fix safety
    Not fixed: a limit that is too low kills the service. `trimtab resources` proposes one.

    ## References
    CIS Docker Benchmark 5.11
    """

    code = "CM101"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    aliases = ("CL-0026",)
    clean = [
        compose_case("services: {a: {image: 'a:1', mem_limit: 1g}}\n"),
        compose_case(f"services: {{a: {{image: 'a:1', {_LIMITS}}}}}\n"),
    ]
    flagged = [compose_case("services: {a: {image: 'a:1'}}\n", refused=_OBSERVE)]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.deployed:
            if service.memory_limit is None:
                yield self.about(facts, service, _DEPLOY, "may use all of its host's memory", Refusal(_OBSERVE))


class MissingCpuLimit(ComposeRule):
    """Service that may use all of its host's processors.

    ## What it does
    Finds services without `cpus`, `cpu_quota` and `deploy.resources.limits.cpus`.

    ## Why it matters
    One busy service slows all others down, their health checks among them.

    ## Fix safety
    Not fixed: a limit that is too low makes the service slow, at its start above all. `trimtab resources` proposes one.

    ## References
    CIS Docker Benchmark 5.12
    """

    code = "CM102"
    category = Category.RELIABILITY
    severity = Severity.LOW
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: 'a:1', cpus: 0.5}}\n"),
        compose_case(f"services: {{a: {{image: 'a:1', {_LIMITS}}}}}\n"),
    ]
    flagged = [compose_case("services: {a: {image: 'a:1', mem_limit: 1g}}\n", refused=_OBSERVE)]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.deployed:
            if service.cpu_limit is None and not service.body.get("cpu_quota"):
                yield self.about(facts, service, _DEPLOY, "may use all of its host's processors", Refusal(_OBSERVE))


class MissingMemoryReservation(ComposeRule):
    """Service with a memory limit and no reservation.

    ## What it does
    Finds services that have a memory limit, and no `mem_reservation` or `deploy.resources.reservations.memory`.

    ## Why it matters
    When the host runs short of memory the engine reclaims it from containers above their reservation first. Without one, who
    needs its memory is treated like who only has it.

    ## Fix safety
    Not fixed: what the service really holds has to be observed. `trimtab resources` proposes it.
    """

    code = "CM103"
    category = Category.RELIABILITY
    severity = Severity.INFO
    since = "0.2"
    clean = [
        compose_case(f"services: {{a: {{image: 'a:1', {_LIMITS}}}}}\n"),
        compose_case("services: {a: {image: 'a:1', mem_limit: 1g, mem_reservation: 64m}}\n"),
    ]
    flagged = [compose_case("services: {a: {image: 'a:1', mem_limit: 1g}}\n", refused=_OBSERVE)]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.deployed:
            if service.memory_limit is not None and service.memory_reservation is None:
                yield self.about(facts, service, _DEPLOY, "has a memory limit and no reservation", Refusal(_OBSERVE))


class ReservationAboveLimit(ComposeRule):
    """Memory reservation above the memory limit.

    ## What it does
    Finds services that reserve more memory than they may use.

    ## Why it matters
    The engine refuses to create such a container: `Minimum memory limit can not be less than memory reservation limit`.

    ## Fix safety
    Unsafe: the reservation becomes the limit, which is what can be granted; perhaps the limit was meant to be higher.
    """

    code = "CM104"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [compose_case("services: {a: {image: 'a:1', mem_limit: 1g, mem_reservation: 1g}}\n")]
    flagged = [
        compose_case(
            "services:\n  a:\n    image: a:1\n    mem_limit: 256m\n    mem_reservation: 1g # much\n",
            after="services:\n  a:\n    image: a:1\n    mem_limit: 256m\n    mem_reservation: 256m # much\n",
        ),
        compose_case(
            "services:\n  a:\n    deploy:\n      resources:\n        limits:\n          memory: 256M\n"
            "        reservations:\n          memory: 512M\n",
            after="services:\n  a:\n    deploy:\n      resources:\n        limits:\n          memory: 256M\n"
            "        reservations:\n          memory: 256M\n",
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            limit, reserved = service.memory_limit, service.memory_reservation
            most, least = byte_size(limit), byte_size(reserved)
            if limit is None or reserved is None or most is None or least is None or least <= most:
                continue
            keys: Path = ("mem_reservation",)
            if "mem_reservation" not in service.body:
                keys = (*_DEPLOY, "reservations", "memory")
            if any("$" in str(value) for value in _written(facts, service)):
                refusal = Refusal("the sizes come from variables, which have other values elsewhere")
                yield self.about(facts, service, keys, f"reserves {reserved} and may use {limit}", refusal)
                continue
            change = facts.editor(service, *keys).set(("services", service.name, *keys), limit)
            outcome = fix_of("reserve what the limit allows", change, Applicability.UNSAFE)
            message = f"reserves {reserved} of memory and may use {limit}, so it cannot be created"
            yield self.about(facts, service, keys, message, outcome)


def _written(facts: ComposeFacts, service: Service) -> list[object]:
    """The sizes as they stand in the files, before variables are put in."""
    bodies = [raw.body for raw in facts.raws(service)]
    return [value for body in bodies for value in (memory_limit(body), memory_reservation(body))]


_IGNORED = "what was meant is not known: `cpus` as a limit, or `cpu_shares` as a weight when processors are short"


class IgnoredCpuReservation(ComposeRule):
    """CPU reservation, which compose does not pass on.

    ## What it does
    Finds `deploy.resources.reservations.cpus`.

    ## Why it matters
    It reads as if processor time were set aside. Compose sets nothing for it: a container made from it has `CpuShares: 0`
    (docker compose 2.40).

    ## Fix safety
    Not fixed: what was meant is not known.
    """

    code = "CM105"
    category = Category.RELIABILITY
    severity = Severity.LOW
    since = "0.2"
    clean = [compose_case(f"services: {{a: {{image: 'a:1', {_LIMITS}}}}}\n")]
    flagged = [
        compose_case("services: {a: {image: 'a:1', deploy: {resources: {reservations: {cpus: '0.5'}}}}}\n", refused=_IGNORED)
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            if reserved_cpus(service.body) is not None:
                keys = (*_DEPLOY, "reservations", "cpus")
                yield self.about(facts, service, keys, "reserves processors, which compose ignores", Refusal(_IGNORED))


_TOGETHER = "which service can do with less has to be observed; `trimtab resources` shows all limits together"


class LimitsAboveHost(ComposeRule):
    """Memory limits that together are more than the host has.

    ## What it does
    Adds up the memory limits of a project's services that start together, and compares them with the configuration's
    `host-memory`. Says nothing where that is not set.

    ## Why it matters
    When the services use what they may, the kernel has to kill one of them, whichever it is.

    ## Fix safety
    Not fixed: who can do with less is not known.
    """

    code = "CM106"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [compose_case("services: {a: {image: 'a:1', mem_limit: 900g}}\n")]
    flagged = [
        compose_case(
            "services: {a: {image: 'a:1', mem_limit: 3g}, b: {image: 'b:1', mem_limit: 2g}}\n",
            refused=_TOGETHER,
            policy=Policy(host_memory="4g"),
        )
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        host = byte_size(facts.fleet.policy.host_memory)
        limits = [
            (service, size * replicas(service))
            for service in facts.project.services
            if not service.profiles and (size := byte_size(service.memory_limit)) is not None
        ]
        total = sum(size for _, size in limits)
        if host is None or total <= host:
            return
        service, _ = max(limits, key=lambda pair: pair[1])
        message = (
            f"has the largest of {len(limits)} limits that are {size_text(total)} together, on a host of {size_text(host)}"
        )
        yield self.about(facts, service, _DEPLOY, message, Refusal(_TOGETHER))


_WHICH = "whether the heap or the limit is meant is not known"


class LimitBelowHeap(ComposeRule):
    """Memory limit below the heap that the runtime is told to use.

    ## What it does
    Reads `-Xmx` and `--max-old-space-size` in what a service is started with and in its environment, those of its Dockerfile
    among them, and compares them with its limit.

    ## Why it matters
    The runtime believes that it may grow to its heap's size and collects no garbage before; the kernel kills it at the limit.

    ## Fix safety
    Not fixed: whether the heap or the limit is wrong is not known.
    """

    code = "CM107"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: 'a:1', mem_limit: 1g, environment: {JAVA_OPTS: -Xmx512m}}}\n"),
        compose_case(
            "services: {a: {build: ./a, mem_limit: 1g, command: [java, -jar, a.jar], environment: {O: -Xmx512m}}}\n",
            a='FROM a:1\nENV O=-Xmx2g\nCMD ["java", "-Xmx2g", "-jar", "a.jar"]\n',
        ),
    ]
    flagged = [
        compose_case("services: {a: {image: 'a:1', mem_limit: 512m, environment: {JAVA_OPTS: -Xmx1g}}}\n", refused=_WHICH),
        compose_case(
            "services: {a: {image: 'a:1', mem_limit: 512m, command: node --max-old-space-size=4096 a.js}}\n", refused=_WHICH
        ),
        compose_case("services: {a: {image: 'a:1', mem_limit: 512m, entrypoint: java -Xmx1g -jar a.jar}}\n", refused=_WHICH),
        compose_case(
            "services: {a: {build: ./a, mem_limit: 512m}}\n",
            a="FROM node:22\nENV NODE_OPTIONS=--max-old-space-size=1024\nCMD node a.js\n",
            refused=_WHICH,
        ),
        compose_case("services: {a: {build: ./a, mem_limit: 512m}}\n", a='FROM a:1\nCMD ["java", "-Xmx1g"]\n', refused=_WHICH),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            limit = byte_size(service.memory_limit)
            heap = heap_of(facts, service)
            if limit is not None and heap >= limit:
                message = f"may use {size_text(limit)} and its runtime is told to use {size_text(heap)} for the heap alone"
                yield self.about(facts, service, _DEPLOY, message, Refusal(_WHICH))


_OUTLIER = "it may well need that; `trimtab resources` shows what it uses"
_TIMES = 4
_LEAST_ALIKE = 4


class OutlyingLimit(ComposeRule):
    """Memory limit far from those of the services that are built alike.

    ## What it does
    Compares the memory limits of the services whose images stand on one base, where there are four or more; finds those at
    least four times the median.

    ## Why it matters
    A limit that is much larger than its neighbours' is often a copy of another project's, and the host has to be sized for it.

    ## Fix safety
    Not fixed: it may be needed.
    """

    code = "CM108"
    category = Category.RELIABILITY
    severity = Severity.INFO
    confidence = Confidence.LOW
    since = "0.2"
    clean = [
        compose_case(
            "services:\n" + "".join(f"  {n}: {{build: ./a, mem_limit: 64m}}\n" for n in "bcdef"),
            a="FROM python:3.12\n",
        )
    ]
    flagged = [
        compose_case(
            "services:\n" + "".join(f"  {n}: {{build: ./a, mem_limit: {'1g' if n == 'f' else '64m'}}}\n" for n in "bcdef"),
            a="FROM python:3.12\n",
            refused=_OUTLIER,
        )
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        alike: dict[str, list[tuple[Service, int]]] = {}
        for service in facts.project.services:
            size = byte_size(service.memory_limit)
            if size is not None and (kind := _kind(facts, service)):
                alike.setdefault(kind, []).append((service, size))
        for kind, group in alike.items():
            middle = median(size for _, size in group)
            for service, size in group if len(group) >= _LEAST_ALIKE else []:
                if size >= _TIMES * middle:
                    message = f"may use {size_text(size)}, and the {len(group)} services on `{kind}` {size_text(int(middle))}"
                    yield self.about(facts, service, _DEPLOY, f"{message} in the middle", Refusal(_OUTLIER))


def _kind(facts: ComposeFacts, service: Service) -> str:
    image = facts.image(service)
    return image[0].outside_base(image[1]).partition("@")[0] if image else image_name(service)
