"""DF006."""

from collections.abc import Iterator

from trimtab.fleet import Outside
from trimtab.fleet.bases import read_reference
from trimtab.fleet.facts import Facts
from trimtab.rules.base import ANOTHER_BASE, Applicability, Case, Category, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit, Span

_OLD, _NEW = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32


class MovedBase(DockerfileRule):
    """Base image pinned to a digest that its tag has left behind.

    Off by default; `--pin` runs it and looks the digests up.

    ## What it does
    Finds FROMs with a tag and a digest where the registry has another digest under that tag by now.

    ## Why it matters
    The tag was moved because the image was made anew, mostly for security fixes. A pinned base stays as it was for ever:
    nothing else brings those fixes.

    ## Fix safety
    Only with proof: everything below the service changes with its base. Building and running the image on the new one shows
    whether the service gets along with it. Refused where the name comes from a build argument.

    ## References
    https://docs.docker.com/build/building/best-practices/#pin-base-image-versions
    """

    code = "DF006"
    category = Category.SECURITY
    severity = Severity.MEDIUM
    since = "0.2"
    default = False
    clean = [
        Case(f"FROM python:3.13@{_NEW}\n", outside=Outside(digests={"python:3.13": _NEW})),
        Case(f"FROM python:3.13@{_OLD}\n"),
        Case(f"FROM python@{_OLD}\n", outside=Outside(digests={"python": _NEW})),
    ]
    flagged = [
        Case(
            f"FROM python:3.13@{_OLD} AS a\n",
            after=f"FROM python:3.13@{_NEW} AS a\n",
            outside=Outside(digests={"python:3.13": _NEW}),
        ),
        Case(
            f"ARG B=python:3.13@{_OLD}\nFROM $B\n",
            refused="the name comes from a build argument",
            outside=Outside(digests={"python:3.13": _NEW}),
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            reference = read_reference(stage.base)
            if stage.parent is not None or not reference.tag or not reference.digest:
                continue
            name = stage.base.partition("@")[0]
            now = facts.fleet.outside.digests.get(name)
            if now is None or now == reference.digest:
                continue
            word = stage.instructions[0].words[0]
            message = f"`{name}` is another image by now than {reference.digest[:19]}…"
            yield self.finding(facts, word.span, message, _outcome(word.raw, word.span, stage.base, name, now))


def _outcome(raw: str, span: Span, base: str, name: str, now: str) -> Fix | Refusal:
    if raw != base:
        return Refusal("the name comes from a build argument")
    edit = Edit(Span(span.start + len(name) + 1, span.end), now)
    return Fix("move to what the tag is now", (edit,), Applicability.PROOF, ANOTHER_BASE)
