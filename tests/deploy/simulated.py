"""An engine that keeps its containers in memory, behind the runner: what a real one would have done is done at once.

It can die, as a process does that is killed: from the request on that was chosen, either before or after it took effect,
nothing works any more until it is revived. Names, running ports and images in use are guarded as the real one does.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import anyio.lowlevel
import h11

from trimtab.docker.command import Command
from trimtab.docker.runner import Completed
from trimtab.docker.sockets import TABLES

Json = dict[str, Any]


class Killed(BaseException):
    """The process that drives the engine is no more."""


def conversation(data: bytes, answers: Callable[[str, str, bytes], tuple[int, Any]]) -> bytes:
    """Answers to all requests, one behind the other; each is asked by its method, target and body."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(data)
    out = b""
    while True:
        request = server.next_event()
        if not isinstance(request, h11.Request):
            return out
        body = b""
        while isinstance(event := server.next_event(), h11.Data):
            body += event.data
        status, answer = answers(request.method.decode(), request.target.decode(), body)
        raw = b"" if answer is None else json.dumps(answer).encode()
        headers = [("Content-Length", str(len(raw)))]
        out += server.send(h11.Response(status_code=status, headers=headers)) or b""
        out += (server.send(h11.Data(raw)) or b"") + (server.send(h11.EndOfMessage()) or b"")
        if server.our_state is h11.MUST_CLOSE:
            return out
        server.start_next_cycle()


