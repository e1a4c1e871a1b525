"""SC111 and SC112: scripts that speak of services and ports that are not what they take them for."""

import re
from collections.abc import Iterator, Mapping

from trimtab.fleet import Fleet
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.model import ComposeProject
from trimtab.fleet.scripts import EngineCall, ScriptPart
from trimtab.rules.base import Category, Confidence, Finding, Refusal, ScriptRule, Severity, script_case

_WHICH = "which one is meant is not known"
_ON_SERVICES = frozenset(
    ["up", "restart", "stop", "start", "build", "pull", "push", "rm", "logs", "kill", "pause", "unpause", "create", "top"]
)
_ON_ONE = frozenset({"exec", "run", "port", "cp"})


class UnknownService(ScriptRule):
    """Script that names a service which no compose file has.

    ## What it does
    Compares the services that scripts name in `compose up`, `restart`, `exec` and the like with those of the compose file that
    they name, else of all compose files of the fleet.

    ## Why it matters
    The call fails: `no such service`. In a script that goes on after failures, nobody notices.

    ## Fix safety
    Not fixed: which service is meant is not known.
    """

    code = "SC111"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        script_case("#!/bin/bash\nset -e\ndocker compose restart api $x\ndocker compose logs -f --tail 5 api\n",
                    compose="services: {api: {image: a}}\n"),
        script_case("#!/bin/bash\nset -e\ncd other\ndocker compose restart web\n", compose="services: {api: {image: a}}\n"),
    ]  # fmt: skip
    flagged = [
        script_case("#!/bin/bash\nset -e\ndocker compose -f compose.yaml restart web\n",
                    compose="services: {api: {image: a}}\n", refused=_WHICH),
        script_case("#!/bin/bash\nset -e\ndocker compose exec -T wbe ls\n", compose="services: {web: {image: a}}\n",
                    refused=_WHICH),
    ]  # fmt: skip

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        for call in part.calls:
            projects = _projects(part, call, fleet)
            known = {service.name for project in projects for service in project.services}
            for name in _services(call) if known else ():
                if name not in known:
                    message = f"names the service `{name}`, which `{projects[0].files[0]}` does not have"
                    yield self.at(part, call.command.span.start, message, Refusal(_WHICH), name)


def _services(call: EngineCall) -> list[str]:
    """The services that a call names, as far as they are literal."""
    words = call.operands[:1] if call.verb in _ON_ONE else call.operands if call.verb in _ON_SERVICES else ()
    return [word for word in words if call.is_compose and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", word)]


def _projects(part: ScriptPart, call: EngineCall, fleet: Fleet) -> list[ComposeProject]:
    """The projects that a call is about; none where that is not known."""
    if call.files:
        wanted = {place for file in call.files for place in part.places(file)}
        return [project for project in fleet.projects if wanted & set(project.files)]
    changes_folder = any(command.name in {"cd", "pushd", "set-location"} for command in part.script.commands)
    if changes_folder and not re.search(r"ROOT|dirname|PSScriptRoot|\.\.", part.text):
        return []
    # Without `-f` it is the default file of the folder that the script is run in: any of them may be meant.
    return list(fleet.projects)


_ON_CONTAINERS = frozenset({"exec", "restart", "stop", "start", "kill", "logs", "inspect", "rm", "port", "top", "attach"})


class UnknownContainer(ScriptRule):
    """Script that names a container which no compose file makes.

    ## What it does
    Compares the containers that scripts name in `docker exec`, `restart`, `logs` and the like with the `container_name`s of the
    fleet and the names that compose makes up, in fleets whose compose files name their containers. Scripts that start
    containers of their own are left out.

    ## Why it matters
    The call fails: `No such container`. In a backup or a health check nobody may notice for a long time.

    ## Fix safety
    Not fixed: which container is meant is not known.
    """

    code = "SC121"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        script_case("#!/bin/bash\nset -e\ndocker exec shop-db ls\ndocker logs shop-api-1\ndocker exec $X ls\n",
                    compose="services: {db: {image: a, container_name: shop-db}, api: {image: b}}\n"),
        script_case("#!/bin/bash\nset -e\ndocker run -d --name mine a\ndocker exec mine ls\n",
                    compose="services: {db: {image: a, container_name: shop-db}}\n"),
    ]  # fmt: skip
    flagged = [
        script_case("#!/bin/bash\nset -e\ndocker exec shop-database ls\n",
                    compose="services: {db: {image: a, container_name: shop-db}}\n", refused=_WHICH),
    ]  # fmt: skip

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        services = [service for project in fleet.projects for service in project.services]
        named = {str(service.body["container_name"]) for service in services if service.body.get("container_name")}
        own = any(not call.is_compose and call.verb in {"run", "create"} for call in part.calls)
        for call in part.calls if named and not own else ():
            name = next(iter(call.operands), "")
            if call.is_compose or call.verb not in _ON_CONTAINERS or not re.fullmatch(r"[A-Za-z][\w.-]*", name):
                continue
            made_up = any(re.search(rf"[-_]{re.escape(service.name)}[-_]\d+$", name) for service in services)
            if name not in named and not made_up:
                message = f"names the container `{name}`, which no compose file makes"
                yield self.at(part, call.command.span.start, message, Refusal(_WHICH), name)


