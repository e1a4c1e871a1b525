"""CM201 and CM202: what a service may do to its host."""

from collections.abc import Iterator

from trimtab.fleet import Fleet
from trimtab.fleet.compose.interpolate import Interpolation
from trimtab.fleet.compose.merge import mount_target
from trimtab.fleet.compose.raw import RawService, raw_services
from trimtab.fleet.plain import is_true, mapping
from trimtab.rules.base import Case, Category, Finding, FleetRule, Refusal, Severity

_SOCKET = "a socket proxy that allows the few calls it needs, or rootless docker, is a decision about the deployment"
_POWERS = "whether the service needs it is known to whoever runs it"
_DANGEROUS = frozenset(
    [
        "ALL",
        "SYS_ADMIN",
        "SYS_PTRACE",
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_BOOT",
        "NET_ADMIN",
        "DAC_READ_SEARCH",
        "BPF",
        "MAC_ADMIN",
    ]
    + ["MAC_OVERRIDE", "SYSLOG", "SYS_TIME", "PERFMON", "CHECKPOINT_RESTORE"]
)
"""Capabilities beyond docker's default set that reach the host (capabilities(7), moby's default profile)."""


def _raw(fleet: Fleet) -> Iterator[RawService]:
    for path in dict.fromkeys(fleet.compose_files):
        yield from raw_services(fleet.tree, path)


class EngineSocketMounted(FleetRule):
    """Service that is given the engine's socket.

    ## What it does
    Finds compose services that mount `docker.sock`, `containerd.sock` or `podman.sock`, read-only or not. Variables count by
    their defaults.

    ## Why it matters
    Whoever can talk to the engine can start a container with the host's file system in it: the service is root on the
    host. A read-only mount does not change that; it is a socket.

    ## Fix safety
    Not fixed: the service would stop working.

    ## References
    CIS Docker Benchmark 5.32
    """

    code = "CM201"
    category = Category.SECURITY
    severity = Severity.HIGH
    since = "0.2"
    aliases = ("CL-0001",)
    clean = [Case("FROM scratch\n", files={"compose.yaml": "services: {a: {image: a, volumes: ['./docker.sock.md:/a']}}\n"})]
    flagged = [
        Case(
            "FROM scratch\n",
            refused=_SOCKET,
            files={"compose.yaml": "services: {a: {image: a, volumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']}}\n"},
        ),
        *(
            Case(
                "FROM scratch\n", refused=_SOCKET, files={"compose.yaml": f"services: {{a: {{image: a, volumes: [{each}]}}}}\n"}
            )
            for each in ("'${S:-/var/run/docker.sock}:/s'", "{type: bind, source: '${S:-/run/docker.sock}', target: /s}")
        ),
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        for service in _raw(fleet):
            for written, line in service.listed("volumes"):
                item = Interpolation({}).value(written)
                source = str(mapping(item).get("source") or str(item).partition(":")[0])
                if source.endswith(("docker.sock", "containerd.sock", "podman.sock")):
                    where = mount_target(item) or source
                    message = f"service `{service.name}` is given the engine's socket at `{where}`, and with it the host"
                    yield self.finding_at(service.path, line, message, (service.name,), Refusal(_SOCKET), service.name)


class ExtraPrivileges(FleetRule):
    """Service with powers over its host.

    ## What it does
    Finds `privileged: true`, capabilities that reach the host, the host's process, IPC, UTS, cgroup or user namespace, and
    switched off seccomp or AppArmor profiles in compose files. Variables count by their defaults.

    ## Why it matters
    Each of them takes away a wall between a broken-in service and the host.

    ## Fix safety
    Not fixed: the service may need it.

    ## References
    CIS Docker Benchmark 5.4, 5.5, 5.16, 5.17, 5.22
    """

    code = "CM202"
    category = Category.SECURITY
    severity = Severity.HIGH
    since = "0.2"
    aliases = ("CL-0002", "CL-0009", "CL-0010", "CL-0011", "CL-0024", "CL-0028")
    clean = [
        Case(
            "FROM scratch\n",
            files={"compose.yaml": "services: {a: {image: a, cap_add: [CHOWN], privileged: false, security_opt: ['a:b']}}\n"},
        )
    ]
    flagged = [
        Case("FROM scratch\n", refused=_POWERS, files={"compose.yaml": "services: {a: {image: a, privileged: true}}\n"}),
        Case(
            "FROM scratch\n", refused=_POWERS, files={"compose.yaml": "services: {a: {image: a, cap_add: [CAP_SYS_ADMIN]}}\n"}
        ),
        *(
            Case("FROM scratch\n", refused=_POWERS, files={"compose.yaml": f"services: {{a: {{image: a, {each}}}}}\n"})
            for each in ("pid: host", "uts: host", "cgroup: host", "privileged: 'true'", "privileged: '${P:-true}'")
        ),
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        for service in _raw(fleet):
            for what, line in _powers(service):
                message = f"service `{service.name}` has {what}"
                yield self.finding_at(service.path, line, message, (service.name,), Refusal(_POWERS), f"{service.name} {what}")


_SWITCHED_OFF = frozenset({"seccomp:unconfined", "apparmor:unconfined", "label:disable", "systempaths:unconfined"})


def _powers(service: RawService) -> Iterator[tuple[str, int]]:
    if is_true(Interpolation({}).value(service.body.get("privileged"))):
        yield "every power over the host (`privileged`)", service.line("privileged")
    for item, line in service.listed("cap_add"):
        name = str(item).upper().removeprefix("CAP_")
        if name in _DANGEROUS:
            yield f"the capability `{name}`", line
    for key in ("pid", "ipc", "uts", "cgroup", "userns_mode"):
        if service.body.get(key) == "host":
            yield f"the host's namespace (`{key}: host`)", service.line(key)
    for item, line in service.listed("security_opt"):
        if str(item).replace("=", ":") in _SWITCHED_OFF:
            yield f"a protection switched off (`{item}`)", line
