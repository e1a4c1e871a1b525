"""DF108."""

import re
from collections.abc import Iterator

from trimtab.fleet.chain import holds_comment
from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.dependencies import NeedsSources, install_inputs
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import Install, empties_cache, manager_of, read_install
from trimtab.fleet.stage import Run, Stage
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile, Instruction
from trimtab.syntax.shell import Command
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
_READ_BY_INSTALLS = re.compile(
    r"^(PATH|HOME|USER|LANG|LANGUAGE|TZ|TMPDIR|SHELL|ENV|BASH_ENV|CI|VIRTUAL_ENV|DEBIAN_FRONTEND|GZIP|PYTHON\w+)$|_PROXY$|^SOURCE_DATE_EPOCH$"
    r"|^(LD|LC|PIP|UV|NPM|NODE|YARN|PNPM|COREPACK|POETRY|PYTHON|SETUPTOOLS|APT|CURL|WGET|SSL|REQUESTS|XDG|TAR|GZIP)_",
    re.IGNORECASE,
)
"""Variables that the programs above read without being told to; Python stamps its byte code by the last of the first row."""


class VolatileArgumentAboveWork(DockerfileRule):
    """Argument that changes with every build, above instructions that do not need it.

    ## What it does
    Finds ARGs, and ENVs and LABELs made of them, whose names say that their value is a commit, a date or a build number,
    above RUNs of the same stage that do not name them.

    ## Why it matters
    An ARG is part of the environment of every RUN behind it: each new value runs all of them again, installs included.

    ## Fix safety
    Unsafe: the instruction moves behind the last RUN that does not name it, in front of the first that does. Refused
    where something else needs it in between, where an install in between runs code of the sources (a setup.py, a
    lifecycle script) or is set up by a variable that would move along, and where a comment stands in it.

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
            "FROM a:1\nCOPY package.json .\nARG GIT_SHA=none\nRUN npm ci\nLABEL v=$GIT_SHA\n",
            after="FROM a:1\nCOPY package.json .\nRUN npm ci\nARG GIT_SHA=none\nLABEL v=$GIT_SHA\n",
            files={"package.json": "{}"},
        ),
        Case(
            "FROM a:1\nCOPY . .\nARG GIT_SHA\nRUN npm ci\nLABEL v=$GIT_SHA\n",
            refused="`package.json` runs a `postinstall` script, which may read the sources",
            files={"package.json": '{"scripts": {"postinstall": "node version.js"}}'},
        ),
        Case(
            "FROM a:1\nARG BUILD_DATE\nLABEL created=$BUILD_DATE\nRUN npm i -g n\nRUN echo $BUILD_DATE > /d\n",
            after="FROM a:1\nRUN npm i -g n\nARG BUILD_DATE\nLABEL created=$BUILD_DATE\nRUN echo $BUILD_DATE > /d\n",
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
                        facts, instruction.keyword_span, message, _moved(facts, stage, index, names, wasted[-1]), names[0]
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


def _moved(facts: Facts, stage: Stage, index: int, names: list[str], last: Run) -> Fix | Refusal:
    """The ARG, and the LABELs and ENVs made of it, behind the last RUN that does not need them."""
    file = facts.dockerfile
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
    passed = [run for run in stage.runs if index < run.index <= last.index]
    reason = _read_unnamed(facts, stage, moving, passed) or _stays(stage, moving, carried, index, last.index)
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


def _read_unnamed(facts: Facts, stage: Stage, moving: list[Instruction], passed: list[Run]) -> str | None:
    """What in the work may read a variable that it does not name."""
    telling = next((name for instruction in moving for name in _told_to_installs(instruction)), None)
    if telling:
        return f"`{telling}` would move along, and the work in between may be set up by it"
    if any(run.script.broken or not run.script.commands for run in passed):
        return "a program between may read it from its environment"
    if any(command.name not in _EXPLICIT or _runs_scripts(command) for run in passed for command in run.script.commands):
        return "a program between may read it from its environment"
    needs = (_runs_sources(facts, stage, run, install) for run in passed for install in run.installs)
    return next((reason for reason in needs if reason), None)


def _told_to_installs(instruction: Instruction) -> list[str]:
    """The variables of an ARG or ENV that installs read by themselves, and those that have nothing to do with the move."""
    words = [word.raw for word in instruction.words]
    if instruction.keyword not in {"ARG", "ENV"} or not words:
        return []
    if instruction.keyword == "ENV" and "=" not in words[0]:
        words = [f"{words[0]}={' '.join(words[1:])}"]
    pairs = [word.partition("=") for word in words]
    constant = instruction.keyword == "ENV"
    return [name for name, _, value in pairs if _READ_BY_INSTALLS.search(name) or (constant and "$" not in value)]


def _runs_scripts(command: Command) -> bool:
    """Whether a package manager is told to run something else than an install: `npm run build`."""
    manager = manager_of(command)
    if manager is None or manager.system or read_install(command) is not None:
        return False
    return "config" not in command.words[1:2] and not empties_cache(manager, command)


def _runs_sources(facts: Facts, stage: Stage, run: Run, install: Install) -> str | None:
    """Why an install may run code of the sources, which may read anything."""
    if install.manager.system or install.has_flag("-g", "--global", "--location=global"):
        return None
    files = [CopiedFiles.before(stage, run.index, context) for context in facts.contexts]
    inputs = [install_inputs(install, run.state.workdir, each) for each in files]
    return next((each.reason for each in inputs if isinstance(each, NeedsSources)), None)


def _stays(stage: Stage, moving: list[Instruction], carried: list[str], index: int, last: int) -> str | None:
    """What speaks against moving something that no instruction in between names."""
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