class UnpublishedPort(ScriptRule):
    """Script that asks a port of the host which no service publishes.

    ## What it does
    Finds `localhost:PORT` addresses in deployment and health scripts whose port no compose file of the fleet publishes, in
    fleets that publish several.

    ## Why it matters
    The check always fails, and is then passed over, or it asks another program that happens to listen there.

    ## Fix safety
    Not fixed: which service is meant is not known.
    """

    code = "SC112"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        script_case("#!/bin/bash\nset -e\ndocker compose up -d\ncurl http://localhost:8001/health\n",
                    compose="services: {a: {image: a, ports: ['8001:80', '8002:81']}}\n"),
        script_case("#!/bin/bash\nset -e\ndocker compose exec a curl http://localhost:80/health\n",
                    compose="services: {a: {image: a, ports: ['8001:80', '8002:81']}}\n"),
    ]  # fmt: skip
    flagged = [
        script_case("#!/bin/bash\nset -e\ndocker compose up -d\ncurl http://localhost:8003/health\n",
                    compose="services: {a: {image: a, ports: ['8001:80', '8002:81']}}\n", refused=_WHICH),
    ]  # fmt: skip

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        if not any(call.is_compose for call in part.calls):
            return
        published = _published(fleet)
        seen: set[str] = set()
        for match in _ADDRESS.finditer(part.text) if len(published) > 1 else ():
            port = match["port"]
            line = part.text[part.text.rfind("\n", 0, match.start()) + 1 : match.start()]
            if int(port) in published or port in seen or line.lstrip().startswith("#") or re.search(r"\bexec\b|\brun\b", line):
                continue
            seen.add(port)
            message = f"speaks of port {port} of the host, which no service publishes"
            yield self.at(part, match.start(), message, Refusal(_WHICH), port)


_ADDRESS = re.compile(r"https?://(?:localhost|127\.0\.0\.1):(?P<port>\d{2,5})\b")


def _published(fleet: Fleet) -> set[int]:
    found: set[int] = set()
    for project in fleet.projects:
        facts = ComposeFacts(fleet, project)
        for service in project.services:
            on_host = service.body.get("network_mode") == "host"
            found |= facts.ports(service) if on_host else facts.host_ports(service)
    return found


_OTHERS = "whether the port or the name is wrong is not known"


class AnotherServicesPort(ScriptRule):
    """Script that asks one service's port and speaks of another.

    ## What it does
    Finds lines with a `localhost:PORT` address and the name of one service, where another service publishes that port.

    ## Why it matters
    The script reports the health of a service that it has never asked.

    ## Fix safety
    Not fixed: which of the two is wrong is not known.
    """

    code = "SC120"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        script_case("#!/bin/bash\nset -e\ndocker compose ps\necho 'Admin API: http://localhost:8001/health'\n",
                    compose="services: {admin-api: {image: a, ports: ['8001:80']}, b: {image: b, ports: ['8002:80']}}\n"),
    ]  # fmt: skip
    flagged = [
        script_case("#!/bin/bash\nset -e\ndocker compose ps\necho 'Admin API: http://localhost:8002/health'\n",
                    compose="services: {admin-api: {image: a, ports: ['8001:80']}, b: {image: b, ports: ['8002:80']}}\n",
                    refused=_OTHERS),
    ]  # fmt: skip

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        projects = _owners(part, fleet)
        names = {name: ports for owners in projects.values() for name, ports in owners.items()}
        at = 0
        for line in part.text.splitlines(keepends=True):
            addresses = list(_ADDRESS.finditer(line))
            named = _named(line, names) if len(addresses) == 1 and not line.lstrip().startswith("#") else set[str]()
            if len(named) == 1:
                name, port = named.pop(), int(addresses[0]["port"])
                holder = _holder(projects, name, port)
                if holder:
                    message = f"speaks of `{name}` with port {port}, which is {holder}"
                    yield self.at(part, at + addresses[0].start(), message, Refusal(_OTHERS), str(port))
            at += len(line)


_Owners = Mapping[str, frozenset[int]]


def _holder(projects: Mapping[str, _Owners], name: str, port: int) -> str | None:
    """Whose port it is where a service has another one; None where it is its own in any project that may be meant."""
    if any(port in owners.get(name, ()) for owners in projects.values()):
        return None
    for file, owners in projects.items():
        holders = [other for other, ports in owners.items() if port in ports]
        if name in owners and holders:
            return f"`{holders[0]}`'s in `{file}`"
    return None


def _owners(part: ScriptPart, fleet: Fleet) -> dict[str, _Owners]:
    """By compose file, the host's ports of each service, in the projects that the script may be about."""
    files = [file for call in part.calls if call.is_compose for file in call.files]
    call = next((call for call in part.calls if call.is_compose and (call.files or not files)), None)
    found: dict[str, _Owners] = {}
    for project in _projects(part, call, fleet) if call else ():
        facts = ComposeFacts(fleet, project)
        ports = {service.name: facts.host_ports(service) for service in project.services}
        found[project.files[0]] = {name: own for name, own in ports.items() if own}
    return found


def _named(line: str, owners: _Owners) -> set[str]:
    """The services whose names stand in a line, beside its address; `admin-api` may be written `Admin API`."""
    text = f" {re.sub(r'[^a-z0-9]+', ' ', _ADDRESS.sub(' ', line).lower())} "
    found = {name for name in owners if f" {re.sub(r'[^a-z0-9]+', ' ', name.lower())} " in text}
    # `data-api` is not meant where `weather-data-api` is.
    return {name for name in found if not any(name != other and name in other for other in found)}
