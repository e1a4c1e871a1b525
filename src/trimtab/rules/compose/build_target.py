"""CM510."""

from collections.abc import Iterator

from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.facts import facts_for
from trimtab.fleet.model import Service
from trimtab.rules.base import Category, ComposeRule, Finding, Refusal, Severity, compose_case

_WHICH = "which stage is meant is not known"


class UnknownBuildTarget(ComposeRule):
    """Build of a stage that the Dockerfile does not have.

    ## What it does
    Compares `build.target` with the stages of the service's Dockerfile.

    ## Why it matters
    The service cannot be built: `target stage "…" could not be found`.

    ## Fix safety
    Not fixed: which stage is meant is not known.
    """

    code = "CM510"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        compose_case("services: {a: {build: {context: a, target: RUN}}}\n", a="FROM a:1 AS run\n"),
        compose_case("services: {a: {build: {context: a, target: '0'}}}\n", a="FROM a:1\n"),
        compose_case("services: {a: {build: {context: a, target: $T}}}\n", a="FROM a:1\n"),
    ]
    flagged = [compose_case("services: {a: {build: {context: a, target: prod}}}\n", a="FROM a:1 AS run\n", refused=_WHICH)]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.project.services:
            target = service.build.target if service.build is not None else None
            file = facts.fleet.file(service.build.dockerfile or "") if service.build is not None else None
            if not target or file is None or not file.stages or _is_variable(facts, service):
                continue
            by_number = target.isascii() and target.isdigit() and int(target) < len(file.stages)
            if not by_number and facts_for(file, facts.fleet).stage_named(target) is None:
                message = f"is built to the stage `{target}`, which `{file.path}` does not have"
                yield self.about(facts, service, ("build", "target"), message, Refusal(_WHICH), target)


def _is_variable(facts: ComposeFacts, service: Service) -> bool:
    """Whether the build is written with a variable, which may have another value elsewhere."""
    return any("$" in str(raw.body.get("build")) for raw in facts.raws(service))
