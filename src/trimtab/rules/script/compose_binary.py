"""SC104."""

import posixpath
import re
from collections.abc import Iterator

from trimtab.fleet import Fleet
from trimtab.fleet.compose.documents import read_documents
from trimtab.fleet.paths import is_within
from trimtab.fleet.plain import mapping
from trimtab.fleet.scripts import EngineCall, ScriptPart
from trimtab.rules.base import (
    Applicability,
    Category,
    Finding,
    Refusal,
    ScriptRule,
    Severity,
    script_case,
    script_fix,
)
from trimtab.text import Edit

_ABOUT_THE_PROGRAM = re.compile(
    r"docker/compose/releases|(?:command -v|which|type|hash|Get-Command|install|update|pip\S* install)[^\n]*docker-compose"
    r"|/bin/docker-compose|-x[^\n]*docker-compose", re.IGNORECASE,
)  # fmt: skip

_BY_NAME = "the script calls it by a name of its own, whose value is what has to change"


class OldComposeBinary(ScriptRule):
    """Call of `docker-compose`, which is not maintained any more.

    ## What it does
    Finds calls of the program `docker-compose` in scripts that do not also know `docker compose`, and those made in every run
    of a script that calls `docker compose` in every run, too.

    ## Why it matters
    It has had no release since June 2023, and new engines and CI images come without it.

    ## Fix safety
    Unsafe: the call becomes `docker compose`, which names containers with `-` instead of `_`, and has to be there.
    Refused where scripts use the old names, where a compose file is of the first format, which has no `services` and which
    only the old program reads, where the program is called by its path or is a function of the script, and where a
    Dockerfile copies the script into an image, which may have the old program only.

    ## References
    https://docs.docker.com/compose/releases/migrate/
    """

    code = "SC104"
    category = Category.MAINTAINABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        script_case("#!/bin/bash\nset -e\nif command -v docker-compose; then docker-compose ps; else docker compose ps; fi\n"),
        script_case("#!/bin/bash\nset -e\ndocker compose ps || docker-compose ps\n"),
        script_case("#!/bin/bash\nset -e\ndocker compose version\nif ! x; then docker-compose ps; fi\n"),
    ]
    flagged = [
        script_case(
            "#!/bin/bash\nset -e\ndocker-compose -f a.yml ps\n", after="#!/bin/bash\nset -e\ndocker compose -f a.yml ps\n"
        ),
        script_case(
            "#!/bin/bash\nset -e\ndocker-compose build\n",
            compose="web:\n  build: .\n  links: [db]\ndb:\n  image: postgres:16\n",
            refused="`compose.yaml` is of the first format, which `docker compose` does not read",
        ),
        script_case(
            "#!/bin/bash\nset -e\ndocker compose build\ndocker-compose ps\n",
            after="#!/bin/bash\nset -e\ndocker compose build\ndocker compose ps\n",
        ),
        script_case("#!/bin/bash\nset -e\nDC=docker-compose\n$DC build\n", refused=_BY_NAME),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        new = [call for call in part.calls if call.is_compose and not call.is_old]
        if new and not any(_is_always_run(part, call) for call in new):
            return
        for call in part.calls:
            if call.is_old and (not new or _is_always_run(part, call)):
                words, spans = call.command.words, call.command.word_spans
                index = next((index for index, word in enumerate(words) if "docker-compose" in word), 0)
                reason = _why_that_program(part, fleet, words[index]) or _first_format(fleet) or _in_image(part, fleet)
                edit = Edit(spans[index], "docker compose")
                made = script_fix(part, "call `docker compose`", [edit], Applicability.UNSAFE)
                outcome = made if reason is None else Refusal(reason)
                yield self.at(
                    part, call.command.span.start, "calls `docker-compose`, which is not maintained any more", outcome
                )


def _is_always_run(part: ScriptPart, call: EngineCall) -> bool:
    """Whether a call is made in every run: in no branch and no function, and not for want of the other program."""
    behind = part.text[call.command.span.end :].lstrip(" \t\\\n")
    return call.command.top_level and call.command.operator != "||" and not behind.startswith("||") and call.verb != "version"


_KEYS = frozenset({"services", "include", "name", "version"})
"""What stands at the top of a compose file since the second format."""
_OWN = re.compile(r"(?m)^\s*(?:function\s+)?docker-compose\s*(?:\(\s*\)|\{)|\balias\s+[\"']?docker-compose=")
_OLD_NAME = re.compile(r"[\w}]_[A-Za-z][\w.-]*_\d+\b")


def _why_that_program(part: ScriptPart, fleet: Fleet, word: str) -> str | None:
    """Why `docker compose` may not do what a script's `docker-compose` does."""
    if "docker-compose" not in word:
        return _BY_NAME
    if _ABOUT_THE_PROGRAM.search(part.text):
        return "the script also installs or looks for that program"
    if "/" in word or "\\" in word or _OWN.search(part.text):
        return "it is a program or function of its own, and may do something else"
    if _uses_old_names(fleet):
        return "a script names containers as the old program does, with `_`"
    return None


def _first_format(fleet: Fleet) -> str | None:
    """The reason when a compose file is of the format that has its services at the top."""
    for path in fleet.compose_files:
        documents = read_documents(fleet.tree, path)
        for document in documents if isinstance(documents, tuple) else ():
            top = mapping(document.data)
            if not _KEYS & set(top) and any({"image", "build"} & set(mapping(value)) for value in top.values()):
                return f"`{path}` is of the first format, which `docker compose` does not read"
    return None


def _uses_old_names(fleet: Fleet) -> bool:
    key = ("SC104",)
    if key not in fleet.memo:
        fleet.memo[key] = any(_OLD_NAME.search(each.text) for each in fleet.scripts)
    return bool(fleet.memo[key])


def _in_image(part: ScriptPart, fleet: Fleet) -> str | None:
    """The reason when a Dockerfile copies the script, or a folder that holds it, to be run in an image."""
    for file in fleet.files:
        sources = {posixpath.normpath(s).lstrip("/") for one in file.stages for copy in one.copies for s in copy.sources}
        roots = [context.tree_path(source) for context in file.contexts for source in sources - {".", ""}]
        if any(is_within(part.path, root) for root in roots):
            return f"`{file.path}` copies the script into an image, where `docker compose` may not be"
    return None
