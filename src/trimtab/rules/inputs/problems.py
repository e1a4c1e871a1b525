"""FL001 to FL004: defects of the inputs themselves."""

from collections.abc import Iterator
from typing import ClassVar

from trimtab.fleet import Fleet
from trimtab.rules.base import Case, Category, Finding, FleetRule, Refusal, Severity


class _ProblemRule(FleetRule):
    """A rule that turns one kind of problem into findings."""

    kinds: ClassVar[tuple[str, ...]]
    reason: ClassVar[str]
    category = Category.RELIABILITY
    since = "0.1"

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        seen: set[tuple[str, str]] = set()
        for problem in fleet.problems:
            if problem.kind in self.kinds and (problem.path, problem.message) not in seen:
                seen.add((problem.path, problem.message))
                yield self.finding_at(problem.path, problem.line, problem.message, outcome=Refusal(self.reason))


class UnparsableFile(_ProblemRule):
    """Dockerfile, compose, bake or ignore file that its own tool refuses to read.

    ## Why it matters
    The build or the deployment that needs the file stops at it. The other files of the fleet are still reviewed.

    ## Fix safety
    Not fixed: what was meant cannot be known.
    """

    code = "FL001"
    severity = Severity.CRITICAL
    kinds = ("syntax",)
    reason = "what was meant cannot be known"
    clean = ["FROM scratch\n"]
    flagged = [Case("FROM scratch\nHELLO\n", refused="what was meant cannot be known")]


class MissingEnvFile(_ProblemRule):
    """`env_file` that does not exist.

    ## Why it matters
    `docker compose` refuses every command of the project, also for services that do not use the file. Often it is left
    out of version control on purpose, and then nobody else can start the fleet.

    ## Fix safety
    Not fixed: the file may be one that only the deployment has. `required: false` makes it optional.
    """

    code = "FL002"
    severity = Severity.MEDIUM
    kinds = ("missing-env-file",)
    reason = "the file may be one that only the deployment has"
    clean = [
        Case("FROM scratch\n", files={"compose.yaml": "services: {a: {build: ., env_file: [{path: x, required: false}]}}\n"})
    ]
    flagged = [
        Case(
            "FROM scratch\n",
            refused="the file may be one that only the deployment has",
            files={"compose.yaml": "services:\n  a:\n    build: .\n    env_file: gone.env\n"},
        )
    ]


class MissingDockerfile(_ProblemRule):
    """Service built from a Dockerfile that does not exist.

    ## Why it matters
    The service cannot be built.

    ## Fix safety
    Not fixed: which file was meant cannot be known.
    """

    code = "FL003"
    severity = Severity.HIGH
    kinds = ("missing-dockerfile",)
    reason = "which file was meant cannot be known"
    clean = [Case("FROM scratch\n", files={"compose.yaml": "services: {a: {build: .}}\n"})]
    flagged = [
        Case(
            "FROM scratch\n",
            refused="which file was meant cannot be known",
            files={"compose.yaml": "services:\n  a:\n    build: ./gone\n"},
        )
    ]


class UnresolvedReference(_ProblemRule):
    """Compose file that refers to something which is not there.

    ## What it does
    Finds `include` and `extends` of files and services that do not exist or refer to themselves, and variables that
    are required (`${NAME:?}`) and have no value.

    ## Why it matters
    `docker compose` refuses the whole project.

    ## Fix safety
    Not fixed: what was meant cannot be known.
    """

    code = "FL004"
    severity = Severity.HIGH
    kinds = ("include", "extends", "interpolation")
    reason = "what was meant cannot be known"
    clean = [Case("FROM scratch\n", files={"compose.yaml": "services: {a: {build: ., image: 'x:${T:-1}'}}\n"})]
    flagged = [
        Case(
            "FROM scratch\n",
            refused="what was meant cannot be known",
            files={"compose.yaml": "include: [gone.yaml]\nservices: {a: {build: .}}\n"},
        )
    ]
