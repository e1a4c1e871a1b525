"""CM301 to CM306: who can reach whom, and who tries to reach nobody."""

from collections.abc import Iterator

from trimtab.fleet.compose.addresses import addresses, stranger, talks_to
from trimtab.fleet.compose.beside import ON_TOP, declared_beside, named_by_variable, used_beside
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.model import Service
from trimtab.fleet.plain import mapping
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


_OF_BELOW = "the file is put on top of another one, whose services may use it"
_BY_VARIABLE = "a variable says which network a service is on, and may name it"


class UndeclaredNetwork(ComposeRule):
    """Network that no file declares.

    ## What it does
    Finds services on a network that is not among the project's `networks`.

    ## Why it matters
    Compose refuses the project: `service … refers to undefined network`.

    ## Fix safety
    Unsafe: the network is declared as one of the project's own. It may have been meant as another project's. Refused where
    another compose file of the folder or of one above declares it, and where the file is put on top of another one.
    """

    code = "CM305"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: a, networks: [x, default]}}\nnetworks: {x: {}}\n"),
        compose_case("services: {a: {image: a, networks: !override [x]}}\nnetworks: !override {x: {}}\n"),
    ]
    flagged = [
        compose_case(
            "services:\n  a:\n    image: a\n    networks: [x, y]\nnetworks:\n  y:\n",
            after="services:\n  a:\n    image: a\n    networks: [x, y]\nnetworks:\n  y:\n  x: {}\n",
        ),
        compose_case(
            "services:\n  a:\n    image: a\n    networks: [x]\n",
            after="services:\n  a:\n    image: a\n    networks: [x]\nnetworks:\n  x: {}\n",
        ),
        compose_case("services: {a: {networks: [x]}, b: {image: b}}\n", refused=ON_TOP),
        Case(
            "FROM scratch\n",
            refused="`compose.yaml` declares it, and may be meant to be given, too",
            files={
                "compose.yaml": "services: {b: {image: b, networks: [x]}}\nnetworks: {x: {name: y}}\n",
                "a/compose.yaml": "services: {a: {image: a, networks: [x]}}\n",
            },
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        used = {name for service in facts.project.services for name in facts.networks(service) or ()}
        missing = sorted(used - {"default"} - set(facts.project.networks))
        files = facts.project.files
        elsewhere = {name: path for name in missing if (path := declared_beside(facts.fleet, "networks", name, files))}
        own: dict[str, object] = {name: {} for name in missing if name not in elsewhere}
        for service in facts.project.services:
            for name in sorted(facts.networks(service) or ()):
                if name in missing:
                    outcome: Fix | Refusal = Refusal(f"`{elsewhere.get(name)}` declares it, and may be meant to be given, too")
                    if name in own and facts.is_put_on_top:
                        outcome = Refusal(ON_TOP)
                    elif name in own:
                        change = facts.editor(service).set_all(("networks",), own)
                        outcome = fix_of("declare the networks", change, Applicability.UNSAFE)
                    message = f"is on the network `{name}`, which is not declared"
                    yield self.about(facts, service, ("networks",), message, outcome, name)


_MADE = "whether the network's name or where it is made has to change is a decision"


class ExternalNetworkOfOurs(ComposeRule):
    """Network that is called external under a name that nobody makes.

    ## What it does
    Finds `external` networks for which another compose file of the fleet declares one of the same key, without a `name`.

    ## Why it matters
    Compose puts the project's name in front of what it makes: `shop_backend` for `backend`. The other project does not find
    `backend`, and does not start.

    ## Fix safety
    Not fixed: either the one has to say `name`, or the other has to use the whole name.

    ## References
    https://docs.docker.com/reference/compose-file/networks/#external
    """

    code = "CM307"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        Case(
            "FROM scratch\n",
            files={
                "compose.yaml": "services: {a: {image: a, networks: [n]}}\nnetworks: {n: {name: n}}\n",
                "b/compose.yaml": "services: {b: {image: b, networks: [n]}}\nnetworks: {n: {external: true}}\n",
            },
        ),
        compose_case("services: {b: {image: b, networks: [n]}}\nnetworks: {n: {external: true}}\n"),
    ]
    flagged = [
        Case(
            "FROM scratch\n",
            files={
                "compose.yaml": "services: {a: {image: a, networks: [n]}}\nnetworks: {n: {}}\n",
                "b/compose.yaml": "services: {b: {image: b, networks: [n]}}\nnetworks: {n: {external: true}}\n",
            },
            refused=_MADE,
        )
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        made = {
            name: project.files[0]
            for project in facts.fleet.projects
            if project is not facts.project
            for name, settings in project.networks.items()
            if not mapping(settings).get("external") and not mapping(settings).get("name")
        }
        for editor in facts.top_editors():
            for key, settings in facts.project.networks.items():
                name = str(mapping(settings).get("name") or key)
                place = editor.document.keys.get(("networks", key))
                if place is not None and mapping(settings).get("external") and name in made:
                    message = f"the network `{name}` is external, and `{made[name]}` makes it under its project's name only"
                    yield self.finding_at(editor.file, place.line, message, (), Refusal(_MADE), name)


class UnusedNetwork(ComposeRule):
    """Network that no service is on.

    ## What it does
    Finds declared networks that no service of the project uses.

    ## Why it matters
    Compose does not even make it. Whoever reads the file believes in a separation that is not there.

    ## Fix safety
    Unsafe: it is taken out of the file; nothing that this project runs changes. A file outside the repository may use it. Not
    looked for where a file that a service extends or that is included cannot be read. Refused where a comment stands in it,
    where the file is put on top of another one, where a variable says which network a service is on, and where another
    compose file of the folder uses it, or one below that does not declare it.
    """

    code = "CM306"
    category = Category.MAINTAINABILITY
    severity = Severity.LOW
    since = "0.2"
    clean = [compose_case("services: {a: {image: a, networks: [x]}}\nnetworks: {x: {}, default: {}}\n")]
    flagged = [
        compose_case(
            "services:\n  a:\n    image: a\n    networks: [x]\nnetworks:\n  x: {}\n  y:\n    driver: bridge\n",
            after="services:\n  a:\n    image: a\n    networks: [x]\nnetworks:\n  x: {}\n",
        ),
        compose_case("services: {a: {image: a}}\nnetworks:\n  y: {}\n  z:\n", after="services: {a: {image: a}}\n"),
        compose_case("services: {a: {image: a, ports: !reset []}}\nnetworks: {y: {labels: {b: c}}}\n", refused=_OF_BELOW),
        compose_case("services: {a: {image: a, networks: ['${N:-x}']}}\nnetworks: {x: {}, y: {}}\n", refused=_BY_VARIABLE),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for editor in facts.top_editors():
            if not facts.is_whole(editor.file):
                continue
            projects = [ComposeFacts(facts.fleet, project) for project in facts.projects_with(editor.file)]
            used = {name for each in projects for service in each.project.services for name in each.networks(service) or ()}
            keys = {name: key for name in facts.project.networks if (key := editor.document.keys.get(("networks", name)))}
            unused = [name for name in keys if name not in used and name != "default"]
            files = [path for each in projects for path in each.project.files]
            elsewhere = {name: path for name in unused if (path := used_beside(facts.fleet, "networks", name, files))}
            chosen = named_by_variable(facts.fleet, "networks", files)
            unsure = _OF_BELOW if facts.is_put_on_top else _BY_VARIABLE if chosen else None
            for name in unused:
                # An empty mapping in their place would mean something else: all of them go, or each by itself.
                place = ("networks",) if len(unused) - len(elsewhere) == len(keys) else ("networks", name)
                reason = f"`{elsewhere[name]}` uses it, and may be meant to be read on top" if name in elsewhere else unsure
                removal = fix_of(f"remove `{place[-1]}`", editor.remove(place), Applicability.UNSAFE)
                outcome = Refusal(reason) if reason else removal
                message = f"no service is on the network `{name}`"
                yield self.finding_at(editor.file, keys[name].line, message, (), outcome, name)
