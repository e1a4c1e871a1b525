"""DF130."""

import posixpath
import re
from collections.abc import Iterator, Sequence

from trimtab.fleet.chain import chain, holds_comment
from trimtab.fleet.facts import Facts
from trimtab.fleet.paths import is_within
from trimtab.fleet.stage import Copy, Run, Stage
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.syntax.shell import Command
from trimtab.text import Edit, Span

_REMOVERS = {("npm", "cache"), ("yarn", "cache"), ("pip", "cache")}
_HOOKED = {("apt-get", "clean"), ("apt", "clean"), ("apt-get", "autoclean")}
"""What Debian's images do by themselves after every install."""
_CHANGES_SHELL = frozenset(
    ["cd", "pushd", "popd", "export", "set", "shopt", "umask", "alias", "unset", "trap", "source", ".", "eval", "exec", "exit"]
    + ["return", "ulimit"]
)
"""Commands that change what a command behind them in the same shell means, or whether it runs."""
_PURGES = {"purge", "remove", "autoremove", "del"}
_APART = "the instruction that made it is not the one before; do both in one RUN, or build in a stage of its own"


class DeletedInLaterLayer(DockerfileRule):
    """Files that a later layer deletes.

    ## What it does
    Finds RUNs that do nothing but delete what an earlier instruction made: package lists and caches, packages, copied
    files, downloads.

    ## Why it matters
    A layer only hides what lies below it. The image stays as large as it was, is pulled as large as it was, and what was
    deleted can still be taken out of it.

    ## Fix safety
    Safe where the RUN before made what is deleted, both run as one user in one folder with equal variables, and neither
    has mounts or comments: they become one RUN, and the same commands run in the same order. Refused otherwise.
    """

    code = "DF130"
    category = Category.SIZE
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        "FROM debian:13\nRUN apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/*\n",
        "FROM debian:13 AS b\nRUN apt-get install -y a\nRUN rm -rf /var/lib/apt/lists/*\nFROM debian:13\nCOPY --from=b /a /a\n",
        "FROM debian:13\nRUN rm /etc/localtime\n",
    ]
    flagged = [
        Case(
            "FROM debian:13\nRUN apt-get update && apt-get install -y git\nRUN rm -rf /var/lib/apt/lists/*\n",
            after="FROM debian:13\nRUN apt-get update && apt-get install -y git \\\n    && rm -rf /var/lib/apt/lists/*\n",
        ),
        Case(
            "FROM debian:13\nCOPY a.tar /tmp/\nRUN tar xf /tmp/a.tar\nRUN rm /tmp/a.tar\n", refused=_APART, files={"a.tar": ""}
        ),
        Case("FROM debian:13\nRUN apt-get install -y gcc\nRUN make\nRUN apt-get purge -y gcc\n", refused=_APART),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            if not facts.in_final_image(stage):
                continue
            for run in stage.runs:
                commands = run.script.commands
                if not commands or not all(_deletes(command) for command in commands) or run.mounts("cache"):
                    continue
                copies = [copy for copy in stage.copies if copy.index < run.index]
                made = _made(list(facts.runs_before(stage, run.index)), copies, run)
                if made:
                    message = f"{made} was made by an earlier layer, which keeps it"
                    yield self.finding(facts, run.source_span(commands[0].span), message, _joined(file, stage, run))


def _deletes(command: Command) -> bool:
    if command.name in {"rm", "true"}:
        return True
    if command.words[:2] in _REMOVERS | _HOOKED:
        return True
    return command.name in {"apt-get", "apt", "apk"} and bool(_PURGES & set(command.words))


def _made(earlier: Sequence[Run], copies: Sequence[Copy], run: Run) -> str | None:
    """What some earlier instructions made that a RUN deletes."""
    found = (_made_for(earlier, copies, run, command) for command in run.script.commands)
    return next((what for what in found if what), None)


def _made_for(earlier: Sequence[Run], copies: Sequence[Copy], run: Run, command: Command) -> str | None:
    managers = {install.manager.name for each in earlier for install in each.installs if not each.mounts("cache")}
    if command.name in {"apt-get", "apt", "apk"} and _PURGES & set(command.words):
        named = {package for each in earlier for install in each.installs for package in install.packages}
        gone = sorted(named & set(command.words))
        return f"`{gone[0]}`" if gone else None
    if command.words[:2] in _REMOVERS:
        return f"the cache of `{command.name}`" if command.name in managers else None
    for word in command.words[1:]:
        path = posixpath.normpath(posixpath.join(run.state.workdir, word.rstrip("*")))
        if word.startswith("-") or "$" in word or path in {"/", "/tmp", "/var/tmp"}:  # noqa: S108  paths inside an image
            continue
        if is_within(path, "/var/lib/apt") and "apt" in managers:
            return "the package list of `apt`"
        if any(path in _destinations(copy) for copy in copies) or any(_writes(each, path) for each in earlier):
            return f"`{path}`"
    return None


def _destinations(copy: Copy) -> set[str]:
    inside = {posixpath.join(copy.destination, posixpath.basename(source)) for source in copy.sources}
    return inside if copy.is_directory_target else {copy.destination, *inside}


def _writes(run: Run, path: str) -> bool:
    """Whether a download of an earlier RUN goes to a path."""
    for command in run.script.commands:
        if command.name not in {"curl", "wget", "git"}:
            continue
        for word in command.words[1:]:
            if (
                not word.startswith("-")
                and "://" not in word
                and posixpath.normpath(posixpath.join(run.state.workdir, word)) == path
            ):
                return True
    return False


def _is_plain_path(word: str) -> bool:
    return word.startswith(("/", "-")) and not re.search(r"[~$`]", word)


def _joined(file: Dockerfile, stage: Stage, run: Run) -> Fix | Refusal:
    before = stage.instructions[run.index - 1]
    maker = stage.run_at(run.index - 1)
    if maker is None or before.flags or run.instruction.flags or _made([maker], [], run) is None:
        return Refusal(_APART)
    if not all(_is_plain_path(word) for command in run.script.commands for word in command.words[1:] if command.name == "rm"):
        return Refusal(_APART)
    same = (maker.state.user, maker.state.workdir, maker.state.env, maker.state.shell) == (
        run.state.user, run.state.workdir, run.state.env, run.state.shell)  # fmt: skip
    plain = maker.editable and run.editable and _plain(maker) and _plain(run)
    between = Span(before.arguments_span.end, run.instruction.arguments_span.start)
    if not same or not plain or any(holds_comment(file, span) for span in (before.span, run.instruction.span, between)):
        return Refusal(_APART)
    newline = file.source.newline
    return Fix("delete where it is made", (Edit(between, f" {file.escape}{newline}    && "),))


def _plain(run: Run) -> bool:
    """A chain of `&&` alone: whatever fails fails the instruction, before and after joining."""
    links = chain(run)
    if not links or links != list(run.script.commands) or not all(link.operator in {"", "&&"} for link in links):
        return False
    if any(link.name in _CHANGES_SHELL or link.assignments for link in links):
        return False
    text = run.script.text
    ends = [0, *(link.span.end for link in links)]
    starts = [*(link.span.start for link in links), len(text)]
    between = (text[end:start] for end, start in zip(ends, starts, strict=True))
    return all(re.fullmatch(r"[\s&\\]*", part) for part in between) and not text.rstrip().endswith("&")
