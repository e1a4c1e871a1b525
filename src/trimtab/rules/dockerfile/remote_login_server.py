"""DF214."""

from collections.abc import Iterator

from trimtab.fleet.facts import Facts
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile

_SERVERS = frozenset({"openssh-server", "openssh", "dropbear", "telnetd", "tigervnc-standalone-server", "xrdp"})
_REFUSAL = "`docker exec` gives a shell without it; whether people log in on purpose is not known from here"


class RemoteLoginServer(DockerfileRule):
    """SSH server in an image.

    ## What it does
    Finds SSH and other remote login servers installed in an image, and port 22 exposed.

    ## Why it matters
    It is one more service to keep safe, with keys and passwords of its own, for something that `docker exec` does.

    ## Fix safety
    Not fixed: the image may be one that people log in to.

    ## References
    CIS Docker Benchmark 5.7
    """

    code = "DF214"
    category = Category.SECURITY
    severity = Severity.MEDIUM
    since = "0.2"
    aliases = ("DS-0004", "CKV_DOCKER_1")
    clean = ["FROM debian:13\nRUN apt-get update && apt-get install -y openssh-client\nEXPOSE 2222\n"]
    flagged = [
        Case("FROM debian:13\nRUN apt-get update && apt-get install -y openssh-server\n", refused=_REFUSAL),
        Case("FROM debian:13\nEXPOSE 22/tcp\n", refused=_REFUSAL),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            if not facts.in_final_image(stage):
                continue
            for run in stage.runs:
                for install in run.installs:
                    found = next((name for name in install.packages if name.partition("=")[0] in _SERVERS), None)
                    if install.manager.system and found:
                        span = run.source_span(install.command.span)
                        yield self.finding(
                            facts, span, f"`{found}` lets people log in to the container", Refusal(_REFUSAL), found
                        )
            for instruction in stage.instructions:
                if instruction.keyword == "EXPOSE" and any(word.raw.partition("/")[0] == "22" for word in instruction.words):
                    yield self.finding(
                        facts, instruction.arguments_span, "port 22 is for remote logins", Refusal(_REFUSAL), "22"
                    )
