"""A swarm's manager in memory, behind the runner: what its nodes would do of an update is decided at once."""

import base64
import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from simulated import conversation
from swarm_samples import NODES

from trimtab.docker.command import Command
from trimtab.docker.runner import Completed

Json = dict[str, Any]


class Killed(BaseException):
    """The process that deploys is no more."""


@dataclass
class SimulatedSwarm:
    """A runner in front of three nodes. A task with `MODE=crash` in its environment ends, and its update is rolled back."""

    services: dict[str, Json] = field(default_factory=dict[str, Json])
    configs: dict[str, Json] = field(default_factory=dict[str, Json])
    secrets: dict[str, Json] = field(default_factory=dict[str, Json])
    silent_about: str = ""
    """What the managers list for nobody, as `configs`."""
    tasks: list[Json] = field(default_factory=list[Json])
    refuses: str = ""
    """A service of which `docker stack deploy` does not like the words."""
    dies: bool = False
    """Whether who deploys is killed once the managers were told."""
    locked: frozenset[str] = frozenset()
    """Services that the managers refuse to change or to remove when they are asked by the API."""
    dies_on_the_way_back: bool = False
    """The same, when the managers are asked to make a service what it was."""
    meanwhile: Callable[[], object] | None = None
    """What somebody else does, once, after the next time that the managers were told."""
    log: list[str] = field(default_factory=list[str])
    _clock: int = 100

    def _tick(self) -> int:
        self._clock += 1
        return self._clock

    def at(self) -> str:
        return f"2026-01-01T00:{self._tick() // 60:02}:{self._clock % 60:02}Z"

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        words = command.argv
        if words[1:3] == ("system", "dial-stdio"):
            return Completed(words, 0, conversation(command.stdin, self._answer), "")
        if words[1:3] == ("service", "logs"):
            return Completed(words, 0, b"its last words", "")
        assert words[1:3] == ("stack", "deploy")
        for name, body in yaml.safe_load(command.stdin)["services"].items():
            if name == self.refuses:
                return Completed(words, 1, b"", "Since --detach=false was not specified\ninvalid reference format")
            self._told(name, _spec(f"shop_{name}", body))
        if self.meanwhile is not None:
            does, self.meanwhile = self.meanwhile, None
            does()
        if self.dies:
            self.dies = False
            raise Killed
        return Completed(words, 0, b"", "")

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        raise NotImplementedError

    def version(self, name: str) -> str:
        variables = self.services[name]["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"]
        return next(each.removeprefix("VERSION=") for each in variables if each.startswith("VERSION="))

    def change(self, name: str, labels: Mapping[str, str], version: str = "") -> None:
        """Somebody else's change of a service."""
        spec = deepcopy(self.services[name]["Spec"])
        spec["Labels"].update(labels)
        spec["TaskTemplate"]["ContainerSpec"]["Env"] += [f"VERSION={version}"] if version else []
        self._told(name, spec)

    def fail(self, name: str, why: str) -> None:
        """Its tasks end by themselves, and others do not start."""
        for task in self.tasks:
            if task["ServiceID"] == f"id-{name}":
                task.update(Status={"State": "failed", "Err": why}, DesiredState="shutdown")

    def _told(self, name: str, spec: Json) -> None:
        self.log.append(f"{'update' if name in self.services else 'create'} {name}")
        now = self.at()
        before = self.services.get(name)
        self.services[name] = {
            "ID": f"id-{name}", "Version": {"Index": self._tick()}, "UpdatedAt": now, "Spec": spec,
            "ServiceStatus": {"DesiredTasks": 1}, **({"PreviousSpec": before["Spec"]} if before else {}),
        }  # fmt: skip
        if "MODE=crash" in spec["TaskTemplate"]["ContainerSpec"]["Env"]:
            count = 1 if before else 3
            self.tasks += [self._task(name, spec, "failed", Err="task: non-zero exit (3)") for _ in range(count)]
            if before:
                self._back(name)
                self.services[name]["UpdateStatus"] = {
                    "State": "rollback_completed",
                    "StartedAt": now,
                    "Message": "rolled back",
                }
            return
        self._runs(name, now if before else "")

    def _runs(self, name: str, updated: str) -> None:
        self.tasks = [each for each in self.tasks if each["ServiceID"] != f"id-{name}" or each["Status"]["State"] != "running"]
        self.tasks.append(self._task(name, self.services[name]["Spec"], "running"))
        if updated:
            self.services[name]["UpdateStatus"] = {"State": "completed", "StartedAt": updated, "Message": "update completed"}

    def _task(self, name: str, spec: Json, state: str, **status: str) -> Json:
        return {
            "ID": f"task{self._tick()}", "ServiceID": f"id-{name}", "Slot": 1, "NodeID": "node2", "CreatedAt": self.at(),
            "Status": {"State": state, **status}, "DesiredState": "running" if state == "running" else "shutdown",
            "Spec": deepcopy(spec["TaskTemplate"]),
        }  # fmt: skip

    def _back(self, name: str) -> None:
        service = self.services[name]
        service["Spec"] = service.pop("PreviousSpec")
        service["Version"] = {"Index": self._tick()}

    def _answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        url = urlsplit(target)
        parts, query = url.path.strip("/").split("/"), {key: values[0] for key, values in parse_qs(url.query).items()}
        if method == "GET" and parts[0] == self.silent_about:
            return 503, {"message": "the swarm has no leader"}
        if parts[0] in {"images", "distribution"}:
            # No image is on the engine that is asked, and a registry has all of them.
            return (200, {"Descriptor": {"digest": "sha256:aa"}}) if parts[0] == "distribution" else (404, {})
        if method == "GET":
            listed: Mapping[str, list[Json]] = {
                "nodes": NODES, "services": list(self.services.values()), "tasks": self.tasks, "configs": list(self.configs.values()),
                "secrets": list(self.secrets.values()), "networks": [],
            }  # fmt: skip
            labels: list[str] = json.loads(query.get("filters", "{}")).get("label", []) if parts[0] == "configs" else []
            found = [each for each in listed[parts[0]] if all(_has(each, label) for label in labels)]
            return 200, found
        return self._changed(method, parts, query, json.loads(body) if body else {})

    def _changed(self, method: str, parts: list[str], query: Mapping[str, str], body: Json) -> tuple[int, Any]:
        if parts == ["configs", "create"]:
            if body["Name"] in self.configs:
                return 409, {"message": "it exists"}
            self.configs[body["Name"]] = {"ID": f"id-{body['Name']}", "Spec": body}
            return 201, {"ID": body["Name"]}
        name = parts[1].removeprefix("id-")
        if parts[0] == "services" and name in self.locked:
            return 500, {"message": "rpc error: the managers have no leader"}
        if method == "DELETE":
            self.log.append(f"remove {name}")
            (self.configs if parts[0] == "configs" else self.services).pop(name)
            return 200, None
        if self.dies_on_the_way_back:
            self.dies_on_the_way_back = False
            raise Killed
        service = self.services[name]
        if int(query["version"]) != service["Version"]["Index"]:
            return 500, {"message": "update out of sequence"}
        self._told(name, body)
        return 200, {}

    def kept(self) -> list[str]:
        for each in self.configs.values():
            assert json.loads(base64.b64decode(each["Spec"]["Data"]))["Name"]
        return sorted(self.configs)


def _has(config: Json, label: str) -> bool:
    key, _, value = label.partition("=")
    return config["Spec"]["Labels"].get(key) == value


def _spec(name: str, body: Json) -> Json:
    """What the client would make of a service of a stack file, as far as these tests look at it."""
    env = [f"{key}={value}" for key, value in body.get("environment", {}).items()]
    return {
        "Name": name, "Labels": dict(body["deploy"]["labels"]), "Mode": {"Replicated": {"Replicas": 1}},
        "TaskTemplate": {"ContainerSpec": {"Image": body["image"], "Env": env}, "ForceUpdate": 0},
    }  # fmt: skip
