"""How the tasks of a service are replaced, started again, placed, and limited."""

import math
from dataclasses import dataclass

from trimtab.deploy.targets.manifest import filled
from trimtab.deploy.targets.project import RUNS_ON, Project, cpu_quota, replicas, restart_policy
from trimtab.deploy.targets.reading import Reading
from trimtab.fleet.compose.service import duration
from trimtab.fleet.plain import items, mapping, whole
from trimtab.fleet.sizes import byte_size

Part = dict[str, object]
INTERVAL, TIMEOUT, RETRIES = 30.0, 30.0, 3
"""The engine's own values where a check says nothing (Dockerfile reference, `HEALTHCHECK`)."""
_SHORTEST_MONITOR = 5
"""The engine's own, in seconds."""
_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64", "arm": "armv7l", "386": "i386"}
"""A swarm's node goes by the kernel's name of its processor."""


@dataclass(frozen=True)
class Mode:
    """How many tasks there are, and why two versions of it must not run at once; empty where they may."""

    word: str
    """`replicated`, `global`, `replicated-job` or `global-job`."""
    count: int
    alone: str

    @property
    def is_job(self) -> bool:
        return self.word.endswith("-job")


def mode_of(service: Reading, project: Project, *, endpoint_mode: str | None) -> Mode:
    """What kind of service it is.

    Who writes to a volume or to a folder of a node runs once, and so does a new version that waits for a port which the old
    one holds: with `start-first` it never starts ("no suitable node (host-mode port already in use)", seen with 28.5.2).
    """
    deploy, body = service.under("deploy"), service.data
    said = deploy.text("mode") or ""
    deploy.take("replicas")
    service.take("scale")
    job = service.owner in project.jobs and not said.startswith("global")
    word = "replicated-job" if job else said or "replicated"
    writes = _writes(service, project)
    wanted = replicas(body)
    if writes and wanted > 1 and word == "replicated":
        why = f"It writes to {writes}, and {wanted} tasks must not share that unless it was made for it."
        deploy.lost("replicas", why, "Raise `replicas` when it was.")
        wanted = 1
    held = next((port for port in map(mapping, items(body.get("ports"))) if _is_held(port, endpoint_mode)), None)
    port = f"port {held.get('published')} of the node is one task's" if held else ""
    if word == "global":
        port = port or "a global service has one task a node"
    return Mode(word, wanted, f"it writes to {writes}" if writes else port)


def _is_held(port: object, endpoint_mode: str | None) -> bool:
    return bool(mapping(port).get("published")) and (mapping(port).get("mode") == "host" or endpoint_mode == "dnsrr")


def _writes(service: Reading, project: Project) -> str:
    volumes = project.written(service.owner)
    if volumes:
        return f"the volume `{volumes[0]}`"
    for mount in map(mapping, items(service.data.get("volumes"))):
        source = str(mount.get("source"))
        if mount.get("type") == "bind" and not mount.get("read_only") and not source.endswith(".sock"):
            return source
    return ""


def deployment(service: Reading, mode: Mode, project: Project, *, endpoint_mode: str | None, monitor: int | None) -> Part:
    """The `deploy` section, with labels left to the caller."""
    deploy = service.under("deploy")
    update, back = deploy.under("update_config"), deploy.under("rollback_config")
    given = deploy.text("endpoint_mode")
    found: Part = {
        "mode": None if mode.word == "replicated" else mode.word,
        "replicas": None if mode.word.startswith("global") else mode.count,
        "endpoint_mode": endpoint_mode or given,
        "placement": _placement(service),
        "resources": _resources(service),
        "restart_policy": _restarts(service, mode, project),
    }
    if not mode.is_job:
        changes = _changes(update, mode, monitor or monitored(service))
        found |= {"update_config": changes, "rollback_config": _back(back, changes)}
    return filled(found)


def _changes(update: Reading, mode: Mode, monitor: int) -> Part:
    """A new task is there, and healthy, before an old one goes; when it does not get so far, the old version comes back."""
    order = update.text("order") or ("stop-first" if mode.alone else "start-first")
    if order == "start-first" and mode.alone:
        update.approximated("order", f"It became stop-first, as {mode.alone}.", "It is away for a moment with each update.")
        order = "stop-first"
    return filled(
        {
            "parallelism": update.number("parallelism"),
            "delay": update.text("delay"),
            "failure_action": update.text("failure_action") or "rollback",
            "monitor": update.text("monitor") or f"{monitor}s",
            "max_failure_ratio": update.take("max_failure_ratio"),
            "order": order,
        }
    )


