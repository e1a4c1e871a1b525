"""DF004."""

from collections.abc import Iterator

from trimtab.fleet import Outside, Policy, Wheels, WheelState
from trimtab.fleet.bases import Reference, read_reference
from trimtab.fleet.facts import Facts
from trimtab.fleet.requirements import python_installs, python_minor
from trimtab.fleet.stage import Stage, libc_of
from trimtab.rules.base import ANOTHER_BASE, Applicability, Case, Category, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit

_SLIM = Policy(standard={"python": "python:3.13-slim"})
_ALPINE = Policy(standard={"python": "python:3.13-alpine"})
_NONE = Outside(wheels={("openvino", "3.13"): Wheels(WheelState.NO, WheelState.YES, "2025.1", None)})


class OffStandardBase(DockerfileRule):
    """Base other than the one that the fleet's configuration sets for its runtime.

    ## What it does
    Compares the base of every stage with `standard` in the configuration: `standard = {python = "python:3.13-slim"}`.
    Without that table the rule says nothing.

    ## Why it matters
    Services on one base share its layers, on disk and on the wire, and one update reaches all of them. In the fleet this
    project began with, 38 images ran Python on four bases of two minor versions.

    ## Fix safety
    Unsafe: another base is another system. All stages on the runtime move together. Refused where the standard is
    Alpine and a requirement has no wheel for musl, or the index did not say, or system packages are installed by a
    manager that the standard does not have.

    ## References
    https://docs.docker.com/build/building/best-practices/#choose-the-right-base-image
    """

    code = "DF004"
    category = Category.MAINTAINABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        "FROM python:3.12\n",
        Case("FROM python:3.13-slim\nFROM node:24\nFROM acme/python:3\n", policy=_SLIM),
    ]
    flagged = [
        Case(
            "FROM python:3.12-slim AS a\nFROM python:3.12-slim\nCOPY --from=a /a /a\n",
            after="FROM python:3.13-slim AS a\nFROM python:3.13-slim\nCOPY --from=a /a /a\n",
            policy=_SLIM,
        ),
        Case(
            "FROM python:3.13-slim\nRUN pip install openvino\n",
            refused="`openvino` 2025.1 has no wheel for musl",
            policy=_ALPINE,
            outside=_NONE,
        ),
        Case(
            "FROM python:3.13-slim\nRUN pip install six\n",
            refused="the package index has not said whether `six` has a wheel for musl",
            policy=_ALPINE,
        ),
        Case(
            "FROM python:3.13-alpine\nRUN apk add --no-cache git\n",
            refused="it installs system packages with `apk`, which the standard does not have",
            policy=_SLIM,
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        off = [(stage, found) for stage in facts.stages if (found := _off(facts, stage)) is not None]
        outcome = _outcome(facts, off)
        for stage, (reference, standard) in off:
            span = stage.instructions[0].words[0].span
            message = f"`{stage.base}` is not the fleet's standard for {reference.name}, `{standard}`"
            yield self.finding(facts, span, message, outcome)


_Off = tuple[Reference, str]


def _off(facts: Facts, stage: Stage) -> _Off | None:
    reference = read_reference(stage.base)
    standard = facts.fleet.policy.standard.get(reference.name)
    if stage.parent is not None or not reference.official or standard is None or "$" in stage.base:
        return None
    plain = stage.base.partition("@")[0]
    return None if plain == standard.partition("@")[0] else (reference, standard)


def _outcome(facts: Facts, off: list[tuple[Stage, _Off]]) -> Fix | Refusal:
    edits: list[Edit] = []
    for stage, (_, standard) in off:
        word = stage.instructions[0].words[0]
        if word.raw != stage.base:
            return Refusal("the name comes from a build argument")
        reason = _obstacle(facts, stage, standard)
        if reason:
            return Refusal(reason)
        edits.append(Edit(word.span, standard))
    return Fix("use the fleet's standard", tuple(edits), Applicability.UNSAFE, ANOTHER_BASE)


def _obstacle(facts: Facts, stage: Stage, standard: str) -> str | None:
    libc = libc_of(standard)
    foreign = {"musl": {"apt"}, "glibc": {"apk"}}.get(libc or "", set[str]())
    for one in facts.descendants(stage):
        for run in one.runs:
            used = next((i.manager.name for i in run.installs if i.manager.name in foreign), None)
            if used:
                return f"it installs system packages with `{used}`, which the standard does not have"
    return _missing_wheel(facts, stage, standard) if libc == "musl" else None


def _missing_wheel(facts: Facts, stage: Stage, standard: str) -> str | None:
    minor = python_minor(standard)
    family = {one.index for one in facts.descendants(stage)}
    for each in python_installs(facts.file):
        if each.stage.index not in family or minor is None:
            continue
        if not each.complete:
            return "what it installs from the package index cannot be read, so nothing is known of its wheels"
        for requirement in each.requirements:
            wheels = facts.fleet.outside.wheels.get((str(requirement), minor))
            if wheels is None or wheels.musl is WheelState.UNKNOWN:
                return f"the package index has not said whether `{requirement.name}` has a wheel for musl"
            if wheels.musl is WheelState.NO:
                later = f"; {wheels.first_musl} has one" if wheels.first_musl else ""
                return f"`{requirement.name}` {wheels.version} has no wheel for musl{later}"
    return None
