"""The CIS Docker Benchmark (1.6.0, sections 4 and 5), control by control and service by service.

A control that nothing here can see is `not checked`, with the reason. Nothing passes because nobody looked.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from trimtab.fleet import Fleet
from trimtab.fleet.model import FleetFile, Service
from trimtab.fleet.plain import items, mapping
from trimtab.rules import Finding
from trimtab.scan.result import ControlResult, Standing, TargetScan

_Verdict = tuple[Standing, str]
_PASS: _Verdict = (Standing.PASS, "")


@dataclass(frozen=True)
class _Case:
    """One service with everything that is known about it."""

    service: Service
    target: TargetScan | None
    """Its image's scan, None where it was not scanned."""
    asked: bool = False
    """Whether somebody was asked for its vulnerabilities, and could say of all of its packages."""
    searched: bool = True
    """Whether all of its image was searched for credentials."""
    file: FleetFile | None = None
    """Its Dockerfile, where that is one of the fleet."""


@dataclass(frozen=True)
class Control:
    """One control: the rules whose findings fail it, and a look at the service itself."""

    id: str
    title: str
    rules: tuple[str, ...] = ()
    look: Callable[[_Case], _Verdict] | None = None
    unchecked: str = ""
    """Why reading cannot pass it; it may still fail it."""


def _truth(case: _Case) -> _Verdict:
    """`privileged` as compose takes it: YAML's and Go's words for true, after variables are put in."""
    value = str(case.service.body.get("privileged", "")).lower()
    return (Standing.FAIL, "`privileged: true`") if value in {"true", "1", "t", "yes", "on"} else _PASS


def _key(name: str, bad: str, why: str) -> Callable[[_Case], _Verdict]:
    """Fails where a compose key has a value."""

    def look(case: _Case) -> _Verdict:
        return (Standing.FAIL, why) if str(case.service.body.get(name, "")) == bad else _PASS

    return look


def _option(pattern: str, why: str) -> Callable[[_Case], _Verdict]:
    """Fails where one of `security_opt` says so."""

    def look(case: _Case) -> _Verdict:
        options = (str(each) for each in items(case.service.body.get("security_opt")))
        bad = next((each for each in options if re.match(pattern, each)), None)
        return (Standing.FAIL, f"`{bad}`: {why}") if bad else _PASS

    return look


def _ports(case: _Case) -> _Verdict:
    low = [port for port in map(_published, items(case.service.body.get("ports"))) if port is not None and port < 1024]
    return (Standing.FAIL, f"port {low[0]} of the host is published") if low else _PASS


def _interfaces(case: _Case) -> _Verdict:
    """A port without an address of the host is published on all of them."""
    for port in items(case.service.body.get("ports")):
        long = mapping(port)
        bound = re.match(r"\[(?P<six>[^\]]*)\]:|(?P<four>\d+(?:\.\d+){3}):", str(port))
        address = str(long.get("host_ip", "")) if long else (bound["six"] or bound["four"]) if bound else ""
        if (not long or long.get("published")) and address in {"", "0.0.0.0", "::"}:  # noqa: S104  compared, not bound
            return Standing.FAIL, f"`{long.get('published') if long else port}` is published on every address of the host"
    return _PASS


def _health(case: _Case) -> _Verdict:
    """The image's own: one of the compose file is 5.27's."""
    return _PASS if _has_check(case) else (Standing.FAIL, "the image has no HEALTHCHECK of its own")


def _has_check(case: _Case) -> bool:
    """Whether the last HEALTHCHECK of the stage that becomes the image, or of those it starts from, is one."""
    if case.file is None or not case.file.stages:
        return False
    wanted = (case.service.build.target or "").lower() if case.service.build else ""
    stages = case.file.stages
    stage = next((each for each in stages if wanted and (each.name or "").lower() == wanted), stages[-1])
    while True:
        own = [i for i in stage.instructions if i.keyword == "HEALTHCHECK"]
        if own:
            return own[-1].arguments.strip().upper() != "NONE"
        if stage.parent is None:
            return False
        stage = stages[stage.parent]


