"""What a project is to be, from what compose makes of its files."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from trimtab.deploy.names import Slot, slot_of
from trimtab.fleet.compose.service import duration
from trimtab.fleet.plain import items, mapping, text

_DONE = "service_completed_successfully"


@dataclass(frozen=True, slots=True)
class Need:
    """What a service asks of another one before it starts."""

    condition: str = "service_started"
    restart: bool = False
    """Whether it is to start anew when the other one does."""
    required: bool = True


@dataclass(frozen=True)
class Wanted:
    """One service as it is to be."""

    name: str
    image: str
    """The reference of its image."""
    config_hash: str
    """Compose's own digest of its configuration."""
    needs: Mapping[str, Need] = field(default_factory=dict[str, Need])
    joins: Mapping[str, str] = field(default_factory=dict[str, str])
    """Keys whose value is another service's container (`network_mode`, `pid`, `ipc`), to that service."""
    replicas: int = 1
    container_name: str | None = None
    published: tuple[str, ...] = ()
    """Ports of the host, as `8080:80/tcp`."""
    is_job: bool = False
    """Whether others wait for it to end well."""
    built: bool = False
    body: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)
    """Everything compose says of it; it holds the environment, credentials among it."""

    def slots(self, project: str) -> tuple[Slot, ...]:
        """Its places, the first one first."""
        return tuple(slot_of(project, self.name, number, self.container_name) for number in range(1, self.replicas + 1))

    @property
    def waited_for(self) -> tuple[str, ...]:
        """Services that have to be ready, not only started, before it is."""
        return tuple(name for name, need in self.needs.items() if need.condition != "service_started")

    @property
    def has_check(self) -> bool | None:
        """Whether a health check is written for it; None where only its image can say."""
        check = mapping(self.body.get("healthcheck"))
        if check.get("disable") is True or check.get("test") in (["NONE"], "NONE"):
            return False
        return True if check.get("test") else None


@dataclass(frozen=True)
class Desired:
    """A project as it is to be."""

    project: str
    folder: str
    files: tuple[str, ...]
    services: Mapping[str, Wanted]
    top: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)
    """The project without its services: networks, volumes, secrets, configs."""
    warnings: tuple[str, ...] = ()
    """What compose said about it: variables without a value, among others."""
    others: frozenset[str] = frozenset()
    """Services of profiles that are not active."""

    @property
    def order(self) -> tuple[str, ...]:
        """Every service after all that it needs or joins; services of a cycle in the order of their names."""
        found: dict[str, None] = {}

        def visit(name: str, above: tuple[str, ...]) -> None:
            if name in found or name in above or name not in self.services:
                return
            wanted = self.services[name]
            for other in sorted({*wanted.needs, *wanted.joins.values()}):
                visit(other, (*above, name))
            found[name] = None

        for name in sorted(self.services):
            visit(name, ())
        return tuple(found)

    def with_needs(self, services: Iterable[str], is_there: Callable[[str], object]) -> frozenset[str]:
        """Those of these services that there are, with all that they need, and so on, as far as that is not there yet."""
        found: set[str] = set()
        waiting = list(services)
        while waiting:
            name = waiting.pop()
            if name in found or name not in self.services:
                continue
            found.add(name)
            wanted = self.services[name]
            needed = {*(other for other, need in wanted.needs.items() if need.required), *wanted.joins.values()}
            waiting += [other for other in needed if not is_there(other)]
        return frozenset(found)


def read_desired(
    config: Mapping[str, object], hashes: Mapping[str, str], *, folder: str, files: tuple[str, ...],
    warnings: tuple[str, ...] = (), names: Iterable[str] = (),
) -> Desired:  # fmt: skip
    """The project from compose's canonical form of it (`docker compose config --format json`).

    Args:
        config: That form.
        hashes: Compose's digest of each service (`config --hash`).
        folder: The project's folder.
        files: Its compose files, the first one first.
        warnings: What compose said about them.
        names: All services of the files, whatever their profile.
    """
    project = str(config.get("name") or "")
    bodies = {name: mapping(body) for name, body in mapping(config.get("services")).items()}
    jobs = {
        other
        for body in bodies.values()
        for other, need in mapping(body.get("depends_on")).items()
        if mapping(need).get("condition") == _DONE
    }
    services = {name: _wanted(project, name, body, hashes.get(name, ""), is_job=name in jobs) for name, body in bodies.items()}
    top = {key: value for key, value in config.items() if key != "services"}
    return Desired(project, folder, files, services, top, warnings, frozenset(names) - set(services))


def _wanted(project: str, name: str, body: Mapping[str, object], config_hash: str, *, is_job: bool) -> Wanted:
    needs = {
        other: Need(
            str(mapping(need).get("condition") or "service_started"),
            mapping(need).get("restart") is True,
            mapping(need).get("required") is not False,
        )
        for other, need in mapping(body.get("depends_on")).items()
    }
    return Wanted(
        name=name,
        image=text(body.get("image")) or f"{project}-{name}",
        config_hash=config_hash,
        needs=needs,
        joins=_joins(body),
        replicas=_replicas(body),
        container_name=text(body.get("container_name")),
        published=tuple(_published(mapping(port)) for port in items(body.get("ports")) if mapping(port).get("published")),
        is_job=is_job,
        built=bool(body.get("build")),
        body=body,
    )


def _replicas(body: Mapping[str, object]) -> int:
    scale = body.get("scale", mapping(body.get("deploy")).get("replicas", 1))
    return scale if isinstance(scale, int) else 1


def _joins(body: Mapping[str, object]) -> dict[str, str]:
    values = {key: str(body.get(key) or "") for key in ("network_mode", "pid", "ipc")}
    return {key: value.removeprefix("service:") for key, value in values.items() if value.startswith("service:")}


def _published(port: Mapping[str, object]) -> str:
    host = f"{port.get('host_ip')}:" if port.get("host_ip") else ""
    return f"{host}{port.get('published')}:{port.get('target')}/{port.get('protocol') or 'tcp'}"


def grace(wanted: Wanted) -> int | None:
    """Whole seconds between the stop signal and the kill, rounded up; None where the file says nothing."""
    seconds = duration(wanted.body.get("stop_grace_period"))
    return None if seconds is None else math.ceil(seconds)
