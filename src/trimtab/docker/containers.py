"""Containers as the engine describes them, and what can be done to one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

import anyio

from trimtab.docker.api import Answer, Api, Request, checked, container_path

_NO_CHANGE, _NOT_FOUND, _CONFLICT, _FAILED = 304, 404, 409, 500
_WHILE_IT_ENDS = (0.1, 0.3, 1.0)
"""Seconds between attempts. Of 800 changes to one that ended every 50 ms, two met its end (Docker 28.5.2)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A container's place in one network."""

    network: str
    """The network's id; empty for a container that has never been started."""
    address: str
    """IPv4 or IPv6; empty while the container does not run."""
    aliases: tuple[str, ...]
    names: tuple[str, ...]
    """All names that the network's DNS knows it by."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container, as it was when it was asked for."""

    id: str
    name: str
    image: str
    """The image's id, with its algorithm."""
    labels: Mapping[str, str]
    state: str
    """`created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`."""
    health: str | None
    """`starting`, `healthy` or `unhealthy`; None without a health check."""
    exit_code: int
    oom_killed: bool
    restarts: int
    started: str
    """As the engine writes it (RFC 3339); the year 1 for never."""
    finished: str
    restart_policy: str
    endpoints: Mapping[str, Endpoint]
    """By the network's name."""
    body: Mapping[str, object] = field(repr=False)
    """The engine's whole answer. It holds the environment, credentials among it."""

    @property
    def running(self) -> bool:
        return self.state in {"running", "paused", "restarting"}


def read_container(data: object) -> Container:
    """A container from the engine's answer to an inspection."""
    body = _mapping(data)
    state, config, host = (_mapping(body.get(key)) for key in ("State", "Config", "HostConfig"))
    health = str(_mapping(state.get("Health")).get("Status") or "")
    networks = _mapping(_mapping(body.get("NetworkSettings")).get("Networks"))
    return Container(
        id=str(body.get("Id", "")),
        name=str(body.get("Name", "")).removeprefix("/"),
        image=str(body.get("Image", "")),
        labels={name: str(value) for name, value in _mapping(config.get("Labels")).items()},
        state=str(state.get("Status", "")),
        health=health if health not in {"", "none"} else None,
        exit_code=int(str(state.get("ExitCode") or 0)),
        oom_killed=state.get("OOMKilled") is True,
        restarts=int(str(body.get("RestartCount") or 0)),
        started=str(state.get("StartedAt", "")),
        finished=str(state.get("FinishedAt", "")),
        restart_policy=str(_mapping(host.get("RestartPolicy")).get("Name") or "no"),
        endpoints={name: _endpoint(_mapping(value)) for name, value in networks.items()},
        body=body,
    )


def timestamp(text: str) -> float:
    """An RFC 3339 time in seconds since 1970, to the microsecond; 0 for none, which the engine writes as the year 1."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return found.timestamp() if found.year > 1 else 0.0


def _endpoint(data: Mapping[str, object]) -> Endpoint:
    address = str(data.get("IPAddress") or data.get("GlobalIPv6Address") or "")
    aliases, names = (tuple(str(each) for each in cast("list[object]", data.get(key) or [])) for key in ("Aliases", "DNSNames"))
    return Endpoint(str(data.get("NetworkID") or ""), address, aliases, names)


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


class Containers:
    """What can be done to containers. Everything may be said twice: what is already so is no error."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def labelled(self, *labels: str) -> list[Container]:
        """All containers with any of these labels (`name` or `name=value`), whatever their state, by name.

        Raises:
            EngineRefused: the engine does not list them.
        """
        filters = [json.dumps({"label": [label]}) for label in labels]
        asked = [Request("GET", "/containers/json", {"all": "1", "filters": each}) for each in filters]
        answers = [checked(*pair) for pair in zip(asked, await self._api.all(asked), strict=True)]
        found = [each for answer in answers for each in cast("list[object]", answer.json or [])]
        return await self.inspected(list(dict.fromkeys(str(_mapping(each).get("Id")) for each in found)))

    async def inspected(self, names: Sequence[str]) -> list[Container]:
        """The containers that exist of those named, by name."""
        answers = await self._api.all([Request("GET", container_path(name, "/json")) for name in names])
        found = [read_container(answer.json) for answer in answers if answer.status < 400]
        return sorted(found, key=lambda each: each.name)

    async def find(self, name: str) -> Container | None:
        """The container of this name or id."""
        found = await self.inspected([name])
        return found[0] if found else None

    async def create(self, name: str, body: Mapping[str, object]) -> str:
        """A new container; its id. Its further networks are joined before anything can start it.

        Raises:
            EngineRefused: the name is taken, the image is not there, or the body is refused.
        """
        networks = _mapping(_mapping(body.get("NetworkingConfig")).get("EndpointsConfig"))
        first = str(_mapping(body.get("HostConfig")).get("NetworkMode") or "")
        own = {name: value for name, value in networks.items() if name == first}
        # Engines before 25 refuse a container that is created in several networks.
        sent = {**body, "NetworkingConfig": {"EndpointsConfig": own}}
        answer = await self._api.ask(Request("POST", "/containers/create", {"name": name}, sent))
        identity = str(_mapping(answer.json).get("Id"))
        for network, endpoint in networks.items():
            if network not in own:
                joined = {"Container": identity, "EndpointConfig": endpoint}
                await self._api.ask(Request("POST", f"/networks/{network}/connect", {}, joined))
        return identity

    async def start(self, name: str) -> None:
        """Start it, if it does not run."""
        await self._api.ask(Request("POST", container_path(name, "/start")), allow=(_NO_CHANGE,), timeout=120)

    async def stop(self, name: str, grace: int | None = None) -> None:
        """Stop it by its own signal, and kill it after so many seconds; None leaves that to what the container says."""
        query = {} if grace is None else {"t": str(grace)}
        await self._api.ask(
            Request("POST", container_path(name, "/stop"), query), allow=(_NO_CHANGE, _NOT_FOUND), timeout=(grace or 600) + 60
        )

    async def rename(self, name: str, other: str) -> None:
        """Give it another name."""
        await self._api.ask(Request("POST", container_path(name, "/rename"), {"name": other}))

    async def restart_policy(self, name: str, policy: Mapping[str, object]) -> None:
        """Change what the engine does when it ends, of one that ends at this very moment as well.

        Raises:
            EngineRefused: it is not there, or refuses for longer than an end takes.
        """
        request = Request("POST", container_path(name, "/update"), {}, {"RestartPolicy": dict(policy)})
        for pause in _WHILE_IT_ENDS:
            # It says `cannot update a stopped container` or `container not running`, of one that it has just called running.
            if (await self._api.ask(request, allow=(_FAILED,))).status != _FAILED:
                return
            await anyio.sleep(pause)
        await self._api.ask(request)

    async def remove(self, name: str, *, with_own_volumes: bool = False) -> None:
        """Remove it, running or not. Volumes stay, unless its own, without a name, are to go: only where no user's data is."""
        query = {"force": "1", **({"v": "1"} if with_own_volumes else {})}
        await self._api.ask(Request("DELETE", container_path(name), query), allow=(_NOT_FOUND, _CONFLICT), timeout=120)

    async def put(self, name: str, folder: str, archive: bytes) -> None:
        """Unpack a tar into a folder of it, running or not."""
        await self._api.ask(Request("PUT", container_path(name, "/archive"), {"path": folder}, archive))

    async def signal(self, name: str, signal: str) -> Answer:
        """Send a signal to its first process."""
        return await self._api.ask(Request("POST", container_path(name, "/kill"), {"signal": signal}), allow=(_CONFLICT,))