def _checked(case: _Case) -> _Verdict:
    """At run time: by the compose file, which wins, else by the image."""
    own = case.service.healthcheck
    if own is not None and (own.test or own.disabled):
        return (Standing.FAIL, "its health check is switched off") if own.disabled else _PASS
    return _PASS if _has_check(case) else (Standing.FAIL, "nothing checks its health")


def _add(case: _Case) -> _Verdict:
    stages = case.file.stages if case.file else ()
    found = next((i for stage in stages for i in stage.instructions if i.keyword == "ADD"), None)
    return (Standing.FAIL, f"line {found.start_line} uses ADD") if found else _PASS


def _published(port: object) -> int | None:
    """The host's port of an entry in the long form, or in the short one: `8080:80/tcp`, `127.0.0.1:8080:80`."""
    long = mapping(port)
    parts = str(port).partition("/")[0].split(":")
    host = str(long.get("published", "")) if long else parts[-2] if len(parts) > 1 else ""
    first = re.match(r"[0-9]{1,5}(?=-|$)", host)
    return int(first[0]) if first else None


def _restart(case: _Case) -> _Verdict:
    policy = mapping(mapping(case.service.body.get("deploy")).get("restart_policy"))
    restart = str(case.service.body.get("restart", ""))
    bounded = re.fullmatch(r"on-failure:([0-9]{1,9})", restart)
    attempts = int(bounded[1]) if bounded else policy.get("max_attempts") if not restart else None
    if restart in {"", "no"} and not policy:
        return Standing.FAIL, "it is not restarted at all; the benchmark wants `on-failure:5`"
    if isinstance(attempts, int) and 0 < attempts <= 5:
        return _PASS
    return Standing.FAIL, f"`{restart or 'restart_policy'}` tries without an end; the benchmark wants at most five times"


def _pids(case: _Case) -> _Verdict:
    limits = mapping(mapping(mapping(case.service.body.get("deploy")).get("resources")).get("limits"))
    number = case.service.body.get("pids_limit") or limits.get("pids")
    return _PASS if number and str(number) != "-1" else (Standing.FAIL, "no `pids_limit`")


def _propagation(case: _Case) -> _Verdict:
    for volume in items(case.service.body.get("volumes")):
        long = mapping(volume)
        text = str(mapping(long.get("bind")).get("propagation", "")) if long else str(volume)
        if re.search(r"(?:^|[:,])r?shared(?:,|$)", text):
            return Standing.FAIL, "a mount is propagated as `shared`"
    return _PASS


def _devices(case: _Case) -> _Verdict:
    given = [*items(case.service.body.get("devices")), *items(case.service.body.get("device_cgroup_rules"))]
    return (Standing.FAIL, f"it is given `{given[0]}`") if given else _PASS


def _socket(case: _Case) -> _Verdict:
    """The socket comes with the folders above it, too."""
    sources = [mount.source.rstrip("/") or "/" for mount in case.service.mounts if mount.kind == "bind"]
    bad = next((each for each in sources if each in {"/", "/var", "/var/run", "/run"} or each.endswith("docker.sock")), None)
    return (Standing.FAIL, f"`{bad}` of the host is mounted") if bad else _PASS


def _cgroup(case: _Case) -> _Verdict:
    parent = case.service.body.get("cgroup_parent")
    return (Standing.FAIL, f"`cgroup_parent: {parent}`") if parent else _PASS


def _bridge(case: _Case) -> _Verdict:
    mode = str(case.service.body.get("network_mode", ""))
    return (Standing.FAIL, "`network_mode: bridge` is the engine's default bridge") if mode == "bridge" else _PASS


def _patched(case: _Case) -> _Verdict:
    target = case.target
    if target is None:
        return Standing.UNCHECKED, "its image was not scanned"
    fixable = [each for each in target.vulnerabilities if each.counts and each.fixed]
    waiting = [each for each in target.pending or () if each.security]
    if fixable or waiting:
        return Standing.FAIL, f"{len(fixable)} vulnerabilities have a fixed version, {len(waiting)} security updates wait"
    return (
        _PASS if case.asked else (Standing.UNCHECKED, "nobody was asked for its vulnerabilities, or could say of all packages")
    )


