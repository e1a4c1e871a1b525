"""Whom a service talks to, by the addresses in its environment, its env files and what it is started with."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.model import Service

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[^\s/@'\"]*@)?(?P<host>[A-Za-z0-9_.-]+)(?::(?P<port>\d{1,5}))?(?=[/\s'\",;?#)]|$)"
)
_PAIR = re.compile(r"^(?P<host>[A-Za-z][A-Za-z0-9_.-]*):(?P<port>\d{2,5})$")
_NAMED = re.compile(r"(?<![\w.-])(?P<host>[A-Za-z][\w.-]*):(?P<port>\d{2,5})(?![\w.:])")
_VERSION = re.compile(r"(?i)image|version|tag")
"""Variables in which `postgres:16` is no host with its port."""
_HOST_NAME = re.compile(r"(?P<before>^|_|^PG)(?:HOST|HOSTNAME|SERVER|BROKER|ADDR|ADDRESS|ENDPOINT)S?$")
_ITS_PORT = r"\g<before>PORT"
_PORT = re.compile(r"\d{1,5}")
_ADDRESS_NAME = re.compile(r"(?:^|_)(?:URL|URI|HOST|HOSTS|SERVER|SERVERS|BROKER|BROKERS|ADDR|ADDRESS|ENDPOINT|DSN|UPSTREAM)$")
_PLAIN = re.compile(r"[a-z][a-z0-9_-]*")
_DEFAULTS: Mapping[str, int] = {
    "http": 80, "https": 443, "redis": 6379, "postgres": 5432, "postgresql": 5432, "mysql": 3306, "mongodb": 27017,
    "amqp": 5672, "mqtt": 1883, "ws": 80, "wss": 443, "nats": 4222,
}  # fmt: skip
"""The port that a scheme means where none is written (IANA's registry)."""
_OTHER_SCHEMES = frozenset(
    ["tcp", "udp", "grpc", "grpcs", "kafka", "ldap", "ldaps", "smtp", "smtps", "rediss", "mariadb", "amqps", "mqtts"]
    + ["influxdb", "clickhouse", "memcached", "elasticsearch", "bolt", "neo4j", "ftp", "sftp", "ssh", "rtsp", "stomp"]
    + ["zookeeper", "etcd"]
)
"""More schemes whose next part is a host on the network."""
_NOBODY = frozenset({"localhost", "0.0.0.0", "127.0.0.1", "host", "hostname", "example"})  # noqa: S104  as written in addresses


@dataclass(frozen=True, slots=True)
class Address:
    """One address of another service. `port` is None where neither the text nor its scheme says it."""

    variable: str
    """The variable's name, or `command` or `entrypoint`."""
    host: str
    port: int | None
    is_url: bool


_STARTED_WITH = ("command", "entrypoint")


def addresses(facts: ComposeFacts, service: Service) -> Iterator[Address]:
    """The addresses that a service is given, those of itself and of the outside world among them."""
    texts = dict(_texts(facts, service))
    for name, value in texts.items():
        for address in addresses_in(name, value):
            port = "" if address.is_url else texts.get(_HOST_NAME.sub(_ITS_PORT, name), "")
            yield replace(address, port=int(port)) if _PORT.fullmatch(port) else address


def _texts(facts: ComposeFacts, service: Service) -> Iterator[tuple[str, str]]:
    """Each variable's name and value, and the words that it is started with."""
    yield from ((name, value or "") for name, value in facts.environment(service).items())
    yield from service.started_with.items()


def addresses_in(name: str, text: str) -> Iterator[Address]:
    """The addresses in one text; by a variable's name it is decided whether a plain `host:port` counts."""
    found = False
    for match in _URL.finditer(text):
        found = True
        scheme = match["scheme"].partition("+")[0]
        if scheme not in _DEFAULTS and scheme not in _OTHER_SCHEMES:
            continue
        yield Address(name, match["host"], int(match["port"]) if match["port"] else _DEFAULTS.get(scheme), is_url=True)
    if found or name in _STARTED_WITH:
        return
    for part in re.split(r"[,;\s]+", text):
        if (match := _PAIR.match(part)) and _ADDRESS_NAME.search(name):
            yield Address(name, match["host"], int(match["port"]), is_url=True)
        elif _HOST_NAME.search(name) and _PLAIN.fullmatch(part):
            yield Address(name, part, None, is_url=False)


def talks_to(facts: ComposeFacts, service: Service) -> Iterator[tuple[Address, Service]]:
    """The addresses that mean another service of the project; `store:6379` counts under whatever variable."""
    pairs = (
        Address(name, match["host"], int(match["port"]), is_url=False)
        for name, value in _texts(facts, service)
        for match in _NAMED.finditer(value)
        if not _VERSION.search(name)
    )
    seen: set[tuple[str, str, int | None]] = set()
    for address in (*addresses(facts, service), *pairs):
        other, key = facts.by_name.get(address.host), (address.variable, address.host, address.port)
        if other is not None and other.name != service.name and key not in seen:
            seen.add(key)
            yield address, other


def stranger(facts: ComposeFacts, service: Service, address: Address) -> bool:
    """Whether an address looks like a service's name, and none has it.

    A name with a dot is some domain's; a plain word counts only in a URL, where nothing else could be meant by it.
    """
    host = address.host.lower()
    if not address.is_url or "." in host or host in _NOBODY or not _PLAIN.fullmatch(host):
        return False
    extra = service.body.get("extra_hosts")
    links = service.body.get("external_links")
    return host not in facts.by_name and host not in str(extra or "") and host not in str(links or "")
