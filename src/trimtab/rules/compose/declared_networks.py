"""CM305 to CM307: networks that are declared and not used, used and not declared, or somebody else's."""

from collections.abc import Iterator

from trimtab.fleet.compose.beside import ON_TOP, declared_beside, named_by_variable, used_beside
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.plain import mapping
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
