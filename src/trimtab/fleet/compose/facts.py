"""What is known about the services of one compose project, derived once for all rules."""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from trimtab.fleet.bases import read_reference
from trimtab.fleet.compose.documents import read_documents
from trimtab.fleet.compose.interpolate import parse_env
from trimtab.fleet.compose.raw import RawService, raw_services
from trimtab.fleet.compose.settings import ComposeEditor
from trimtab.fleet.compose.swarm import may_be_swarm
from trimtab.fleet.facts import Facts, facts_for
from trimtab.fleet.known_images import ONE_PORT, other_ports
from trimtab.fleet.model import ComposeProject, Fleet, Service
from trimtab.fleet.plain import items, mapping
from trimtab.fleet.ports import listening_ports
from trimtab.fleet.stage import Stage
from trimtab.fleet.tree import Unreadable
from trimtab.syntax.yaml import NoEdit, YamlDocument, YamlProblem

_STORES = {
    "influxdb": 8086, "postgres": 5432, "postgis": 5432, "timescaledb": 5432, "pgvector": 5432, "mysql": 3306, "mariadb": 3306,
    "percona": 3306, "mongo": 27017, "redis": 6379, "valkey": 6379, "keydb": 6379, "memcached": 11211, "elasticsearch": 9200,
    "opensearch": 9200, "cassandra": 9042, "scylla": 9042, "clickhouse-server": 8123, "clickhouse": 8123, "rabbitmq": 5672,
    "kafka": 9092, "cp-kafka": 9092, "zookeeper": 2181, "cp-zookeeper": 2181, "etcd": 2379, "neo4j": 7687, "couchdb": 5984,
    "couchbase": 8091, "minio": 9000, "qdrant": 6333, "weaviate": 8080, "milvus": 19530, "nats": 4222, "victoria-metrics": 8428,
    "prometheus": 9090, "loki": 3100, "eclipse-mosquitto": 1883, "mssql": 1433, "mssql/server": 1433, "cockroach": 26257,
    "meilisearch": 7700, "chroma": 8000, "solr": 8983, "arangodb": 8529, "dragonfly": 6379, "surrealdb": 8000,
}  # fmt: skip
"""Images that keep data or messages, by the last part of their name, with the port each listens on unless it is told another
(their documentation)."""
_OFFICIAL = frozenset(
    [
        "influxdb",
        "postgres",
        "mysql",
        "mariadb",
        "mongo",
        "redis",
        "memcached",
        "rabbitmq",
        "nginx",
        "httpd",
        "caddy",
        "traefik",
    ]
    + ["haproxy", "python", "node", "alpine", "debian", "ubuntu", "busybox", "golang", "php", "ruby", "openjdk"]
    + ["eclipse-temurin", "eclipse-mosquitto", "cassandra", "neo4j", "couchdb", "nats", "wordpress", "ghost", "nextcloud"]
)
"""Official images that bring no health check along."""
_WEB = frozenset({"nginx", "httpd", "caddy", "traefik", "haproxy", "envoy", "openresty", "apache"})


_JOB = re.compile(r"(?:^|[-_])(?:init|setup|migrat(?:e|ions?)|seed|bootstrap|job)s?(?:$|[-_])")
_DEVELOPMENT = frozenset(
    ["dev", "development", "devel", "test", "tests", "testing", "e2e", "ci", "local", "debug", "simulation", "sandbox"]
)
_EXTENDS = NoEdit("it extends another service, which may be what has to change")


