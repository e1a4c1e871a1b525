"""SC101 to SC105: how a script builds and starts a fleet."""

import posixpath
import re
from collections.abc import Iterator

from trimtab.fleet import Fleet
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.jobs import why_it_may_end
from trimtab.fleet.paths import is_within
from trimtab.fleet.scripts import EngineCall, ScriptPart
from trimtab.rules.base import (
    Applicability,
    Case,
    Category,
    Finding,
    Fix,
    Refusal,
    ScriptRule,
    Severity,
    script_case,
    script_fix,
)
from trimtab.text import Edit, Span

_REPLACED = "what has to come in its place is more than a word: one service after the other, each waited for"
_LINE = "docker compose "
_IN_VALUE = "it stands in the value of a variable, which other calls may use, too"


def _without(part: ScriptPart, call: EngineCall, option: str, applicability: Applicability) -> Fix | Refusal:
    """The call without one of the options behind its verb: `compose --parallel 4 build` has one before it."""
    words, spans = call.command.words, call.command.word_spans
    if option not in words:
        return Refusal(_IN_VALUE)
    index = len(words) - 1 - words[::-1].index(option)
    return script_fix(part, f"leave `{option}` out", [Edit.delete(Span(spans[index - 1].end, spans[index].end))], applicability)


_CALLED_SO = "by its name the script is there to build everything again"
_NAMED_SO = re.compile(r"(?i)no[-_]?cache|re-?build|fresh|clean|scratch|reset|force")
_TOLD_SO = "a comment says that the cache is not to be used"
_SAID_SO = re.compile(
    r"(?im)^\s*(?:#|rem\b|::).*\b(?:without|no|not|bypass\w*|ignor\w*|skip\w*)\b.*\bcach|^\s*(?:#|rem\b|::).*\bfrom scratch\b"
)
_MOVING = "a Dockerfile gets sources that change while it does not, and the cache would keep the old ones"
_MOVES = re.compile(
    r"\bgit (?:\S+ )*?(?:clone|pull|fetch)\b|\b(?:curl|wget)\b[^\n]*"
    r"(?:\b(?:latest|nightl\w+|snapshots?|master|main|HEAD)\b|https?://(?!\S*(?:\d\.\d|\$|[0-9a-f]{20}))\S+)"
)
"""What a Dockerfile gets that may be another one tomorrow: a branch, or an address without a version."""