def _setuid(case: _Case) -> _Verdict:
    if case.target is None or case.target.setuid is None:
        return Standing.UNCHECKED, "its image was not scanned"
    found = case.target.setuid
    return (Standing.FAIL, f"{len(found)} setuid or setgid programs: {', '.join(found[:4])}") if found else _PASS


def _secrets(case: _Case) -> _Verdict:
    if case.target is None:
        return Standing.UNCHECKED, "its image was not scanned"
    found = case.target.leaks
    if found:
        return Standing.FAIL, f"{len(found)} credentials in its image"
    return _PASS if case.searched else (Standing.UNCHECKED, "not all of its image was searched")


_DECISION = "which ones is a decision of its owners"
CONTROLS = (
    Control("4.1", "A user for the container has been created", ("DF201",)),
    Control("4.2", "Containers use only trusted base images", unchecked=_DECISION),
    Control("4.3", "Unnecessary packages are not installed", ("DF122",), unchecked="what is necessary no reading tells"),
    Control("4.4", "Images are scanned and rebuilt to include security patches", ("DF003",), _patched),
    Control("4.5", "Content trust for Docker is enabled", unchecked="it is a setting of whoever pulls"),
    Control("4.6", "HEALTHCHECK instructions have been added", ("DF301",), _health),
    Control("4.7", "Update instructions are not used alone", ("DF106",)),
    Control("4.8", "setuid and setgid permissions are removed", ("DF212",), _setuid),
    Control("4.9", "COPY is used instead of ADD", ("DF012", "DF209"), _add),
    Control("4.10", "Secrets are not stored in Dockerfiles", ("DF207",), _secrets),
    Control("4.11", "Only verified packages are installed", ("DF208", "DF209"), unchecked="who verifies them no reading tells"),
    Control("4.12", "All signed artifacts are validated", unchecked="signatures are not looked at"),
    Control("5.1", "Swarm mode is not enabled, if not needed", unchecked="it is a setting of the engine"),
    Control("5.2", "An AppArmor profile is enabled, if applicable", (), _option("apparmor[:=]unconfined", "no profile"),
            "it depends on the host"),
    Control("5.3", "SELinux security options are set, if applicable", (), _option("label[:=]disable", "no labels"),
            "it depends on the host"),
    Control("5.4", "Linux kernel capabilities are restricted", ("CM202", "CM206")),
    Control("5.5", "Privileged containers are not used", (), _truth),
    Control("5.6", "Sensitive host directories are not mounted", ("CM208",)),
    Control("5.7", "sshd is not run within containers", ("DF214",)),
    Control("5.8", "Privileged ports are not mapped", (), _ports),
    Control("5.9", "Only needed ports are open", unchecked="which ones are needed no reading tells"),
    Control("5.10", "The host's network namespace is not shared", ("CM207",),
            _key("network_mode", "host", "`network_mode: host`")),
    Control("5.11", "Memory usage is limited", ("CM101",)),
    Control("5.12", "CPU priority is set", ("CM102",)),
    Control("5.13", "The root filesystem is mounted read only", ("CM205",)),
    Control("5.14", "Incoming traffic is bound to a specific host interface", ("CM133", "CM134"), _interfaces),
    Control("5.15", "The restart policy is on-failure, five times at most", (), _restart),
    Control("5.16", "The host's process namespace is not shared", (), _key("pid", "host", "`pid: host`")),
    Control("5.17", "The host's IPC namespace is not shared", (), _key("ipc", "host", "`ipc: host`")),
    Control("5.18", "Host devices are not directly exposed", ("CM209",), _devices),
    Control("5.19", "The default ulimit is overwritten if needed", unchecked="whether it is needed no reading tells"),
    Control("5.20", "Mount propagation is not set to shared", (), _propagation),
    Control("5.21", "The host's UTS namespace is not shared", (), _key("uts", "host", "`uts: host`")),
    Control("5.22", "The default seccomp profile is not disabled", (), _option("seccomp[:=]unconfined", "no profile")),
    Control("5.23", "docker exec is not used with --privileged", unchecked="it shows only while it happens"),
    Control("5.24", "docker exec is not used with --user=root", unchecked="it shows only while it happens"),
    Control("5.25", "cgroup usage is confirmed", (), _cgroup),
    Control("5.26", "Containers cannot acquire additional privileges", ("CM204",)),
    Control("5.27", "Container health is checked at run time", ("DF301",), _checked),
    Control("5.28", "Commands use the latest version of their image", unchecked="what is latest a registry knows"),
    Control("5.29", "The PIDs cgroup limit is used", (), _pids),
    Control("5.30", "The default bridge is not used", (), _bridge),
    Control("5.31", "The host's user namespaces are not shared", (), _key("userns_mode", "host", "`userns_mode: host`")),
    Control("5.32", "The Docker socket is not mounted", ("CM201",), _socket),
)  # fmt: skip
RULES = frozenset(code for control in CONTROLS for code in control.rules)
"""The rules that have to run for the controls to be answered."""


