"""An engine that says what a test wants of its containers, behind the runner."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import h11

from trimtab.docker.command import Command
from trimtab.docker.runner import Completed

Json = dict[str, Any]
LABELS = {
    "com.docker.compose.project": "shop", "com.docker.compose.container-number": "1", "com.docker.compose.config-hash": "c1",
    "com.docker.compose.oneoff": "False",
}  # fmt: skip


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def container(service: str, *, identity: str = "", started: float = 1000.0, **more: Any) -> Json:
    """What the engine says to an inspection."""
    state = {"Status": "running", "Running": True, "StartedAt": moment(started), "OOMKilled": False, **more.pop("state", {})}
    return {
        "Id": identity or f"id-{service}", "Name": f"/shop-{service}-1", "Image": f"sha256:{service}", "RestartCount": 0,
        "State": state, "HostConfig": {"Memory": 64 << 20, "NanoCpus": 500_000_000, **more.pop("host", {})},
        "Config": {"Labels": {**LABELS, "com.docker.compose.service": service, **more.pop("labels", {})}}, **more,
    }  # fmt: skip


def stats(at: float, cpu: float, *, usage: int = 40 << 20, cache: int = 10 << 20, **more: Any) -> Json:
    """The engine's one-shot statistics; processor time in seconds."""
    return {
        "read": moment(at), "cpu_stats": {"cpu_usage": {"total_usage": round(cpu * 1e9)}, "throttling_data": more.pop("held", {})},
        "memory_stats": {"usage": usage, "stats": {"total_inactive_file": cache}}, **more,
    }  # fmt: skip


@dataclass
class TellingEngine:
    """A runner in front of containers as they are set; what is posted to it is kept."""

    containers: dict[str, Json] = field(default_factory=dict[str, Json])
    stats: dict[str, Json] = field(default_factory=dict[str, Json])
    processes: int = 0
    posted: list[tuple[str, Json]] = field(default_factory=list[tuple[str, Json]])
    on_post: Callable[[str, Json], tuple[int, Any]] = lambda path, body: (200, {})
    on_get: Callable[[str], object] = lambda path: None

    def put(self, inspected: Json, counted: Json | None) -> None:
        self.containers[inspected["Id"]] = inspected
        self.stats[inspected["Id"]] = counted or {"read": "0001-01-01T00:00:00Z"}

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        assert command.argv == ("docker", "system", "dial-stdio")
        self.processes += 1
        return Completed(command.argv, 0, self._conversation(command.stdin), "")

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        raise NotImplementedError

    def _conversation(self, data: bytes) -> bytes:
        server, out = h11.Connection(h11.SERVER), b""
        server.receive_data(data)
        while isinstance(request := server.next_event(), h11.Request):
            body = b""
            while isinstance(event := server.next_event(), h11.Data):
                body += event.data
            status, answer = self._answer(request.method.decode(), request.target.decode(), body)
            raw = json.dumps(answer).encode()
            out += server.send(h11.Response(status_code=status, headers=[("Content-Length", str(len(raw)))])) or b""
            out += (server.send(h11.Data(raw)) or b"") + (server.send(h11.EndOfMessage()) or b"")
            if server.our_state is h11.MUST_CLOSE:
                return out
            server.start_next_cycle()
        return out

    def _answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        path = unquote(urlsplit(target).path)
        if method == "POST":
            self.posted.append((path, json.loads(body)))
            return self.on_post(path, json.loads(body))
        self.on_get(path)
        if path == "/info":
            return 200, {"SystemTime": moment(5000.0), "MemTotal": 8 << 30}
        if path == "/containers/json":
            return 200, [{"Id": each} for each in self.containers]
        identity, what = path.removeprefix("/containers/").split("/")
        found = (self.containers if what == "json" else self.stats).get(identity)
        return (200, found) if found else (404, {"message": "no such container"})
