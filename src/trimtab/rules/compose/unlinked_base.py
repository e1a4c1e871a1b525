"""CM509: images of the project that others are built from."""

from collections.abc import Iterator, Mapping

from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.model import Service
from trimtab.fleet.needed import needed_stages, normal_reference, outside_references
from trimtab.rules.base import Applicability, Category, ComposeRule, Finding, Severity, compose_case, fix_of

_BASE = "FROM debian:12\n"
_APP = "FROM acme/base:1\nCOPY a /a\n"


class UnlinkedBase(ComposeRule):
    """Image of another service used as a base without saying so.

    ## What it does
    Finds services whose Dockerfile starts or copies from an image that another service of the project builds, where
    `additional_contexts` does not say so.

    ## Why it matters
    Compose does not read Dockerfiles: it builds both at once, in any order. The service is then built on whatever image has
    that tag already, an older one, or asks a registry for it. Tried with compose 2.40 on an engine without the image:
    `docker compose build` of such a pair fails to resolve it, and builds both in order once the context is named.

    ## Fix safety
    Unsafe: the name stands for what is built here from then on, also where a registry has another image of that name.

    ## References
    - [Docker: dependent images](https://docs.docker.com/compose/how-tos/dependent-images/)
    """

    code = "CM509"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.3"
    clean = [
        compose_case(
            "services:\n  base: {build: base, image: 'acme/base:1'}\n  app:\n    build:\n      context: app\n"
            "      additional_contexts: {'acme/base:1': 'service:base'}\n",
            base=_BASE,
            app=_APP,
        ),
        compose_case("services: {app: {build: app}}\n", app=_APP),
    ]
    flagged = [
        compose_case(
            "services:\n  base: {build: base, image: 'acme/base:1'}\n  app:\n    build:\n      context: app # ours\n",
            after="services:\n  base: {build: base, image: 'acme/base:1'}\n  app:\n    build:\n      context: app # ours\n"
            "      additional_contexts:\n        acme/base:1: service:base\n",
            base=_BASE,
            app=_APP,
        ),
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        built = {
            normal_reference(service.image): service
            for service in facts.project.services
            if service.build is not None and service.image
        }
        for service in facts.project.services:
            for reference, how in _references(facts, service).items():
                provider = built.get(normal_reference(reference))
                if provider is None or provider.name == service.name:
                    continue
                message = f"is built with `{how} {reference}`, which `{provider.name}` builds, and compose is not told"
                path = ("services", service.name, "build", "additional_contexts", reference)
                change = facts.editor(service, "build").set(path, f"service:{provider.name}")
                outcome = fix_of(f"name it as a context: `service:{provider.name}`", change, Applicability.UNSAFE)
                yield self.about(facts, service, ("build",), message, outcome, reference)


def _references(facts: ComposeFacts, service: Service) -> Mapping[str, str]:
    """What a service's Dockerfile takes from outside and its build section does not name."""
    build = service.build
    file = facts.fleet.file(build.dockerfile) if build is not None and build.dockerfile is not None else None
    if build is None or file is None:
        return {}
    named = {normal_reference(name) for name in build.additional_contexts}
    found = outside_references(needed_stages(file.stages_of(build), build.target))
    return {name: how for name, how in found.items() if normal_reference(name) not in named}
