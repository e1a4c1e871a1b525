"""DF005."""

from collections.abc import Iterator, Sequence

from trimtab.fleet import Outside, Wheels, WheelState
from trimtab.fleet.bases import outside_base
from trimtab.fleet.facts import Facts
from trimtab.fleet.portability import Part, portability_of_installs
from trimtab.fleet.requirements import python_minor
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile

_INDEX = Outside(
    wheels={
        ("openvino", "3.12"): Wheels(WheelState.NO, WheelState.YES, "2025.1", None),
        ("pandas==1.5.0", "3.12"): Wheels(WheelState.NO, WheelState.YES, "1.5.0", "2.2.3"),
        ("six", "3.12"): Wheels(WheelState.PURE, WheelState.PURE, "1.17.0", None),
        ("old", "3.12"): Wheels(WheelState.NO, WheelState.NO, "1.0", None),
    }
)


_NODE = Refusal("a base on glibc has builds for all of it; set `standard` to move the service")
_LOCK = """{"lockfileVersion": 3, "packages": {"": {}, "node_modules/%s": {"version": "1.0.0"}}}"""
_INSTALL = "FROM node:24-alpine\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci\n"


class MuslWithoutWheels(DockerfileRule):
    """Package on Alpine that comes compiled for glibc only.

    ## What it does
    Reads what the image really installs, with included and constraint files, and asks the package index that pip or uv
    is set up to use which of the requirements have a musllinux wheel for the image's Python on x86-64. Nothing is
    reported when the index does not answer, or when glibc has no wheel either. For Node it reads `package-lock.json`: the
    packages for each platform that the lock names, and those whose browsers need glibc.

    ## Why it matters
    pip then compiles the package, which needs a compiler and takes minutes, or fails. Guessing does not help: pandas has
    had musl wheels since 2.2, openvino has none.

    ## Fix safety
    Not fixed here: a `standard` in the configuration moves the service to another base, with proof.

    ## References
    PEP 656
    """

    code = "DF005"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        Case("FROM python:3.12-alpine\nRUN pip install six old unheard-of\n", outside=_INDEX),
        Case("FROM python:3.12-slim\nRUN pip install openvino\n", outside=_INDEX),
        Case(_INSTALL, files={"package.json": "{}", "package-lock.json": _LOCK % "@rollup/rollup-linux-x64-musl"}),
    ]
    flagged = [
        Case(
            "FROM python:3.12-alpine\nCOPY r.txt .\nRUN pip install -r r.txt\n",
            refused="`python:3.12-slim` has wheels for all of it; set `standard` to move the service",
            files={"r.txt": "six\nopenvino\n"},
            outside=_INDEX,
        ),
        Case(
            "FROM python:3.12-alpine\nRUN pip install pandas==1.5.0\n",
            refused="`python:3.12-slim` has wheels for all of it; set `standard` to move the service",
            outside=_INDEX,
        ),
        Case(
            _INSTALL,
            refused="a base on glibc has builds for all of it; set `standard` to move the service",
            files={"package.json": "{}", "package-lock.json": _LOCK % "@acme/codec-linux-x64-gnu"},
        ),
        Case(
            _INSTALL,
            refused="a base on glibc has builds for all of it; set `standard` to move the service",
            files={"package.json": "{}", "package-lock.json": _LOCK % "puppeteer"},
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            if facts.libc(stage) != "musl":
                continue
            minor = python_minor(outside_base(facts.file, stage).base)
            slim = Refusal(f"`python:{minor}-slim` has wheels for all of it; set `standard` to move the service")
            answers = facts.fleet.outside.wheels
            for run, install, found in portability_of_installs(facts.file, {stage.index}, minor, answers):
                missing = found.missing("musl")
                if missing:
                    span = run.source_span(install.command.span)
                    python = missing[0].ecosystem == "python"
                    yield self.finding(facts, span, _message(missing), slim if python else _NODE)


def _message(missing: Sequence[Part]) -> str:
    listed = ", ".join(f"`{part.name}` {part.version}{_later(part)}" for part in missing)
    if missing[0].ecosystem == "python":
        return f"no wheel for musl: {listed}; pip has to compile"
    return f"no build for musl: {listed}; it fails when it is loaded"


def _later(part: Part) -> str:
    return f" ({part.first_musl} has one)" if part.first_musl else ""
