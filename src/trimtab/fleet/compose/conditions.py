"""Whether a service can be waited for until it is healthy, with every set of files that it may be started with."""

import re
import sys

from trimtab.fleet.bases import read_reference
from trimtab.fleet.compose.checks import check_in_effect
from trimtab.fleet.compose.facts import ComposeFacts, image_name
from trimtab.fleet.healthchecks import Check, checks_of, python_imports, written_check
from trimtab.fleet.model import Service
from trimtab.fleet.plain import items, mapping
from trimtab.fleet.ports import listening_ports
from trimtab.fleet.pymodules import installed_modules
from trimtab.fleet.supply import lacks

_TOOLS = re.compile(
    r"^(?:curl|wget|nc|ncat|netcat|telnet|socat|jq|http|grpcurl|grpc_health_probe|ss|netstat|lsof|nmap|ping|pgrep|ps|bash"
    r"|python[\d.]*|node|php|perl|ruby)$"
)
"""Programs that images of something else may have or not."""
_BRINGS = {
    "elasticsearch": {"curl", "bash"}, "kibana": {"curl", "bash"}, "opensearch": {"curl", "bash"}, "couchdb": {"curl", "bash"},
    "nginx": {"curl", "bash"}, "python": {"python", "python3", "bash"}, "node": {"node"}, "php": {"php", "curl"},
    "ruby": {"ruby", "bash"}, "postgres": {"bash"}, "mysql": {"bash"}, "mariadb": {"bash"}, "mongo": {"bash"},
    "grafana": {"wget", "bash"}, "prometheus": {"wget"}, "solr": {"wget", "curl", "bash"}, "neo4j": {"wget", "bash"},
    "rabbitmq": {"bash"}, "cp-kafka": {"bash"}, "cp-zookeeper": {"bash"}, "cp-schema-registry": {"curl", "bash"},
}  # fmt: skip
"""What images are known to have of these (their Dockerfiles)."""
_BUSYBOX = frozenset({"wget", "nc", "telnet", "netstat", "ping", "pgrep", "ps"})
_ONCE = re.compile(r"rs\.initiate(?!.*(?:catch|rs\.status|\|\|))", re.DOTALL)
"""Checks that set something up, and fail as soon as it is."""
_TOGETHER = re.compile(r"(?i)cluster[_ ](?:info|state|health|status)|_cluster/|rs\.status|replsetgetstatus|nodetool\s+status")
"""Checks that a member of a cluster passes only when there are enough others."""


def why_not_waited_for(facts: ComposeFacts, service: Service, name: str, path: str) -> str | None:
    """Why a condition on a service's health, put into a file, may keep a project from starting; None where nothing says so."""
    other = facts.project.service(name)
    if other is None:
        return f"`{name}` is not a service of the project"
    reason = _why_not_here(facts, service, other, path)
    if reason is not None:
        return reason
    for project in facts.projects_with(path):
        other = project.service(name)
        if other is not None and not ComposeFacts(facts.fleet, project).has_check(other):
            return f"`{name}` has no health check with `{'`, `'.join(project.files)}`, which compose would then refuse"
        if other is not None and _cannot_pass(ComposeFacts(facts.fleet, project), other):
            return f"the health check of `{name}` seems unable to pass, and the service would never start"
        if other is not None and (why := _is_doubtful(ComposeFacts(facts.fleet, project), other)) is not None:
            return why
        if other is not None and _fails_at_once(ComposeFacts(facts.fleet, project), other):
            return f"one failed check makes `{name}` unhealthy while it still starts, and compose then gives up"
    return None


def _why_not_here(facts: ComposeFacts, service: Service, other: Service, path: str) -> str | None:
    name = other.name
    if _is_member_with(service, other):
        return f"`{name}` forms a cluster with it, and may be healthy only once there are enough members"
    if facts.is_job(other):
        return f"`{name}` seems to be meant to end, and what has ended is not healthy"
    if _is_checked_elsewhere(facts, other, path):
        return f"the health check of `{name}` is in another file, without which compose would refuse the project"
    if _is_disabled_beside(facts, name, path):
        return f"another file of the folder disables the health check of `{name}`"
    return None


def _is_member_with(service: Service, other: Service) -> bool:
    """Whether two services of one image form a cluster: what one is told names the other, as `es01,es02` does."""
    said = (*other.environment.values(), *other.started_with.values())
    name = re.compile(rf"(?<![\w.-]){re.escape(service.name)}(?![\w-])")
    return service.image == other.image is not None and any(name.search(value or "") for value in said)


def is_named_in(facts: ComposeFacts, service: Service, name: str) -> bool:
    """Whether the file whose word on a service's dependencies counts last names one in plain words."""
    raw = facts.raw(service, "depends_on")
    written = raw.body.get("depends_on") if raw is not None else None
    return name in (mapping(written) or [str(item) for item in items(written)])


def _is_disabled_beside(facts: ComposeFacts, name: str, path: str) -> bool:
    beside = (project.service(name) for project in facts.projects_beside(path))
    return any(each is not None and each.healthcheck is not None and each.healthcheck.disabled for each in beside)


def _is_checked_elsewhere(facts: ComposeFacts, service: Service, path: str) -> bool:
    """Whether a file and those below it have no check for a service without the files that are put on top."""
    files = facts.project.files
    below = files[: files.index(path) + 1] if path in files else (path,)
    written = {raw.path for raw in facts.raws(service) if "healthcheck" in raw.body}
    inherited = service.healthcheck is not None and not written
    return inherited or bool(written and written.isdisjoint(below))


def _fails_at_once(facts: ComposeFacts, service: Service) -> bool:
    """Whether the first check that fails, with no start period before it, is the last one."""
    check = check_in_effect(facts, service)
    return check is not None and check.retries == 1 and not check.start_period


def _is_doubtful(facts: ComposeFacts, service: Service) -> str | None:
    """Why the check of an image from elsewhere may never pass, where no other service relies on it already."""
    check = written_check(service)
    if check is None or any(facts.condition(each, service.name) == "service_healthy" for each in facts.dependants(service)):
        return None
    before = check.text.partition("rs.initiate")[0]
    if _ONCE.search(check.text) and "rs.status" not in before and "try" not in before:
        return f"the health check of `{service.name}` sets up what is there from the second start on, and fails then"
    if _TOGETHER.search(check.text) and "single-node" not in service.environment.values():
        return f"the health check of `{service.name}` asks for a whole cluster, whose other members may have to start first"
    if facts.image(service) is not None:
        return None
    have = _BRINGS.get(image_name(service).rpartition("/")[2], set[str]())
    if "alpine" in (read_reference(service.image or "").tag or ""):
        have = (have - {"bash", "curl"}) | _BUSYBOX
    missing = next((each for each in check.programs if _TOOLS.match(each) and each not in have), None)
    return f"whether the image of `{service.name}` has the `{missing}` of its health check is not known" if missing else None


def _cannot_pass(facts: ComposeFacts, service: Service) -> bool:
    """Whether a check calls what its image lacks, or asks another port than the service listens on."""
    image = facts.image(service)
    if image is None:
        return False
    checks = [each for each in checks_of(*image) if each.service == service.name or each.instruction is not None]
    listening = listening_ports(*image)
    have = installed_modules(*image)

    def fails(check: Check) -> bool:
        modules = [module for module in python_imports(check) if module not in sys.stdlib_module_names]
        return (
            any(lacks(*image, program) for program in check.programs)
            or (bool(listening) and not listening.issuperset(check.local_ports()))
            or (have is not None and not all(have.may_provide(module) for module in modules))
        )

    return any(fails(check) for check in checks)
