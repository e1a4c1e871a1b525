"""DF012."""

from collections.abc import Iterator

from trimtab.fleet.context import BuildContext
from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Copy
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit

_ARCHIVES = (".tar", ".tgz", ".gz", ".bz2", ".xz", ".txz", ".tbz2", ".zst", ".tzst", ".lzma", ".z", ".tbz", ".tb2", ".tlz",
             ".apk", ".gem", ".crate")  # fmt: skip
"""Endings of tar archives, whatever else they are."""
_NO_ARCHIVES = (".jar", ".war", ".ear", ".zip", ".whl", ".so", ".deb", ".rpm", ".png", ".jpg", ".ico", ".woff2")
"""Binary files that are no tar archives, which are all that ADD unpacks."""
_ADD_ONLY = frozenset({"checksum", "keep-git-dir", "unpack"})


class AddForLocalFile(DockerfileRule):
    """ADD where COPY does.

    ## What it does
    Finds ADDs of files and folders of the build context. Archives that ADD unpacks, remote addresses and git
    repositories are what ADD is for, and are left alone.

    ## Why it matters
    ADD unpacks whatever turns out to be a tar archive: the same line does something else on the day the file changes.

    ## Fix safety
    Safe: COPY does the same for folders and for files that are no archives, which is looked up in the context. Refused
    where the context does not have the file, or where it is binary and not of a kind known to be no archive.

    ## References
    https://docs.docker.com/build/building/best-practices/#add-or-copy
    """

    code = "DF012"
    category = Category.MAINTAINABILITY
    severity = Severity.LOW
    since = "0.2"
    aliases = ("DL3020", "DS-0005", "CKV_DOCKER_4")
    clean = [
        Case("FROM a:1\nADD a.tar.gz https://example.com/a git@example.com:a/b.git /a/\nCOPY a /\n", files={"a": ""}),
        Case("FROM a:1\nADD --unpack=true a /\nADD <<EOF /b\nEOF\n", files={"a": ""}),
    ]
    flagged = [
        Case(
            "FROM a:1\nadd --chown=1:1 a src /app/\n",
            after="FROM a:1\nCOPY --chown=1:1 a src /app/\n",
            files={"a": "", "src/b": ""},
        ),
        Case("FROM a:1\nADD app.jar /\n", after="FROM a:1\nCOPY app.jar /\n", files={"app.jar": "\0"}),
        Case("FROM a:1\nADD gone /\n", refused="`gone` is not in the context, so whether it is an archive is not known"),
        Case("FROM a:1\nADD data /\n", refused="`data` is binary, and may be an archive", files={"data": "\0"}),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for copy in stage.copies:
                instruction = copy.instruction
                if (
                    instruction.keyword != "ADD"
                    or not copy.sources
                    or any(flag.name in _ADD_ONLY for flag in instruction.flags)
                ):
                    continue
                if instruction.heredocs or "$" in instruction.arguments or any(_is_for_add(source) for source in copy.sources):
                    continue
                reason = next((reason for c in facts.contexts for reason in [_obstacle(c, copy)] if reason), None)
                outcome: Fix | Refusal = Fix("use COPY", (Edit(instruction.keyword_span, "COPY"),))
                if reason or not facts.contexts:
                    outcome = Refusal(reason or "its context is not known")
                yield self.finding(
                    facts, instruction.keyword_span, "ADD copies local files, which COPY does without surprises", outcome
                )


def _is_for_add(source: str) -> bool:
    return (
        "://" in source
        or source.startswith("git@")
        or source.lower().endswith(_ARCHIVES)
        or "$" in source
        or source.endswith(".git")
    )


def _obstacle(context: BuildContext, copy: Copy) -> str | None:
    for source in copy.sources:
        if any(character in source for character in "*?["):
            return f"`{source}` may match an archive tomorrow"
        if context.is_directory(source) and context.exists(source):
            continue
        if not context.exists(source):
            return f"`{source}` is not in the context, so whether it is an archive is not known"
        text = context.read(source)
        if not source.lower().endswith(_NO_ARCHIVES) and (text is None or "\0" in text):
            return f"`{source}` is binary, and may be an archive"
    return None
