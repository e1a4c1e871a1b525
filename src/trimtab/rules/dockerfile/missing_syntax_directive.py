"""DF310."""

import re
from collections.abc import Iterator

from trimtab.fleet.facts import Facts
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile, Instruction
from trimtab.text import Span

_REFUSAL = "the builder downloads the frontend that the line names, which not every builder may"
_STABLE = {"parents": (1, 20), "exclude": (1, 19), "unpack": (1, 17)}
"""Flags of COPY and ADD, and the first stable frontend that has them (BuildKit's release notes and reference)."""
_COMMON = (1, 12)
"""The frontend that Docker Engine 27.5 brings along."""


class MissingSyntaxDirective(DockerfileRule):
    """Feature that the builder's own frontend may not have.

    ## What it does
    Finds flags that need a newer Dockerfile frontend than the one in Docker Engine 27, in files without a `# syntax=`
    line or with one that names an older frontend.

    ## Why it matters
    The same file builds on one machine and fails on the next: `COPY --parents` needs frontend 1.20, `--exclude` 1.19,
    `ADD --unpack` 1.17; Docker Engine 27.5 brings 1.12 along.

    ## Fix safety
    Not fixed: `# syntax=docker/dockerfile:1` makes the builder download a frontend, which closed networks do not allow.

    ## References
    https://docs.docker.com/build/buildkit/frontend/
    """

    code = "DF310"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        "# syntax=docker/dockerfile:1\nFROM a:1\nCOPY --parents a/b /\n",
        "# syntax=docker/dockerfile:1.7-labs\nFROM a:1\nCOPY --parents a/b /\n",
        "FROM a:1\nCOPY --link --chmod=755 a /\nRUN --mount=type=cache,target=/c ls\n",
    ]
    flagged = [
        Case("FROM a:1\nCOPY --parents a/b /\n", refused=_REFUSAL),
        Case("# syntax=docker/dockerfile:1.4\nFROM a:1\nCOPY --exclude=b . /\n", refused=_REFUSAL),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        named = file.directives.get("syntax")
        available = _version(named)
        if available is None:
            return
        for instruction in file.named("COPY", "ADD"):
            for name, span in _flags(instruction):
                needed = _STABLE.get(name)
                if needed and needed > available:
                    has = f"`{named}` does not have" if named else "the frontend of Docker Engine 27 does not have"
                    version = ".".join(map(str, needed))
                    message = f"`--{name}` needs Dockerfile frontend {version}, and {has} it"
                    yield self.finding(facts, span, message, Refusal(_REFUSAL), name)


def _flags(instruction: Instruction) -> Iterator[tuple[str, Span]]:
    yield from ((flag.name, flag.span) for flag in instruction.flags)


def _version(syntax: str | None) -> tuple[int, ...] | None:
    """The frontend a file is built with; None for one that has everything, or that is not known."""
    if syntax is None:
        return _COMMON
    match = re.fullmatch(r"(?:docker\.io/)?docker/dockerfile:(\d+)\.(\d+)(?:\.\d+)?", syntax.strip())
    return (int(match[1]), int(match[2])) if match else None