def _back(back: Reading, changes: Part) -> Part:
    order = back.text("order")
    if order == "start-first" and changes["order"] == "stop-first":
        back.approximated("order", "It became stop-first, as the update did.")
        order = None
    return filled(
        {
            "parallelism": back.number("parallelism"),
            "delay": back.text("delay"),
            "failure_action": back.text("failure_action"),
            "monitor": back.text("monitor") or changes["monitor"],
            "max_failure_ratio": back.take("max_failure_ratio"),
            "order": order or changes["order"],
        }
    )


def monitored(service: Reading) -> int:
    """For how many seconds a new task is watched.

    A task counts as running once it is healthy; becoming unhealthy again takes `retries` failures, one each `interval`, and the
    time of the last. Without a check it is what the engine has.
    """
    check = mapping(service.data.get("healthcheck"))
    if not check.get("test") or check.get("disable"):
        return _SHORTEST_MONITOR
    retries = int(str(check.get("retries") or RETRIES))
    longest = retries * (duration(check.get("interval")) or INTERVAL) + (duration(check.get("timeout")) or TIMEOUT)
    return max(_SHORTEST_MONITOR, math.ceil(longest))


def _restarts(service: Reading, mode: Mode, project: Project) -> Part:
    settings = service.under("deploy").under("restart_policy")
    said, number = restart_policy(service.data), str(service.take("restart") or "").partition(":")[2]
    settings.take("condition")
    if said is None and not mode.is_job:
        why = "Nothing is said about it, which is `no` to compose; it became `any`, as whatever runs for good is started again."
        service.approximated("restart", why, "Say `restart: unless-stopped`, or `no`.")
    if mode.is_job and service.owner in project.taken_for_jobs:
        service.approximated("restart", f"By `{said}` it is taken for what ends: a job, which is not updated.", RUNS_ON)
    words = {"no": "none", "on-failure": "on-failure", "always": "any"}
    condition = words.get(said or ("no" if mode.is_job else "always"), "any")
    if mode.is_job and condition == "any":
        service.approximated("restart", "A job is started again only when it fails.")
        condition = "on-failure"
    attempts = settings.number("max_attempts")
    return filled(
        {
            "condition": condition,
            "delay": settings.text("delay"),
            "max_attempts": attempts if attempts is not None else int(number) if number.isdigit() else None,
            "window": settings.text("window"),
        }
    )


def _placement(service: Reading) -> Part:
    placement = service.under("deploy").under("placement")
    system, _, processor = (service.text("platform") or "").partition("/")
    kind = processor.partition("/")[0]
    rules = [f"node.platform.os == {system}"] if system else []
    if kind in _MACHINES:
        rules.append(f"node.platform.arch == {_MACHINES[kind]}")
    elif kind:
        service.lost(
            "platform", f"What a swarm calls `{kind}` is not known here.", "Say it as a constraint on `node.platform.arch`."
        )
    spread = [{"spread": name} for each in placement.each("preferences") if (name := each.text("spread"))]
    return filled(
        {
            "constraints": [*placement.texts("constraints"), *rules],
            "preferences": spread,
            "max_replicas_per_node": placement.number("max_replicas_per_node"),
        }
    )


def _resources(service: Reading) -> Part:
    settings = service.under("deploy").under("resources")
    limits, reserved = settings.under("limits"), settings.under("reservations")
    # Both forms are read, so that the one that repeats the other is not reported.
    short = {key: service.take(key) for key in ("cpus", "mem_limit", "mem_reservation", "pids_limit")}
    quota = cpu_quota(service.data)
    for key in ("cpu_quota", "cpu_period") if quota else ():
        service.take(key)
    pids = limits.number("pids") or whole(short["pids_limit"])
    return filled(
        {
            "limits": filled(
                {
                    "cpus": _cpus(limits.take("cpus") or short["cpus"] or quota),
                    "memory": _bytes(limits.take("memory") or short["mem_limit"]),
                    "pids": pids if pids and pids > 0 else None,
                }
            ),
            "reservations": filled(
                {
                    "cpus": _cpus(reserved.take("cpus")),
                    "memory": _bytes(reserved.take("memory") or short["mem_reservation"]),
                    "generic_resources": _generic(reserved),
                }
            ),
        }
    )


def _generic(reserved: Reading) -> list[Part]:
    found: list[Part] = []
    for each in reserved.each("generic_resources"):
        spec = each.under("discrete_resource_spec")
        found.append({"discrete_resource_spec": filled({"kind": spec.text("kind"), "value": spec.number("value")})})
    return found


def _cpus(value: object) -> str | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return f"{number:.3f}".rstrip("0").rstrip(".") if number > 0 else None


def _bytes(value: object) -> str | None:
    size = byte_size(str(value)) if value else None
    return f"{size}" if size else None