class NoCacheBuild(ScriptRule):
    """Build without any cache in a script.

    ## What it does
    Finds `docker build --no-cache` and `docker compose build --no-cache`.

    ## Why it matters
    Every run builds and downloads everything again, what has not changed included. Cache mounts still work; layers do not.

    ## Fix safety
    Unsafe: the option goes. What was rebuilt only by accident, such as packages without a version, stays as it was. Refused
    where the script offers a choice of building with or without the cache, where its name or a comment says that it is to do
    without, and where a Dockerfile beside it or below gets sources that change without it: `git clone`, a nightly build.
    """

    code = "SC101"
    category = Category.CACHING
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [script_case(f"#!/bin/bash\nset -e\n{_LINE}build\n")]
    flagged = [
        script_case(
            f"#!/bin/bash\nset -e\n{_LINE}-f a.yml build --no-cache api # all\n",
            after=f"#!/bin/bash\nset -e\n{_LINE}-f a.yml build api # all\n",
        ),
        script_case(
            "$ErrorActionPreference = 'Stop'\ndocker build --no-cache .\n",
            after="$ErrorActionPreference = 'Stop'\ndocker build .\n",
            name="a.ps1",
        ),
        script_case(f"#!/bin/bash\nset -e\n{_LINE}build --no-cache\n", name="build_nocache.sh", refused=_CALLED_SO),
        script_case(
            '#!/bin/bash\nset -e\nDC="docker compose -f a.yml"\n$DC build --no-cache\n',
            after='#!/bin/bash\nset -e\nDC="docker compose -f a.yml"\n$DC build\n',
        ),
        script_case(
            "#!/bin/bash\nset -e\ndocker buildx build --no-cache -t a .\n",
            after="#!/bin/bash\nset -e\ndocker buildx build -t a .\n",
        ),
        script_case('#!/bin/bash\nset -e\nB="docker build --no-cache"\n$B .\n', refused=_IN_VALUE),
        script_case(f"#!/bin/bash\nset -e\n# Built without using the cache.\n{_LINE}build --no-cache\n", refused=_TOLD_SO),
        Case(
            "FROM debian:12\nRUN git clone https://example.org/a.git && make -C a\n",
            refused=_MOVING,
            files={"build.sh": "#!/bin/sh\nset -e\ndocker build -t a --no-cache .\n"},
        ),
        Case(
            "FROM debian:12\nRUN curl https://example.org/runtime.tgz | tar -xz\n",
            refused=_MOVING,
            files={"b/build.sh": "#!/bin/sh\nset -e\ncd ..\ndocker build --no-cache .\n", "b/Dockerfile": "FROM scratch\n"},
        ),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        for call in part.calls:
            if call.verb == "build" and "--no-cache" in call.options:
                outcome = Refusal(_CHOSEN) if _chooses_cache(part) else _without(part, call, "--no-cache", Applicability.UNSAFE)
                reason = _wanted(part, fleet)
                outcome = Refusal(reason) if reason else outcome
                yield self.at(part, call.command.span.start, "builds everything again, whatever has changed", outcome)


def _wanted(part: ScriptPart, fleet: Fleet) -> str | None:
    """What says, or makes it likely, that everything is to be built again."""
    if _NAMED_SO.search(posixpath.basename(part.path)):
        return _CALLED_SO
    if _SAID_SO.search(part.text):
        return _TOLD_SO
    folder = posixpath.dirname(part.path)
    elsewhere = ".." in part.text or any(command.name in {"cd", "pushd"} for command in part.script.commands)
    below = [file for file in fleet.files if not folder or is_within(file.path, folder)] if not elsewhere else []
    sources = (file.dockerfile.source.text for file in below or fleet.files)
    return _MOVING if any(map(_MOVES.search, sources)) else None


_CHOSEN = "the script builds with the cache as well, or lets its user choose"


def _chooses_cache(part: ScriptPart) -> bool:
    """Whether the script speaks of the cache elsewhere than in its builds' options."""
    builds = [call for call in part.calls if call.verb == "build"]
    told = sum("--no-cache" in call.options for call in builds)
    return told < len(builds) or len(re.findall(r"(?i)no[-_]?cache|caching", part.text)) > told


class DownBeforeUp(ScriptRule):
    """All services stopped before the new ones are started.

    ## What it does
    Finds `compose down` followed by `compose up` in one script.

    ## Why it matters
    Nothing answers from the first line to the end of the second, which pulls, creates and starts everything. A chain of five
    services that boot in a second each was away for up to 24.6 s with `up -d` alone, which stops only what has changed.

    ## Fix safety
    Not fixed: `up -d` without it still stops services, in another order. What helps is to replace one service at a time, in the
    order of their dependencies, with `up -d --no-deps --wait`.
    """

    code = "SC102"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        script_case(f"#!/bin/bash\nset -e\n{_LINE}up -d --wait\n{_LINE}down\n"),
        script_case(f'#!/bin/bash\nset -e\ncase "$1" in\ndown) {_LINE}down ;;\nup) {_LINE}up -d ;;\nesac\n'),
    ]
    flagged = [
        script_case(f"#!/bin/bash\nset -e\n{_LINE}down --timeout 30\n{_LINE}up -d\n", refused=_REPLACED),
        script_case('#!/bin/bash\nset -e\nDC=(docker compose)\n"${DC[@]}" down\n"${DC[@]}" up -d\n', refused=_REPLACED),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        ups = [call for call in part.calls if call.is_compose and call.verb == "up"]
        for call in part.calls:
            later = [up for up in ups if up.command.span.start > call.command.span.end]
            if (
                call.is_compose
                and call.verb in {"down", "stop"}
                and not call.operands
                and later
                and _same_way(part, call, later[0])
            ):
                message = "stops every service before `up` starts the new ones"
                yield self.at(part, call.command.span.start, message, Refusal(_REPLACED))


def _same_way(part: ScriptPart, one: EngineCall, other: EngineCall) -> bool:
    """Whether one run of the script passes both: no branch of a `case`, or another function's end, lies between them."""
    between = part.text[one.command.span.end : other.command.span.start]
    return ";;" not in between and not re.search(r"(?m)^\}|^\s*function\b|^\w+\s*\(\)\s*\{", between)


class UselessParallel(ScriptRule):
    """`--parallel` on a build, which has no effect.

    ## What it does
    Finds `docker compose build --parallel`.

    ## Why it matters
    Compose 2 builds in parallel anyway and ignores the option. Whoever put it there believes that builds were slow without it.

    ## Fix safety
    Safe: the option goes.
    """

    code = "SC103"
    category = Category.MAINTAINABILITY
    severity = Severity.INFO
    since = "0.2"
    clean = [script_case(f"#!/bin/bash\nset -e\n{_LINE}--parallel 4 build\n")]
    flagged = [
        script_case(
            f"#!/bin/bash\nset -e\n{_LINE}build --parallel --pull\n", after=f"#!/bin/bash\nset -e\n{_LINE}build --pull\n"
        ),
        script_case(
            f"#!/bin/bash\nset -e\n{_LINE}--parallel 4 build --parallel\n",
            after=f"#!/bin/bash\nset -e\n{_LINE}--parallel 4 build\n",
        ),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        for call in part.calls:
            if call.is_compose and not call.is_old and call.verb == "build" and "--parallel" in call.options:
                outcome = _without(part, call, "--parallel", Applicability.SAFE)
                yield self.at(part, call.command.span.start, "`--parallel` has no effect on `docker compose build`", outcome)


_UNREAD = "what it starts is not known, and something of it may be meant to end, which `--wait` takes for a failure"


class FixedSleep(ScriptRule):
    """Fixed pause in the hope that services are up by then.

    ## What it does
    Finds `sleep` and `Start-Sleep` of three seconds and more behind `compose up -d` without `--wait`, outside of loops.

    ## Why it matters
    The pause is too long on most days and too short on the day that matters, and the script goes on either way.

    ## Fix safety
    Unsafe: `--wait` is added to `up`, which returns when every service is healthy, and fails when one is not. The pause stays:
    whether something else needs it is not known. Refused for the old `docker-compose`, where a compose file of the fleet has
    a service that may be meant to end, which `--wait` takes for a failure, and where the compose file is none of the fleet's.
    """

    code = "SC105"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        script_case(f"#!/bin/bash\nset -e\n{_LINE}up -d --wait\nsleep 5\n"),
        script_case(f"#!/bin/bash\nset -e\n{_LINE}up -d\nwhile ! curl -f localhost; do sleep 5; done\n"),
    ]
    flagged = [
        script_case(
            f"#!/bin/bash\nset -e\n{_LINE}up -d\nsleep 30\n",
            after=f"#!/bin/bash\nset -e\n{_LINE}up -d --wait\nsleep 30\n",
            compose="services: {a: {image: a}}\n",
        ),
        script_case(f"#!/bin/bash\nset -e\n{_LINE}-f $1 up -d\nsleep 30\n", refused=_UNREAD),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        ups = [call for call in part.calls if call.is_compose and call.verb == "up" and call.has("-d", "--detach")]
        for command in part.script.commands:
            seconds = _seconds(command.words)
            before = [up for up in ups if up.command.span.end < command.span.start]
            if seconds < 3 or not before or before[-1].has("--wait") or not command.top_level:
                continue
            outcome = _why_no_wait(before[-1], fleet) or _waited_for(part, before[-1])
            yield self.at(part, command.span.start, f"waits {seconds:g} s, whether the services are up by then or not", outcome)


def _waited_for(part: ScriptPart, call: EngineCall) -> Fix | Refusal:
    words = call.command.words
    if _detach(call) not in words:
        return Refusal(_IN_VALUE)
    option = call.command.word_spans[words.index(_detach(call))]
    return script_fix(part, "wait until they are healthy", [Edit.insert(option.end, " --wait")], Applicability.UNSAFE)


def _why_no_wait(call: EngineCall, fleet: Fleet) -> Refusal | None:
    if call.is_old:
        return Refusal("`docker-compose` may be the old program, which does not know `--wait`")
    known = {posixpath.basename(path) for project in fleet.projects for path in project.files}
    if not known or any(posixpath.basename(path) not in known for path in call.files):
        return Refusal(_UNREAD)
    for project in fleet.projects:
        facts = ComposeFacts(fleet, project)
        for service in project.services:
            if facts.is_job(service) or why_it_may_end(facts, service):
                return Refusal(
                    f"`{service.name}` of `{project.files[0]}` may be meant to end, which `--wait` takes for a failure"
                )
    return None


def _detach(call: EngineCall) -> str:
    return next(option for option in call.options if option in {"-d", "--detach"})


def _seconds(words: tuple[str, ...]) -> float:
    """How long a command pauses; 0 for any other command."""
    if not words or words[0].lower() not in {"sleep", "start-sleep"}:
        return 0
    numbers = [float(word.rstrip("s")) for word in words[1:] if re.fullmatch(r"\d+(\.\d+)?s?", word)]
    factor = 0.001 if any(word.lower().startswith("-m") for word in words) else 1
    return numbers[0] * factor if numbers else 0
