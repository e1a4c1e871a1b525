"""What rules about health checks have in common."""

from collections.abc import Iterator

from trimtab.fleet.facts import Facts
from trimtab.fleet.healthchecks import Check, checks_of
from trimtab.fleet.stage import Stage
from trimtab.rules.base import Category, DockerfileRule, Finding, Fix, Refusal
from trimtab.syntax.dockerfile import Dockerfile


class HealthRule(DockerfileRule):
    """A rule that looks at every health check which an image may get."""

    category = Category.RELIABILITY
    since = "0.2"

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.final_stages:
            for check in checks_of(facts, stage):
                yield from self.judge(facts, stage, check)

    def judge(self, facts: Facts, stage: Stage, check: Check) -> Iterator[Finding]:
        raise NotImplementedError

    def at(self, facts: Facts, check: Check, message: str, outcome: Fix | Refusal, subject: str) -> Finding:
        """A finding at the check, wherever it stands."""
        if check.instruction is not None:
            return self.finding(facts, check.instruction.arguments_span, message, outcome, subject)
        about = f"service {check.service} {subject}"
        message = f"service `{check.service}`: {message}"
        return self.finding_elsewhere(facts, check.path, check.line, message, outcome, about, (check.service,))
