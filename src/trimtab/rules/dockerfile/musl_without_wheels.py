"""DF005."""

from collections.abc import Iterator

from trimtab.fleet import Outside, Wheels, WheelState
from trimtab.fleet.bases import outside_base
from trimtab.fleet.facts import Facts
from trimtab.fleet.requirements import PythonInstall, python_installs, python_minor
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


class MuslWithoutWheels(DockerfileRule):
    """Python on Alpine with a requirement that has no wheel for musl.

    ## What it does
    Reads what the image really installs, with included and constraint files, and asks the package index that pip or uv
    is set up to use which of the requirements have a musllinux wheel for the image's Python on x86-64. Nothing is
    reported when the index does not answer, or when glibc has no wheel either.

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
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for each in python_installs(facts.file):
            base = outside_base(facts.file, each.stage).base
            minor = python_minor(base)
            if minor is None or facts.libc(each.stage) != "musl":
                continue
            missing = list(_missing(facts, each, minor))
            if missing:
                message = f"no wheel for musl: {', '.join(missing)}; pip has to compile"
                refusal = Refusal(f"`python:{minor}-slim` has wheels for all of it; set `standard` to move the service")
                yield self.finding(facts, each.run.source_span(each.install.command.span), message, refusal)


def _missing(facts: Facts, each: PythonInstall, minor: str) -> Iterator[str]:
    for requirement in each.requirements:
        wheels = facts.fleet.outside.wheels.get((str(requirement), minor))
        if wheels and wheels.musl is WheelState.NO and wheels.glibc is not WheelState.NO:
            later = f" ({wheels.first_musl} has one)" if wheels.first_musl else ""
            yield f"`{requirement.name}` {wheels.version}{later}"
