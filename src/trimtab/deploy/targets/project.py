"""What has to be known of a whole compose project before one of its services can be said in other words."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from trimtab.deploy.targets.credentials import Credentials, find_credentials
from trimtab.fleet.compose.addresses import Address, addresses_in
from trimtab.fleet.plain import items, mapping, text

RUNS_ON = "Say `restart: unless-stopped` when it runs for good."
"""What to do about a service that was taken for a job."""


@dataclass(frozen=True, order=True, slots=True)
class Port:
    """A port on which a service is reached."""

    number: int
    protocol: str
    """`TCP`, `UDP` or `SCTP`."""


@dataclass(frozen=True)
class Project:
    """A compose project as `docker compose config --format json` prints it, with what its services are to each other."""

    name: str
    data: Mapping[str, object]
    services: Mapping[str, Mapping[str, object]]
    hosts: Mapping[str, str]
    """Every name by which a service can be called to the service's own."""
    ports: Mapping[str, tuple[Port, ...]]
    called: frozenset[str]
    """Services that another one names in an address, or depends on."""
    spoken: frozenset[str]
    """The names that stand in addresses, container names and aliases among them."""
    jobs: frozenset[str]
    """Services that are meant to end."""
    taken_for_jobs: frozenset[str]
    """Those of them of which only their restarts say so, and that nobody calls."""
    users: Mapping[str, Mapping[str, bool]]
    """Named volumes to the services that mount them, and whether they may write."""
    credentials: Credentials

    def is_shared(self, volume: str) -> bool:
        return len(self.users.get(volume, {})) > 1

    def written(self, service: str) -> tuple[str, ...]:
        """The named volumes that a service may write to."""
        return tuple(sorted(name for name, users in self.users.items() if users.get(service)))


def read_project(data: Mapping[str, object]) -> Project:
    """The project; services come in the order of their names."""
    services = {name: mapping(body) for name, body in sorted(mapping(data.get("services")).items())}
    hosts = _hosts(services)
    calls = list(_calls(services, hosts))
    called = frozenset(other for other, _ in calls) | frozenset(_dependencies(services))
    jobs = frozenset(name for name in services if _is_job(name, services))
    taken = frozenset(name for name, body in services.items() if _seems_to_end(body)) - called - jobs
    names = {
        *services,
        *hosts,
        *(name for key in ("networks", "volumes", "secrets", "configs") for name in mapping(data.get(key))),
    }
    return Project(
        name=text(data.get("name")) or "project",
        data=data,
        services=services,
        hosts=hosts,
        ports={name: _ports(body, (address for other, address in calls if other == name)) for name, body in services.items()},
        called=called,
        spoken=frozenset(address.host for _, address in calls),
        jobs=jobs | taken,
        taken_for_jobs=taken,
        users=_users(services),
        credentials=find_credentials(services, frozenset(names), _options(data)),
    )


