"""What images of well-known projects lack, as their own Dockerfiles and documentation tell."""

import re
from collections.abc import Mapping

from trimtab.fleet.bases import Reference, read_reference
from trimtab.fleet.stage import libc_of

_COMPILING = frozenset({"git", "gcc", "make"})
_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_NETWORK = frozenset({"curl", "wget", "nc", "ps", "pgrep", "ping", "netstat", "nslookup", "perl"})
_BARE = frozenset(["postgres", "redis", "valkey", "memcached", "mariadb", "mongo", "haproxy", "httpd"])
"""Images that take away again what they have downloaded with."""
_ON_ALPINE = frozenset(["alpine", "busybox", "caddy", "registry", "eclipse-mosquitto", "traefik"])
"""Images of Alpine or BusyBox, whatever their tag says, that add no program to it."""
_OTHER_KIND = re.compile(r"builder|windows|nanoserver|ubi|debug")
_CLIENTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(["pg_isready", "psql"], frozenset({"postgres"})),
    **dict.fromkeys(["mysqladmin", "mysql"], frozenset({"mysql", "mariadb"})),
    **dict.fromkeys(["mariadb-admin", "mariadb"], frozenset({"mariadb"})),
    "redis-cli": frozenset({"redis", "valkey"}),
    "valkey-cli": frozenset({"valkey"}),
    **dict.fromkeys(["mongosh", "mongo"], frozenset({"mongo"})),
    **dict.fromkeys(["rabbitmqctl", "rabbitmq-diagnostics"], frozenset({"rabbitmq"})),
}
"""The stores' own clients, with the images that bring them along."""
_STORES = frozenset[str]().union(*_CLIENTS.values()) | {"memcached"}
_WITHOUT_OLD_NAMES = 11
"""The MariaDB whose image has no `mysql…` any more."""
_WITHOUT_OLD_SHELL = 6
"""The MongoDB whose image has `mongosh` alone."""


ONE_PORT = frozenset(
    ["postgres", "postgis", "timescaledb", "pgvector", "redis", "valkey", "keydb", "memcached", "mariadb", "mongo"]
)
"""Stores that listen on one port alone."""
_OTHER_PORTS: Mapping[str, frozenset[int]] = {
    "rabbitmq": frozenset({4369, 5552, 5671, 15671, 15672, 15675, 15692, 25672, 1883, 8883, 61613, 61614}),
    "elasticsearch": frozenset({9300}),
    "opensearch": frozenset({9300, 9600}),
    **dict.fromkeys(["clickhouse", "clickhouse-server"], frozenset({9000, 9004, 9005, 9009, 9010, 9363, 8443, 9440})),
    "qdrant": frozenset({6334, 6335}),
    "weaviate": frozenset({50051, 2112}),
    "neo4j": frozenset({7474, 7473}),
    "milvus": frozenset({9091}),
    "minio": frozenset({9001}),
    "nats": frozenset({6222, 8222}),
    "cockroach": frozenset({8080}),
    "etcd": frozenset({2380}),
    **dict.fromkeys(["kafka", "cp-kafka"], frozenset({9093, 9101, 19092, 29092})),
    **dict.fromkeys(["zookeeper", "cp-zookeeper"], frozenset({2888, 3888, 8080})),
    **dict.fromkeys(["mysql", "percona"], frozenset({33060})),
    **dict.fromkeys(["cassandra", "scylla"], frozenset({7000, 7001, 7199, 9160, 9180, 10000, 19042})),
    "couchdb": frozenset({4369, 9100}),
    "couchbase": frozenset({*range(8092, 8098), 11207, 11210, 11211}),
    "loki": frozenset({9095}),
    "eclipse-mosquitto": frozenset({9001, 8883}),
}
"""What stores listen on beside the port that they are known for, by the last part of an image's name (their documentation)."""


def other_ports(image: str) -> frozenset[int]:
    """The ports that a known store listens on, or may, beside its own; empty for any other image."""
    return _OTHER_PORTS.get(read_reference(image).name, frozenset())


def known_to_lack(image: str, program: str) -> bool:
    """Whether a well-known image surely has no such program; False where nothing is known of it."""
    reference = read_reference(image)
    if _OTHER_KIND.search(reference.tag or ""):
        return False
    if _is_empty(reference):
        return program in _SHELLS | _NETWORK | _COMPILING
    if reference.path.startswith(("prom/", "quay.io/prometheus/")):
        return program in {"curl", "bash", "perl", "python3"} | _COMPILING
    name = _name(reference)
    if name in _ON_ALPINE:
        return program in {"curl", "bash", "perl", "python3"} | _COMPILING
    if name == "nginx":
        return program in _lacking_in_nginx(reference)
    if name in _BARE and (program in {"curl"} | _COMPILING or (program in {"wget", "nc"} and libc_of(image) != "musl")):
        return True
    return (name == "rabbitmq" and program == "curl") or _lacks_client(reference, name, program)


def _is_empty(reference: Reference) -> bool:
    """Whether an image holds its program and what that needs, and no shell."""
    distroless = re.match(r"(?:gcr\.io/)?distroless/", reference.path) is not None
    return distroless or (_name(reference) in {"nats", "hello-world"} and reference.libc != "musl")


def _name(reference: Reference) -> str:
    """The last part of the name, of an official image or of Valkey's, which is made like one."""
    known = reference.official or reference.path.removeprefix("docker.io/") == "valkey/valkey"
    return reference.name if known else ""


def _lacking_in_nginx(reference: Reference) -> frozenset[str]:
    if reference.libc != "musl":
        return frozenset({"wget", "nc", "python3"}) | _COMPILING
    slim = frozenset({"curl"}) if "slim" in reference.variant else frozenset[str]()
    return frozenset({"bash", "perl", "python3"}) | _COMPILING | slim


def _lacks_client(reference: Reference, name: str, program: str) -> bool:
    having = _CLIENTS.get(program)
    if having is None or name not in _STORES:
        return False
    major = reference.version[0] if reference.version else 0
    renamed = name == "mariadb" and program in {"mysqladmin", "mysql"} and major >= _WITHOUT_OLD_NAMES
    gone = name == "mongo" and program == "mongo" and major >= _WITHOUT_OLD_SHELL
    return name not in having or renamed or gone
