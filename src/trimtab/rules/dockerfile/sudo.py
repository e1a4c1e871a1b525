"""DF210."""

from collections.abc import Iterator

from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Run, Stage
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.syntax.shell import Command
from trimtab.text import Edit, Span


class Sudo(DockerfileRule):
    """`sudo` in a RUN.

    ## What it does
    Finds commands that are started through sudo.

    ## Why it matters
    A build is root until a USER says otherwise, so sudo has nothing to give. Where it does, the image's user can become
    root at run time as well, which is what the USER was for.

    ## Fix safety
    Unsafe, because sudo also resets the environment: the word goes where the RUN is known to be root's. Refused where
    another user runs it (a `USER root` before and a `USER` after belong there instead), and where sudo has options.
    """

    code = "DF210"
    category = Category.SECURITY
    severity = Severity.MEDIUM
    since = "0.2"
    aliases = ("DL3004", "DS-0010", "CKV2_DOCKER_1")
    clean = ["FROM debian:13\nRUN apt-get update\n", "FROM debian:13\nRUN echo sudo\n"]
    flagged = [
        Case(
            "FROM debian:13\nRUN sudo apt-get update && \\\n    sudo ls\n",
            after="FROM debian:13\nRUN apt-get update && \\\n    ls\n",
        ),
        Case("FROM debian:13\nRUN sudo -E ls\n", refused="sudo is called with options"),
        Case("FROM debian:13\nRUN useradd a\nUSER a\nRUN sudo ls\n", refused="the instruction runs as `a`, not as root"),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for run in stage.runs:
                for command in run.commands("sudo"):
                    span = run.source_span(command.word_spans[0])
                    yield self.finding(
                        facts, span, "sudo gives a build nothing that it does not have", _outcome(facts, stage, run, command)
                    )


def _outcome(facts: Facts, stage: Stage, run: Run, command: Command) -> Fix | Refusal:
    user = facts.runs_as(stage, run.state)
    if user is None or user.uid != 0:
        return Refusal(f"the instruction runs as `{run.state.user or 'the base image’s user'}`, not as root")
    if len(command.words) < 2 or command.words[1].startswith("-") or "=" in command.words[1]:
        return Refusal("sudo is called with options")
    if not run.editable:
        return Refusal("the command stands in a heredoc, whose body is never rewritten")
    edit = Edit.delete(Span(run.at(command.word_spans[0].start), run.at(command.word_spans[1].start)))
    return Fix("run it directly", (edit,), Applicability.UNSAFE)
