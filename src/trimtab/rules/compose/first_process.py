"""CM505: first processes that the stop signal does not end."""

import re
from collections.abc import Iterator

from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.model import Service
from trimtab.fleet.plain import is_true
from trimtab.fleet.stage import libc_of
from trimtab.fleet.start import start_of
from trimtab.rules.base import Applicability, Category, ComposeRule, Finding, Severity, compose_case, fix_of
from trimtab.syntax.shell import parse_shell

_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_DEAF = frozenset({"sleep", "tail", "cat"})
"""Programs without a handler of their own; as process 1 the kernel keeps from them every signal that they do not handle."""
_BLOCK = re.compile(r"(?:^|[\s;])(?:done|fi|esac)\s*(?:[<>|&][^;\n]*)?$")
"""The end of a loop or a branch, and of the text."""
_OTHER_SHELL = re.compile(r"fedora|centos|rocky|alma|ubi|amazonlinux|ubuntu|jammy|noble|focal")


class ShellAsFirstProcess(ComposeRule):
    """Service whose first process is a shell that passes no signals on.

    ## What it does
    Finds services that the compose file starts, by `command` or `entrypoint`, with a shell that stays: its last command is not
    started with `exec`, or it is a loop or a branch. And services that are nothing but `sleep`, `tail` or `cat`. It leaves out
    what has `init: true`. What an image from elsewhere starts by itself is not looked at; of what is built here DF305 speaks.

    ## Why it matters
    The engine sends its stop signal to the first process. A shell neither ends by it nor passes it on, so the service is killed
    at the end of the grace period, whatever it is doing. Which shells become their last command was measured: bash 5.2 and
    BusyBox 1.35 do with `a && b`, `a; b` and a plain `b`; Debian 12's dash does with none of them.

    ## Fix safety
    Only with proof: `init: true` puts a small program in front, which passes the signal on to the shell and collects processes
    that have ended. A shell that still ignores it is not helped, which stopping the service shows.
    """

    code = "CM505"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        compose_case("services: {a: {image: a, command: sh -c 'migrate && exec serve'}, b: {image: b, command: serve}}\n"),
        compose_case("services: {a: {image: a, command: sh -c 'migrate && serve', init: true}}\n"),
        compose_case("services: {a: {image: a, command: sh -c serve}}\n"),
        compose_case("services: {a: {image: a, command: bash -c 'migrate && serve'}}\n"),
        compose_case("services: {a: {image: 'node:24-alpine', command: sh -c 'npm ci; node a.js'}}\n"),
        compose_case("services: {a: {image: a, command: sh -c 'if [ -e b ]; then exec b; else exec c; fi'}}\n"),
        compose_case("services: {a: {image: a, entrypoint: [/e.sh], command: [sleep, infinity]}}\n"),
    ]
    flagged = [
        compose_case(
            f"services:\n  a:\n    image: {image}\n    {start}\n",
            after=f"services:\n  a:\n    image: {image}\n    {start}\n    init: true\n",
        )
        for image, start in (
            ("a", "command: sh -c 'migrate && serve'"),
            ("python:3.13", "command: sh -c 'python a.py'"),
            ("a", 'entrypoint: ["/bin/sh", "-c", "migrate; serve"]'),
            ("a", "command: bash -c 'while true; do renew; sleep 6h; done'"),
            ("a", "command: bash -c 'a & b'"),
            ("a", "command: sleep infinity"),
        )
    ]

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        for service in facts.deployed:
            key = "entrypoint" if service.entrypoint else "command"
            words = _started(facts, service)
            message = _why_deaf(words, _base(facts, service)) if not is_true(service.body.get("init")) else None
            if message is not None:
                change = facts.editor(service, key).set(("services", service.name, "init"), value=True)
                outcome = fix_of("put an init process in front", change, Applicability.PROOF)
                yield self.about(facts, service, (key,), message, outcome)


def _started(facts: ComposeFacts, service: Service) -> tuple[str, ...]:
    """The words that the compose file starts a service with; empty where the image or an entry point of it decides."""
    command = service.command if isinstance(service.command, tuple) else ()
    if service.entrypoint:
        return (*service.entrypoint, *command) if isinstance(service.entrypoint, tuple) else ()
    image = facts.image(service)
    by_image = image is not None and start_of(*image) is not None and image[0].last(image[1], "ENTRYPOINT") is not None
    return () if by_image else command


def _base(facts: ComposeFacts, service: Service) -> str:
    image = facts.image(service)
    return image[0].outside_base(image[1]) if image is not None else (service.image or "") if service.build is None else ""


def _why_deaf(words: tuple[str, ...], base: str) -> str | None:
    program = words[0].rpartition("/")[2] if words else ""
    if program in _DEAF:
        return f"has `{program}` as its first process, which ends by no signal"
    return "has a shell as its first process, which passes no signals on" if _keeps_shell(words, base) else None


def _keeps_shell(words: tuple[str, ...], base: str) -> bool:
    """Whether a shell stays in front of what it runs."""
    if len(words) < 3 or words[0].rpartition("/")[2] not in _SHELLS or not re.fullmatch(r"-\w*c", words[1]):
        return False
    text = words[2].replace("$$", "$").strip()
    script = parse_shell(text)
    if not script.commands or script.broken or any(command.name == "trap" for command in script.commands):
        return False
    if any(command.words[:1] == ("exec",) and len(command.words) > 1 for command in script.commands):
        return False
    if _BLOCK.search(text) or text.endswith("&") or script.commands[-1].operator in {"|", "|&"}:
        return True
    if any(command.operator == "&" for command in script.commands):
        return libc_of(base) != "musl"
    if words[0].rpartition("/")[2] == "bash" or libc_of(base) == "musl":
        return False
    of_debian = libc_of(base) == "glibc" and not _OTHER_SHELL.search(base)
    return of_debian or sum(command.top_level for command in script.commands) > 1
