"""SC114 to SC118: what a script takes away, and what it has to fall back on."""

import re
from collections.abc import Iterator

from trimtab.fleet import Fleet
from trimtab.fleet.script_jobs import deployment
from trimtab.fleet.scripts import ScriptPart
from trimtab.rules.base import Category, Finding, Refusal, ScriptRule, Severity, script_case

_REPLACED = "what is to be locked, and what is gone back to, is a decision"
_WORKFLOW = ".github/workflows/main.yml"
_JOB = "jobs:\n  {}:\n    runs-on: self-hosted\n    steps:\n      - run: {}\n"
_DATA = "whether the data may go is known to whoever wrote it"


class VolumesRemoved(ScriptRule):
    """Script that removes volumes, and with them their data.

    ## What it does
    Finds `compose down -v`, `docker volume rm` and `docker volume prune`, and `system prune --volumes`. Scripts whose name says
    that they reset, clean or test something are left out, and so are jobs of CI files but those that deploy by their name.

    ## Why it matters
    The data of every service is gone, and nobody is asked.

    ## Fix safety
    Not fixed: whether that is meant is not known.
    """

    code = "SC114"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        script_case("#!/bin/bash\nset -e\ndocker compose down\n"),
        script_case("#!/bin/bash\nset -e\ndocker compose down -v\n", name="reset-all.sh"),
        script_case(_JOB.format("e2e", "docker compose up -d; docker compose down -v"), name=_WORKFLOW),
    ]
    flagged = [
        script_case("#!/bin/bash\nset -e\ndocker compose down -v\n", refused=_DATA),
        script_case("#!/bin/bash\nset -e\ndocker volume prune -f\n", refused=_DATA),
        script_case(_JOB.format("deploy", "docker compose down -v; docker compose up -d"), name=_WORKFLOW, refused=_DATA),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        # What a job of CI starts for its tests it takes away again; the machine that a deployment goes to stays.
        if deployment(part) is None if part.is_block else _MEANT.search(part.path.lower()):
            return
        for call in part.calls:
            down = call.is_compose and call.verb in {"down", "rm"} and call.has("-v", "--volumes", "-fv", "-vf", "-sv")
            volume = not call.is_compose and call.verb == "volume" and {"rm", "prune", "remove"} & set(call.operands[:1])
            system = not call.is_compose and call.verb == "system" and "prune" in call.operands and call.has("--volumes")
            if down or volume or system:
                yield self.at(part, call.command.span.start, "removes volumes, and with them their data", Refusal(_DATA))


_MEANT = re.compile(r"reset|clean|purge|wipe|teardown|destroy|uninstall|remove|test|e2e|ci\b|fresh|nuke")


class EngineWidePrune(ScriptRule):
    """Script that removes what other projects have left in the engine, too.

    ## What it does
    Finds `docker system prune`, `image prune -a`, `container prune`, `network prune` and `builder prune -a` in scripts that
    also build or start something.

    ## Why it matters
    The engine is not this project's alone: the images that a rollback needs, the cache that builds need, and stopped containers
    of others go with it.

    ## Fix safety
    Not fixed: a filter by label or age is a decision.
    """

    code = "SC115"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [script_case("#!/bin/bash\nset -e\ndocker compose build\ndocker image prune -f\n")]
    flagged = [
        script_case(
            "#!/bin/bash\nset -e\ndocker compose up -d\ndocker system prune -f\n",
            refused="what else is in the engine is not known",
        )
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        deploys = any(call.verb in {"up", "build", "run", "pull"} for call in part.calls)
        for call in part.calls if deploys else ():
            every = call.verb == "system" or (call.verb in {"image", "builder"} and call.has("-a", "--all", "-af", "-fa"))
            kinds = every or call.verb in {"container", "network"}
            if not call.is_compose and kinds and "prune" in call.operands[:1] and not call.has("--filter"):
                message = f"`docker {call.verb} prune` removes what other projects have in the engine, too"
                yield self.at(part, call.command.span.start, message, Refusal("what else is in the engine is not known"))


class DeploymentWithoutLock(ScriptRule):
    """Deployment script that two people can run at the same time.

    ## What it does
    Finds scripts, and jobs of CI files, whose name says that they deploy and that call `compose up`, without `flock`, a lock
    file or a lock folder; for a job `concurrency` and GitLab's `resource_group` are one.

    ## Why it matters
    Two runs stop and start each other's containers. Neither fails, and what is left is a mixture.

    ## Fix safety
    Not fixed: where a lock is kept, and what it may block, is a decision.
    """

    code = "SC117"
    category = Category.RELIABILITY
    severity = Severity.LOW
    since = "0.2"
    clean = [
        script_case("#!/bin/bash\nset -e\nexec 9>/tmp/l; flock -n 9\ndocker compose up -d\n", name="deploy.sh"),
        script_case("#!/bin/bash\nset -e\ndocker compose up -d\n", name="start.sh"),
        script_case("concurrency: production\n" + _JOB.format("deploy", "docker compose up -d"), name=_WORKFLOW),
    ]
    flagged = [
        script_case("#!/bin/bash\nset -e\ndocker compose up -d\n", name="deploy.sh", refused=_REPLACED),
        script_case(_JOB.format("deploy", "docker compose up -d"), name=_WORKFLOW, refused=_REPLACED),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        call = deployment(part)
        if call is not None and not _LOCKS.search(part.whole):
            yield self.at(part, call.command.span.start, "deploys without a lock, so two can run at once", Refusal(_REPLACED))


_LOCKS = re.compile(r"(?im)flock|lock_?file|\.lock\b|mkdir\s+\S*lock|\btrimtab\b|^\s*(?:concurrency|resource_group):")


class DeploymentWithoutRollback(ScriptRule):
    """Deployment script that knows no way back.

    ## What it does
    Finds scripts, and jobs of CI files, whose name says that they deploy and that call `compose up`, where nothing in the file
    speaks of a rollback, of a previous version or of a restore.

    ## Why it matters
    `up` has removed the old containers when the new ones turn out not to work.

    ## Fix safety
    Not fixed: which version is gone back to, and what becomes of the data, is a decision.
    """

    code = "SC118"
    category = Category.RELIABILITY
    severity = Severity.LOW
    since = "0.2"
    clean = [script_case("#!/bin/bash\nset -e\ntrap rollback ERR\ndocker compose up -d\n", name="deploy.sh")]
    flagged = [
        script_case("#!/bin/bash\nset -e\ndocker compose up -d\n", name="deploy.sh", refused=_REPLACED),
        script_case(_JOB.format("deploy", "docker compose up -d"), name=_WORKFLOW, refused=_REPLACED),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        call = deployment(part)
        if call is not None and not re.search(r"(?i)roll_?-?back|previous|restore|\btrimtab\b", part.whole):
            yield self.at(part, call.command.span.start, "deploys without a way back to the version before", Refusal(_REPLACED))