@dataclass(frozen=True)
class Looked:
    """What the controls are held against."""

    findings: Sequence[Finding]
    targets: Mapping[str, TargetScan]
    """The scans of images, by the services that run them."""
    meant: frozenset[str]
    """The services that are asked about."""
    unread: frozenset[str]
    """Files that could not be read."""
    asked: bool
    """Whether somebody was asked for vulnerabilities."""
    unanswered: frozenset[str] = frozenset()
    """The services whose vulnerabilities nobody could say all of."""
    unsearched: frozenset[str] = frozenset()
    """The services whose images were not all searched for credentials."""


def check_controls(fleet: Fleet, looked: Looked) -> Iterator[ControlResult]:
    """Every control for every service that is meant."""
    for service in fleet.services:
        if service.name not in looked.meant:
            continue
        mine = [each for each in looked.findings if service.name in each.services]
        file = fleet.file(service.build.dockerfile or "") if service.build else None
        asked, searched = service.name not in looked.unanswered and looked.asked, service.name not in looked.unsearched
        case = _Case(service, looked.targets.get(service.name), asked, searched, file)
        blind = _blind(fleet, service, looked.unread)
        for control in CONTROLS:
            standing, reason, where = _standing(control, case, mine, blind)
            yield ControlResult(control.id, control.title, service.name, standing, reason, where)


def _blind(fleet: Fleet, service: Service, unread: frozenset[str]) -> str:
    """Why the service's Dockerfile cannot be held against anything; empty where it can."""
    build = service.build
    if service.origin in unread or (build and build.dockerfile in unread):
        return "its file cannot be read"
    if build is None:
        return "its image is built elsewhere"
    known = build.dockerfile is not None and fleet.file(build.dockerfile) is not None
    return "" if known else "its Dockerfile is not a file of this fleet"


def _standing(control: Control, case: _Case, mine: Sequence[Finding], blind: str) -> tuple[Standing, str, str]:
    origin = case.service.origin
    built = case.service.build is not None
    if control.id.startswith("4.") and not built:
        return Standing.NOT_APPLICABLE, blind, origin
    hit = next((each for each in mine if each.rule in control.rules), None)
    if hit:
        return Standing.FAIL, f"{hit.rule} {hit.message}", f"{hit.path}:{hit.line}"
    if blind and (blind.endswith("read") or any(code.startswith("DF") for code in control.rules)):
        checked = control.id == "5.27" and case.service.healthcheck is not None and not case.service.healthcheck.disabled
        if not checked:
            return Standing.UNCHECKED, blind, origin
    standing, reason = control.look(case) if control.look else _PASS
    if standing is Standing.PASS and control.unchecked:
        return Standing.UNCHECKED, control.unchecked, ""
    return standing, reason, f"{origin}:{case.service.line}"
