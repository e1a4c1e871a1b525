"""CX101."""

import posixpath
from collections.abc import Iterator

from trimtab.fleet.context import BuildContext
from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Copy
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.syntax.ignore import clean_path
from trimtab.text import Edit, Span


class MissingCopySource(DockerfileRule):
    """COPY of something that its build context does not have.

    ## What it does
    Checks every COPY and ADD source against every context that the compose and bake files build the Dockerfile with,
    through the ignore file that is really in effect there.

    ## Why it matters
    The build fails, often only on the day somebody deploys the one compose file whose context is different. BuildKit's
    own check looks at the ignore file but not at whether the source exists.

    ## Fix safety
    Shown only: where exactly one path of the context ends in the same name, that path is proposed.

    ## References
    https://docs.docker.com/build/concepts/context/
    """

    code = "CX101"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.1"
    clean = [
        Case("FROM scratch\nCOPY a.txt /\nCOPY src /src\nCOPY *.none /\n", files={"a.txt": "", "src/b": ""}),
        Case("FROM scratch AS x\nFROM scratch\nCOPY --from=x /gone /\nADD https://example.com/a /a\n"),
    ]
    flagged = [
        Case("FROM scratch\nCOPY gone.txt /\n", refused="nothing in the context has that name"),
        Case(
            "FROM scratch\nCOPY a.txt /\n",
            refused="`.dockerignore` leaves it out",
            files={"a.txt": "", ".dockerignore": "*.txt\n"},
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        if _is_a_guess(facts):
            return
        for stage in facts.stages:
            for copy in stage.copies:
                if copy.from_ is None:
                    yield from self._missing(facts, copy)

    def _missing(self, facts: Facts, copy: Copy) -> Iterator[Finding]:
        for position, source in enumerate(copy.sources):
            if "$" in source or "://" in source or source.startswith("git@") or any(c in source for c in "*?["):
                continue
            for context in facts.contexts:
                if not context.exists(source):
                    span = _span(copy, position)
                    outcome = _outcome(context, source, span)
                    message = f"`{source}` is not in the build context `{context.root or '.'}`"
                    yield self.finding(facts, span, message, outcome)


def _is_a_guess(facts: Facts) -> bool:
    """Whether nothing says where the file is built, and nothing of what it copies is anywhere above it."""
    if facts.file.services or not posixpath.dirname(facts.file.path):
        return False
    sources = [source for stage in facts.stages for copy in stage.copies if copy.from_ is None for source in copy.sources]
    return not any(
        context.exists(source) for context in facts.contexts for source in sources if source.strip("/.") and "://" not in source
    )


def _span(copy: Copy, position: int) -> Span:
    words = copy.instruction.words
    if copy.instruction.json is None and position < len(words):
        return words[position].span
    return copy.instruction.arguments_span


def _outcome(context: BuildContext, source: str, span: Span) -> Fix | Refusal:
    cleaned = clean_path(source).lstrip("/")
    if context.tree_path(cleaned) in context.tree.entries:
        return Refusal(f"`{context.ignore_path}` leaves it out")
    same = [path for path in context.visible if path.endswith("/" + cleaned)]
    if len(same) == 1 and " " not in same[0]:
        slash = "/" if source.endswith("/") else ""
        return Fix(f"copy `{same[0]}`", (Edit(span, same[0] + slash),), Applicability.DISPLAY)
    return Refusal("nothing in the context has that name" if not same else f"{len(same)} paths in the context end in that name")
