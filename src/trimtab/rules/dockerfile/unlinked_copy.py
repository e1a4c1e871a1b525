"""DF135."""

import re
from collections.abc import Iterator

from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Copy
from trimtab.rules.base import Applicability, Case, Category, Confidence, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit

_NUMBERS = re.compile(r"\d+(:\d+)?")
_NAMED = "its owner is a name, which a layer of its own cannot look up; `--chown` needs numbers"


class UnlinkedCopy(DockerfileRule):
    """COPY into the final image without `--link`.

    ## What it does
    Finds COPY instructions of the final stage that have no `--link`. Off by default: what it gains depends on the engine.

    ## Why it matters
    A linked COPY is a layer of its own that does not depend on the layers below it: it is still valid when the base moves on,
    and on some image stores it need not be exported again. On others it gains nothing.

    ## Fix safety
    Kept by `trimtab optimize` alone, when a rebuild is measured to be faster and nothing else to be slower. Folders that the
    copy makes get their owner and mode from the copy and not from what lies below, which the comparison of the images sees.

    ## References
    https://docs.docker.com/reference/dockerfile/#copy---link
    """

    code = "DF135"
    category = Category.CACHING
    severity = Severity.INFO
    confidence = Confidence.LOW
    since = "0.2"
    default = False
    clean = [
        "FROM debian\nCOPY --link a /a\n",
        "FROM debian AS build\nCOPY a /a\nFROM scratch\nCOPY --link --from=build /a /a\n",
        "FROM debian\nADD a /a\n",
    ]
    flagged = [
        Case("FROM debian\nCOPY a /a\n", after="FROM debian\nCOPY --link a /a\n", files={"a": ""}),
        Case(
            "FROM debian\nCOPY --chown=1000:1000 a b /app/\n",
            after="FROM debian\nCOPY --link --chown=1000:1000 a b /app/\n",
            files={"a": "", "b": ""},
        ),
        Case("FROM debian\nCOPY --chown=app:app a /a\n", refused=_NAMED, files={"a": ""}),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages[-1:]:
            for copy in stage.copies:
                if copy.instruction.keyword == "COPY" and copy.instruction.flag("link") is None:
                    message = "COPY without `--link` makes its layer depend on all layers below it"
                    span = copy.instruction.keyword_span
                    yield self.finding(facts, span, message, _outcome(copy), copy.destination)


def _outcome(copy: Copy) -> Fix | Refusal:
    owner = copy.instruction.flag("chown")
    if owner is not None and not _NUMBERS.fullmatch(owner.value or ""):
        return Refusal(_NAMED)
    edit = Edit.insert(copy.instruction.keyword_span.end, " --link")
    return Fix("copy with `--link`", (edit,), Applicability.GAIN)