@dataclass
class Simulated:
    """A runner in front of an engine in memory."""

    images: dict[str, str] = field(default_factory=dict[str, str])
    """References to ids."""
    behaves: dict[str, str] = field(default_factory=dict[str, str])
    """Image ids to what their containers do: `good` (the default), `crash`, `sick`, `plain` (no health check)."""
    ports: dict[str, int] = field(default_factory=dict[str, int])
    """Image ids to the port that their containers listen on, where it is another one than 80."""
    containers: dict[str, Json] = field(default_factory=dict[str, Json])
    networks: set[str] = field(default_factory=set[str])
    volumes: set[str] = field(default_factory=set[str])
    dies_at: int | None = None
    """Counted over everything that changes something."""
    takes_effect: bool = False
    """Whether the change at which it dies is still made."""
    fails: set[str] = field(default_factory=set[str])
    """Commands of the client that end with an error."""
    met_at_its_end: int = 0
    """Changes of restart policies that are still refused, as those of containers are that end at that moment."""
    changes: int = 0
    log: list[str] = field(default_factory=list[str])
    on_death: Callable[[], object] = lambda: None
    _dead: bool = False

    def clock(self) -> str:
        """Each change takes a second."""
        return datetime.fromtimestamp(1_800_000_000 + self.changes, UTC).isoformat()

    def revive(self) -> None:
        self._dead, self.dies_at = False, None

    def named(self, name: str) -> Json | None:
        return next((each for each in self.containers.values() if name in {each["Id"], each["Name"].removeprefix("/")}), None)

    def names(self) -> list[str]:
        return sorted(each["Name"].removeprefix("/") for each in self.containers.values())

    def running(self) -> dict[str, str]:
        """Names of what runs to the id of its image."""
        return {
            each["Name"].removeprefix("/"): each["Image"]
            for each in self.containers.values()
            if each["State"]["Status"] == "running"
        }

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        # As with a real one, whoever else has something to do is given the time to do it.
        await anyio.lowlevel.checkpoint()
        if self._dead:
            raise Killed
        words = command.argv
        if words[1:3] == ("system", "dial-stdio"):
            return Completed(words, 0, conversation(command.stdin, self._answer), "")
        if words[1] == "compose" and "create" in words:
            self._change("compose create", lambda: self.compose(json.loads(command.stdin)))
            return Completed(words, 0, b"", "")
        if words[1] == "run" or words[-1] == TABLES[-1]:
            # Asked for anything but its sockets, it is for a file of the kernel's, which this one has not.
            asked = words[-1] == TABLES[-1]
            return Completed(words, 0 if asked else 1, (self._sockets(words) if asked else "").encode(), "")
        return self._image_command(words)

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        raise NotImplementedError

    def _image_command(self, words: tuple[str, ...]) -> Completed:
        if words[1:3] == ("image", "inspect"):
            found = self.images.get(words[-1])
            return Completed(words, 0 if found else 1, (found or "").encode(), "")
        if words[1:3] == ("image", "tag"):
            self._change(f"tag {words[4]}", lambda: self.images.update({words[4]: self.images.get(words[3], words[3])}))
        elif words[1:3] == ("image", "rm"):
            self._change(f"untag {words[3]}", lambda: self.images.pop(words[3], None))
        elif words[1] == "import":
            self._change("import", lambda: self.images.update({words[-1]: "sha256:lease"}))
        elif words[1] == "pull":
            if words[-1] not in self.images:
                return Completed(words, 1, b"", "manifest unknown")
        elif words[1] not in {"exec", "logs"}:
            raise NotImplementedError(words)
        if words[1] in self.fails:
            return Completed(words, 1, b"", "it failed")
        return Completed(words, 0, b"", "")

    def _sockets(self, words: tuple[str, ...]) -> str:
        """The table of what listens in a container's network: each container that is in it, on port 80 unless it is said."""
        owner = words[2] if words[1] == "exec" else words[words.index("--network") + 1].removeprefix("container:")
        lines: list[str] = []
        for number, each in enumerate(self.containers.values()):
            inside = each["Id"] == owner or each["HostConfig"].get("NetworkMode") == f"container:{owner}"
            port = 0 if each["Config"]["Labels"].get("io.trimtab.role") == "anchor" else self.ports.get(each["Image"], 80)
            if inside and port and each["State"]["Status"] == "running":
                lines.append(f"{number}: 00000000:{port:04X} 00000000:0000 0A 0 0 0 0 0 {number + 1000}")
        return "\n".join(lines)

    def _change(self, what: str, does: Callable[[], object]) -> None:
        """Make a change, or die of it."""
        self.changes += 1
        dies = self.dies_at is not None and self.changes >= self.dies_at
        if not dies or self.takes_effect:
            does()
            self.log.append(what)
        if dies:
            self._dead = True
            self.on_death()
            raise Killed

    def _answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        url = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        if parts[0] == "images":
            found = self.images.get("/".join(parts[1:-1]))
            return (200, {"Id": found}) if found else (404, {"message": "no such image"})
        if parts[0] == "networks":
            return self._networks(method, parts, query)
        if parts[1:] == ["json"]:
            return 200, self._listed(query)
        if parts[1:] == ["create"]:
            return self._create(query["name"], json.loads(body))
        container = self.named(parts[1])
        if container is None:
            return 404, {"message": f"no such container: {parts[1]}"}
        if method == "GET" and parts[2:] == ["json"]:
            return 200, self._seen(container)
        return self._on(container, method, parts[2] if len(parts) > 2 else "", query, body)

    def _networks(self, method: str, parts: list[str], query: Mapping[str, str]) -> tuple[int, Any]:
        if method == "GET":
            return 200, [{"Name": name, "Id": name} for name in sorted(self.networks)]
        if method == "POST":
            return 200, None
        used = any(parts[1] in each["NetworkSettings"]["Networks"] for each in self.containers.values())
        if used:
            return 403, {"message": "has active endpoints"}
        self._change(f"remove network {parts[1]}", lambda: self.networks.discard(parts[1]))
        return 204, None

    def _listed(self, query: Mapping[str, str]) -> list[Json]:
        wanted = json.loads(query.get("filters", "{}")).get("label", [])
        found = [
            each
            for each in self.containers.values()
            if all(
                label.partition("=")[0] in each["Config"]["Labels"]
                and label.partition("=")[2] in {"", each["Config"]["Labels"][label.partition("=")[0]]}
                for label in wanted
            )
        ]
        return [{"Id": each["Id"], "Names": [each["Name"]], "Ports": []} for each in found]

    def _seen(self, container: Json) -> Json:
        return deepcopy(container)

    def _create(self, name: str, body: Json) -> tuple[int, Any]:
        if self.named(name):
            return 409, {"message": f"name {name} is in use"}
        image = self.images.get(body["Image"], body["Image"] if body["Image"] in self.images.values() else None)
        if image is None:
            return 404, {"message": f"no such image: {body['Image']}"}
        identity = hashlib.sha256(f"{name} {self.changes} {len(self.log)}".encode()).hexdigest()
        self._change(f"create {name}", lambda: self._make(identity, name, body, image))
        return 201, {"Id": identity}

    def _make(self, identity: str, name: str, body: Json, image: str) -> None:
        config = {key: value for key, value in body.items() if key not in {"HostConfig", "NetworkingConfig"}}
        endpoints = body.get("NetworkingConfig", {}).get("EndpointsConfig", {})
        host = body.get("HostConfig", {})
        listed: list[Json] = host.get("Mounts") or []
        given = {str(mount["Target"]): mount for mount in listed}
        mounts = [
            {
                "Type": "volume",
                "Name": mount.get("Source") or f"{identity[:8]}-{target.strip('/')}",
                "Destination": target,
                "RW": True,
            }
            for target, mount in given.items()
            if mount["Type"] == "volume"
        ]
        self.volumes |= {str(mount["Name"]) for mount in mounts}
        self.containers[identity] = {
            "Id": identity, "Name": f"/{name}", "Image": image, "RestartCount": 0, "Mounts": mounts,
            "State": {"Status": "created", "ExitCode": 0, "StartedAt": "", "FinishedAt": ""},
            "Config": {"Labels": {}, **config, "Hostname": identity[:12]},
            "HostConfig": {"RestartPolicy": {"Name": "no"}, **host},
            "NetworkSettings": {"Networks": {net: {"NetworkID": net, **(value or {})} for net, value in endpoints.items()}},
        }  # fmt: skip

    def _on(self, container: Json, method: str, what: str, query: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        name, state = container["Name"].removeprefix("/"), container["State"]
        if what == "archive":
            return 200, None
        if method == "DELETE":
            self._change(f"remove {name}", lambda: self._remove(container, "v" in query))
        elif what == "start":
            return self._started(container, name)
        elif what == "stop":
            if state["Status"] != "running":
                return 304, None
            self._change(f"stop {name}", lambda: state.update(Status="exited", ExitCode=0, FinishedAt=self.clock()))
        elif what == "rename":
            if self.named(query["name"]) not in (None, container):
                return 409, {"message": "name is in use"}
            self._change(f"rename {name} {query['name']}", lambda: container.update(Name=f"/{query['name']}"))
        elif what == "update":
            if self.met_at_its_end:
                self.met_at_its_end -= 1
                return 500, {"message": "cannot update a stopped container"}
            policy = json.loads(body)["RestartPolicy"]
            self._change(f"restarts of {name}: {policy['Name']}", lambda: container["HostConfig"].update(RestartPolicy=policy))
        else:
            raise NotImplementedError(what)
        return 204, None

    def _started(self, container: Json, name: str) -> tuple[int, Any]:
        if container["State"]["Status"] == "running":
            return 304, None
        taken = self._taken(container)
        if taken:
            return 500, {"message": f"port is already allocated by {taken}"}
        self._change(f"start {name}", lambda: self.start(container))
        return 204, None

    def _taken(self, container: Json) -> str | None:
        mine = self._host_ports(container)
        for other in self.containers.values():
            if other is not container and other["State"]["Status"] == "running" and mine & self._host_ports(other):
                return str(other["Name"])
        return None

    def _host_ports(self, container: Json) -> set[str]:
        bindings: dict[str, list[Json]] = container["HostConfig"].get("PortBindings") or {}
        return {str(each["HostPort"]) for given in bindings.values() for each in given}

    def start(self, container: Json) -> None:
        does = self.behaves.get(container["Image"], "good")
        state: Json = {"Status": "running", "ExitCode": 0, "StartedAt": self.clock(), "FinishedAt": ""}
        if does == "crash":
            state.update(Status="exited", ExitCode=3)
        elif does == "job":
            state.update(Status="exited", ExitCode=0)
        elif does != "plain":
            state["Health"] = {"Status": "unhealthy" if does == "sick" else "healthy"}
        container["State"] = state

    def _remove(self, container: Json, with_volumes: bool) -> None:
        del self.containers[container["Id"]]
        if with_volumes:
            own = {mount["Name"] for mount in container["Mounts"] if mount["Name"].startswith(container["Id"][:8])}
            self.volumes -= own

    def compose(self, project: Json) -> None:
        """What `docker compose create` makes of a project."""
        for net in project.get("networks", {}):
            self.networks.add(f"{project['name']}_{net}")
        for service, body in project["services"].items():
            labels = {
                **body.get("labels", {}), "com.docker.compose.project": project["name"], "com.docker.compose.service": service,
                "com.docker.compose.container-number": "1", "com.docker.compose.oneoff": "False",
                "com.docker.compose.config-hash": "of-the-model",
            }  # fmt: skip
            name = f"{project['name']}-{service}-1"
            ports = {f"{each['target']}/tcp": [{"HostPort": each["published"]}] for each in body.get("ports", [])}
            mounts = [
                {"Type": "volume", "Target": each["target"], **({"Source": each["source"]} if each.get("source") else {})}
                for each in body.get("volumes", [])
            ]
            nets = {f"{project['name']}_{net}": {"Aliases": [name, service]} for net in body.get("networks", {"default": None})}
            made = {
                "Image": body["image"], "Labels": labels,
                "Env": [f"{key}={value}" for key, value in body.get("environment", {}).items()],
                "HostConfig": {
                    "PortBindings": ports, "Mounts": mounts, "RestartPolicy": {"Name": body.get("restart", "no")},
                    "NetworkMode": next(iter(nets), "none"),
                },
                "NetworkingConfig": {"EndpointsConfig": nets},
            }  # fmt: skip
            identity = hashlib.sha256(f"{name} {len(self.log)} {self.changes}".encode()).hexdigest()
            self._make(identity, name, made, self.images[body["image"]])
