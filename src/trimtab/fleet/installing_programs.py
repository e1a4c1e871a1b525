"""Programs of a RUN that may install system packages without saying so."""

import posixpath
import re

from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import manager_of, program_words
from trimtab.fleet.stage import Run, Stage
from trimtab.syntax.shell import Command

_CONFIGURES = re.compile(
    r"(ansible(-\w+)?|chef-(solo|client|apply)|puppet|salt-call|salt-ssh|pyinfra|mitamae|itamae|cinc-client|opam)"
)
"""What configures systems; opam looks up and installs what its packages need of the system, since 2.1 unasked."""
_INTERPRETER = re.compile(r"(python|pypy|perl|ruby|node|nodejs|php|lua|tclsh|Rscript)[\d.]*")
_STARTS_PROGRAMS = re.compile(
    r"subprocess|os\.(system|exec|spawn|popen)|child_process|shell_exec|proc_open|passthru|\b(system|popen|exec[lv]p?)\s*[( ]"
    r"|\b(apt|apt-get|aptitude|apk)\b|%x|`"
)
_VALUE_OPTIONS = frozenset(["-X", "-W", "-r", "--require", "-I", "-d"])


def may_install(facts: Facts, stage: Stage, run: Run) -> bool:
    """Whether a program that a RUN starts may be one that installs: it cannot be read, or it starts others."""
    return any(_may_install(facts, stage, run, command) for command in run.script.commands)


def _may_install(facts: Facts, stage: Stage, run: Run, command: Command) -> bool:
    words = program_words(command)
    if not words or manager_of(command) is not None:
        return False
    if _CONFIGURES.fullmatch(words[0]):
        return True
    if words[0] == "make":
        return not _has_makefile(facts, stage, run)
    if _INTERPRETER.fullmatch(words[0]):
        path = _file_of(words)
        return path is not None and _starts_programs(facts, stage, run, path)
    return _copied_from_stage(facts, stage, command)


def _file_of(words: tuple[str, ...]) -> str | None:
    """The file that an interpreter is given; None for `-c`, `-m` and their like."""
    rest = list(words[1:])
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in {"-c", "-m", "-e", "-p", "--version", "-V", "-v", "--eval", "--print"}:
            return None
        if option in _VALUE_OPTIONS and rest:
            rest.pop(0)
    return rest[0] if rest else None


def _files(facts: Facts, stage: Stage, run: Run) -> list[CopiedFiles]:
    """What the COPYs of a stage and of those it starts from have brought when a RUN begins."""
    return [
        CopiedFiles.before(one, run.index if one is stage else len(one.instructions), context)
        for context in facts.contexts
        for one in facts.lineage(stage)
    ]


def _starts_programs(facts: Facts, stage: Stage, run: Run, path: str) -> bool:
    """Whether a script starts other programs, or cannot be read."""
    place = posixpath.normpath(posixpath.join(run.state.workdir, path))
    texts = [text for files in _files(facts, stage, run) if (text := files.read(place)) is not None]
    return not texts or any(_STARTS_PROGRAMS.search(text) for text in texts)


def _has_makefile(facts: Facts, stage: Stage, run: Run) -> bool:
    """Whether a Makefile was copied, which is then read for what it installs."""
    names = {"makefile", "gnumakefile"}
    return any(posixpath.basename(path).lower() in names for files in _files(facts, stage, run) for path in files.paths)


def _copied_from_stage(facts: Facts, stage: Stage, command: Command) -> bool:
    """Whether a program is one that a COPY took from another stage, whose text is not known."""
    for one in facts.lineage(stage):
        for copy in (copy for copy in one.copies if copy.from_ is not None and facts.stage_named(copy.from_) is not None):
            names = {posixpath.basename(path) for path in (*copy.sources, copy.destination)}
            if posixpath.basename(command.words[0]) in names or command.words[0].startswith(copy.destination.rstrip("/") + "/"):
                return True
    return False
