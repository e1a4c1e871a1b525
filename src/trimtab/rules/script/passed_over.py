"""SC106 and SC107: failures that a script passes over."""

import re
from collections.abc import Iterator

from trimtab.fleet import Fleet
from trimtab.fleet.scripts import ScriptPart
from trimtab.rules.base import Category, Confidence, Finding, Refusal, ScriptRule, Severity, script_case

_LINE = "docker compose "
_TOLD = "whether the failure may be passed over is known to whoever wrote it"


class HealthFailureOnlyWarned(ScriptRule):
    """Failed health check that the script only warns about.

    ## What it does
    Finds branches that speak of health, being ready or a timeout, print a warning, and neither exit, return a failure, break a
    loop nor count it.

    ## Why it matters
    The deployment ends with success over a service that does not work, and CI is green.

    ## Fix safety
    Not fixed: what has to be done then is not known.
    """

    code = "SC106"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        script_case(
            f"#!/bin/bash\nset -e\n{_LINE}up -d\nif ! curl -f localhost/health; then\n"
            "  echo 'warning: unhealthy'\n  exit 1\nfi\n"
        )
    ]
    flagged = [
        script_case(
            f"#!/bin/bash\nset -e\n{_LINE}up -d\nif ! curl -f localhost/health; then\n  echo 'Warning: not healthy yet'\nfi\n",
            refused=_TOLD,
        ),
        script_case(
            f"$ErrorActionPreference = 'Stop'\n{_LINE}up -d\nif (-not $ok) {{\n"
            '  Write-Warning "api health check timed out"\n}\n',
            name="a.ps1",
            refused=_TOLD,
        ),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        if not any(call.is_compose and call.verb in {"up", "restart", "start"} for call in part.calls):
            return
        lines = part.text.splitlines(keepends=True)
        at = 0
        for number, line in enumerate(lines):
            if _WARNING.search(line) and not line.lstrip().startswith("#") and not _GIVES_UP.search(_branch(lines, number)):
                yield self.at(part, at + len(line) - len(line.lstrip()), "warns of a service that is not healthy, and goes on",
                              Refusal(_TOLD), line.strip()[:60])  # fmt: skip
            at += len(line)


_WARNING = re.compile(
    r"(?i)(?=.*(?:warn|⚠))(?=.*(?:health|not ready|timed? ?out|not respond|unreachable))"
    r"(?=.*(?:echo|printf|log|write-|print|msg))"
)
_GIVES_UP = re.compile(
    r"(?i)\b(?:exit\s+[1-9$]|return\s+(?:1|\$false|\$\w+)|throw\b|error_exit|die\b|fail\w*\s*[=+(]|\+\+|\+=|false\b)"
)


def _branch(lines: list[str], number: int) -> str:
    """The lines around one that stand as deep as it, up to the branch's ends."""
    depth = len(lines[number]) - len(lines[number].lstrip())
    found = [lines[number]]
    for step in (1, -1):
        at = number + step
        while 0 <= at < len(lines) and (not lines[at].strip() or len(lines[at]) - len(lines[at].lstrip()) >= depth):
            found.append(lines[at])
            at += step
    return "".join(found)


class SwallowedFailure(ScriptRule):
    """Failed call of the engine that the script goes on after as if nothing had happened.

    ## What it does
    Finds `docker build`, `push`, `pull`, `compose up` and `compose build` followed by `|| true`, `|| :` or `|| echo …`.

    ## Why it matters
    What failed is the deployment itself, and the script says that it is done.

    ## Fix safety
    Not fixed: whether the failure may be passed over is not known.
    """

    code = "SC107"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        script_case("#!/bin/bash\nset -e\ndocker rm -f old || true\ndocker compose up -d || exit 1\n"),
    ]
    flagged = [
        script_case("#!/bin/bash\nset -e\ndocker compose build || true\n", refused=_TOLD),
        script_case("#!/bin/bash\nset -e\ndocker compose up -d || echo 'some failed'\n", refused=_TOLD),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        commands = part.script.commands
        matters = {"build", "push", "up", "pull", "deploy"}
        for call in part.calls:
            following = next((each for each in commands if each.span.start >= call.command.span.end), None)
            if call.verb not in matters or following is None or following.operator != "||":
                continue
            if following.name in {"true", ":", "echo", "printf"} or following.name.startswith(("log_", "warn")):
                message = f"goes on when `{call.verb}` fails: `|| {' '.join(following.words)[:40]}`"
                yield self.at(part, call.command.span.start, message, Refusal(_TOLD), call.verb)
