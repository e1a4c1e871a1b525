"""A swarm as its managers tell it: the nodes, a project's services, and their tasks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from trimtab.deploy.names import CONFIG, DEPLOYMENT, REVISION, SOURCE
from trimtab.deploy.targets.swarm.state import UpdateState, update_state
from trimtab.docker.api import Api, Request, checked
from trimtab.errors import UsageError
from trimtab.fleet.plain import items, mapping, text, whole

NAMESPACE = "com.docker.stack.namespace"
"""The label by which `docker stack` knows what is a stack's."""
_ENDED = frozenset({"complete", "shutdown", "failed", "rejected", "remove", "orphaned"})
"""States in which a task does nothing any more (`swarm.TaskState` of the engine's API)."""
_BROKEN = frozenset({"complete", "failed", "rejected", "orphaned"})
_READ = ("ContainerSpec", "Resources", "ForceUpdate")
"""What of a task's specification says which version it is of; its placement may differ from the service's."""


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the swarm."""

    id: str
    name: str
    state: str
    """`ready`, `down`, `unknown` or `disconnected`: a node that is cut off counts as ready until its heartbeat is missed."""
    availability: str = "active"
    manager: bool = False

    @property
    def lost(self) -> bool:
        return self.state != "ready"


@dataclass(frozen=True, slots=True)
class Task:
    """One container of a service, or the wish for one. Times are the managers', as the engine writes them, without the `Z`."""

    id: str
    slot: str
    node: str
    """The node's id; empty as long as there is none for it."""
    state: str
    desired: str
    error: str
    exit_code: int
    created: str
    version: str = field(repr=False, default="")
    """Equal for tasks of the same image and configuration."""
    iteration: int = 0

    @property
    def ended(self) -> bool:
        return self.state in _ENDED

    @property
    def broken(self) -> bool:
        """Whether it ended without being told to."""
        return self.state in _BROKEN

    @property
    def serves(self) -> bool:
        """Whether it runs, and is healthy where it has a check, and is to go on."""
        return self.state == "running" and self.desired == "running"

    @property
    def lingers(self) -> bool:
        """Whether it is to end, and is not known to have ended: it may go on as long as its node is cut off."""
        return self.desired in {"shutdown", "remove"} and self.state == "running"


@dataclass(frozen=True)
class Service:
    """A service of the project as the swarm has it."""

    id: str
    name: str
    """As the project calls it."""
    number: int
    """Counts every change; an update has to name the one that it is based on."""
    updated: str
    spec: Mapping[str, object] = field(repr=False)
    previous: Mapping[str, object] = field(repr=False)
    update: UpdateState
    tasks: tuple[Task, ...] = ()
    wanted: int = 0
    """Tasks that are to run; for a job, that are to have ended well."""
    iteration: int = 0

    @property
    def labels(self) -> Mapping[str, str]:
        return {key: str(value) for key, value in mapping(self.spec.get("Labels")).items()}

    @property
    def revision(self) -> int | None:
        """The deployment that made it what it is; None for what is not ours."""
        return whole(self.labels.get(REVISION))

    @property
    def deployment(self) -> str:
        """The same, by its identity, which no other one has; empty where it is not known."""
        return self.labels.get(DEPLOYMENT, "")

    @property
    def source(self) -> int | None:
        """The revision whose image and configuration it has."""
        return whole(self.labels.get(SOURCE)) or self.revision

    @property
    def config(self) -> str:
        return self.labels.get(CONFIG, "")

    @property
    def image(self) -> str:
        return text(mapping(mapping(self.spec.get("TaskTemplate")).get("ContainerSpec")).get("Image")) or ""

    @property
    def version(self) -> str:
        """What its tasks' `version` is when they are of the specification that it has now."""
        return _version(mapping(self.spec.get("TaskTemplate")))

    @property
    def mode(self) -> str:
        """`replicated`, `global`, `replicated-job` or `global-job`."""
        words = {"Global": "global", "ReplicatedJob": "replicated-job", "GlobalJob": "global-job"}
        return next((words[key] for key in mapping(self.spec.get("Mode")) if key in words), "replicated")

    @property
    def is_job(self) -> bool:
        return self.mode.endswith("-job")

    @property
    def nowhere(self) -> bool:
        """Whether it is for every node that fits, and none has a task of it: the managers want none of it then."""
        return self.mode.startswith("global") and not self.wanted

    @property
    def since(self) -> str:
        """When its last change was begun, by the managers' clock: the update's own word, which no later change moves."""
        return moment(self.update.started) or self.updated

    @property
    def serving(self) -> tuple[Task, ...]:
        return tuple(task for task in self.tasks if task.serves)

    @property
    def well(self) -> bool:
        """Whether as much of it runs, or has ended well, as is wanted, and its last update was not given up."""
        done = [task for task in self.tasks if task.state == "complete" and task.iteration == self.iteration]
        enough = len(done if self.is_job else self.serving) >= self.wanted and not self.nowhere
        return enough and self.update.outcome.value not in _GIVEN_UP


_GIVEN_UP = frozenset({"paused", "rollback_paused"})


