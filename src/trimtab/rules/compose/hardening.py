"""CM204 to CM209: walls between a service and its host that cost nothing, or are taken down."""

import posixpath
import re
from collections.abc import Iterator

from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.model import Service
from trimtab.fleet.plain import is_true, items, mapping
from trimtab.rules.base import (
    Applicability,
    Category,
    ComposeRule,
    Finding,
    Fix,
    Refusal,
    Severity,
    compose_case,
    fix_of,
)


def _is_open(service: Service) -> bool:
    """Whether a service has every power anyway, which another rule reports."""
    return is_true(service.body.get("privileged"))


class PrivilegeEscalationAllowed(ComposeRule):
    """Service whose processes may gain privileges by running a setuid program.

    ## What it does
    Finds services without `no-new-privileges` in `security_opt`.

    ## Why it matters
    With it, a setuid program in the image gives nobody more rights: one way less from a broken-in process to root.

    ## Fix safety
    Only with proof: a service that changes its user with `sudo` or `su` at its start would stop working, which running it
    shows.

    ## References
    CIS Docker Benchmark 5.25
    """

    code = "CM204"
    category = Category.SECURITY
    severity = Severity.LOW
    since = "0.2"
    aliases = ("CL-0003",)
    clean = [
        compose_case("services: {a: {image: a, security_opt: ['no-new-privileges:true']}, b: {image: b, privileged: true}}\n"),
        compose_case("services: {a: {image: a, security_opt: [no-new-privileges]}}\n"),
    ]
    flagged = [
        compose_case(
            "services:\n  a:\n    image: a\n",
            after="services:\n  a:\n    image: a\n    security_opt:\n      - no-new-privileges:true\n",
        ),
        compose_case(
            "services:\n  a:\n    image: a\n    security_opt: [seccomp:a.json]\n",
            after="services:\n  a:\n    image: a\n    security_opt: [seccomp:a.json, no-new-privileges:true]\n",
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.deployed:
            options = [str(item).replace("=", ":") for item in items(service.body.get("security_opt"))]
            if _is_open(service) or any(option in {"no-new-privileges", "no-new-privileges:true"} for option in options):
                continue
            outcome: Fix | Refusal = Refusal("it says `no-new-privileges:false`, for a reason that is not known")
            if not any(option.startswith("no-new-privileges") for option in options):
                outcome = _appended(facts, service, "security_opt", "no-new-privileges:true", "allow no new privileges")
            message = "may gain privileges by running a setuid program"
            yield self.about(facts, service, ("security_opt",), message, outcome)


def _appended(facts: ComposeFacts, service: Service, key: str, value: str, title: str) -> Fix | Refusal:
    return fix_of(title, facts.editor(service, key).append(("services", service.name, key), value), Applicability.PROOF)


class UndroppedCapabilities(ComposeRule):
    """Service with all of the engine's default capabilities.

    ## What it does
    Finds services without `cap_drop`.

    ## Why it matters
    The default set lets root in the container make device files, change owners and use raw sockets. A service that listens on
    a port above 1023 as a user of its own needs none of it.

    ## Fix safety
    Only with proof: a service that needs one of them does not start without it, or fails at what it needs it for. Refused
    where the service starts as root, whose programs use capabilities without saying so.

    ## References
    CIS Docker Benchmark 5.4
    """

    code = "CM206"
    category = Category.SECURITY
    severity = Severity.LOW
    since = "0.2"
    aliases = ("CL-0006",)
    clean = [compose_case("services: {a: {image: a, cap_drop: [ALL]}, b: {image: b, cap_drop: [NET_RAW]}}\n")]
    flagged = [
        compose_case(
            "services:\n  a:\n    image: a\n    user: '1000'\n",
            after="services:\n  a:\n    image: a\n    user: '1000'\n    cap_drop:\n      - ALL\n",
        ),
        compose_case(
            "services:\n  a:\n    image: a\n", refused="it starts as root, and which capabilities its programs use is not known"
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.deployed:
            if _is_open(service) or items(service.body.get("cap_drop")):
                continue
            outcome: Fix | Refusal = Refusal("it starts as root, and which capabilities its programs use is not known")
            if _is_nobody_special(facts, service) and not items(service.body.get("cap_add")):
                outcome = _appended(facts, service, "cap_drop", "ALL", "drop all capabilities")
            yield self.about(facts, service, ("cap_drop",), "keeps all capabilities that the engine gives by default", outcome)


def _is_nobody_special(facts: ComposeFacts, service: Service) -> bool:
    """Whether it is known to run as a user other than root."""
    user = service.user
    image = facts.image(service)
    if user is None and image is not None:
        user = image[1].end.user
    name = (user or "").partition(":")[0]
    return name not in {"", "root", "0"} and "$" not in name


_NEEDED = "whether the service needs it is known to whoever runs it"


class HostNetwork(ComposeRule):
    """Service on the host's network.

    ## What it does
    Finds `network_mode: host`.

    ## Why it matters
    Every port that the service opens is the host's, and every service that listens on the host's loopback only is reachable
    from it.

    ## Fix safety
    Not fixed: a service that finds devices by broadcast, or uses many ports, needs it.

    ## References
    CIS Docker Benchmark 5.10
    """

    code = "CM207"
    category = Category.SECURITY
    severity = Severity.MEDIUM
    since = "0.2"
    aliases = ("CL-0008",)
    clean = [compose_case("services: {a: {image: a, network_mode: bridge}}\n")]
    flagged = [
        compose_case(
            "services: {a: {image: a, network_mode: host}}\n",
            refused=_NEEDED,
        )
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            if service.body.get("network_mode") == "host":
                yield self.about(facts, service, ("network_mode",), "is on the host's network", Refusal(_NEEDED))


_SENSITIVE = re.compile(
    r"/|/(?:boot|dev|etc|lib|proc|sys|usr|root|var)|/etc/(?:shadow|passwd|sudoers|ssh|kubernetes)(?:/.*)?|/var/lib/docker(?:/.*)?"
    r"|/var/run|/run|/var/lib|/home|/root/.*|(?:~|\$\{?HOME\}?|/home/[^/]+)/\.(?:ssh|aws|kube|docker|gnupg)(?:/.*)?"
)
_PATH = "which part of it the service needs is known to whoever runs it"


class SensitiveHostPath(ComposeRule):
    """Folder of the host's system mounted into a service.

    ## What it does
    Finds bind mounts of the root folder, of system folders, of the engine's own data, of home folders and of credentials.

    ## Why it matters
    Who breaks into the service reads the host's configuration and keys, and where the mount is writable changes them.

    ## Fix safety
    Not fixed: the service would stop working.

    ## References
    CIS Docker Benchmark 5.6
    """

    code = "CM208"
    category = Category.SECURITY
    severity = Severity.HIGH
    since = "0.2"
    aliases = ("CL-0013", "CL-0025")
    clean = [
        compose_case(
            "services: {a: {image: a, volumes: ['./etc:/etc/a', 'data:/var', '/etc/localtime:/etc/localtime:ro']}}\n"
            "volumes: {data: {}}\n"
        )
    ]
    flagged = [
        compose_case("services: {a: {image: a, volumes: ['/:/host:ro']}}\n", refused=_PATH),
        compose_case("services: {a: {image: a, volumes: [{type: bind, source: /etc, target: /e}]}}\n", refused=_PATH),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            for index, mount in enumerate(service.mounts):
                source = mount.source if mount.source == "/" else mount.source.rstrip("/")
                if mount.kind == "bind" and _SENSITIVE.fullmatch(source):
                    how = "to read" if mount.read_only else "to write"
                    message = f"is given the host's `{source}` {how}"
                    yield self.about(facts, service, ("volumes", index), message, Refusal(_PATH), source)


_DEVICES = re.compile(r"/dev/(?:mem|kmem|port|sd[a-z]\d*|nvme\w+|vd[a-z]\d*|mapper/.*|dm-\d+|loop\d*|kmsg|disk/.*)?")


class SensitiveDevice(ComposeRule):
    """Disk or memory of the host given to a service as a device.

    ## What it does
    Finds `devices` that are disks, memory, or all of `/dev`.

    ## Why it matters
    Who can read the disk reads every file of the host, whoever owns it.

    ## Fix safety
    Not fixed: the service would stop working.

    ## References
    CIS Docker Benchmark 5.18
    """

    code = "CM209"
    category = Category.SECURITY
    severity = Severity.HIGH
    since = "0.2"
    aliases = ("CL-0016",)
    clean = [compose_case("services: {a: {image: a, devices: ['/dev/ttyUSB0:/dev/ttyUSB0', '/dev/dri']}}\n")]
    flagged = [compose_case("services: {a: {image: a, devices: ['/dev/sda:/dev/sda']}}\n", refused=_PATH)]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            for index, item in enumerate(items(service.body.get("devices"))):
                device = posixpath.normpath(str(mapping(item).get("source") or str(item).partition(":")[0]))
                if _DEVICES.fullmatch(device) or device == "/dev":
                    message = f"is given the host's device `{device}`"
                    yield self.about(facts, service, ("devices", index), message, Refusal(_PATH), device)


class WritableRoot(ComposeRule):
    """Service that may change its own image's files.

    ## What it does
    Finds services without `read_only: true`. Off by default: what a service writes only shows when it runs.

    ## Why it matters
    Who breaks into a service with a read-only root cannot leave a program there.

    ## Fix safety
    Only with proof: the service is run with a read-only root and an empty `/tmp` before and after. Still, what it writes rarely
    does not show in that.

    ## References
    CIS Docker Benchmark 5.13
    """

    code = "CM205"
    category = Category.SECURITY
    severity = Severity.INFO
    since = "0.2"
    default = False
    aliases = ("CL-0007",)
    clean = [compose_case("services: {a: {image: a, read_only: true}}\n")]
    flagged = [
        compose_case(
            "services:\n  a:\n    image: a\n",
            after="services:\n  a:\n    image: a\n    read_only: true\n    tmpfs:\n      - /tmp\n",
        )
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.deployed:
            if service.read_only or _is_open(service):
                continue
            editor, path = facts.editor(service), ("services", service.name)
            values: dict[str, object] = {"read_only": True}
            if not any(mount in {"/tmp", "/"} for mount in (*service.tmpfs, *service.volumes)):  # noqa: S108  in a container
                values["tmpfs"] = [*service.tmpfs, "/tmp"]  # noqa: S108
            outcome: Fix | Refusal = Refusal("it has a `tmpfs` of its own, and whether that is enough is not known")
            if "tmpfs" not in service.body:
                outcome = fix_of("make the root read-only", editor.set_all(path, values), Applicability.PROOF)
            yield self.about(facts, service, (), "may change its own image's files", outcome)
