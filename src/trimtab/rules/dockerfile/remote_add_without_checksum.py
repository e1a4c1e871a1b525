"""DF209."""

from collections.abc import Iterator

from trimtab.fleet.facts import Facts
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile

_REFUSAL = "which checksum is right is known to whoever publishes the file: `ADD --checksum=sha256:…`"


class RemoteAddWithoutChecksum(DockerfileRule):
    """ADD of a remote file without a checksum.

    ## What it does
    Finds ADDs of `http` and `https` addresses without `--checksum`. Git repositories are pinned by their commit instead.

    ## Why it matters
    The build takes whatever the server sends. It also has to ask the server at every build whether the file is still the
    same, before it may use its own cache.

    ## Fix safety
    Not fixed: somebody has to say which checksum is right.

    ## References
    https://docs.docker.com/reference/dockerfile/#add---checksum
    """

    code = "DF209"
    category = Category.SECURITY
    severity = Severity.MEDIUM
    since = "0.2"
    aliases = ("CKV_DOCKER_4",)
    clean = ["FROM a:1\nADD --checksum=sha256:00 https://example.com/a /\nADD https://example.com/a.git#v1 /a\nADD a.tar /\n"]
    flagged = [Case("FROM a:1\nADD https://example.com/a.txt /\n", refused=_REFUSAL)]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for copy in stage.copies:
                if copy.instruction.keyword != "ADD" or copy.instruction.flag("checksum"):
                    continue
                for source in copy.sources:
                    if source.startswith(("http://", "https://")) and ".git" not in source.rpartition("/")[2]:
                        message = f"`{source.partition('?')[0]}` is taken without a checksum"
                        span = copy.instruction.arguments_span
                        yield self.finding(facts, span, message, Refusal(_REFUSAL), source.partition("?")[0])
