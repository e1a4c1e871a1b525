"""DF108."""

import re
from collections.abc import Iterator

from trimtab.fleet.chain import holds_comment
from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Run, Stage
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile, Instruction
from trimtab.text import Edit

_VOLATILE = re.compile(
    r"^(GIT_(SHA|COMMIT|REF|REVISION|HASH|BRANCH)|COMMIT(_SHA|_HASH)?|VCS_REF|REVISION"
    r"|BUILD_(DATE|TIME|TIMESTAMP|NUMBER|ID|REV)"
    r"|CI_(COMMIT|PIPELINE|JOB)\w*|GITHUB_(SHA|RUN_ID|RUN_NUMBER|REF)|SOURCE_DATE_EPOCH|DATE_CREATED)$",
    re.IGNORECASE,
)

_EXPLICIT = frozenset(
    [
        "apt-get",
        "apt",
        "apk",
        "pip",
        "pip3",
        "npm",
        "yarn",
        "pnpm",
        "poetry",
        "uv",
        "useradd",
        "groupadd",
        "adduser",
        "addgroup",
    ]
    + ["mkdir", "chown", "chmod", "rm", "set", "echo", "true", "cd", "mv", "cp", "ln", "curl", "wget", "tar", "unzip"]
)
"""Programs that take what they need from their arguments, not from variables of a build's own."""


class VolatileArgumentAboveWork(DockerfileRule):
    """Argument that changes with every build, above instructions that do not need it.

    ## What it does
    Finds ARGs, and ENVs and LABELs made of them, whose names say that their value is a commit, a date or a build number,
    above RUNs of the same stage that do not name them.

    ## Why it matters
    An ARG is part of the environment of every RUN behind it: each new value runs all of them again, installs included.

    ## Fix safety
    Unsafe: the instruction moves behind the last RUN that does not name it, in front of the first that does. Refused
    where something else needs it in between, and where a comment stands in it.

    ## References
    https://docs.docker.com/reference/dockerfile/#impact-on-build-caching
    """

    code = "DF108"
    category = Category.CACHING
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        "FROM a:1\nRUN make\nARG GIT_SHA\nLABEL revision=$GIT_SHA\n",
        "FROM a:1\nARG GIT_SHA\nRUN make VERSION=$GIT_SHA\n",
        "ARG BUILD_DATE\nFROM a:1\nARG VERSION\nRUN make\n",
    ]
    flagged = [
        Case(
            "FROM a:1\nARG GIT_SHA=none\nRUN npm ci\nLABEL v=$GIT_SHA\n",
            after="FROM a:1\nRUN npm ci\nARG GIT_SHA=none\nLABEL v=$GIT_SHA\n",
        ),
        Case(
            "FROM a:1\nARG BUILD_DATE\nLABEL created=$BUILD_DATE\nRUN npm ci\nRUN echo $BUILD_DATE > /d\n",
            after="FROM a:1\nRUN npm ci\nARG BUILD_DATE\nLABEL created=$BUILD_DATE\nRUN echo $BUILD_DATE > /d\n",
        ),
        Case("FROM a:1\nARG GIT_SHA\nCOPY $GIT_SHA /a\nRUN make\n", refused="`COPY` on line 3 needs it before the work"),
    ]  # fmt: skip

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for index, instruction in enumerate(stage.instructions):
                names = _volatile_names(instruction)
                if not names:
                    continue
                work = [run for run in stage.runs if run.index > index and not _needs_any(run.instruction, names)]
                first_user = min(
                    (run.index for run in stage.runs if run.index > index and run not in work), default=len(stage.instructions)
                )
                wasted = [run for run in work if run.index < first_user]
                if wasted:
                    listed = ", ".join(f"`{name}`" for name in names)
                    message = (
                        f"{listed} changes with every build, and runs line {wasted[0].instruction.start_line} again each time"
                    )
                    yield self.finding(
                        facts, instruction.keyword_span, message, _moved(file, stage, index, names, wasted[-1]), names[0]
                    )


def _volatile_names(instruction: Instruction) -> list[str]:
    """The volatile variables that an ARG declares, where it declares nothing else."""
    if instruction.keyword != "ARG":
        return []
    names = [word.raw.partition("=")[0] for word in instruction.words]
    if any(re.search(r"=[\"']?[0-9a-f]{32,}", word.raw) for word in instruction.words):
        # A default that is a digest is what a download is checked against.
        return []
    return names if names and all(_VOLATILE.match(name) for name in names) else []


def _needs_any(instruction: Instruction, names: list[str]) -> bool:
    text = instruction.logical.text + "".join(heredoc.content for heredoc in instruction.heredocs)
    return any(re.search(rf"\b{re.escape(name)}\b", text) for name in names)


def _moved(file: Dockerfile, stage: Stage, index: int, names: list[str], last: Run) -> Fix | Refusal:
    """The ARG, and the LABELs and ENVs made of it, behind the last RUN that does not need them."""
    moving = [stage.instructions[index]]
    carried = list(names)
    for instruction in stage.instructions[index + 1 : last.index + 1]:
        if not _needs_any(instruction, carried):
            continue
        if instruction.keyword not in {"LABEL", "ENV"}:
            return Refusal(f"`{instruction.keyword}` on line {instruction.start_line} needs it before the work")
        moving.append(instruction)
        if instruction.keyword == "ENV":
            carried += [word.raw.partition("=")[0] for word in instruction.words]
    if any(_needs_any(run.instruction, carried) for run in stage.runs if index < run.index <= last.index):
        return Refusal("a variable made of it is needed before the work")
    reason = _stays(stage, moving, carried, index, last.index)
    if reason:
        return Refusal(reason)
    if any(holds_comment(file, instruction.span) for instruction in moving):
        return Refusal("a comment would move along")
    newline = file.source.newline
    text = "".join(_whole(file, instruction, newline) for instruction in moving)
    at = last.instruction.span.end
    if file.source.text[at - 1 : at] != "\n" or not all(map(file.can_be_followed, (last.instruction, *moving))):
        return Refusal("the file ends with the work")
    edits = [Edit.delete(instruction.span) for instruction in moving] + [Edit.insert(at, text)]
    return Fix("move the changing argument behind the work", tuple(edits), Applicability.UNSAFE)


def _stays(stage: Stage, moving: list[Instruction], carried: list[str], index: int, last: int) -> str | None:
    """What speaks against moving something that no instruction in between names."""
    passed = [run for run in stage.runs if index < run.index <= last]
    if any(command.name not in _EXPLICIT for run in passed for command in run.script.commands):
        return "a program between may read it from its environment"
    if not any(_needs_any(instruction, carried) for instruction in (*moving[1:], *stage.instructions[last + 1 :])):
        return "nothing names it; it can go altogether, or is read from the environment"
    return "something it sets or reads is set again in between" if _is_set_again(stage, moving, index, last) else None


def _is_set_again(stage: Stage, moving: list[Instruction], index: int, last: int) -> bool:
    keys = {word.raw.partition("=")[0] for instruction in moving for word in instruction.words}
    read = {name for instruction in moving for name in re.findall(r"\$\{?(\w+)", instruction.arguments)}
    others = [i for i in stage.instructions[index + 1 : last + 1] if i.keyword in {"ENV", "ARG", "LABEL"} and i not in moving]
    return any(word.raw.partition("=")[0] in keys | read for instruction in others for word in instruction.words)


def _whole(file: Dockerfile, instruction: Instruction, newline: str) -> str:
    text = file.source.at(instruction.span)
    return text if text.endswith("\n") else text + newline
