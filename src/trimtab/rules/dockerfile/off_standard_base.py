"""DF004."""

from collections.abc import Iterator
from dataclasses import dataclass

from trimtab.fleet import Outside, Policy, Wheels, WheelState
from trimtab.fleet.bases import read_reference
from trimtab.fleet.facts import Facts
from trimtab.fleet.portability import portability
from trimtab.fleet.requirements import python_minor
from trimtab.fleet.stage import Stage, libc_of
from trimtab.rules.base import ANOTHER_BASE, Applicability, Case, Category, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit

_SLIM = Policy(standard={"python": ("python:3.13-slim",)})
_ALPINE = Policy(standard={"python": ("python:3.13-alpine",)})
_EITHER = Policy(standard={"python": ("python:3.13-alpine", "python:3.13-slim"), "node": ("node:24-alpine", "node:24-slim")})
_NODE = "FROM node:24-bookworm\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci\n"
_LOCK = """{"lockfileVersion": 3, "packages": {"": {}, "node_modules/%s": {"version": "1.0.0"%s}}}"""
_NONE = Outside(wheels={("openvino", "3.13"): Wheels(WheelState.NO, WheelState.YES, "2025.1", None)})


class OffStandardBase(DockerfileRule):
    """Base other than the one that the fleet's configuration sets for its runtime.

    ## What it does
    Compares the base of every stage with `standard` in the configuration: `standard = {python = "python:3.13-slim"}`.
    Of a list, `["python:3.13-alpine", "python:3.13-slim"]`, the first is meant that the service can be moved to. Without
    that table the rule says nothing; `trimtab bases` shows what each service could have.

    ## Why it matters
    Services on one base share its layers, on disk and on the wire, and one update reaches all of them. In the fleet this
    project began with, 38 images ran Python on four bases of two minor versions.

    ## Fix safety
    Only with proof: another base is another system. All stages on the runtime move together. Refused where the standard is
    Alpine and a requirement has no wheel for musl, or the index did not say, or a Node package compiles when it is
    installed, or system packages are installed by a manager that the standard does not have.

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
        Case(
            "FROM python:3.12\nRUN pip install openvino\n",
            after="FROM python:3.13-slim\nRUN pip install openvino\n",
            policy=_EITHER,
            outside=_NONE,
        ),
        Case(
            _NODE,
            after=_NODE.replace("bookworm", "alpine"),
            policy=_EITHER,
            files={"package.json": "{}", "package-lock.json": _LOCK % ("@img/sharp-linuxmusl-x64", "")},
        ),
        Case(
            _NODE,
            after=_NODE.replace("bookworm", "slim"),
            policy=_EITHER,
            files={
                "package.json": "{}",
                "package-lock.json": _LOCK % ("bcrypt", ', "hasInstallScript": true, "dependencies": {"node-addon-api": "^8"}'),
            },
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        off = [each for stage in facts.stages if (each := _off(facts, stage)) is not None]
        outcome = _outcome(off)
        for each in off:
            span = each.stage.instructions[0].words[0].span
            message = f"`{each.stage.base}` is not the fleet's standard for {each.name}, `{each.standard}`"
            yield self.finding(facts, span, message, outcome)


@dataclass(frozen=True, slots=True)
class _Off:
    """A stage that starts elsewhere than it should."""

    stage: Stage
    name: str
    standard: str
    obstacle: str | None


def _off(facts: Facts, stage: Stage) -> _Off | None:
    reference = read_reference(stage.base)
    standards = facts.fleet.policy.standard.get(reference.name, ())
    if stage.parent is not None or not reference.official or not standards or "$" in stage.base:
        return None
    tried: list[_Off] = []
    for standard in standards:
        if stage.base.partition("@")[0] == standard.partition("@")[0]:
            return None
        each = _Off(stage, reference.name, standard, _obstacle(facts, stage, standard))
        if each.obstacle is None:
            return each
        tried.append(each)
    return tried[-1]


def _outcome(off: list[_Off]) -> Fix | Refusal:
    edits: list[Edit] = []
    for each in off:
        word = each.stage.instructions[0].words[0]
        if word.raw != each.stage.base:
            return Refusal("the name comes from a build argument")
        if each.obstacle:
            return Refusal(each.obstacle)
        edits.append(Edit(word.span, each.standard))
    return Fix("use the fleet's standard", tuple(edits), Applicability.PROOF, ANOTHER_BASE)


def _obstacle(facts: Facts, stage: Stage, standard: str) -> str | None:
    libc = libc_of(standard)
    foreign = {"musl": {"apt"}, "glibc": {"apk"}}.get(libc or "", set[str]())
    family = facts.descendants(stage)
    for one in family:
        for run in one.runs:
            used = next((i.manager.name for i in run.installs if i.manager.name in foreign), None)
            if used:
                return f"it installs system packages with `{used}`, which the standard does not have"
    if libc != "musl":
        return None
    indices = {one.index for one in family}
    return portability(facts.file, indices, python_minor(standard), facts.fleet.outside.wheels).obstacle("musl")