def _options(data: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    for kind in ("volumes", "networks", "secrets", "configs"):
        for part in mapping(data.get(kind)).values():
            yield from (mapping(mapping(part).get(key)) for key in ("driver_opts", "labels"))


def _hosts(services: Mapping[str, Mapping[str, object]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, body in services.items():
        aliases = [
            str(alias) for network in mapping(body.get("networks")).values() for alias in items(mapping(network).get("aliases"))
        ]
        for host in (text(body.get("container_name")), *aliases):
            if host:
                found.setdefault(host, name)
    return {**found, **{name: name for name in services}}


def _calls(services: Mapping[str, Mapping[str, object]], hosts: Mapping[str, str]) -> Iterator[tuple[str, Address]]:
    for name, body in services.items():
        texts = [(variable, text(value) or "") for variable, value in mapping(body.get("environment")).items()]
        texts += [("command", " ".join(str(word) for word in items(body.get(key)))) for key in ("command", "entrypoint")]
        for variable, value in texts:
            for address in addresses_in(variable, value):
                other = hosts.get(address.host)
                if other is not None and other != name:
                    yield other, address
        for variable, value in texts:
            yield from ((hosts[host], Address(variable, host, port, is_url=False)) for host, port in _pairs(value, hosts, name))


def _pairs(value: str, hosts: Mapping[str, str], own: str) -> Iterator[tuple[str, int]]:
    """`store:6379` under whatever variable, where `store` is one of the project's services."""
    for match in re.finditer(r"(?<![\w.-])([A-Za-z][\w.-]*):(\d{2,5})(?![\w.:])", value):
        if match[1] in hosts and hosts[match[1]] != own and 0 < int(match[2]) < 65536:
            yield match[1], int(match[2])


def _dependencies(services: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    for body in services.values():
        for name, how in mapping(body.get("depends_on")).items():
            if mapping(how).get("condition") != "service_completed_successfully":
                yield name


def _ports(body: Mapping[str, object], calls: Iterator[Address]) -> tuple[Port, ...]:
    found = {Port(number, str(mapping(each).get("protocol") or "tcp").upper())
             for each in items(body.get("ports")) if (number := _number(mapping(each).get("target"))) is not None}  # fmt: skip
    for each in items(body.get("expose")):
        numbers, _, protocol = str(each).partition("/")
        first, _, last = numbers.partition("-")
        if first.isdigit() and (last or first).isdigit():
            found |= {Port(number, (protocol or "tcp").upper()) for number in range(int(first), int(last or first) + 1)}
    known = {port.number for port in found}
    found |= {Port(address.port, "TCP") for address in calls if address.port and address.port not in known}
    return tuple(sorted(found))


def _number(value: object) -> int | None:
    return int(str(value)) if re.fullmatch(r"\d{1,5}", str(value)) and 0 < int(str(value)) < 65536 else None


def _is_job(name: str, services: Mapping[str, Mapping[str, object]]) -> bool:
    """Whether the project says of a service that it ends."""
    if str(mapping(services[name].get("deploy")).get("mode")).endswith("-job"):
        return True
    waits = (mapping(mapping(other.get("depends_on")).get(name)).get("condition") for other in services.values())
    return "service_completed_successfully" in waits


def _seems_to_end(body: Mapping[str, object]) -> bool:
    """Whether a service is not started again when it ends well, and opens nothing to others."""
    check = mapping(body.get("healthcheck"))
    serves = body.get("ports") or body.get("expose") or (check and not check.get("disable"))
    return restart_policy(body) in {"no", "on-failure"} and not serves


def restart_policy(body: Mapping[str, object]) -> str | None:
    """What is said about restarts, in compose's short words: `no`, `on-failure`, `always`; None for nothing said."""
    condition = mapping(mapping(body.get("deploy")).get("restart_policy")).get("condition")
    if condition is not None:
        return {"none": "no", "any": "always"}.get(str(condition), str(condition))
    word = (text(body.get("restart")) or "").partition(":")[0]
    return {"": None, "false": "no", "unless-stopped": "always"}.get(word, word)


def _users(services: Mapping[str, Mapping[str, object]]) -> Mapping[str, Mapping[str, bool]]:
    found: dict[str, dict[str, bool]] = {}
    for name, body in services.items():
        for mount in (mapping(each) for each in items(body.get("volumes"))):
            source = text(mount.get("source"))
            if mount.get("type") == "volume" and source:
                users = found.setdefault(source, {})
                users[name] = users.get(name, False) or not mount.get("read_only")
    return found


def unescaped(value: object) -> object:
    """What compose's `$$` stands for, in every text of a value. Keys stay as they are."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, dict):
        return {key: unescaped(each) for key, each in mapping(cast("object", value)).items()}
    return [unescaped(each) for each in items(cast("object", value))] if isinstance(value, list) else value


def image_of(project: Project, service: str) -> str:
    """The image's name as compose gives it: the service's own, or `project-service` for one that is only built."""
    return text(project.services[service].get("image")) or f"{project.name}-{service}"


def replicas(body: Mapping[str, object]) -> int:
    """How many containers are wanted: compose prints `scale` and `deploy.replicas` where they differ from 1."""
    deploy = mapping(body.get("deploy"))
    wanted = deploy.get("replicas") if deploy.get("replicas") is not None else body.get("scale")
    return int(str(wanted)) if re.fullmatch(r"\d+", str(wanted)) else 1


def cpu_quota(body: Mapping[str, object]) -> float | None:
    """The processors that `cpu_quota` and `cpu_period` allow; None where they say nothing. The period is 0.1 s by default."""
    quota, period = body.get("cpu_quota"), body.get("cpu_period")
    number, whole = (int(str(each)) if re.fullmatch(r"\d+", str(each)) else 0 for each in (quota, period))
    return number / (whole or 100_000) if number else None
