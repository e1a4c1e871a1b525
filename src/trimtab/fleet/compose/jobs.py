"""Services that may be meant to end: what restarts them runs a job again and again."""

import re
from collections.abc import Iterator

from trimtab.fleet.compose.facts import ComposeFacts, image_name
from trimtab.fleet.compose.mentions import Mention, is_mentioned
from trimtab.fleet.compose.raw import raw_services
from trimtab.fleet.compose.told import starts
from trimtab.fleet.model import Service
from trimtab.fleet.plain import mapping

_NAMES = re.compile(
    r"(?:^|[^a-z])(?:bootstrap\w*|init\w*|setup|install\w*|migrat\w*|certbot|certs?|import\w*|export\w*|load\w*|seed\w*|fixtures?"
    r"|tests?|testing|e2e|perf|bench\w*|jobs?|tasks?|once|provision\w*|config\w*|create\w*|backup|restore|dump|build\w*"
    r"|compil\w*|lint\w*|cli|tools?|shell|wait\w*|clean\w*|check\w*|runner|keygen|prepare|mc|cypress|playwright|cucumber"
    r"|postman|newman|gatling|jmeter|artillery)(?:[^a-z]|$)"
)
_IMAGES = re.compile(
    r"^(?:certbot|mc|flyway|liquibase|k6|wait-for\w*|dockerize|hello-world|curl|migrate|busybox|alpine|newman|included"
    r"|playwright\w*|gatling|jmeter|artillery)$"
)
_COMMANDS = re.compile(
    r"\b(?:npm|yarn|pnpm|bun)\s+(?:run\s+)?(?:test|build|install|ci|lint)|\bwp\s+|\bmc\s+|\bmigrat|\bseed|\bpytest\b|\bcertbot\b"
    r"|\balembic\b|\bload_?data\b|\bcreate_?(?:db|user|topics?|bucket)|--create\b|\binit\b|\binstall\b|\bbuild\b|\btest\b"
    r"|\b(?:psql|pg_dump(?:all)?|pg_restore|createdb|mysqldump|mongodump|mongorestore|mongoimport|rabbitmqadmin|awslocal)\b"
    r"|\b(?:mysql|mariadb|mongo|mongosh|redis-cli|kafka-(?:topics|configs|acls)(?:\.sh)?)\s+-"
    r"|\b(?:exit\s+\d+|true|done)[\"'\s;]*$|^(?:\S*/)?(?:ba|a|da)?sh$|^(?:echo|true|cp|mv|ls|rm|ln|chown|chmod|mkdir|curl|wget)\b"
)
_IDLE = re.compile(r"\bsleep\s+infinity\b|\btail\s+-[fF]\s+/dev/null\b")


def why_not_restarted(facts: ComposeFacts, service: Service) -> str | None:
    """What says that a service may not be restarted; None where nothing does."""
    if is_mentioned(facts.fleet.tree, Mention.ATTACHED):
        return "the project is also run until one of its services ends, and a restart would keep that from happening"
    if str(service.body.get("network_mode") or "").startswith(("service:", "container:")):
        return "it lives in another one's network, which is gone once that one is made anew"
    if ".devcontainer" in service.origin.split("/") or _IDLE.search(" ".join(starts(facts, service))):
        return "it is there to be worked in, by an editor that starts and stops it"
    if _is_extended(facts, service):
        return "another service extends it, and would get the policy, too"
    return why_it_may_end(facts, service)


def why_it_may_end(facts: ComposeFacts, service: Service) -> str | None:
    """What says that a service may be meant to end; None where nothing does."""
    if _NAMES.search(service.name.lower()) or _IMAGES.search(image_name(service)):
        return "by its name it may be meant to end"
    if any(_COMMANDS.search(each) for each in starts(facts, service)):
        return "by its command it may be meant to end"
    if _is_waited_for(facts, service) or any(_runs(facts, service)):
        return "another file or a script runs it as a job"
    return None


def _is_waited_for(facts: ComposeFacts, service: Service) -> bool:
    """Whether any project of the folder waits until it has ended."""
    projects = [ComposeFacts(facts.fleet, each) for each in facts.projects_beside(service.origin)]
    return any(
        each.condition(other, service.name) == "service_completed_successfully"
        for each in projects
        for other in each.project.services
    )


def _runs(facts: ComposeFacts, service: Service) -> Iterator[bool]:
    for part in facts.fleet.scripts:
        for call in part.calls:
            yield call.is_compose and call.verb == "run" and call.operands[:1] == (service.name,)


def _is_extended(facts: ComposeFacts, service: Service) -> bool:
    for path in facts.fleet.compose_files:
        for raw in raw_services(facts.fleet.tree, path):
            extends = raw.body.get("extends")
            if extends is not None and str(mapping(extends).get("service") or extends) == service.name:
                return True
    return False
