"""CM404, CM501 to CM504 and CM508: how a service is kept running, is stopped, and gets old."""

from collections.abc import Iterator

from trimtab.fleet.bases import read_reference
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.jobs import why_not_restarted
from trimtab.fleet.compose.mentions import old_compose
from trimtab.fleet.model import Service
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

_ROTATED = {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}


class UnlimitedLogs(ComposeRule):
    """Service whose log may fill the disk.

    ## What it does
    Finds services without `logging`, or with the driver `json-file` and no `max-size`.

    ## Why it matters
    The engine's default driver keeps everything that a container has ever printed. A full disk stops every service of the host.

    ## Fix safety
    Unsafe: the engine keeps three files of 10 MB, and forgets what is older. An engine whose own default is another driver or
    has a limit does not need it.

    ## References
    https://docs.docker.com/engine/logging/drivers/json-file/
    """

    code = "CM404"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: a, logging: {driver: local}}, b: {image: b, logging: {options: {max-size: 1m}}}}\n")
    ]
    flagged = [
        compose_case(
            "services:\n  a:\n    image: a\n",
            after="services:\n  a:\n    image: a\n    logging:\n      driver: json-file\n      options:\n"
            '        max-size: 10m\n        max-file: "3"\n',
        ),
        compose_case(
            "services:\n  a:\n    image: a\n    logging:\n      driver: json-file\n",
            after="services:\n  a:\n    image: a\n    logging:\n      driver: json-file\n      options:\n"
            '        max-size: 10m\n        max-file: "3"\n',
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.deployed:
            logging = mapping(service.body.get("logging"))
            if str(logging.get("driver") or "json-file") != "json-file" or "max-size" in mapping(logging.get("options")):
                continue
            editor, path = facts.editor(service, "logging"), ("services", service.name, "logging")
            outcome: Fix | Refusal = Refusal("it has options of its own, and which of them are to stay is not known")
            if "options" not in logging:
                keys, value = ((*path, "options"), _ROTATED["options"]) if logging else (path, _ROTATED)
                outcome = fix_of("keep three files of 10 MB", editor.set(keys, value), Applicability.UNSAFE)
            yield self.about(facts, service, ("logging",), "may fill the disk with its log", outcome)


class MissingRestartPolicy(ComposeRule):
    """Service that stays down after a crash or a reboot.

    ## What it does
    Finds services without `restart` and `deploy.restart_policy`, in projects where others have one. Jobs that are meant to end
    are left out, and so are services of a profile.

    ## Why it matters
    The engine starts it once. After the host's next reboot everything else is back.

    ## Fix safety
    Unsafe: `unless-stopped` is added. A job that was not recognised as one would run again and again: refused where a name, a
    command, another service or a script says that it may be one, where the project is run until a service ends, where it
    lives in another one's network, and where it does nothing but wait for an editor.
    """

    code = "CM501"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: a}}\n"),
        compose_case(
            "services: {a: {image: a, restart: always}, b: {image: b, restart: 'no'}, c: {image: c, profiles: [x]}}\n"
        ),
        compose_case(
            "services: {a: {image: a, restart: always, depends_on: {j: {condition: service_completed_successfully}}},"
            " j: {image: j}}\n"
        ),
    ]
    flagged = [
        compose_case(
            "services:\n  a:\n    image: a\n    restart: always\n  b:\n    image: b\n",
            after="services:\n  a:\n    image: a\n    restart: always\n  b:\n    image: b\n    restart: unless-stopped\n",
        ),
        compose_case(
            "services:\n  a: {image: 'postgres:16', restart: always}\n"
            "  b: {image: 'postgres:16', command: bash -c \"sleep 9 && psql -h a -c 'create database c'\"}\n",
            refused="by its command it may be meant to end",
        ),
        compose_case(
            "services:\n  a: {image: a, restart: always}\n  b: {image: b, network_mode: 'service:a'}\n",
            refused="it lives in another one's network, which is gone once that one is made anew",
        ),
        compose_case(
            "services:\n  a: {image: a, restart: always}\n  b: {image: b, command: sleep infinity}\n",
            refused="it is there to be worked in, by an editor that starts and stops it",
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        with_one = [service for service in facts.project.services if _restarts(service) and not _never_restarts(service)]
        for service in facts.deployed if with_one else ():
            if not _restarts(service) and not service.profiles:
                reason = why_not_restarted(facts, service)
                change = facts.editor(service).set(("services", service.name, "restart"), "unless-stopped")
                outcome = Refusal(reason) if reason else fix_of("restart it", change, Applicability.UNSAFE)
                message = "stays down after a crash or a reboot, and others of the project do not"
                yield self.about(facts, service, ("restart",), message, outcome)


def _restarts(service: Service) -> bool:
    return service.body.get("restart") is not None or bool(mapping(service.body.get("deploy")).get("restart_policy"))


def _never_restarts(service: Service) -> bool:
    policy = mapping(mapping(service.body.get("deploy")).get("restart_policy"))
    return (
        str(service.body.get("restart") or "no").lower() in {"no", "false"} and str(policy.get("condition") or "none") == "none"
    )


_NAME = "how images are called, and where they are pushed, is a decision"


class UntaggedBuild(ComposeRule):
    """Service that is built and has no image name or tag of its own.

    ## What it does
    Finds services with `build` and without `image`, or with one whose tag is missing or `latest`. Files and profiles for
    development and tests are left out, here and in the rules about limits, hardening, logs and restarts.

    ## Why it matters
    Every build takes the one name that compose makes up, or the one that is always the same, and the image before it has none
    any more: there is nothing to go back to.

    ## Fix safety
    Not fixed: names and registries are a decision.
    """

    code = "CM502"
    category = Category.RELIABILITY
    severity = Severity.LOW
    since = "0.2"
    clean = [compose_case("services: {a: {build: ./a, image: 'acme/a:${TAG:-dev}'}}\n", a="FROM scratch\n")]
    flagged = [
        compose_case(f"services: {{a: {{build: ./a{image}}}}}\n", a="FROM scratch\n", refused=_NAME)
        for image in ("", ", image: acme/a", ", image: 'acme/a:latest'")
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.deployed:
            what = _always_the_same(facts, service) if service.build is not None else None
            if what is not None:
                message = f"is built {what}, so every build takes the name away from the one before"
                yield self.about(facts, service, ("image",) if service.image else ("build",), message, Refusal(_NAME))


def _always_the_same(facts: ComposeFacts, service: Service) -> str | None:
    """Why the next image gets the name of the one before; None where it may have another, by a variable for example."""
    if not service.image:
        return "without an image name"
    reference = read_reference(service.image)
    varies = service.image.endswith(":") or any("$" in str(raw.body.get("image")) for raw in facts.raws(service))
    return f"as `{service.image}`" if reference.tag in {None, "", "latest"} and not reference.digest and not varies else None


_PINNED = "a docker-compose before 1.27 is pinned here, which takes a file without it for one of the first format"
_STACK = "`docker stack deploy` of Docker 20.10 and before needs it, and the project seems to be deployed with it"


class ObsoleteVersion(ComposeRule):
    """`version` at the top of a compose file.

    ## What it does
    Finds the key `version` in compose files.

    ## Why it matters
    Compose has ignored it since version 2, and says so with every command: ``the attribute `version` is obsolete``.

    ## Fix safety
    Safe: it is taken out. Compose reads the file as before. Refused where a comment stands beside it, where the project
    seems to be deployed with `docker stack deploy`, which has long needed it, and where a docker-compose before 1.27 is
    pinned, which takes a file without it for one of the first format.

    ## References
    https://docs.docker.com/reference/compose-file/version-and-name/
    """

    code = "CM503"
    category = Category.MAINTAINABILITY
    severity = Severity.INFO
    since = "0.2"
    clean = [compose_case("services: {a: {image: a}}\n")]
    flagged = [
        compose_case("# a\nversion: '3.8'\n\nservices:\n  a: {image: a}\n", after="# a\n\nservices:\n  a: {image: a}\n"),
        compose_case("version: '3.8'\nservices: {a: {image: a, deploy: {mode: global}}}\n", refused=_STACK),
        Case(
            "FROM scratch\n",
            refused=_PINNED,
            files={
                "compose.yaml": "version: '2'\nservices: {a: {image: a}}\n",
                "tests/requirements.txt": "docker-compose==1.7.1\n",
            },
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for editor in facts.top_editors():
            key = editor.document.keys.get(("version",))
            if key is not None:
                projects = (ComposeFacts(facts.fleet, each) for each in facts.projects_with(editor.file))
                outcome: Fix | Refusal = Refusal(_STACK)
                pinned = old_compose(facts.fleet.tree)
                if pinned is not None and pinned < 27:
                    outcome = Refusal(_PINNED)
                elif not any(each.may_be_swarm for each in projects):
                    outcome = fix_of("remove `version`", editor.remove(("version",)), Applicability.SAFE)
                yield self.finding_at(editor.file, key.line, "`version` is ignored by compose", (), outcome)


_KILLED = "keeps data, and is killed when it takes longer than ten seconds to end"


class ShortGracePeriod(ComposeRule):
    """Store that is killed after ten seconds.

    ## What it does
    Finds services with a known store's image and without `stop_grace_period`.

    ## Why it matters
    The engine waits ten seconds for a container to end and then kills it. A database that is still writing starts with a
    recovery, or with a broken file.

    ## Fix safety
    Unsafe: one minute is allowed. A store that ends sooner is not waited for; one that ignores the signal takes that long.
    """

    code = "CM504"
    category = Category.RELIABILITY
    severity = Severity.LOW
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: 'postgres:16', stop_grace_period: 30s}, b: {image: b}}\n"),
    ]
    flagged = [
        compose_case(
            "services:\n  a:\n    image: postgres:16\n",
            after="services:\n  a:\n    image: postgres:16\n    stop_grace_period: 1m\n",
        )
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.deployed:
            if facts.store_port(service) is None or service.stop_grace_period is not None:
                continue
            change = facts.editor(service).set(("services", service.name, "stop_grace_period"), "1m")
            outcome = fix_of("allow a minute to end", change, Applicability.UNSAFE)
            yield self.about(
                facts,
                service,
                ("stop_grace_period",),
                _KILLED,
                outcome,
            )


class UntaggedImage(ComposeRule):
    """Image from elsewhere without a version.

    ## What it does
    Finds services with an image that has no tag, or `latest`, and no digest. What the project builds itself is left out.

    ## Why it matters
    Which version runs depends on when it was pulled, so two hosts run two, and nobody can go back.

    ## Fix safety
    Not fixed: which version is meant is not known.

    ## References
    CIS Docker Benchmark 5.28
    """

    code = "CM508"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    aliases = ("CL-0004",)
    clean = [
        compose_case("services: {a: {image: 'a:1'}, b: {image: 'b@sha256:" + "0" * 64 + "'}, c: {image: '${I}'}}\n"),
        compose_case("services: {a: {build: ./a, image: acme/a}, b: {image: acme/a}}\n", a="FROM scratch\n"),
    ]
    flagged = [compose_case("services: {a: {image: 'postgres:latest'}}\n", refused="which version is meant is not known")]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        own = {service.image for service in facts.fleet.services if service.build is not None}
        for service in facts.project.services:
            if service.build is not None or not service.image or service.image in own or service.image.endswith(":"):
                # A colon at the end is what a variable without a value leaves.
                continue
            reference = read_reference(service.image)
            if reference.digest is None and reference.tag in {None, "", "latest"} and reference.name:
                message = f"runs whatever version `{service.image}` is at the moment"
                refusal = Refusal("which version is meant is not known")
                yield self.about(facts, service, ("image",), message, refusal)
