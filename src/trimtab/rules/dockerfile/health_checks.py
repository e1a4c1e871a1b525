"""DF301 to DF304: health checks that are missing, or that cannot work."""

import json
import re
import sys
from collections.abc import Iterator

from trimtab.fleet.chain import holds_comment
from trimtab.fleet.facts import Facts
from trimtab.fleet.healthchecks import Check, python_imports
from trimtab.fleet.ports import listening_ports, served_ports
from trimtab.fleet.pymodules import installed_modules
from trimtab.fleet.stage import Stage
from trimtab.fleet.start import start_of
from trimtab.fleet.supply import lacks
from trimtab.rules.base import (
    Applicability,
    Case,
    Category,
    Confidence,
    DockerfileRule,
    Effects,
    Finding,
    Fix,
    Refusal,
    Severity,
)
from trimtab.rules.health import HealthRule
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit, Span

_HEALTH = Effects(config=("Healthcheck",))
_ENDPOINT = "which request shows that the service works is known to its authors alone"
_PROGRAM = "the check belongs to whoever wrote it: call a program that the image has, or install this one"
_PORT = "which of the two ports is meant is not known from here"
_PACKAGE = "whether the package or the check is to change is not known from here"
_CURL = re.compile(
    r"(?P<program>curl|wget)\s+(?P<options>(?:-\S+\s+)*)(?P<quote>['\"]?)(?P<url>https?://[^\s'\"|;&$]+)(?P=quote)\s*(?:\|\|\s*exit\s+1)?"
)


