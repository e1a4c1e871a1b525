"""DF210."""

import re
from collections.abc import Iterator

from trimtab.fleet.chain import holds_comment
from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Run, Stage
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.syntax.shell import Command
from trimtab.text import Edit, Span


class Sudo(DockerfileRule):
    """`sudo` in a RUN.

    ## What it does
    Finds commands that are started through sudo in RUNs that are known to be root's already.

    ## Why it matters
    A build is root until a USER says otherwise, so sudo has nothing to give. Where it does, the image's user can become
    root at run time as well, which is what the USER was for.

    ## Fix safety
    Unsafe, because sudo also resets the environment. Refused where sudo has options.
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
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for run in stage.runs:
                for command in run.commands("sudo") if _is_root(facts, stage, run) else ():
                    span = run.source_span(command.word_spans[0])
                    outcome = _outcome(facts, run, command)
                    yield self.finding(facts, span, "sudo gives a build nothing that it does not have", outcome)


def _is_root(facts: Facts, stage: Stage, run: Run) -> bool:
    user = facts.runs_as(stage, run.state)
    return user is not None and user.uid == 0


def _outcome(facts: Facts, run: Run, command: Command) -> Fix | Refusal:
    if len(command.words) < 2 or command.words[1].startswith("-") or re.search(r"[=$`]", command.words[1]):
        return Refusal("sudo is called with options")
    between = Span(run.at(command.word_spans[0].start), run.at(command.word_spans[1].start))
    if holds_comment(facts.dockerfile, between):
        return Refusal("taking it out would take a comment along")
    if not run.editable:
        return Refusal("the command stands in a heredoc, whose body is never rewritten")
    return Fix("drop sudo", (Edit.delete(between),), Applicability.UNSAFE)
