"""One service as a Deployment, StatefulSet, DaemonSet or Job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab.deploy.targets.kubernetes.probes import start_budget
from trimtab.deploy.targets.manifest import filled
from trimtab.deploy.targets.project import RUNS_ON, Project, replicas, restart_policy
from trimtab.deploy.targets.reading import Reading
from trimtab.fleet.compose.service import duration
from trimtab.fleet.plain import items, mapping

_PROGRESS = 600
"""How long Kubernetes waits for a rollout to get on, in seconds, unless told otherwise."""


@dataclass(frozen=True)
class Shape:
    """What kind of workload a service is, and how many of it run."""

    kind: str
    count: int
    writes: bool
    """Whether it writes to a named volume, so that two of it must not run at once."""


def shape_of(service: Reading, project: Project) -> Shape:
    """The kind of workload.

    Who writes to a volume runs once, and the old one ends before the new one starts: a StatefulSet where the volume is its
    own, a Deployment that is recreated where others mount it, too.
    """
    body = project.services[service.owner]
    deploy = service.under("deploy")
    deploy.take("mode")
    deploy.take("replicas")
    service.take("scale")
    wanted, written = replicas(body), project.written(service.owner)
    if service.owner in project.jobs:
        return Shape("Job", wanted, bool(written))
    if str(deploy.data.get("mode")).startswith("global"):
        if written:
            why = f"It writes to `{'`, `'.join(written)}`: one claim for the pods of all nodes, where each node had a volume."
            deploy.lost("mode", why, "Use a `hostPath`, or a storage class with ReadWriteMany if they may share it.")
        return Shape("DaemonSet", 1, bool(written))
    if written and wanted > 1:
        why = f"It writes to `{'`, `'.join(written)}`, and {wanted} pods must not share that unless it was made for it."
        deploy.lost("replicas", why, "Raise `replicas` when it was, with a ReadWriteMany claim.")
    kind = "StatefulSet" if written and not any(project.is_shared(name) for name in written) else "Deployment"
    return Shape(kind, min(wanted, 1) if written else wanted, bool(written))


def workload(
    service: Reading,
    shape: Shape,
    project: Project,
    metadata: Mapping[str, object],
    labels: Mapping[str, str],
    template: dict[str, object],
) -> dict[str, object]:
    """The workload around a pod's template."""
    pod = mapping(template["spec"])
    container = mapping(next(iter(items(pod.get("containers"))), None))
    update = service.under("deploy").under("update_config")
    ready = _ready_seconds(update)
    selector = {"matchLabels": dict(labels)}
    if shape.kind == "Job":
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": _job(service, shape, template, project)}
    _restarts(service)
    spec: dict[str, object] = {"selector": selector, "template": template}
    if shape.kind == "Deployment":
        budget = start_budget(container) + (ready or 0)
        strategy = {"type": "Recreate"} if shape.writes else _rolling(update, on_host=pod.get("hostNetwork") is True)
        limit = budget + 60 if budget + 60 > _PROGRESS else None
        spec = {
            "replicas": shape.count,
            "minReadySeconds": ready,
            "progressDeadlineSeconds": limit,
            "strategy": strategy,
            **spec,
        }
    elif shape.kind == "StatefulSet":
        update.take("order")
        spec = {"replicas": shape.count, "minReadySeconds": ready, "serviceName": metadata["name"], **spec}
    else:
        update.take("order")
        spec = {"minReadySeconds": ready, "updateStrategy": {"type": "RollingUpdate"}, **spec}
    return {"apiVersion": "apps/v1", "kind": shape.kind, "metadata": metadata, "spec": filled(spec)}