class MissingHealthCheck(DockerfileRule):
    """Service that listens and has no health check.

    ## What it does
    Finds images that expose or publish a port, or start a known server, and have no HEALTHCHECK, where a compose file
    does not give every service built from them one either.

    ## Why it matters
    Nothing notices that the process is there and no longer answers: `docker compose up --wait` does not wait for it,
    `depends_on` cannot, and a rollout has nothing to decide by.

    ## Fix safety
    Not fixed: the request that shows that the service works has to be chosen.

    ## References
    https://docs.docker.com/reference/dockerfile/#healthcheck
    """

    code = "DF301"
    category = Category.RELIABILITY
    severity = Severity.LOW
    since = "0.2"
    aliases = ("DL3057", "DS-0026", "CKV_DOCKER_2")
    clean = [
        'FROM python:3.13\nEXPOSE 80\nHEALTHCHECK CMD ["true"]\n',
        'FROM python:3.13\nCMD ["python", "job.py"]\n',
        "FROM acme/a:1\nHEALTHCHECK NONE\nEXPOSE 80\n",
        Case(
            "FROM python:3.13\nEXPOSE 80\n",
            files={"compose.yaml": "services: {a: {build: ., healthcheck: {test: [CMD, a]}}}\n"},
        ),
    ]
    flagged = [
        Case("FROM python:3.13\nEXPOSE 80\n", refused=_ENDPOINT),
        Case('FROM python:3.13\nCMD ["uvicorn", "a:b"]\n', refused=_ENDPOINT),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        services = [service for service in facts.file.services if service.build]
        for stage in facts.final_stages:
            if facts.last(stage, "HEALTHCHECK") is not None or not (
                served_ports(facts, stage) or listening_ports(facts, stage)
            ):
                continue
            lacking = [service.name for service in services if service.healthcheck is None]
            if services and not lacking:
                continue
            span = stage.instructions[0].keyword_span
            yield self.finding(facts, span, "the service listens, and nothing checks that it answers", Refusal(_ENDPOINT))


class HealthCheckProgramMissing(HealthRule):
    """Health check that calls a program the image does not have.

    ## What it does
    Looks up the programs of HEALTHCHECKs and of the health checks of compose services in what the base and the installs
    bring. It speaks only where the base is known and nothing else can have brought the program.

    ## Why it matters
    The check fails for ever: the container is `unhealthy` from the first minute, and whatever waits for it never starts.
    The usual case is `curl` on a slim or Alpine base. None of six linters reports it.

    ## Fix safety
    Unsafe: one plain request of curl or wget becomes the same request by the image's own Python, Node or BusyBox, and
    running both shows whether it does the same. Refused for everything else, and in compose files.
    """

    code = "DF302"
    severity = Severity.HIGH
    clean = [
        "FROM python:3.13-slim\nRUN apt-get update && apt-get install -y curl\nHEALTHCHECK CMD curl -f http://localhost/\n",
        "FROM python:3.13\nHEALTHCHECK CMD curl -f http://localhost/\n",
        "FROM acme/a:1\nHEALTHCHECK CMD curl -f http://localhost/\n",
        "FROM alpine:3.22\nHEALTHCHECK CMD wget -q http://localhost/\n",
    ]
    flagged = [
        Case(
            "FROM python:3.13-slim\nHEALTHCHECK --interval=5s CMD curl -f http://localhost:8000/health || exit 1\n",
            after="FROM python:3.13-slim\nHEALTHCHECK --interval=5s CMD [\"python\", \"-c\", \"import urllib.request;"
            " urllib.request.urlopen('http://localhost:8000/health')\"]\n",
        ),
        Case(
            "FROM node:24-slim\nHEALTHCHECK CMD curl -fsS http://localhost:3000/\n",
            after="FROM node:24-slim\nHEALTHCHECK CMD [\"node\", \"-e\", \"fetch('http://localhost:3000/')"
            ".then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))\"]\n",
        ),
        Case(
            "FROM alpine:3.22\nHEALTHCHECK CMD [\"curl\", \"-f\", \"http://localhost/\"]\n",
            after="FROM alpine:3.22\nHEALTHCHECK CMD [\"wget\", \"-q\", \"-O\", \"/dev/null\", \"http://localhost/\"]\n",
        ),
        Case("FROM debian:13\nHEALTHCHECK CMD curl -f http://localhost/ | grep ok\n", refused=_PROGRAM),
        Case(
            "FROM python:3.13-slim\n",
            refused=_PROGRAM,
            files={"compose.yaml": "services: {a: {build: ., healthcheck: {test: [CMD, curl, http://localhost/]}}}\n"},
        ),
    ]  # fmt: skip

    def judge(self, facts: Facts, stage: Stage, check: Check) -> Iterator[Finding]:
        for program in dict.fromkeys(check.programs):
            if lacks(facts, stage, program):
                outcome = _by_own_means(facts, stage, check)
                yield self.at(facts, check, f"the check calls `{program}`, which the image does not have", outcome, program)


def _by_own_means(facts: Facts, stage: Stage, check: Check) -> Fix | Refusal:
    match = _CURL.fullmatch(check.text.strip())
    if check.instruction is None or match is None or holds_comment(facts.dockerfile, check.instruction.span):
        return Refusal(_PROGRAM)
    options = match["options"]
    fails = match["program"] == "wget" or re.search(r"(^|\s)(-[a-zA-Z]*f|--fail)", options)
    if not fails or re.search(r"(^|\s)-[a-zA-Z]*[XdHuFTkIG]|--(data|header|request|post|insecure|head|no-check)", options):
        return Refusal(_PROGRAM)
    words = _request(facts, stage, match["url"])
    if words is None:
        return Refusal(_PROGRAM)
    keyword_end = check.instruction.words[0].span.end
    edit = Edit(Span(keyword_end, check.instruction.arguments_span.end), f" {json.dumps(words)}")
    return Fix("check health by the image's own means", (edit,), Applicability.UNSAFE, _HEALTH)


def _request(facts: Facts, stage: Stage, url: str) -> list[str] | None:
    base = facts.outside_base(stage)
    if re.search(r"(^|/)python:3", base):
        return ["python", "-c", f"import urllib.request; urllib.request.urlopen('{url}')"]
    if re.search(r"(^|/)node:(1[89]|2\d)", base):
        return ["node", "-e", f"fetch('{url}').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
    return ["wget", "-q", "-O", "/dev/null", url] if facts.libc(stage) == "musl" and not lacks(facts, stage, "wget") else None


class HealthCheckWrongPort(HealthRule):
    """Health check that asks a port nothing listens on.

    ## What it does
    Compares the port that a check asks on the container itself with the one that the start command names, that the
    server it starts is known to take, or that is the only one exposed by a service of the repository's own code.

    ## Why it matters
    The check can only fail: the service is `unhealthy` while it works, and a rollout that waits for it never ends.

    ## Fix safety
    Not fixed: the port of the check and the port of the service are equally likely to be wrong.
    """

    code = "DF303"
    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    clean = [
        'FROM python:3.13\nEXPOSE 80\nHEALTHCHECK CMD curl http://localhost:8000/\nCMD ["uvicorn", "a:b", "--port", "8000"]\n',
        "FROM python:3.13\nEXPOSE 8000\nHEALTHCHECK CMD curl http://localhost:${PORT}/ http://other:9/\n",
        "FROM python:3.13\nEXPOSE 8000\nHEALTHCHECK CMD curl http://localhost:2019/\n",
    ]
    flagged = [
        Case(
            'FROM python:3.13\nEXPOSE 8000\nHEALTHCHECK CMD curl http://localhost:9000/\nCMD ["python", "a.py"]\n',
            refused=_PORT,
        ),
        Case(
            'FROM python:3.13\nHEALTHCHECK CMD curl http://localhost:9000/\nCMD ["uvicorn", "a:b", "--port", "8000"]\n',
            refused=_PORT,
        ),
    ]

    def judge(self, facts: Facts, stage: Stage, check: Check) -> Iterator[Finding]:
        expected = listening_ports(facts, stage) or _only_exposed(facts, stage)
        for port in dict.fromkeys(check.local_ports()):
            if expected and port not in expected:
                listed = ", ".join(str(each) for each in sorted(expected))
                yield self.at(
                    facts, check, f"the check asks port {port}, and the service listens on {listed}", Refusal(_PORT), str(port)
                )


def _only_exposed(facts: Facts, stage: Stage) -> frozenset[int]:
    """The one port that a service of the repository's own code exposes; other programs may have ports for themselves."""
    start = start_of(facts, stage)
    ports = served_ports(facts, stage)
    own = start is not None and start.program.rstrip("0123456789.") in {"python", "node"}
    return ports if own and len(ports) == 1 else frozenset()


class HealthCheckImportMissing(HealthRule):
    """Health check that imports a package the image does not install.

    ## What it does
    Reads the Python code of health checks and looks its imports up in the standard library, in what the image installs
    and in what is copied. It speaks only where every requirements file could be read.

    ## Why it matters
    The check fails at its import, for ever, whatever the service does.

    ## Fix safety
    Not fixed: `urllib.request` of the standard library does what most of these checks want.
    """

    code = "DF304"
    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    clean = [
        "FROM python:3.13\nHEALTHCHECK CMD python -c \"import urllib.request, sys\"\n",
        "FROM python:3.13\nRUN pip install requests\nHEALTHCHECK CMD python -c \"import requests\"\n",
        "FROM python:3.13\nCOPY app /app\nRUN pip install -r /r.txt\nHEALTHCHECK CMD python -c \"import requests\"\n",
    ]  # fmt: skip
    flagged = [
        Case(
            'FROM python:3.13\nRUN pip install six\nHEALTHCHECK CMD ["python", "-c", "import requests; requests.get(\'a\')"]\n',
            refused=_PACKAGE,
        )
    ]

    def judge(self, facts: Facts, stage: Stage, check: Check) -> Iterator[Finding]:
        wanted = [name for name in python_imports(check) if name not in sys.stdlib_module_names]
        have = installed_modules(facts, stage) if wanted else None
        for name in wanted:
            if have is not None and not have.may_provide(name):
                yield self.at(facts, check, f"the check imports `{name}`, which nothing installs", Refusal(_PACKAGE), name)
