"""DF002."""

from collections.abc import Iterator

from trimtab.fleet import Outside
from trimtab.fleet.bases import read_reference
from trimtab.fleet.facts import Facts
from trimtab.rules.base import Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit

_DIGEST = "sha256:" + "ab" * 32


class UnpinnedBaseDigest(DockerfileRule):
    """Base image without a digest.

    Off by default; `--pin` runs it and looks the digests up.

    ## What it does
    Finds FROMs that name an image by tag alone.

    ## Why it matters
    A tag is moved with every rebuild of the image. With a digest, the same file gives the same base everywhere and for
    ever; something then has to move the digests along, or security fixes never arrive.

    ## Fix safety
    Safe: the digest is the one that the tag has now, from the registry or, offline, from the local engine. Refused
    where nobody answered, and where the name comes from a build argument.

    ## References
    https://docs.docker.com/build/building/best-practices/#pin-base-image-versions
    """

    code = "DF002"
    category = Category.RELIABILITY
    severity = Severity.LOW
    since = "0.2"
    default = False
    clean = [f"FROM python:3.13@{_DIGEST}\n", "FROM scratch\n", "FROM python AS a\n"]
    flagged = [
        Case(
            "FROM python:3.13 AS a\n",
            after=f"FROM python:3.13@{_DIGEST} AS a\n",
            outside=Outside(digests={"python:3.13": _DIGEST}),
        ),
        Case("FROM python:3.13\n", refused="no registry and no engine has said which digest it has; `--pin` asks them"),
        Case("ARG V=3.13\nFROM python:$V\n", refused="the name comes from a build argument"),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            reference = read_reference(stage.base)
            if stage.parent is None and reference.tag and not reference.digest and "$" not in stage.base:
                word = stage.instructions[0].words[0]
                digest = facts.fleet.outside.digests.get(stage.base)
                outcome: Fix | Refusal
                if word.raw != stage.base:
                    outcome = Refusal("the name comes from a build argument")
                elif digest is None:
                    outcome = Refusal("no registry and no engine has said which digest it has; `--pin` asks them")
                else:
                    edits = (Edit.insert(word.span.end, f"@{digest}"),)
                    outcome = Fix("pin what the tag is now", edits, effects=Effects(stages=True))
                yield self.finding(facts, word.span, f"`{stage.base}` has no digest", outcome)