def _ready_seconds(update: Reading) -> int | None:
    """Both of compose's pauses after a new container is there: until the next one, and until it counts as good."""
    longest = max((duration(update.take(key)) or 0.0 for key in ("delay", "monitor")), default=0.0)
    return -int(-longest // 1) or None


def _rolling(update: Reading, *, on_host: bool) -> dict[str, object]:
    """A new pod is ready before an old one goes, unless `order` says otherwise outright, or the ports are the node's."""
    count = max(1, update.number("parallelism") or 1)
    if on_host and update.data.get("order") == "start-first":
        update.approximated("order", "On a node's own network two pods cannot have one port: the old one goes first.")
    first = update.take("order") == "stop-first" or on_host
    surge, missing = (0, count) if first else (count, 0)
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": missing}}


def _job(service: Reading, shape: Shape, template: dict[str, object], project: Project) -> dict[str, object]:
    policy, attempts = restart_policy(service.data), _attempts(service)
    service.take("restart")
    service.under("deploy").under("restart_policy").take("condition")
    never = policy in {None, "no"}
    if service.owner in project.taken_for_jobs:
        service.approximated(
            "restart", f"By `{policy}` it is taken for what ends: a Job, which is not updated in place.", RUNS_ON
        )
    if not never and attempts is None:
        service.approximated(
            "restart", "Compose tries again for ever, and a Job 6 times.", "Name a number: `restart: on-failure:20`."
        )
    if policy == "always":
        service.approximated("restart", "It is waited for, and so it has to end; it is started again only when it fails.")
    pod = {"restartPolicy": "Never" if never else "OnFailure", **mapping(template["spec"])}
    many = shape.count if shape.count > 1 else None
    return filled(
        {
            "backoffLimit": 0 if never else attempts,
            "completions": many,
            "parallelism": many,
            "template": {**template, "spec": pod},
        }
    )


def _attempts(service: Reading) -> int | None:
    settings = service.under("deploy").under("restart_policy")
    given = settings.number("max_attempts")
    number = str(service.data.get("restart") or "").partition(":")[2]
    return given if given is not None else int(number) if number.isdigit() else None


def _restarts(service: Reading) -> None:
    """Whatever runs for good is always started again there."""
    settings = service.under("deploy").under("restart_policy")
    key, part = ("condition", settings) if settings.has("condition") else ("restart", service)
    part.take(key)
    if settings.has("condition"):
        service.take("restart")
    if restart_policy(service.data) in {"no", "on-failure"}:
        part.approximated(key, "What is not a Job is always started again.", "Make it a Job if it is meant to end.")


def disruption_budget(name: str, labels: Mapping[str, str]) -> dict[str, object]:
    """Of several pods no more than one is taken away at a time when nodes are emptied."""
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": dict(labels)}}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": spec,
    }


def waiting(service: Reading, project: Project, names: Mapping[str, str], image: str | None) -> Sequence[dict[str, object]]:
    """Init containers for what has to be healthy first, where an image with `nc` is given.

    What is not waited for is reported.
    """
    found: list[dict[str, object]] = []
    for other, how in sorted(service.named("depends_on").items()):
        condition = how.text("condition")
        how.take("required")
        port = next((port.number for port in project.ports.get(other, ()) if port.protocol == "TCP"), None)
        if condition == "service_healthy" and image and port and other not in project.jobs:
            name = names[other]
            script = f"until nc -z -w 2 {name} {port}; do sleep 1; done"
            found.append({"name": f"wait-{name}", "image": image, "command": ["/bin/sh", "-c", script]})
        else:
            _not_waited(how, other, names.get(other, other), condition, has_port=port is not None)
    return found


def _not_waited(how: Reading, other: str, name: str, condition: str | None, *, has_port: bool) -> None:
    again = "Let the program try again"
    if condition == "service_completed_successfully":
        why = f"Everything starts at once; nothing waits until `{other}` has ended."
        first = f"`kubectl wait --for=condition=complete job/{name}`"
        how.lost("condition", why, f"Run {first} before you apply this one, or make it an init container.")
    elif condition == "service_healthy":
        why = f"Everything starts at once; nothing waits until `{other}` is ready."
        more = ", or give `--wait-image` an image that has `nc`." if has_port else "; no port of it is known to wait for."
        how.lost("condition", why, again + more)
    else:
        how.approximated("condition", f"Everything starts at once, `{other}` not before it.", f"{again}.")
