"""SC122 to SC124: what a script leaves behind of a run, and what it does about a network that fails once."""

import re
from collections.abc import Iterator

from trimtab.fleet import Fleet
from trimtab.fleet.script_jobs import deployment, job_of
from trimtab.fleet.scripts import EngineCall, ScriptPart
from trimtab.rules.base import Category, Finding, Refusal, ScriptRule, Severity, script_case

_REPLACED = "what is to be kept of a run, and how, is a decision; what `trimtab scripts` writes does it"
_TRIES = "how often to try, and for how long, is a decision; what `trimtab scripts` writes tries builds again"
_LINE = "docker compose "
_AGAIN = re.compile(r"(?i)\bretr(?:y|ies|ying)|attempt|\buntil\b|\btries\b|\btrimtab\b")


class NetworkStepWithoutRetry(ScriptRule):
    """Pull or push that is tried once.

    ## What it does
    Finds `docker pull`, `push`, `compose pull` and `compose push` in scripts that build or deploy, by their name, and in
    jobs of CI files that deploy, where nothing in the file tries anything again.

    ## Why it matters
    A registry that does not answer for a second ends the deployment half-way, and somebody starts it again by hand.

    ## Fix safety
    Not fixed: how often to try, and for how long, is a decision.
    """

    code = "SC122"
    category = Category.RELIABILITY
    severity = Severity.LOW
    since = "0.2"
    clean = [
        script_case("#!/bin/bash\nset -e\nretry 3 docker pull a\ndocker compose up -d\n", name="deploy.sh"),
        script_case("#!/bin/bash\nset -e\ndocker pull a\n", name="look.sh"),
    ]
    flagged = [
        script_case("#!/bin/bash\nset -e\ndocker compose pull\ndocker compose up -d\n", name="deploy.sh", refused=_TRIES),
        script_case(
            "$ErrorActionPreference = 'Stop'\ndocker build .\ndocker push a\nif ($LASTEXITCODE) { exit 1 }\n",
            name="build.ps1",
            refused=_TRIES,
        ),
        script_case(
            "deploy:\n  script:\n    - docker compose pull\n    - docker compose up -d\n", name=".gitlab-ci.yml", refused=_TRIES
        ),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        if (job_of(part) is None and deployment(part) is None) or _AGAIN.search(part.whole):
            return
        for call in part.calls:
            if call.verb in {"pull", "push"}:
                message = f"tries `{call.verb}` once, whatever the network does"
                yield self.at(part, call.command.span.start, message, Refusal(_TRIES))


class DeploymentWithoutLog(ScriptRule):
    """Deployment script that leaves no log behind.

    ## What it does
    Finds scripts whose name says that they deploy and that call `compose up`, in which nothing is written into a file or handed
    to the system's log.

    ## Why it matters
    When a deployment turns out to have gone wrong, what it said is on the screen of whoever ran it, or nowhere.

    ## Fix safety
    Not fixed: where a log is kept, and for how long, is a decision.
    """

    code = "SC123"
    category = Category.RELIABILITY
    severity = Severity.INFO
    since = "0.2"
    clean = [
        script_case('#!/bin/bash\nset -e\ndocker compose up -d 2>&1 | tee -a "$LOG"\n', name="deploy.sh"),
        script_case("#!/bin/bash\nset -e\nexec >>deploy.log 2>&1\ndocker compose up -d\n", name="deploy.sh"),
        script_case("Start-Transcript a.log\ndocker compose up -d\n", name="deploy.ps1"),
    ]
    flagged = [script_case("#!/bin/bash\nset -e\ndocker compose up -d >/dev/null 2>&1\n", name="deploy.sh", refused=_REPLACED)]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        call = deployment(part)
        # What a job of CI says is kept.
        if call is not None and not part.is_block and not _KEEPS.search(part.text):
            yield self.at(part, call.command.span.start, "leaves no log of the deployment behind", Refusal(_REPLACED))


_KEEPS = re.compile(
    r"(?i)\btee\b|Tee-Object|Start-Transcript|Out-File|Add-Content|\blogger\b|systemd-cat|\bscript\s+-|\btrimtab\b"
    r"|(?:>>|&>|(?<![=<2-])>)\s*[\"']?(?!/dev/|&)[\w$./{~-]*log"
)


class BuildWithoutTime(ScriptRule):
    """Script that builds, and does not say how long that took.

    ## What it does
    Finds scripts that build or deploy, by their name, that call `docker build` or `compose build`, and in which nothing
    measures time.

    ## Why it matters
    Builds become slower a little at a time. What nobody has measured nobody notices, and nobody can say since when.

    ## Fix safety
    Not fixed: where the time is to be told is a decision.
    """

    code = "SC124"
    category = Category.MAINTAINABILITY
    severity = Severity.INFO
    since = "0.2"
    clean = [
        script_case("#!/bin/bash\nset -e\ntime docker compose build\n", name="build.sh"),
        script_case('#!/bin/bash\nset -e\ndocker compose build\necho "$SECONDS s"\n', name="build.sh"),
        script_case("#!/bin/bash\nset -e\ndocker compose build\n", name="other.sh"),
    ]
    flagged = [script_case("#!/bin/bash\nset -e\ndocker compose build\n", name="build.sh", refused=_REPLACED)]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        call = next((call for call in part.calls if _builds(call)), None)
        if job_of(part) in {"build", "deploy"} and call is not None and not _MEASURES.search(part.text):
            yield self.at(part, call.command.span.start, "does not say how long the build takes", Refusal(_REPLACED))


_MEASURES = re.compile(
    r"(?i:\btrimtab\b|Measure-Command|Stopwatch|Get-Date|\bdate\s+[\"']?\+|EPOCH(?:SECONDS|REALTIME))|\bSECONDS\b|\btime\s+\w"
)


def _builds(call: EngineCall) -> bool:
    return call.verb == "build" or "--build" in call.options
