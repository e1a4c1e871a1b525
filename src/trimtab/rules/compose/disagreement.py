"""CM506: what several compose files say of one service."""

import posixpath
from collections.abc import Iterator

from trimtab.fleet import Fleet
from trimtab.fleet.bases import read_reference
from trimtab.fleet.compose.facts import ComposeFacts, published_ports
from trimtab.fleet.model import ComposeProject, Service
from trimtab.fleet.plain import text
from trimtab.rules.base import Case, Category, Finding, FleetRule, Refusal, Severity

_WHICH = "which of the files is right is not known"


class DisagreeingFiles(FleetRule):
    """Two compose files that build or address one service differently.

    ## What it does
    Compares services of one name over compose files beside each other, with several services in common, or with one own image:
    what they are built from, their image, and the port inside the container. What is meant to differ between development and
    production, such as limits, ports of the host and variables, is not compared.

    ## Why it matters
    A change is made in one of them, tested there, and what is deployed is the other one.

    ## Fix safety
    Not fixed: which of them is right is not known.
    """

    code = "CM506"
    category = Category.MAINTAINABILITY
    severity = Severity.LOW
    since = "0.2"
    clean = [
        Case(
            "FROM scratch\n",
            files={
                "compose.yaml": "services: {a: {image: 'a:1', ports: ['80:80']}}\n",
                "compose.prod.yaml": "services: {a: {image: 'a:1', ports: ['8080:80'], mem_limit: 1g}}\n",
            },
        )
    ]
    flagged = [
        Case(
            "FROM scratch\n",
            files={
                "compose.yaml": "services: {a: {build: {context: ., dockerfile: Dockerfile}}}\n",
                "compose.prod.yaml": "services: {a: {build: {context: x, dockerfile: ../Dockerfile}}}\n",
            },
            refused=_WHICH,
        ),
        Case(
            "FROM scratch\n",
            files={
                "compose.yaml": "services: {a: {image: 'a:1', ports: ['80:80']}}\n",
                "compose.prod.yaml": "services: {a: {image: 'a:1', ports: ['80:8080']}}\n",
            },
            refused=_WHICH,
        ),
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        known: dict[str, tuple[ComposeProject, Service]] = {}
        for project in fleet.projects:
            for service in project.services:
                first = known.setdefault(service.name, (project, service))
                if first[0] is project or not (_are_variants(first[0], project) or _is_own_image(first[1], service)):
                    continue
                for what, one, other in _differences(first[1], service):
                    path, line = ComposeFacts(fleet, project).place(service)
                    message = f"service `{service.name}` has {what} {other} here, and {one} in `{first[1].origin}`"
                    yield self.finding_at(path, line, message, (service.name,), Refusal(_WHICH), f"{service.name} {what}")


def _is_own_image(one: Service, other: Service) -> bool:
    """Whether both run one image of a namespace of its own: nobody else's `db` is meant."""
    names = {read_reference(service.image or "").path for service in (one, other) if not service.build}
    return len(names) == 1 and "/" in names.pop()


def _are_variants(one: ComposeProject, other: ComposeProject) -> bool:
    """Whether two projects are meant as the same one: beside each other, or with several services in common."""
    if set(one.files) & set(other.files):
        return False
    shared = {service.name for service in one.services} & {service.name for service in other.services}
    return posixpath.dirname(one.files[0]) == posixpath.dirname(other.files[0]) or len(shared) > 1


def _differences(one: Service, other: Service) -> Iterator[tuple[str, str, str]]:
    for what, old, new in (
        ("the context", _context(one), _context(other)),
        ("the Dockerfile", _dockerfile(one), _dockerfile(other)),
        ("the image", _image(one), _image(other)),
        ("the port", _targets(one), _targets(other)),
    ):
        if old and new and old != new:
            yield what, f"`{old}`", f"`{new}`"


def _context(service: Service) -> str:
    return (service.build.context or ".") if service.build and service.build.context is not None else ""


def _dockerfile(service: Service) -> str:
    return (service.build.dockerfile or "") if service.build else ""


def _image(service: Service) -> str:
    return "" if service.build else text(service.image) or ""


def _targets(service: Service) -> str:
    return ", ".join(sorted({str(port) for each in published_ports(service) for port in each.targets}))
