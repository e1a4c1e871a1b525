"""Health checks as they will run: of a Dockerfile, and of the services that are built from it."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from trimtab.fleet.facts import Facts
from trimtab.fleet.model import Build, Service
from trimtab.fleet.stage import Stage
from trimtab.syntax.dockerfile import Instruction
from trimtab.syntax.shell import Command, parse_shell

_URL = re.compile(r"https?://[^\s'\"|;)<>]+")
_BARE = re.compile(r"(?<![\w./:@-])(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::|\s+)(\d{1,5})(?![\w.-])")
"""An address without `http://`, as curl, wget and `nc -z` take it."""
_CLIENT_PORT = re.compile(
    r"(?<![\w-])(?:(?:redis-cli|valkey-cli|pg_isready|psql)\b[^|;&]*?\s-p|mysqladmin\b[^|;&]*?\s-P)[= ]?(\d{1,5})(?!\w)"
)
_LOCAL = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1"})  # noqa: S104  as a health check names it


@dataclass(frozen=True, slots=True)
class Check:
    """One health check. `instruction` is None for a compose file's, which `path` and `line` then name."""

    words: Sequence[str]
    """The exec form; empty for the shell form."""
    shell: str
    """The shell form's text; empty for the exec form."""
    instruction: Instruction | None
    path: str
    line: int
    service: str = ""

    @property
    def commands(self) -> tuple[Command, ...]:
        """What a shell would run; a plain exec form has none."""
        if self.shell:
            return parse_shell(self.shell).commands
        inner = (
            len(self.words) > 2 and self.words[0].rpartition("/")[2] in {"sh", "bash", "ash"} and self.words[1].endswith("c")
        )
        return parse_shell(self.words[2]).commands if inner else ()

    @property
    def programs(self) -> list[str]:
        """The programs it starts, without their folders."""
        calls = [command.words for command in self.commands if command.words] or ([self.words] if self.words else [])
        return [name.rpartition("/")[2] for call in calls for name in _called(call)]

    @property
    def text(self) -> str:
        return self.shell or " ".join(self.words)

    def local_ports(self) -> list[int]:
        """The ports of this container that it asks, by its addresses and by what it tells a store's client."""
        other = re.search(r"(?<!\w)(?:-h|--host)[= ]?(?!localhost|127\.)[\w$]", self.text)
        told = () if other else _CLIENT_PORT.findall(self.text)
        bare = _BARE.findall(_URL.sub(" ", self.text))
        return [*(port for port, _ in self._asked()), *(int(port) for port in (*bare, *told))]

    def local_paths(self) -> list[str]:
        """The paths that it asks this container for, such as `/health`."""
        return [path for _, path in self._asked()]

    def _asked(self) -> Iterator[tuple[int, str]]:
        for match in _URL.finditer(self.text):
            try:
                parts = urlsplit(match[0])
                if parts.hostname in _LOCAL:
                    yield parts.port or (443 if parts.scheme == "https" else 80), parts.path
            except ValueError:
                continue


def _called(words: Sequence[str]) -> Iterator[str]:
    """The program of a call, and the one that `timeout` starts for it."""
    yield words[0]
    if words[0].rpartition("/")[2] == "timeout":
        # Its duration is the first word that is no option; `-s` and `-k` take one of their own.
        rest = itertools.dropwhile(lambda word: not re.fullmatch(r"\d[\d.]*[smhd]?", word), words[1:])
        yield from (word for word in itertools.islice(rest, 1, 2))


def checks_of(facts: Facts, stage: Stage) -> Iterator[Check]:
    """The Dockerfile's own check, where no service replaces it, and the services' checks."""
    services = [service for service in facts.file.services if service.build and _built_from(facts, service.build) is stage]
    instruction = facts.last(stage, "HEALTHCHECK")
    replaced = bool(services) and all(service.healthcheck is not None for service in services)
    if instruction is not None and not replaced:
        kind, _, text = instruction.arguments.partition(" ")
        if kind.upper() == "CMD":
            yield Check(
                instruction.json or (),
                "" if instruction.json is not None else text.strip(),
                instruction,
                facts.file.path,
                instruction.start_line,
            )
    yield from (check for service in services if (check := written_check(service)) is not None)


def written_check(service: Service) -> Check | None:
    """The check that a compose file has for a service; None where it has none, or says nothing of what to run."""
    check = service.healthcheck
    if check is None or check.disabled or len(check.test) < 2:
        return None
    words, shell = (check.test[1:], "") if check.test[0] == "CMD" else ((), " ".join(check.test[1:]))
    return Check(words, shell, None, service.origin, service.line, service.name)


def _built_from(facts: Facts, build: Build) -> Stage | None:
    named = facts.stage_named(build.target) if build.target else None
    return named or (facts.stages[-1] if facts.stages else None)


def python_imports(check: Check) -> list[str]:
    """The modules that the Python code of a check imports, without its submodules."""
    codes: list[str] = []
    calls = [command.words for command in check.commands] or [check.words]
    for words in calls:
        if words and re.fullmatch(r"python[\d.]*", words[0].rpartition("/")[2]) and "-c" in words[:-1]:
            codes.append(words[words.index("-c") + 1])
    found: dict[str, None] = {}
    for code in codes:
        for names in re.findall(r"(?:^|[;\n])\s*import\s+([\w., ]+)", code):
            found.update(dict.fromkeys(part.strip().split(" ")[0].split(".")[0] for part in names.split(",")))
        found.update(dict.fromkeys(re.findall(r"(?:^|[;\n])\s*from\s+(\w+)[\w.]*\s+import", code)))
    return [name for name in found if name]