@dataclass(frozen=True)
class ComposeFacts:
    """What rules know about a compose project."""

    fleet: Fleet
    project: ComposeProject

    @cached_property
    def _raws(self) -> Mapping[str, tuple[RawService, ...]]:
        """By service, what each file says of it; the file whose word counts last comes first."""
        origins = [service.origin for service in self.project.services]
        found: dict[str, list[RawService]] = {}
        for path in dict.fromkeys([*self.project.files, *origins]):
            for raw in raw_services(self.fleet.tree, path):
                found.setdefault(raw.name, []).insert(0, raw)
        return {name: tuple(each) for name, each in found.items()}

    def raws(self, service: Service) -> tuple[RawService, ...]:
        return self._raws.get(service.name, ())

    def raw(self, service: Service, *keys: str | int) -> RawService | None:
        """What is written about a service where a key of it stands, else where it begins."""
        for raw in self.raws(service):
            path = ("services", service.name, *keys)
            if keys and (path in raw.document.keys or path in raw.document.nodes):
                return raw
        return next((raw for raw in reversed(self.raws(service))), None)

    def place(self, service: Service, *keys: str | int) -> tuple[str, int]:
        """File and line of a key of a service, or of the nearest thing that is written."""
        keys = self._of_item(service, keys)
        for length in range(len(keys), -1, -1):
            raw = self.raw(service, *keys[:length])
            if raw is not None and (not length or ("services", service.name, *keys[:length]) in raw.document.lines):
                return raw.path, raw.line(*keys[:length])
        return service.origin, service.line

    def _of_item(self, service: Service, keys: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """Keys that name an item of a list by its text, `A` of `- A=1`, as they stand in the file."""
        if len(keys) != 2 or keys[0] not in {"environment", "depends_on"}:
            return keys
        for raw in self.raws(service):
            written = raw.body.get(str(keys[0]))
            for index, item in enumerate(cast("list[object]", written) if isinstance(written, list) else []):
                if str(item).partition("=")[0] == keys[1]:
                    return keys[0], index
        return keys

    def editor(self, service: Service, *keys: str | int) -> ComposeEditor:
        """The editor of the file that `raw` names. It refuses to edit a service that extends another one.

        What such a service is to have, the other one may get at the same time, and lists then hold it twice.
        """
        raw = self.raw(service, *keys)
        if raw is None:
            return ComposeEditor(service.origin, YamlDocument({}, {}, {}), _EXTENDS)
        extends = any("extends" in each.body for each in self.raws(service))
        return ComposeEditor.of(self.fleet.tree, raw.path, raw.document, _EXTENDS if extends else None)

    def top_editors(self) -> Iterator[ComposeEditor]:
        """An editor for each document of the project."""
        for path in self.project.files:
            documents = read_documents(self.fleet.tree, path)
            if not isinstance(documents, Unreadable | YamlProblem):
                yield from (ComposeEditor.of(self.fleet.tree, path, document) for document in documents)

    def is_whole(self, file: str) -> bool:
        """Whether everything that a file's projects are made of could be read, and there are services in them."""
        unread = {"extends", "include", "unreadable", "syntax"}
        projects = self.projects_with(file)
        files = {path for project in projects for path in project.files}
        broken = any(problem.path in files and problem.kind in unread for problem in self.fleet.problems)
        return not broken and any(project.services for project in projects)

    @cached_property
    def may_be_swarm(self) -> bool:
        """Whether the project seems to be deployed with `docker stack deploy`, which knows only some of compose's forms."""
        return may_be_swarm(self.fleet, self.project)

    @cached_property
    def is_put_on_top(self) -> bool:
        """Whether the project is a file that only means something on top of another one, which is not known here.

        A service has neither an image nor a build, or a file without others below it replaces (`!override`, `!reset`) or is
        called an override.
        """
        return self._replaces or any(not {"image", "build"} & each.body.keys() for each in self.project.services)

    @cached_property
    def _replaces(self) -> bool:
        if len(self.project.files) != 1:
            return False
        path = self.project.files[0]
        documents = read_documents(self.fleet.tree, path)
        if isinstance(documents, Unreadable | YamlProblem) or len(documents) != 1:
            return False
        data = mapping(documents[0].data)
        inherits = "include" in data or any("extends" in mapping(each) for each in mapping(data.get("services")).values())
        named = "override" in re.split(r"[._-]", posixpath.basename(path).lower())
        return named or (not inherits and not {"!override", "!reset"}.isdisjoint(documents[0].tags.values()))

    def projects_with(self, file: str) -> tuple[ComposeProject, ...]:
        """Every project that a file is part of: what one of them does not use another one may."""
        return tuple(project for project in self.fleet.projects if file in project.files)

    def projects_beside(self, file: str) -> tuple[ComposeProject, ...]:
        """Every project with a file in the same folder: `-f` may put any of them on top of another."""
        folder = posixpath.dirname(file)
        return tuple(each for each in self.fleet.projects if any(posixpath.dirname(path) == folder for path in each.files))

    def image(self, service: Service) -> tuple[Facts, Stage] | None:
        """The Dockerfile's facts and the stage that a service is made of; None for an image from elsewhere."""
        path = service.build.dockerfile if service.build else None
        file = self.fleet.file(path) if path else None
        if file is None or not file.stages or service.build is None:
            return None
        facts = facts_for(file, self.fleet)
        named = facts.stage_named(service.build.target) if service.build.target else None
        return facts, named or facts.stages[-1]

    def has_check(self, service: Service) -> bool | None:
        """Whether a health check is in effect; None for an image of which nothing is known."""
        check = service.healthcheck
        if check is not None and (check.disabled or check.test):
            return not check.disabled
        image = self.image(service)
        if image is None:
            # Official images have no health check of their own, as a policy (docker-library/faq, "healthcheck").
            official = bool(service.image) and not service.build and read_reference(service.image or "").official
            return False if official and image_name(service) in _OFFICIAL else None
        instruction = image[0].last(image[1], "HEALTHCHECK")
        if instruction is not None:
            return instruction.arguments.split(" ")[0].upper() != "NONE"
        # A base from outside may bring one along, though hardly any does.
        return False if image[0].outside_base(image[1]) else None

    def networks(self, service: Service) -> frozenset[str] | None:
        """The networks that a service is on; None where it uses the host's or another service's."""
        if service.body.get("network_mode"):
            return None
        wanted = service.body.get("networks")
        return frozenset(mapping(wanted) or (str(item) for item in items(wanted))) or frozenset({"default"})

    def environment(self, service: Service) -> Mapping[str, str | None]:
        """The variables that a service is given: those of its env files that are in the fleet, and its own on top."""
        found: dict[str, str | None] = {}
        for path in service.env_files:
            source = self.fleet.tree.read(path)
            found.update({} if isinstance(source, Unreadable) else parse_env(source.text))
        return {**found, **service.environment}

    def names(self, service: Service) -> frozenset[str]:
        """What other services may call it by."""
        found = {service.name, str(service.body.get("container_name") or service.name)}
        for settings in mapping(service.body.get("networks")).values():
            found.update(str(alias) for alias in items(mapping(settings).get("aliases")))
        found.update(str(alias) for alias in items(service.body.get("hostname")))
        links = (str(link).partition(":") for each in self.project.services for link in items(each.body.get("links")))
        found.update(alias for name, _, alias in links if name == service.name and alias)
        return frozenset(found)

    @cached_property
    def by_name(self) -> Mapping[str, Service]:
        return {name: service for service in self.project.services for name in self.names(service)}

    def ports(self, service: Service) -> frozenset[int]:
        """The ports inside the container that anything says it listens on."""
        found: set[int] = set()
        for each in published_ports(service):
            found.update(each.targets)
        for item in items(service.body.get("expose")):
            found.update(_range(str(item)))
        image = self.image(service)
        if image is not None:
            facts, stage = image
            exposed = [i for one in facts.lineage(stage) for i in one.instructions if i.keyword == "EXPOSE"]
            found.update(port for i in exposed for word in i.words for port in _range(word.raw))
            found.update(listening_ports(facts, stage))
        if (known := self.store_port(service)) is not None:
            found.add(known)
        return frozenset(found)

    def store_port(self, service: Service) -> int | None:
        """The port of a service that keeps data or messages, None for any other.

        An image that is built on a store's, and neither says what else to start, is one.
        """
        if service.build is None:
            return _store_port(service.image or "")
        image = self.image(service)
        if image is None or any(image[0].last(image[1], keyword) for keyword in ("CMD", "ENTRYPOINT")):
            return None
        return _store_port(image[0].outside_base(image[1]))

    def host_ports(self, service: Service) -> frozenset[int]:
        """The ports of the host that lead to a service."""
        return frozenset(port for each in published_ports(service) for port in _range(each.published))

    def surely_not_on(self, service: Service, port: int) -> bool:
        """Whether nothing listens on a port: the start command says which there are, or the image is a known store's.

        Of one whose command, variables or mounted settings may name ports that is only sure where it has a single port, and
        none of them names this one.
        """
        image = self.image(service)
        if self.store_port(service) is None:
            return image is not None and bool(listening_ports(*image))
        name = service.image or "" if service.build is None else image[0].outside_base(image[1]) if image else ""
        if port in other_ports(name):
            return False
        said = [*service.started_with.values(), *(value or "" for value in self.environment(service).values())]
        mounted = re.search(
            r"\.(?:conf|cnf|ini|toml|ya?ml)\b", str(service.body.get("volumes")) + str(service.body.get("configs"))
        )
        named = re.search(rf"(?<!\d){port}(?!\d)", " ".join(said)) or mounted
        plain = not service.command and not service.environment
        return plain or (read_reference(name).name in ONE_PORT and not named)

    @cached_property
    def _dependants(self) -> Mapping[str, tuple[Service, ...]]:
        found: dict[str, list[Service]] = {}
        for service in self.project.services:
            for name in dict.fromkeys(service.depends_on):
                found.setdefault(name, []).append(service)
        return {name: tuple(each) for name, each in found.items()}

    def dependants(self, service: Service) -> tuple[Service, ...]:
        return self._dependants.get(service.name, ())

    def condition(self, service: Service, on: str) -> str:
        """What a service waits for in one that it depends on."""
        entry = mapping(mapping(service.body.get("depends_on")).get(on))
        return str(entry.get("condition") or "service_started")

    def is_job(self, service: Service) -> bool:
        """Whether it is meant to end: others wait for that, or it is never restarted and only runs when asked for."""
        conditions = {self.condition(each, service.name) for each in self.dependants(service)}
        never = str(service.body.get("restart") or "") == "no" and bool(service.profiles)
        words = service.entrypoint or service.command or ()
        first = words.split()[:1] if isinstance(words, str) else list(words[:1])
        if _JOB.search(service.name) or first in (["chown"], ["chmod"], ["mkdir"]):
            return True
        return "service_completed_successfully" in conditions or never

    @property
    def is_for_development(self) -> bool:
        """Whether the project's own file says that it is no deployment: `compose.dev.yaml`, `docker-compose.test.yml`."""
        words = re.split(r"[^a-z0-9]+", posixpath.basename(self.project.files[-1]).lower())
        return not _DEVELOPMENT.isdisjoint(words)

    @property
    def deployed(self) -> tuple[Service, ...]:
        """The services that keep running, without those that are only there for development or belong to another file."""
        if self.is_for_development or self._replaces:
            return ()
        return tuple(service for service in self.project.services if self._is_deployed(service))

    def _is_deployed(self, service: Service) -> bool:
        for_development = bool(service.profiles) and _DEVELOPMENT.issuperset(service.profiles)
        return bool(service.image or service.build) and not for_development and not self.is_job(service)


def compose_facts(fleet: Fleet) -> Sequence[ComposeFacts]:
    """The facts of every project of a fleet, derived once for all rules."""
    key = ("compose facts",)
    if key not in fleet.memo:
        fleet.memo[key] = tuple(ComposeFacts(fleet, project) for project in fleet.projects)
    return cast("Sequence[ComposeFacts]", fleet.memo[key])


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """One entry of `ports`."""

    index: int
    address: str
    """The host's address, empty for all of them."""
    published: str
    """The host's port or range, empty where the engine picks one."""
    targets: tuple[int, ...]


_PORT = re.compile(
    r"^(?:(?P<address>\[[^\]]*\]|[^:]*):(?=[^:]*:))?(?:(?P<published>[\d-]*):)?(?P<target>[\d-]+)(?:/(?:tcp|udp|sctp))?$"
)


def published_ports(service: Service) -> Iterator[PublishedPort]:
    """The entries of `ports`, short and long; one that cannot be read is left out."""
    for index, item in enumerate(items(service.body.get("ports"))):
        entry = mapping(item)
        if entry:
            address, published = str(entry.get("host_ip") or ""), str(entry.get("published") or "")
            yield PublishedPort(index, address, published, tuple(_range(str(entry.get("target") or ""))))
        elif match := _PORT.match(str(item)):
            yield PublishedPort(index, match["address"] or "", match["published"] or "", tuple(_range(match["target"])))


def _range(text: str) -> list[int]:
    low, _, high = text.partition("/")[0].partition("-")
    if not low.isdigit() or not (high.isdigit() or not high):
        return []
    return list(range(int(low), min(int(high or low), int(low) + 1000) + 1))


_DIGITS = 10


def replicas(service: Service) -> int:
    """How many containers a service is to have; 0 for one that is scaled to none."""
    told = (mapping(service.body.get("deploy")).get("replicas"), service.body.get("scale"))
    wanted = str(next((each for each in told if each is not None), 1))
    # A number of hundreds of digits is none that an engine could count to.
    return int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < _DIGITS else 1


def image_name(service: Service) -> str:
    """The last part of an image's name: `postgres` of `docker.io/library/postgres:16`; empty for what is built here."""
    if service.build is not None or not service.image:
        return ""
    return read_reference(service.image).name


def _store_port(image: str) -> int | None:
    path = read_reference(image).path
    return _STORES.get("/".join(path.split("/")[-2:])) or _STORES.get(posixpath.basename(path))


def is_web(service: Service) -> bool:
    """Whether a service is a web server or proxy from elsewhere, which is there to be reached."""
    return image_name(service) in _WEB