@dataclass(frozen=True)
class Seen:
    """A project on a swarm at one moment."""

    project: str
    nodes: Mapping[str, Node]
    """By id."""
    services: Mapping[str, Service]
    """By the project's name for them."""

    def place(self, task: Task) -> str:
        """The name of the node that a task is on."""
        node = self.nodes.get(task.node)
        return node.name if node else task.node[:12] or "no node"

    @property
    def lost(self) -> tuple[Node, ...]:
        return tuple(sorted((node for node in self.nodes.values() if node.lost), key=lambda node: node.name))


async def look(api: Api, project: str) -> Seen:
    """A project as the managers see it now.

    Raises:
        EngineMissing: the engine does not answer.
        EngineRefused: it is no manager, or the managers have no majority.
    """
    stack = json.dumps({"label": [f"{NAMESPACE}={project}"]})
    asked = [
        Request("GET", "/nodes"),
        Request("GET", "/services", {"status": "true", "filters": stack}),
        Request("GET", "/tasks", {"filters": stack}),
    ]
    answers = await api.all(asked)
    nodes, services, tasks = [checked(*pair) for pair in zip(asked, answers, strict=True)]
    return read_seen(project, nodes.json, services.json, tasks.json)


def read_seen(project: str, nodes: object, services: object, tasks: object) -> Seen:
    """The same, from what the engine's API answers to `/nodes`, `/services?status=true` and `/tasks`."""
    by_service: dict[str, list[Task]] = {}
    for each in map(mapping, items(tasks)):
        by_service.setdefault(str(each.get("ServiceID")), []).append(_task(each))
    machines = {node.id: node for node in map(_node, map(mapping, items(nodes)))}
    found = [_service(project, each, by_service.get(str(each.get("ID")), [])) for each in map(mapping, items(services))]
    return Seen(project, machines, {each.name: each for each in sorted(found, key=lambda each: each.name)})


async def manager(api: Api) -> str:
    """The id of the swarm whose manager the engine is; nothing that is secret.

    Raises:
        UsageError: it is in no swarm, or only works for one.
        EngineMissing: it does not answer.
    """
    told = mapping(mapping((await api.ask(Request("GET", "/info"))).json).get("Swarm"))
    state = text(told.get("LocalNodeState")) or "inactive"
    if state in {"inactive", "pending"}:
        raise UsageError(
            "This engine is in no swarm. Make one by `docker swarm init`, or name a manager by DOCKER_HOST or a docker context."
        )
    if told.get("ControlAvailable") is not True:
        others = ", ".join(str(mapping(each).get("Addr")) for each in items(told.get("RemoteManagers")))
        raise UsageError(
            f"This engine is no manager of its swarm ({state}). Run this against a manager: {others or 'none is known'}."
        )
    return text(mapping(told.get("Cluster")).get("ID")) or ""


def _node(data: Mapping[str, object]) -> Node:
    spec, status = mapping(data.get("Spec")), mapping(data.get("Status"))
    name = text(mapping(data.get("Description")).get("Hostname")) or str(data.get("ID"))[:12]
    state, availability = text(status.get("State")) or "unknown", text(spec.get("Availability")) or "active"
    return Node(str(data.get("ID")), name, state, availability, spec.get("Role") == "manager")


def _task(data: Mapping[str, object]) -> Task:
    status = mapping(data.get("Status"))
    container = mapping(status.get("ContainerStatus"))
    iteration = mapping(data.get("JobIteration")).get("Index")
    return Task(
        id=str(data.get("ID")),
        slot=text(data.get("Slot")) or text(data.get("NodeID")) or "",
        node=text(data.get("NodeID")) or "",
        state=text(status.get("State")) or "new",
        desired=text(data.get("DesiredState")) or "",
        error=text(status.get("Err")) or "",
        exit_code=whole(container.get("ExitCode")) or 0,
        created=moment(data.get("CreatedAt")),
        version=_version(mapping(data.get("Spec"))),
        iteration=whole(iteration) or 0,
    )


def _service(project: str, data: Mapping[str, object], tasks: list[Task]) -> Service:
    spec = mapping(data.get("Spec"))
    status, job = mapping(data.get("ServiceStatus")), mapping(data.get("JobStatus"))
    completions = mapping(mapping(spec.get("Mode")).get("ReplicatedJob")).get("TotalCompletions")
    return Service(
        id=str(data.get("ID")),
        name=str(spec.get("Name")).removeprefix(f"{project}_"),
        number=whole(mapping(data.get("Version")).get("Index")) or 0,
        updated=moment(data.get("UpdatedAt")),
        spec=spec,
        previous=mapping(data.get("PreviousSpec")),
        update=update_state(data),
        tasks=tuple(sorted(tasks, key=lambda task: task.created)),
        wanted=whole(completions) or whole(status.get("DesiredTasks")) or 0,
        iteration=whole(mapping(job.get("JobIteration")).get("Index")) or 0,
    )


def _version(task: Mapping[str, object]) -> str:
    return json.dumps({key: task.get(key) or None for key in _READ}, sort_keys=True)


def moment(value: object) -> str:
    """A time of the engine's as one that sorts: its fraction has as many digits as it needs, and a `Z` sorts behind those."""
    return (text(value) or "").rstrip("Z")
