"""DF210."""

import posixpath
import re
from collections.abc import Iterator

from trimtab.fleet.bases import read_reference
from trimtab.fleet.chain import holds_comment
from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Run, Stage
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.syntax.shell import Command
from trimtab.text import Edit, Span

_OTHERWISE = "sudo starts the program with another environment and PATH, on which it may depend"
_HARMLESS = frozenset(
    ["DEBIAN_FRONTEND", "DEBCONF_NONINTERACTIVE_SEEN", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TERM"]
)
_PLAIN = frozenset([
    "apt-get", "apt", "apt-key", "apt-cache", "add-apt-repository", "apk", "yum", "dnf", "dpkg", "rpm",
    "debconf-set-selections", "rm", "mv", "cp", "mkdir", "rmdir", "chmod", "chown", "chgrp", "ln", "ls", "cat", "tee",
    "touch", "find", "sed", "install", "useradd", "usermod", "userdel", "groupadd", "groupmod", "adduser", "addgroup",
    "gpasswd", "passwd", "chpasswd", "visudo", "tar", "unzip", "echo", "ldconfig", "update-alternatives", "locale-gen",
    "service", "systemctl", "ssh-keygen", "true",
])  # fmt: skip
"""Programs of the system itself, which read nothing from the environment that a Dockerfile would set for others."""


class Sudo(DockerfileRule):
    """`sudo` in a RUN.

    ## What it does
    Finds commands that are started through sudo in RUNs that are known to be root's already.

    ## Why it matters
    A build is root until a USER says otherwise, so sudo has nothing to give. Where it does, the image's user can become
    root at run time as well, which is what the USER was for.

    ## Fix safety
    Unsafe, because sudo also resets the environment. Refused where sudo has options, and where it starts a program that may
    depend on the environment, PATH included, and the base or the Dockerfile may have put something there.
    """

    code = "DF210"
    category = Category.SECURITY
    severity = Severity.MEDIUM
    since = "0.2"
    aliases = ("DL3004", "DS-0010", "CKV2_DOCKER_1")
    clean = [
        "FROM cimg/base:1\nRUN sudo apt-get update\nFROM debian:13\nRUN useradd a\nUSER a\nRUN sudo ls\n",
        "FROM debian:13\nRUN apt-get update\n",
        "FROM debian:13\nRUN echo sudo\n",
    ]
    flagged = [
        Case(
            "FROM debian:13\nRUN sudo apt-get update && \\\n    sudo ls\n",
            after="FROM debian:13\nRUN apt-get update && \\\n    ls\n",
        ),
        Case("FROM debian:13\nRUN sudo -E ls\n", refused="sudo is called with options"),
        Case("FROM debian:13\nENV PATH=/opt/conda/bin:$PATH\nRUN sudo pip install six\n", refused=_OTHERWISE),
        Case("FROM debian:13\nRUN export PREFIX=/opt && sudo make install\n", refused=_OTHERWISE),
        Case("FROM acme/conda:1\nUSER root\nRUN sudo pip install six\n", refused=_OTHERWISE),
        Case("FROM debian:13\nENV LANG=C\nRUN sudo make install\n", after="FROM debian:13\nENV LANG=C\nRUN make install\n"),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for run in stage.runs:
                for command in run.commands("sudo") if _is_root(facts, stage, run) else ():
                    span = run.source_span(command.word_spans[0])
                    outcome = Refusal(_OTHERWISE) if _depends(facts, stage, run, command) else _outcome(facts, run, command)
                    yield self.finding(facts, span, "sudo gives a build nothing that it does not have", outcome)


def _is_root(facts: Facts, stage: Stage, run: Run) -> bool:
    user = facts.runs_as(stage, run.state)
    return user is not None and user.uid == 0


def _depends(facts: Facts, stage: Stage, run: Run, command: Command) -> bool:
    """Whether a program may find another environment without sudo, and do something else."""
    program = posixpath.basename("".join(command.words[1:2]))
    if program in _PLAIN or program.startswith("-"):
        return False
    exported = set(re.findall(r"\bexport\s+(\w+)", run.instruction.logical.text))
    return bool((exported | run.state.env.keys()) - _HARMLESS) or not read_reference(facts.outside_base(stage)).official


def _outcome(facts: Facts, run: Run, command: Command) -> Fix | Refusal:
    if len(command.words) < 2 or command.words[1].startswith("-") or re.search(r"[=$`]", command.words[1]):
        return Refusal("sudo is called with options")
    between = Span(run.at(command.word_spans[0].start), run.at(command.word_spans[1].start))
    if holds_comment(facts.dockerfile, between):
        return Refusal("taking it out would take a comment along")
    if not run.editable:
        return Refusal("the command stands in a heredoc, whose body is never rewritten")
    return Fix("drop sudo", (Edit.delete(between),), Applicability.UNSAFE)
