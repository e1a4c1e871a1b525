"""DF305."""

import json
import posixpath
import re
from collections.abc import Iterator

from trimtab.fleet.bases import RUNTIMES, read_reference
from trimtab.fleet.chain import holds_comment
from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.facts import Facts
from trimtab.fleet.programs import effective_path
from trimtab.fleet.stage import WINDOWS, Stage
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile, Instruction
from trimtab.syntax.shell import parse_shell
from trimtab.text import Edit

_PLAIN = re.compile(r"[\w@%+=:,./-]+")
_NEEDS_SHELL = "the command needs a shell; `exec` before its last command hands the signals on"
_ENTRYPOINT = "the ENTRYPOINT gets `/bin/sh -c …` as its arguments, and may look at them"
_BY_BASE = "the base's entry point may look at the command, and do something else for it than for a shell"
_NO_HEAD = "it may be a script without a `#!` line, which only a shell can start"
_BUILTINS = frozenset(
    ["cd", ".", "source", "export", "set", "ulimit", "umask", "trap", "exit", "command", "type", "eval", "wait", ":", "alias"]
)
_KNOWN = re.compile(
    r"(python|pypy|node|ruby|perl|php|java)[\d.]*|npm|npx|yarn|pnpm|bun|deno|uv|poetry|pipenv|bundle|rake|dotnet|go|cargo|mvn"
    r"|uvicorn|gunicorn|hypercorn|daphne|celery|flask|streamlit|jupyter|fastapi|django-admin|nodemon|pm2|php-fpm|nginx|httpd"
    r"|apache2-foreground|supervisord|redis-server|memcached|haproxy|sshd|crond?|tini|dumb-init|sleep|tail|cat|echo|ba?sh"
)
"""Interpreters and servers that come as a binary, or as a script with a `#!` line from their package manager."""
_PASSING_ON = frozenset(
    ["alpine", "almalinux", "amazoncorretto", "amazonlinux", "archlinux", "buildpack-deps", "busybox", "centos", "debian"]
    + ["erlang", "fedora", "gradle", "httpd", "maven", "oraclelinux", "pypy", "rockylinux", "scratch", "swift", "ubuntu"]
)
"""Official images without an entry point, or with one that starts every command alike; so do those of languages."""
_KEYS = {"CMD": "Cmd", "ENTRYPOINT": "Entrypoint"}


class ShellFormStart(DockerfileRule):
    """Service started through a shell.

    ## What it does
    Finds the shell form of CMD and ENTRYPOINT in images, unless it ends in `exec`, and texts in brackets that are no
    valid JSON, which docker takes for the shell form as well.

    ## Why it matters
    `docker stop` signals process 1. Where that is a shell, the service never hears of it and is killed after ten seconds
    in the middle of its work: on Debian 12 a server that ends at SIGTERM took 10.3 s to stop by the shell form, with exit
    code 137, and 0.2 s by the exec form, with exit code 0. With
    ENTRYPOINT in shell form, CMD and the arguments of `docker run` are dropped.

    ## Fix safety
    Unsafe: one plain command becomes the exec form, which only starting it proves. Refused where a shell is needed for
    variables, quotes, operators or a builtin, where an ENTRYPOINT, or a base's that is not known, gets the command as its
    arguments, and where the program may be a script without a `#!` line.

    ## References
    https://docs.docker.com/reference/build-checks/json-args-recommended/
    """

    code = "DF305"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    aliases = ("JSONArgsRecommended", "DL3025")
    clean = [
        'FROM a:1\nCMD ["python", "a.py"]\n',
        "FROM a:1\nCMD mkdir -p /a && exec python a.py\n",
        "FROM a:1 AS build\nCMD make\nFROM a:1\n",
        "FROM mcr.microsoft.com/windows/nanoserver:1\nCMD a.exe\n",
    ]
    flagged = [
        Case("FROM python:3.13\nCMD python -u a.py\n", after='FROM python:3.13\nCMD ["python", "-u", "a.py"]\n'),
        Case("FROM python:3.13\nCMD ['python', 'a.py']\n", after='FROM python:3.13\nCMD ["python", "a.py"]\n'),
        Case("FROM python:3.13\nCMD uvicorn a:b --port $PORT\n", refused=_NEEDS_SHELL),
        Case("FROM python:3.13\nCOPY app /usr/local/bin/app\nCMD app\n", refused=_NO_HEAD, files={"app": "echo 1\n"}),
        Case("FROM redis:8\nCMD redis-server --save 60\n", refused=_BY_BASE),
        Case('FROM python:3.13\nENTRYPOINT ["/e.sh"]\nCMD python a.py\n', refused=_ENTRYPOINT),
    ]  # fmt: skip

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.final_stages:
            for keyword in ("CMD", "ENTRYPOINT"):
                instruction = facts.last(stage, keyword)
                if instruction is None or instruction.json is not None or not instruction.words:
                    continue
                if WINDOWS.search(facts.outside_base(stage)) or stage.end.shell is not None or _hands_on(instruction):
                    continue
                message = f"{keyword} runs through a shell, which may keep SIGTERM from the service"
                if instruction.arguments.startswith("["):
                    message = f"{keyword} is no valid JSON, so a shell runs it as it stands"
                yield self.finding(facts, instruction.arguments_span, message, _outcome(facts, stage, instruction))


