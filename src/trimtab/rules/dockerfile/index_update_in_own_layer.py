"""DF106."""

import re
from collections.abc import Iterator, Sequence

from trimtab.fleet.chain import chain, holds_comment, insertion
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import program_words
from trimtab.fleet.stage import Run, Stage
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.syntax.shell import Command
from trimtab.text import Edit

_OTHER_USE = (
    r"build-dep|apt-cache|aptitude|install-deps|\.sh\b|rosdep|gdebi"
    r"|apt(-get)?(\s+-\S+)*\s+(source|download|remove|purge|show|policy)\b"
)
_MAY_NEED = "something else in the file may need the lists"
_SOURCES = re.compile(r"/etc/apt\b|\b(apt-key|add-apt-repository|extrepo)\b|\bapt\.(sources|conf)\b")


class IndexUpdateInOwnLayer(DockerfileRule):
    """`apt-get update` apart from the install it is for.

    ## What it does
    Finds RUNs that only update a package index which a later RUN installs from.

    ## Why it matters
    The update is cached and the install is not: when the list of packages changes months later, apt asks for versions
    that the mirror no longer has, and the build fails. The index also stays in the image, in a layer of its own.

    ## Fix safety
    Unsafe: the update moves into every install that follows, so newer versions may come, which is the point; building
    shows that they do. Refused where the update has options, does more, or an install does not stand in a plain chain, and
    where something else may read the lists: without them `apt-get remove` fails for a package that is not installed.

    ## References
    https://docs.docker.com/build/building/best-practices/#apt-get
    """

    code = "DF106"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    aliases = ("DS-0017", "CKV_DOCKER_5")
    clean = [
        "FROM debian:13\nRUN apt-get update && apt-get install -y git\n",
        "FROM debian:13\nRUN apt-get update\n",
        "FROM alpine:3.22\nRUN apk update && apk add git\n",
    ]
    flagged = [
        Case(
            "FROM debian:13\nRUN apt-get update\nRUN apt-get install -y git\nRUN a && \\\n    apt-get install -y curl\n",
            after="FROM debian:13\nRUN apt-get update && apt-get install -y git\n"
            "RUN a && \\\n    apt-get update && apt-get install -y curl\n",
        ),
        Case(
            "FROM debian:13\nRUN apt-get update -o A=b\nRUN apt-get install -y git\n",
            refused="the update has options of its own",
        ),
        Case(
            "FROM debian:13\nRUN apt-get update\nRUN apt-get -y remove node\nRUN apt-get install -y git\n",
            refused=_MAY_NEED,
        ),
        Case(
            "FROM debian:13\nRUN apt-get update\nRUN apt-get purge -y node && apt-get install -y git\n",
            refused=_MAY_NEED,
        ),
        Case(
            "FROM debian:13\nRUN apt-get update\nRUN for p in a b; do apt-get install -y $p; done\n",
            refused="an install that needs it does not stand in a plain chain of commands",
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for run in stage.runs:
                update = _only_update(run)
                later = _installs_without_update(facts, stage, run) if update else []
                if update and later:
                    span = run.source_span(update.span)
                    message = f"the index is as old as this layer when line {later[0].instruction.start_line} installs from it"
                    yield self.finding(facts, span, message, _outcome(file, facts, stage, run, update, later))


def _is_update(command: Command) -> bool:
    words = program_words(command)
    return words[:1] in {("apt-get",), ("apt",)} and "update" in words


def _only_update(run: Run) -> Command | None:
    commands = run.script.commands
    whole = len(commands) == 1 and run.script.text.strip() == run.script.text[commands[0].span.start : commands[0].span.end]
    return commands[0] if whole and _is_update(commands[0]) else None


def _installs_without_update(facts: Facts, stage: Stage, run: Run) -> list[Run]:
    """The later RUNs, of stages that start from this one as well, that install with the old index."""
    found: list[Run] = []
    for one in facts.descendants(stage):
        for each in one.runs:
            later = one is not stage or each.index > run.index
            if one is stage and later and any(map(_is_update, each.script.commands)):
                # What follows installs from the newer lists.
                return found
            if later and any(i.manager.name == "apt" for i in each.installs) and not any(map(_is_update, each.script.commands)):
                found.append(each)
    return found


def _behind(facts: Facts, stage: Stage, run: Run) -> Iterator[str]:
    """What the instructions behind a RUN say, those of stages that start from its own as well."""
    for one in facts.descendants(stage):
        for instruction in one.instructions[run.index + 1 if one is stage else 0 :]:
            yield instruction.arguments + "".join(heredoc.content for heredoc in instruction.heredocs)


def _outcome(file: Dockerfile, facts: Facts, stage: Stage, run: Run, update: Command, later: Sequence[Run]) -> Fix | Refusal:
    words = program_words(update)
    if set(words[1:]) - {"update", "-y", "-q", "-qq", "--yes", "-yqq", "-yq"}:
        return Refusal("the update has options of its own")
    if not run.editable or holds_comment(file, run.instruction.span) or run.instruction.flags:
        return Refusal("taking it out would take a comment or a mount along")
    family = [each for one in facts.descendants(stage) for each in one.runs]
    unread = [each for each in family if each not in later and re.search(_OTHER_USE, each.instruction.logical.text)]
    if unread or any(name in each.instruction.logical.text for each in later for name in ("build-dep", "source ")):
        return Refusal(_MAY_NEED)
    if any(_SOURCES.search(text) for text in _behind(facts, stage, run)):
        return Refusal("package sources change behind the update, and it may fail with the new ones")
    edits = [Edit.delete(run.instruction.span)]
    for each in later:
        first = next(install.command for install in each.installs if install.manager.name == "apt")
        if (
            not each.editable
            or first not in chain(each)
            or first.operator not in {"", "&&", ";"}
            or each.state.user != run.state.user
        ):
            return Refusal("an install that needs it does not stand in a plain chain of commands")
        if re.search(_OTHER_USE, each.script.text[: first.span.start]):
            return Refusal(_MAY_NEED)
        edits.append(insertion(each, first.span.start, f"{' '.join(update.words)} && "))
    effects = Effects(changes=("/var/lib/apt/**", "/var/cache/apt/**"), removes=("/var/lib/apt/**",))
    return Fix("update the index where it is installed from", tuple(edits), Applicability.UNSAFE, effects)
