"""DF203 and DF204: names that no account has."""

from collections.abc import Iterator

from trimtab.fleet.accounts import accounts, may_come_with
from trimtab.fleet.facts import Facts
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile

_USER = "which number and which rights the user is to have is not ours to say"
_OWNER = "whether the group is missing or misspelt is not known from here"


class UnknownUser(DockerfileRule):
    """USER that nobody creates.

    ## What it does
    Finds USERs by name that neither the base nor any RUN, COPY or package of the file can have created. It looks only at
    official bases, whose accounts are known.

    ## Why it matters
    Every later RUN fails, and where there is none the image builds and the container does not start: `unable to find
    user`. The auto-fixer of one linter put such a USER into 26 of 42 files and created it in none.

    ## Fix safety
    Not fixed: a user needs a number, a home, and rights on what the service writes.
    """

    code = "DF203"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        "FROM python:3.13\nRUN useradd app\nUSER app\nUSER 1000\nUSER nobody:nogroup\nUSER $U\n",
        "FROM node:24\nUSER node\n",
        "FROM acme/a:1\nUSER whoever\n",
        "FROM debian:13\nRUN apt-get update && apt-get install -y postgresql-17\nUSER postgres\n",
        "FROM debian:13\nCOPY passwd /etc/passwd\nUSER whoever\n",
        "FROM debian:13\nRUN ./make-users.sh\nUSER whoever\n",
    ]
    flagged = [
        Case('FROM python:3.13-slim\nUSER app\nCMD ["a"]\n', refused=_USER),
        Case("FROM alpine:3.22\nRUN addgroup -S app\nUSER web:app\n", refused=_USER),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for index, instruction in enumerate(stage.instructions):
                name = instruction.arguments.partition(":")[0]
                if instruction.keyword != "USER" or "$" in name or name.isdigit():
                    continue
                known = accounts(facts, stage, index)
                if known is not None and not may_come_with(name, known.users):
                    yield self.finding(
                        facts, instruction.arguments_span, f"nothing creates the user `{name}`", Refusal(_USER), name
                    )


class UnknownOwner(DockerfileRule):
    """`--chown` to a user or group that nobody creates.

    ## What it does
    Checks the names in COPY's and ADD's `--chown` against the accounts that the stage has at that point. It looks only
    at official bases, whose accounts are known.

    ## Why it matters
    The build fails there. BusyBox's `adduser -S` is the usual cause: unlike Debian's useradd it makes no group of the
    user's name.

    ## Fix safety
    Not fixed: whether the name is wrong or the account missing cannot be told.
    """

    code = "DF204"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        "FROM python:3.13\nRUN useradd app\nCOPY --chown=app:app a /\nCOPY --chown=1:1 a /\nCOPY --chown=$U a /\n",
        "FROM alpine:3.22\nRUN addgroup -S app && adduser -S app -G app\nCOPY --chown=app:app a /\n",
    ]
    flagged = [
        Case("FROM alpine:3.22\nRUN adduser -S app\nCOPY --chown=app:app a /\n", refused=_OWNER),
        Case("FROM debian:13\nCOPY --chown=web a /\n", refused=_OWNER),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for copy in stage.copies:
                flag = copy.instruction.flag("chown")
                if flag is None or not flag.value or "$" in flag.value:
                    continue
                known = accounts(facts, stage, copy.index)
                user, _, group = flag.value.partition(":")
                missing = (
                    []
                    if known is None
                    else [
                        f"{kind} `{name}`"
                        for kind, name, names in (("user", user, known.users), ("group", group or user, known.groups))
                        if name and not name.isdigit() and not may_come_with(name, names)
                    ]
                )
                if missing:
                    message = f"nothing creates the {' and the '.join(missing)}"
                    yield self.finding(facts, flag.span, message, Refusal(_OWNER), flag.value)