def _hands_on(instruction: Instruction) -> bool:
    commands = parse_shell(instruction.arguments).commands
    return bool(commands) and commands[-1].words[:1] == ("exec",)


def _outcome(facts: Facts, stage: Stage, instruction: Instruction) -> Fix | Refusal:
    if instruction.keyword == "CMD" and facts.last(stage, "ENTRYPOINT") is not None:
        return Refusal(_ENTRYPOINT)
    words = _words(instruction.arguments)
    if words is None or instruction.heredocs or holds_comment(facts.dockerfile, instruction.span):
        return Refusal(_NEEDS_SHELL)
    commanded = any(service.command for service in facts.file.services)
    if instruction.keyword == "ENTRYPOINT" and (commanded or facts.last(stage, "CMD") is not None):
        return Refusal("it drops the CMD now, and would get it as its arguments")
    if instruction.keyword == "CMD" and _inspects_command(facts.outside_base(stage)):
        return Refusal(_BY_BASE)
    if not _can_start(facts, stage, words[0]):
        return Refusal(_NO_HEAD)
    effects = Effects(config=(_KEYS[instruction.keyword],))
    edit = Edit(instruction.arguments_span, json.dumps(words))
    return Fix("start without a shell", (edit,), Applicability.UNSAFE, effects)


def _can_start(facts: Facts, stage: Stage, program: str) -> bool:
    """Whether a program surely starts without a shell: one that is known, or a copied file that says by what."""
    name = posixpath.basename(program)
    folders = effective_path(stage) if "/" not in program else (stage.end.workdir,)
    texts = [
        (path in files.paths, files.read(path) or "")
        for context in facts.contexts
        for files in [CopiedFiles.of(facts.lineage(stage), context)]
        for path in (posixpath.normpath(posixpath.join(folder, program)) for folder in folders)
    ]
    if any(is_there for is_there, _ in texts):
        return all(text.startswith(("#!", "\x7fELF")) for is_there, text in texts if is_there)
    return bool(_KNOWN.fullmatch(name))


def _inspects_command(base: str) -> bool:
    """Whether a base may have an entry point that does one thing for its own program and another for a shell."""
    reference = read_reference(base)
    return not (reference.official and (reference.name in RUNTIMES or reference.name in _PASSING_ON))


def _words(text: str) -> list[str] | None:
    """The words of one plain command; None where only a shell understands it."""
    if text.startswith("["):
        quoted = re.fullmatch(r"\[\s*('[^'\"\\]*'\s*(,\s*'[^'\"\\]*'\s*)*)\]", text)
        return re.findall(r"'([^']*)'", text) if quoted else None
    words = text.split()
    plain = all(_PLAIN.fullmatch(word) for word in words) and not re.match(r"\w+=", words[0])
    return words if plain and words[0] not in _BUILTINS else None
